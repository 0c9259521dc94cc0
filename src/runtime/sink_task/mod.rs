//! A running sink task: consume, convert, transform, put, commit.
//!
//! Source: apache/kafka `WorkerSinkTask.java`. The loop never blocks on the consumer's thread;
//! see `broker::consumer`.

mod commits;
mod hindrances;
mod naming;
mod partitions;
mod subscription;
mod topics;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use connect_api::{
    error::{ConnectorError, ErrorClass, Result, chain},
    record::{SinkRecord, TopicPartition},
    sink::{SinkConnector, SinkContext, SinkOffsets, SinkRequestQueue, SinkTask},
};
use tokio::{sync::oneshot, time::Instant};

use super::{
    Seat, TaskEventKind,
    backoff::Backoff,
    clients::Parts,
    life::{Tries, from_broker},
};
use crate::{
    broker::{Consumer, ConsumerEvent, ConsumerSettings, PartitionRecords},
    metrics::SinkMeter,
    pipeline::{Originals, SinkPipeline, TaskReporter, java_trace},
};
use commits::Commits;
use hindrances::Hindrances;
use topics::TaskTopics;

/// First line of the trace of a task whose sink has failed for good.
const UNRECOVERABLE: &str = "Exiting WorkerSinkTask due to unrecoverable exception.";

/// Longest time between two calls of `put`, so that a sink can do what is due by the clock.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Longest wait before a batch is brought again that the sink could not take.
const LONGEST_REDELIVERY_WAIT: Duration = Duration::from_secs(10);
/// Time that leaving the group may take once the sink has let go of its partitions.
const LEAVE: Duration = Duration::from_secs(5);

/// Runs the task until it is told to stop.
pub(super) async fn run(
    seat: &mut Seat,
    connector: &dyn SinkConnector,
    parts: Parts,
) -> Result<()> {
    let Some(errors) = seat.sink_errors().await? else { return Ok(()) };
    let Parts { converters, transforms } = parts;
    let originals = Originals::default();
    let reporter = errors.has_reporters().then(|| {
        let (errors, converters) = (Arc::clone(&errors), converters.clone());
        Arc::new(TaskReporter::new(errors, originals.clone(), converters)) as _
    });
    let Some(mut reading) = subscription::find(seat).await? else { return Ok(()) };
    let naming = naming::text(&connector.naming(&seat.spec.task_config)?);
    reading.consumer.offset_metadata.clone_from(&naming);
    let pipeline = SinkPipeline::new(converters, transforms, errors)
        .with_redrive_topic(reading.redrive_topic.clone());
    let requests = SinkRequestQueue::default();
    let topics = Arc::new(TaskTopics::new(seat, requests.clone()));
    let context = SinkContext {
        connector: Arc::clone(&seat.spec.id.connector),
        task: seat.spec.id.task,
        clock: Arc::clone(&seat.settings.clock),
        budget: seat.settings.budget.clone(),
        reporter,
        figures: seat.reporter.meter.figures().clone(),
        topics: Some(Arc::<TaskTopics>::clone(&topics) as _),
        requests,
    };
    let Some(task) = start(seat, connector, &context).await? else { return Ok(()) };
    if topics.is_open() {
        reading.wait_for_decided_offsets();
    }
    let Some(consumer) = open_consumer(seat, &reading.consumer).await? else { return Ok(()) };
    topics.join(consumer.member());
    seat.reporter.report(TaskEventKind::Running).await;
    let commits = Commits::new(&seat.settings);
    let meter = Arc::clone(seat.reporter.meter.sink());
    let mut sink = Sink {
        seat,
        task,
        pipeline,
        originals,
        consumer,
        requests: context.requests,
        commits,
        meter,
        naming,
        batch: Batch::default(),
        paused_by_task: BTreeSet::new(),
        // What comes back from the dead letter queue is of topics that were seen before.
        seen: reading.redrive_topic.into_iter().collect(),
        redelivery: None,
        timeout: None,
        last_put: Instant::now(),
        hindrances: Hindrances::default(),
    };
    let outcome = sink.work().await;
    let left = sink.leave().await;
    if let Err(error) = sink.task.stop().await {
        tracing::warn!(task = %sink.seat.spec.id, error = chain(&error),
            "Task {} did not stop cleanly", sink.seat.spec.id);
    }
    outcome.and(left)
}

/// Starts the connector's task; none when it was told to stop before it could.
async fn start(
    seat: &Seat,
    connector: &dyn SinkConnector,
    context: &SinkContext,
) -> Result<Option<Box<dyn SinkTask>>> {
    let mut tries = Tries::of_start(seat);
    loop {
        match connector.start_task(&seat.spec.task_config, context.clone()).await {
            Ok(task) => return Ok(Some(task)),
            Err(error) => {
                if !tries.again(seat, error).await? {
                    return Ok(None);
                }
            }
        }
    }
}

