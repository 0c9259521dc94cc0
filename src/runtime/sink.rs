//! A running sink task.
//!
//! Source: apache/kafka `WorkerSinkTask.java`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use connect_api::{
    config::Config as _,
    error::{ConnectorError, Result, chain},
    record::{SinkRecord, TopicPartition},
    sink::{
        ErrantRecordReporter, SinkConnector, SinkContext, SinkOffsets, SinkRequestQueue,
        SinkRequests, SinkTask,
    },
};
use tokio::time::Instant;

use super::{
    ControlReader, Environment, TaskEventKind,
    backoff::Backoff,
    sink_offsets::Positions,
    start::{Ending, again_if_retriable, broker_failure},
};
use crate::{
    broker::{BrokerError, Consumer, ConsumerEvent, PartitionRecords, Revocation},
    pipeline::{
        Converters, DeadLetterConfig, DeadLetters, ErrorHandler, Originals, SinkPipeline,
        TaskReporter,
    },
    transform::Chain,
};

/// Longest time between two calls of `put`, so that a sink can do what is due by the clock.
const PUT_INTERVAL: Duration = Duration::from_secs(1);

/// Starts the task and runs it until it is stopped or fails.
pub(super) async fn run(
    environment: &Arc<Environment>,
    connector: Arc<dyn SinkConnector>,
    control: ControlReader,
    progress: &mut Backoff,
) -> Result<Ending> {
    let mut running = match Running::start(environment, &*connector, control).await {
        Ok(Some(running)) => running,
        Ok(None) => return Ok(Ending::Stopped),
        Err(error) => return again_if_retriable(error),
    };
    progress.reset();
    environment.reports.send(TaskEventKind::Running).await;
    let outcome = running.work().await;
    running.leave().await;
    if let Err(error) = running.task.stop().await {
        let task = &environment.spec.id;
        tracing::warn!(%task, error = %chain(&error), "The sink of task {task} did not stop well");
    }
    outcome.map(|()| Ending::Stopped)
}

/// A batch on its way into the sink.
#[derive(Debug)]
struct Batch {
    records: Vec<SinkRecord>,
    /// Offset to read next, per part of the batch, in order.
    next_offsets: Vec<(TopicPartition, i64)>,
}

/// A commit whose outcome is not known yet.
#[derive(Debug)]
struct PendingCommit {
    sequence: u64,
    offsets: SinkOffsets,
    deadline: Instant,
}

/// A sink task and what it needs.
struct Running {
    environment: Arc<Environment>,
    control: ControlReader,
    task: Box<dyn SinkTask>,
    requests: SinkRequestQueue,
    consumer: Consumer,
    pipeline: SinkPipeline,
    /// Present when the sink may report records.
    originals: Option<Originals>,
    positions: Positions,
    /// The batch that the sink did not accept yet.
    kept: Option<Batch>,
    backoff: Backoff,
    is_paused: bool,
    /// Partitions that the sink itself paused.
    own_pauses: BTreeSet<TopicPartition>,
    /// Partitions that the consumer does not bring.
    paused: BTreeSet<TopicPartition>,
    put_at: Instant,
    commit_at: Instant,
    sequence: u64,
    pending: Option<PendingCommit>,
}

impl Running {
    /// Starts the task; none when it is to stop before it has started.
    async fn start(
        environment: &Arc<Environment>,
        connector: &dyn SinkConnector,
        control: ControlReader,
    ) -> Result<Option<Self>> {
        let Environment { settings, spec, .. } = &**environment;
        let config = &spec.connector_config;
        let dead_letters = dead_letters(environment).await?.map(Arc::new);
        let errors = Arc::new(ErrorHandler::new(spec.id.to_string(), config, dead_letters)?);
        let converters = Converters::of(config, &settings.worker)?;
        let originals = errors.has_reporters().then(Originals::default);
        let reporter = originals.clone().map(|originals| {
            let reporter = TaskReporter::new(Arc::clone(&errors), originals, converters.clone());
            Arc::new(reporter) as Arc<dyn ErrantRecordReporter>
        });
        let pipeline = SinkPipeline::new(converters, Chain::of(config)?, errors);
        let context = SinkContext {
            connector: Arc::clone(&spec.id.connector),
            task: spec.id.task,
            clock: Arc::clone(&settings.clock),
            budget: environment.budget(),
            reporter,
            requests: SinkRequestQueue::default(),
        };
        let requests = context.requests.clone();
        let task = tokio::select! {
            biased;
            task = connector.start_task(&spec.task_config, context) => task?,
            () = control.stopping() => return Ok(None),
        };
        let consumer = settings.broker.consumer(&environment.consumer_settings()).await;
        let consumer = consumer
            .map_err(|error| broker_failure("Could not open the sink's consumer", error))?;
        let now = Instant::now();
        Ok(Some(Self {
            environment: Arc::clone(environment),
            control,
            task,
            requests,
            consumer,
            pipeline,
            originals,
            positions: Positions::default(),
            kept: None,
            backoff: Backoff::default(),
            is_paused: false,
            own_pauses: BTreeSet::new(),
            paused: BTreeSet::new(),
            put_at: now + PUT_INTERVAL,
            commit_at: now + settings.offset_flush_interval,
            sequence: 0,
            pending: None,
        }))
    }