async fn open_consumer(seat: &Seat, settings: &ConsumerSettings) -> Result<Option<Consumer>> {
    let mut tries = Tries::of_broker();
    loop {
        match seat.settings.broker.consumer(settings).await {
            Ok(consumer) => return Ok(Some(consumer)),
            Err(error) => {
                if !tries.again(seat, from_broker(error)).await? {
                    return Ok(None);
                }
            }
        }
    }
}

/// Records that `put` is given, and where they lead.
#[derive(Default)]
struct Batch {
    records: Vec<SinkRecord>,
    /// Offset after the batch, per partition: also past records that transforms dropped.
    next: SinkOffsets,
}

/// A batch that the sink could not take, and when it is brought again.
struct Redelivery {
    at: Instant,
    backoff: Backoff,
}

/// Everything a running sink task works with.
struct Sink<'a> {
    seat: &'a mut Seat,
    task: Box<dyn SinkTask>,
    pipeline: SinkPipeline,
    /// What was read, for the reporter.
    originals: Originals,
    consumer: Consumer,
    requests: SinkRequestQueue,
    commits: Commits,
    meter: Arc<SinkMeter>,
    /// What is committed with each offset.
    naming: String,
    batch: Batch,
    paused_by_task: BTreeSet<TopicPartition>,
    /// Topics that were reported.
    seen: BTreeSet<Arc<str>>,
    redelivery: Option<Redelivery>,
    /// Longest wait that the task asked for.
    timeout: Option<Duration>,
    last_put: Instant,
    hindrances: Hindrances,
}