    /// Brings records to the sink until the task is to stop.
    async fn work(&mut self) -> Result<()> {
        loop {
            self.obey().await?;
            if self.control.is_stopping() {
                return Ok(());
            }
            self.follow_target().await?;
            let wake = self.put_at.min(self.commit_at);
            tokio::select! {
                biased;
                () = self.control.changed() => {}
                () = tokio::time::sleep_until(wake) => self.wake().await?,
                event = self.consumer.next() => self.handle(event).await?,
            }
        }
    }

    /// Does what is due by the clock.
    async fn wake(&mut self) -> Result<()> {
        let now = Instant::now();
        if now >= self.commit_at {
            self.commit().await?;
        }
        if now >= self.put_at {
            match self.kept.take() {
                Some(batch) if self.is_paused => {
                    self.kept = Some(batch);
                    self.put_at = now + PUT_INTERVAL;
                }
                Some(batch) => self.put(batch).await?,
                None => {
                    self.put(Batch { records: Vec::new(), next_offsets: Vec::new() }).await?;
                }
            }
        }
        Ok(())
    }

    async fn handle(&mut self, event: Option<ConsumerEvent>) -> Result<()> {
        match event {
            Some(ConsumerEvent::Records(parts)) => self.deliver(parts).await,
            Some(ConsumerEvent::Assigned(offsets)) => self.assigned(offsets).await,
            Some(ConsumerEvent::Revoked(revocation)) => self.revoked(revocation).await,
            Some(ConsumerEvent::Lost(partitions)) => self.closed(&partitions).await,
            Some(ConsumerEvent::Committed { sequence, outcome }) => {
                self.committed(sequence, outcome);
                Ok(())
            }
            Some(ConsumerEvent::Failed(error)) => {
                Err(broker_failure("The sink's consumer failed", error))
            }
            Some(ConsumerEvent::Sought(_)) => Ok(()),
            None => Err(broker_failure("The sink's consumer ended", BrokerError::Closed)),
        }
    }

    /// Converts what was read and brings it to the sink.
    async fn deliver(&mut self, parts: Vec<PartitionRecords>) -> Result<()> {
        let records = tokio::select! {
            biased;
            records = self.pipeline.convert(&parts) => records?,
            // A record that is tried again for ever must not keep the task from stopping.
            () = self.control.stopping() => return Ok(()),
        };
        for part in &parts {
            if !self.environment.reports.knows(&part.partition.topic) {
                self.environment.reports.topic(&part.partition.topic).await;
            }
        }
        let next = |part: &PartitionRecords| (part.partition.clone(), part.next_offset);
        let next_offsets = parts.iter().map(next).collect();
        if let Some(originals) = &self.originals {
            originals.replace(parts);
        }
        self.put(Batch { records, next_offsets }).await
    }

    /// Brings a batch to the sink, and keeps it when the sink wants it again.
    async fn put(&mut self, batch: Batch) -> Result<()> {
        match self.task.put(&batch.records).await {
            Ok(()) => {
                for (partition, offset) in &batch.next_offsets {
                    self.positions.advance(partition, *offset);
                }
                self.backoff.reset();
                self.put_at = Instant::now() + PUT_INTERVAL;
                self.sync_pauses().await;
                Ok(())
            }
            Err(error) if error.class().is_retriable() => {
                self.put_at = Instant::now() + self.backoff.next();
                if !self.backoff.is_repeated() {
                    let task = &self.environment.spec.id;
                    tracing::warn!(
                        %task,
                        error = %chain(&error),
                        "The sink of task {task} could not take a batch; it is brought again until \
                         it can"
                    );
                }
                if !batch.next_offsets.is_empty() {
                    self.kept = Some(batch);
                }
                self.sync_pauses().await;
                Ok(())
            }
            Err(error) => Err(ConnectorError::internal(
                "Exiting WorkerSinkTask due to unrecoverable exception.",
            )
            .caused_by(error)),
        }
    }