impl Sink<'_> {
    async fn work(&mut self) -> Result<()> {
        let stop = self.seat.stop.clone();
        if self.seat.targets.is_paused() {
            self.obey_target().await;
        }
        let mut targets = self.seat.targets.clone();
        loop {
            let wake = self.wake_at();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = targets.change() => self.obey_target().await,
                Some(reply) = self.seat.flushes.recv() => self.flush(reply).await?,
                event = self.consumer.next() => {
                    self.handle(event.ok_or_else(consumer_ended)?).await?;
                }
                () = tokio::time::sleep_until(wake) => self.put_again().await?,
            }
            self.follow_up().await?;
        }
    }

    /// Does what the task asked for meanwhile, and what is due.
    async fn follow_up(&mut self) -> Result<()> {
        self.obey_requests().await;
        self.commit_if_due().await?;
        self.tell_hindrances().await;
        Ok(())
    }

    /// Brings what waits, or nothing but the time, unless a back-off is not over yet.
    async fn put_again(&mut self) -> Result<()> {
        if self.redelivery.as_ref().is_none_or(|again| again.at <= Instant::now()) {
            self.put().await?;
        }
        Ok(())
    }

    /// When to call `put` at the latest.
    fn wake_at(&self) -> Instant {
        let heartbeat = self.last_put + self.timeout.map_or(HEARTBEAT, |wait| wait.min(HEARTBEAT));
        let put = self.redelivery.as_ref().map_or(heartbeat, |again| again.at);
        put.min(self.commits.due_at())
    }

    async fn handle(&mut self, event: ConsumerEvent) -> Result<()> {
        match event {
            ConsumerEvent::Records(parts) => {
                self.convert(parts).await?;
                // While a batch waits to be brought again, what comes after it waits behind it.
                if self.redelivery.is_none() {
                    self.put().await?;
                }
            }
            ConsumerEvent::Assigned(assignment) => self.assigned(&assignment).await?,
            ConsumerEvent::Revoked(revocation) => self.revoked(revocation).await?,
            ConsumerEvent::Lost(partitions) => self.lost(&partitions).await?,
            ConsumerEvent::Committed { sequence, outcome } => {
                self.commit_answered(sequence, outcome);
            }
            ConsumerEvent::Failed(error) => return Err(from_broker(error)),
            ConsumerEvent::Sought(_) => {}
        }
        Ok(())
    }

    /// Converts and transforms records into the batch.
    async fn convert(&mut self, parts: Vec<PartitionRecords>) -> Result<()> {
        self.meter.read(parts.iter().map(|part| part.records.len()).sum());
        for part in &parts {
            self.batch.next.insert(part.partition.clone(), part.next_offset);
            if self.seen.insert(Arc::clone(&part.partition.topic)) {
                let topic = Arc::clone(&part.partition.topic);
                self.seat.reporter.report(TaskEventKind::TopicSeen(topic)).await;
            }
        }
        let mut records = self.pipeline.convert(&parts).await?;
        if self.pipeline.errors().has_reporters() {
            self.originals.replace(parts);
        }
        if self.batch.records.is_empty() {
            self.batch.records = records;
        } else {
            self.batch.records.append(&mut records);
        }
        Ok(())
    }

    /// Brings the batch, which may be empty, to the sink.
    async fn put(&mut self) -> Result<()> {
        self.timeout = None;
        let (began, size) = (Instant::now(), self.batch.records.len());
        let outcome = self.task.put(&self.batch.records).await;
        self.commits.was_busy();
        self.last_put = Instant::now();
        match outcome {
            Ok(()) => {
                let batch = std::mem::take(&mut self.batch);
                self.commits.consumed(batch.next);
                self.measure_put(size, began.elapsed());
                self.hindrances.put = None;
                if self.redelivery.take().is_some() {
                    self.resume_all().await;
                }
                Ok(())
            }
            Err(error) if error.class().is_retriable() => {
                self.hindrances.put = Some(java_trace(&error));
                self.redeliver_later(&error).await;
                Ok(())
            }
            Err(error) => Err(ConnectorError::internal(UNRECOVERABLE).caused_by(error)),
        }
    }

    /// The calls without records, which only tell the time, are not measured.
    fn measure_put(&self, records: usize, took: Duration) {
        if records > 0 {
            self.seat.reporter.meter.handled_batch(records);
            self.meter.put(records, took);
        }
        self.measure_standing();
    }

    /// Ends the sink's open files because somebody asked for it, and commits.
    async fn flush(&mut self, reply: oneshot::Sender<Result<()>>) -> Result<()> {
        let outcome = if self.redelivery.is_some() {
            let reason = "The task cannot write at the moment and brings its records again";
            Err(ConnectorError::new(ErrorClass::Retriable, reason))
        } else {
            self.finish_files().await
        };
        self.commits.was_busy();
        match outcome {
            Err(error) if !error.class().is_retriable() => Err(error),
            outcome => {
                // Who asked may have given up.
                let _gone = reply.send(outcome);
                Ok(())
            }
        }
    }

    /// Keeps the batch, pauses everything, and waits before the next try.
    async fn redeliver_later(&mut self, error: &ConnectorError) {
        let is_new = self.redelivery.is_none();
        let again = self.redelivery.get_or_insert_with(|| Redelivery {
            at: Instant::now(),
            backoff: Backoff::capped_at(LONGEST_REDELIVERY_WAIT),
        });
        let wait = again.backoff.next();
        again.at = Instant::now() + wait;
        if is_new {
            tracing::warn!(task = %self.seat.spec.id, error = chain(error),
                "Task {} could not write its records and brings them again", self.seat.spec.id);
            let assigned = self.commits.assigned();
            self.consumer.pause(assigned).await;
        }
    }

    /// Does what the sink asked for during its last call.
    async fn obey_requests(&mut self) {
        let mut requests = self.requests.take();
        if !requests.committed.is_empty() {
            self.commits.committed_by_task(std::mem::take(&mut requests.committed));
            self.measure_standing();
        }
        if let Some(timeout) = requests.timeout {
            self.timeout = Some(timeout);
            if let Some(again) = &mut self.redelivery {
                again.at = Instant::now() + timeout;
            }
        }
        if requests.is_commit_due {
            self.commits.hurry();
        }
        if let Some(progress) = requests.progress {
            self.hindrances.tell(progress);
        }
        requests.seeks.retain(|partition, _| self.knows(partition, "seek in"));
        if !requests.seeks.is_empty() {
            self.commits.rewound(&requests.seeks);
            self.forget_batch_of(|partition| requests.seeks.contains_key(partition));
            self.consumer.seek(requests.seeks).await;
        }
        requests.pauses.retain(|partition, _| self.knows(partition, "pause or resume"));
        if !requests.pauses.is_empty() {
            let (pause, resume): (Vec<_>, Vec<_>) =
                requests.pauses.into_iter().partition(|(_, is_pause)| *is_pause);
            self.pause_by_task(pause.into_iter().map(|(partition, _)| partition).collect()).await;
            self.resume_by_task(resume.into_iter().map(|(partition, _)| partition).collect()).await;
        }
    }

    fn knows(&self, partition: &TopicPartition, operation: &str) -> bool {
        let is_assigned = self.commits.is_assigned(partition);
        if !is_assigned {
            tracing::warn!(task = %self.seat.spec.id, %partition,
                "Task {} asked to {operation} {partition}, which it is not assigned",
                self.seat.spec.id);
        }
        is_assigned
    }

    /// Drops records of the kept batch whose partitions are read anew or belong to others now.
    fn forget_batch_of(&mut self, is_gone: impl Fn(&TopicPartition) -> bool) {
        self.batch.records.retain(|record| !is_gone(&record.origin));
        self.batch.next.retain(|partition, _| !is_gone(partition));
    }
}

fn consumer_ended() -> ConnectorError {
    ConnectorError::new(ErrorClass::Internal, "The consumer ended by itself")
}