    /// Does what the sink asked for in its last call.
    async fn obey(&mut self) -> Result<()> {
        let SinkRequests { seeks, pauses, timeout, is_commit_due } = self.requests.take();
        if !seeks.is_empty() {
            self.seek(seeks).await;
        }
        if !pauses.is_empty() {
            for (partition, is_pause) in pauses {
                self.own_pause(partition, is_pause)?;
            }
            self.sync_pauses().await;
        }
        if let Some(timeout) = timeout {
            self.put_at = Instant::now() + timeout;
        }
        if is_commit_due {
            self.commit().await?;
        }
        Ok(())
    }

    fn own_pause(&mut self, partition: TopicPartition, is_pause: bool) -> Result<()> {
        if !self.positions.contains(&partition) {
            let verb = if is_pause { "pause" } else { "resume" };
            return Err(ConnectorError::internal(format!(
                "SinkTasks may not {verb} partitions that are not currently assigned to them."
            )));
        }
        if is_pause {
            self.own_pauses.insert(partition);
        } else {
            self.own_pauses.remove(&partition);
        }
        Ok(())
    }

    /// Reads partitions from elsewhere; what is kept of them is not brought again.
    async fn seek(&mut self, mut offsets: SinkOffsets) {
        offsets.retain(|partition, offset| {
            let is_assigned = self.positions.contains(partition);
            if !is_assigned {
                tracing::warn!(
                    %partition,
                    offset,
                    "Did not seek in partition {partition}, which is not assigned"
                );
            }
            is_assigned
        });
        if offsets.is_empty() {
            return;
        }
        self.drop_kept(|partition| offsets.contains_key(partition));
        self.positions.assign(&offsets);
        self.consumer.seek(offsets).await;
        self.sync_pauses().await;
    }

    fn drop_kept(&mut self, is_gone: impl Fn(&TopicPartition) -> bool) {
        let Some(batch) = &mut self.kept else { return };
        batch.records.retain(|record| !is_gone(&record.origin));
        batch.next_offsets.retain(|(partition, _)| !is_gone(partition));
        if batch.next_offsets.is_empty() {
            self.kept = None;
        }
    }

    async fn follow_target(&mut self) -> Result<()> {
        let is_paused = self.control.is_paused();
        if is_paused == self.is_paused {
            return Ok(());
        }
        self.is_paused = is_paused;
        self.sync_pauses().await;
        if is_paused {
            self.commit().await?;
            self.environment.reports.send(TaskEventKind::Paused).await;
        } else {
            self.put_at = Instant::now();
            self.environment.reports.send(TaskEventKind::Running).await;
        }
        Ok(())
    }

    /// Pauses and resumes until the consumer brings what may be put: nothing while the task is
    /// paused or a batch is kept, nothing of what the sink paused.
    async fn sync_pauses(&mut self) {
        let is_all = self.is_paused || self.kept.is_some();
        if !is_all && self.own_pauses.is_empty() && self.paused.is_empty() {
            return;
        }
        let wanted: BTreeSet<TopicPartition> = self
            .positions
            .partitions()
            .filter(|partition| is_all || self.own_pauses.contains(*partition))
            .cloned()
            .collect();
        let pause: Vec<_> = wanted.difference(&self.paused).cloned().collect();
        let resume: Vec<_> = self.paused.difference(&wanted).cloned().collect();
        self.paused = wanted;
        if !pause.is_empty() {
            self.consumer.pause(pause).await;
        }
        if !resume.is_empty() {
            self.consumer.resume(resume).await;
        }
    }

    async fn assigned(&mut self, offsets: SinkOffsets) -> Result<()> {
        self.positions.assign(&offsets);
        self.sync_pauses().await;
        let partitions: Vec<_> = offsets.into_keys().collect();
        self.task.open(&partitions).await
    }

    /// Hands partitions over: what is safe is committed, then they are closed.
    async fn revoked(&mut self, revocation: Revocation) -> Result<()> {
        let Revocation { partitions, reply } = revocation;
        let settled = self.pipeline.errors().settle().await;
        let mut offsets = SinkOffsets::new();
        if settled.is_ok() {
            offsets = self.safe_offsets(&partitions).await;
        }
        let closed = self.closed(&partitions).await;
        // The broker may have given up waiting: then nothing is committed, and nothing is lost.
        let _given_up = reply.send(offsets);
        settled.and(closed)
    }

    /// What may be committed of partitions that go; nothing when the sink cannot say in time.
    async fn safe_offsets(&mut self, partitions: &[TopicPartition]) -> SinkOffsets {
        let mut asked = self.positions.current();
        asked.retain(|partition, _| partitions.contains(partition));
        let limit = self.environment.settings.offset_flush_timeout;
        let task = &self.environment.spec.id;
        let safe = match tokio::time::timeout(limit, self.task.pre_commit(&asked)).await {
            Ok(Ok(safe)) => safe,
            Ok(Err(error)) => {
                let error = chain(&error);
                tracing::warn!(%task, %error, "Task {task} could not commit partitions that it hands over");
                return SinkOffsets::new();
            }
            Err(_late) => {
                tracing::warn!(
                    %task,
                    "Task {task} did not flush in time for partitions that it hands over; their \
                     records come again"
                );
                return SinkOffsets::new();
            }
        };
        self.positions.committable(&asked, safe)
    }

    /// Closes partitions and forgets them.
    async fn closed(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.drop_kept(|partition| partitions.contains(partition));
        self.positions.remove(partitions);
        for partition in partitions {
            self.own_pauses.remove(partition);
            self.paused.remove(partition);
        }
        let closed = self.task.close(partitions).await;
        self.sync_pauses().await;
        closed
    }

    /// Asks the sink what is safe and sends it off.
    async fn commit(&mut self) -> Result<()> {
        let settings = &self.environment.settings;
        let now = Instant::now();
        self.commit_at = now + settings.offset_flush_interval;
        let flush_timeout = settings.offset_flush_timeout;
        if self.pending.take_if(|pending| pending.deadline <= now).is_some() {
            let task = &self.environment.spec.id;
            tracing::warn!(%task, "A commit of task {task} was not answered in time");
        }
        self.pipeline.errors().settle().await?;
        let asked = self.positions.current();
        if asked.is_empty() {
            return Ok(());
        }
        let safe = match self.task.pre_commit(&asked).await {
            Ok(safe) => safe,
            Err(error) => {
                let task = &self.environment.spec.id;
                tracing::error!(
                    %task,
                    error = %chain(&error),
                    "Task {task} could not commit and goes back to what it committed last"
                );
                self.positions.rewind();
                self.kept = None;
                self.consumer.seek(self.positions.committed()).await;
                self.sync_pauses().await;
                return Ok(());
            }
        };
        let offsets = self.positions.committable(&asked, safe);
        if !offsets.is_empty() {
            self.sequence += 1;
            let (sequence, deadline) = (self.sequence, now + flush_timeout);
            self.pending = Some(PendingCommit { sequence, offsets: offsets.clone(), deadline });
            self.consumer.commit(offsets, sequence).await;
        }
        Ok(())
    }

    fn committed(&mut self, sequence: u64, outcome: Result<(), BrokerError>) {
        let Some(commit) = self.pending.take_if(|pending| pending.sequence == sequence) else {
            return;
        };
        match outcome {
            Ok(()) => self.positions.note_committed(&commit.offsets),
            Err(error) => {
                let task = &self.environment.spec.id;
                tracing::warn!(
                    %task,
                    error = %chain(&error),
                    "A commit of task {task} failed; the next one covers it"
                );
            }
        }
    }

    /// Leaves the group; what is safe is committed on the way.
    async fn leave(&mut self) {
        self.consumer.close().await;
        while let Some(event) = self.consumer.next().await {
            let outcome = match event {
                ConsumerEvent::Revoked(revocation) => self.revoked(revocation).await,
                ConsumerEvent::Lost(partitions) => self.closed(&partitions).await,
                ConsumerEvent::Committed { sequence, outcome } => {
                    self.committed(sequence, outcome);
                    Ok(())
                }
                // Nothing that arrives now is brought to the sink.
                _ => Ok(()),
            };
            if let Err(error) = outcome {
                let task = &self.environment.spec.id;
                tracing::warn!(%task, error = %chain(&error), "Task {task} did not close well");
            }
        }
    }
}

/// The dead letter queue that the connector asks for.
async fn dead_letters(environment: &Environment) -> Result<Option<DeadLetters>> {
    let Environment { settings, spec, .. } = environment;
    let config = DeadLetterConfig::parse(&spec.connector_config)?;
    if !config.is_enabled() {
        return Ok(None);
    }
    let failed = |error| broker_failure("Could not open the dead letter queue", error);
    let admin = settings.broker.admin(&environment.admin_settings("dlq-adminclient")).await;
    config.create_topic(&*admin.map_err(failed)?).await.map_err(failed)?;
    let producer = settings.broker.producer(&environment.dead_letter_settings()).await;
    let connector = Arc::clone(&spec.id.connector);
    Ok(Some(DeadLetters::new(config, connector, spec.id.task, producer.map_err(failed)?)))
}
