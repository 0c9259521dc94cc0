//! A running source task.
//!
//! Source: apache/kafka `AbstractWorkerSourceTask.java`, `ExactlyOnceWorkerSourceTask.java`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use connect_api::{
    config::{ConfigType as _, Props},
    error::{ConnectorError, Result, chain},
    record::{SourceBatch, SourceOffset, SourcePartition},
    source::{OffsetReader, SourceConnector, SourceContext, SourceTask},
};
use tokio::time::{Instant, MissedTickBehavior};

use super::{
    ControlReader, Environment, TaskEventKind,
    backoff::Backoff,
    source_writer::{Boundary, SourceWriter},
    start::{Ending, again_if_retriable, broker_failure},
    topic_creation::TopicCreator,
};
use crate::{
    broker::ProducerRecord,
    pipeline::{Converters, ErrorHandler, SourcePipeline},
    store::SourceOffsets,
    transform::Chain,
};

/// How long a source that waits in `poll` may stay without the news that its offsets are durable:
/// not at all noticed by people, and long enough for a source under load to end its poll first.
const NEWS_DELAY: Duration = Duration::from_millis(5);

/// The offsets of one connector.
#[derive(Debug)]
struct ConnectorOffsets {
    store: Arc<dyn SourceOffsets>,
    connector: Arc<str>,
}

#[async_trait]
impl OffsetReader for ConnectorOffsets {
    async fn committed(&self) -> Result<Vec<(SourcePartition, SourceOffset)>> {
        self.store.committed(&self.connector).await.map_err(|error| {
            let connector = &self.connector;
            broker_failure(
                &format!("Could not read the offsets of connector \"{connector}\""),
                error,
            )
        })
    }
}

/// Starts the task and runs it until it is stopped, fails, or has to start over.
pub(super) async fn run(
    environment: &Arc<Environment>,
    connector: Arc<dyn SourceConnector>,
    control: ControlReader,
    progress: &mut Backoff,
) -> Result<Ending> {
    let mut running = match Running::start(environment, connector, control).await {
        Ok(Some(running)) => running,
        Ok(None) => return Ok(Ending::Stopped),
        Err(error) => return again_if_retriable(error),
    };
    environment.reports.send(TaskEventKind::Running).await;
    let outcome = running.work(progress).await;
    if outcome.is_err() {
        // What was read before the failure is good; a writer that failed itself writes no more.
        let _second_failure = running.drain().await;
    }
    running.stop().await;
    match outcome {
        Ok(()) => Ok(Ending::Stopped),
        Err(error) => again_if_retriable(error),
    }
}

/// A source task and what it needs.
struct Running {
    environment: Arc<Environment>,
    control: ControlReader,
    task: Box<dyn SourceTask>,
    pipeline: SourcePipeline,
    creator: Option<TopicCreator>,
    writer: SourceWriter,
    flush: tokio::time::Interval,
    backoff: Backoff,
    /// No poll before this time, after a failed one.
    poll_after: Option<Instant>,
}

impl Running {
    /// Starts the task; none when it is to stop before it has started.
    async fn start(
        environment: &Arc<Environment>,
        connector: Arc<dyn SourceConnector>,
        control: ControlReader,
    ) -> Result<Option<Self>> {
        let Environment { settings, spec, .. } = &**environment;
        let config = &spec.connector_config;
        let errors = ErrorHandler::new(spec.id.to_string(), config, None)?;
        let tolerance = errors.tolerance();
        let converters = Converters::of(config, &settings.worker)?;
        let pipeline = SourcePipeline::new(converters, Chain::of(config)?, Arc::new(errors));
        let creator = TopicCreator::of(environment).await?;
        let boundary = boundary(environment)?;
        // Before the offsets are read: it fences an older run of the task off.
        let client = match boundary {
            Boundary::None => environment.producer_settings(),
            _ => environment.transactional_settings(),
        };
        let producer = settings.broker.producer(&client).await;
        let producer = producer
            .map_err(|error| broker_failure("Could not open the source's producer", error))?;
        let context = SourceContext {
            connector: Arc::clone(&spec.id.connector),
            task: spec.id.task,
            offsets: Arc::new(ConnectorOffsets {
                store: Arc::clone(&settings.offsets),
                connector: Arc::clone(&spec.id.connector),
            }),
            clock: Arc::clone(&settings.clock),
            budget: environment.budget(),
        };
        let starting = connector.start_task(&spec.task_config, context);
        let task = tokio::select! {
            biased;
            task = starting => task?,
            () = control.stopping() => return Ok(None),
        };
        let mut flush = tokio::time::interval(settings.offset_flush_interval);
        flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
        flush.reset();
        let writer = SourceWriter::new(Arc::clone(environment), producer, boundary, tolerance);
        let environment = Arc::clone(environment);
        let backoff = Backoff::default();
        let poll_after = None;
        Ok(Some(Self {
            environment,
            control,
            task,
            pipeline,
            creator,
            writer,
            flush,
            backoff,
            poll_after,
        }))
    }

    /// Reads and writes until the task is to stop; ends with everything written and committed.
    async fn work(&mut self, progress: &mut Backoff) -> Result<()> {
        loop {
            self.tell_news().await;
            if self.control.is_stopping() {
                return self.drain().await;
            }
            if self.control.is_paused() {
                self.pause().await?;
                continue;
            }
            if let Some(batch) = self.step().await? {
                self.accept(batch).await?;
            }
            if self.writer.has_news() {
                progress.reset();
            }
        }
    }

    /// Writes out what was read and waits until the task is resumed or to stop.
    async fn pause(&mut self) -> Result<()> {
        self.drain().await?;
        self.environment.reports.send(TaskEventKind::Paused).await;
        while self.control.is_paused() && !self.control.is_stopping() {
            self.control.changed().await;
        }
        if !self.control.is_stopping() {
            self.environment.reports.send(TaskEventKind::Running).await;
        }
        Ok(())
    }

    /// Polls once and writes meanwhile; none when something else is to be done first.
    async fn step(&mut self) -> Result<Option<SourceBatch>> {
        let Self { task, writer, control, flush, poll_after, .. } = self;
        let had_room = writer.has_room();
        let after = *poll_after;
        let poll = async {
            if !had_room {
                std::future::pending::<()>().await;
            }
            if let Some(after) = after {
                tokio::time::sleep_until(after).await;
            }
            task.poll().await
        };
        let mut poll = Box::pin(poll);
        let news_at = Instant::now() + NEWS_DELAY;
        let polled = loop {
            let due = writer.commit_due();
            tokio::select! {
                biased;
                () = control.changed() => return Ok(None),
                outcome = writer.progress(), if writer.is_busy() => {
                    outcome?;
                    if !had_room && writer.has_room() {
                        return Ok(None);
                    }
                }
                _ = flush.tick() => {
                    if writer.commit_due().is_none() {
                        writer.commit();
                    }
                }
                () = until(due) => writer.commit(),
                () = tokio::time::sleep_until(news_at), if writer.has_news() => return Ok(None),
                polled = &mut poll => break polled,
            }
        };
        drop(poll);
        self.polled(polled)
    }

    fn polled(&mut self, polled: Result<SourceBatch>) -> Result<Option<SourceBatch>> {
        match polled {
            Ok(batch) => {
                self.backoff.reset();
                self.poll_after = None;
                Ok(Some(batch))
            }
            Err(error) if error.class().is_retriable() => {
                self.poll_after = Some(Instant::now() + self.backoff.next());
                if !self.backoff.is_repeated() {
                    let task = &self.environment.spec.id;
                    tracing::warn!(
                        %task,
                        error = %chain(&error),
                        "Task {task} could not read from its source; it tries again until it can"
                    );
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Converts a batch and hands it to the writer.
    async fn accept(&mut self, batch: SourceBatch) -> Result<()> {
        if batch.records.is_empty() {
            // A source that never waits must let others run.
            tokio::task::yield_now().await;
        }
        let converted = tokio::select! {
            biased;
            converted = self.pipeline.convert(batch.records) => converted?,
            // A record that is tried again for ever must not keep the task from stopping; its
            // offsets are not committed.
            () = self.control.stopping() => return Ok(()),
        };
        let Self { environment, creator, .. } = self;
        let topics = new_topics(environment, creator.as_ref(), &converted.records).await?;
        self.writer.accept(converted, topics, batch.offsets);
        Ok(())
    }

    /// Tells the source which offsets became durable.
    async fn tell_news(&mut self) {
        let Some(offsets) = self.writer.take_durable() else { return };
        if let Err(error) = self.task.commit(&offsets).await {
            let task = &self.environment.spec.id;
            tracing::warn!(
                %task,
                error = %chain(&error),
                "The source of task {task} could not make use of a commit"
            );
        }
    }

    /// Writes everything that was read and commits it, as far as the flush timeout allows.
    async fn drain(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.environment.settings.offset_flush_timeout;
        // Twice: what is acknowledged in the first round is committed in the second.
        for _round in 0..2 {
            while self.writer.is_busy() {
                match tokio::time::timeout_at(deadline, self.writer.progress()).await {
                    Ok(outcome) => outcome?,
                    Err(_late) => {
                        let task = &self.environment.spec.id;
                        tracing::warn!(
                            %task,
                            "Task {task} could not write everything it read in time; what is not \
                             committed is read again"
                        );
                        return Ok(());
                    }
                }
            }
            self.writer.commit();
        }
        while self.writer.is_busy() {
            let Ok(outcome) = tokio::time::timeout_at(deadline, self.writer.progress()).await
            else {
                break;
            };
            outcome?;
        }
        self.tell_news().await;
        Ok(())
    }

    async fn stop(&mut self) {
        if let Err(error) = self.task.stop().await {
            let task = &self.environment.spec.id;
            tracing::warn!(%task, error = %chain(&error), "The source of task {task} did not stop well");
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Where transactions end: everywhere they cost nothing, and where the worker promises them.
fn boundary(environment: &Environment) -> Result<Boundary> {
    let Environment { settings, spec, .. } = environment;
    let are_offsets_records = settings.offsets.as_records(&spec.id.connector, &[]).is_some();
    if settings.exactly_once_source && !are_offsets_records {
        return Err(ConnectorError::invalid(
            "Exactly-once support for sources needs source offsets in a topic of this broker",
        )
        .hint("Set exactly.once.source.support to disabled, or store offsets in a topic"));
    }
    let is_free = settings.broker.has_free_transactions() && are_offsets_records;
    if !settings.exactly_once_source && !is_free {
        return Ok(Boundary::None);
    }
    let config: &Props = &spec.connector_config;
    match config.get("transaction.boundary").unwrap_or("poll").trim().to_lowercase().as_str() {
        "interval" => {
            let interval = config.get("transaction.boundary.interval.ms").map(str::trim);
            let interval = interval.map(Duration::parse).transpose().map_err(|reason| {
                ConnectorError::invalid(format!(
                    "Invalid value for configuration transaction.boundary.interval.ms: {reason}"
                ))
            })?;
            Ok(Boundary::Interval(interval.unwrap_or(settings.offset_flush_interval)))
        }
        "connector" => Err(ConnectorError::invalid(
            "The connector does not support connector-defined transaction boundaries with the \
             given configuration. Please reconfigure it to use a different transaction boundary \
             definition.",
        )),
        _ => Ok(Boundary::Poll),
    }
}

/// Topics of a batch that nothing was written to before; they are there when this returns, if
/// the connector creates them.
async fn new_topics(
    environment: &Environment,
    creator: Option<&TopicCreator>,
    records: &[ProducerRecord],
) -> Result<Vec<Arc<str>>> {
    let mut topics: Vec<Arc<str>> = Vec::new();
    let mut last: Option<&Arc<str>> = None;
    for record in records {
        let is_same = last.is_some_and(|last| Arc::ptr_eq(last, &record.topic));
        last = Some(&record.topic);
        if is_same || environment.reports.knows(&record.topic) || topics.contains(&record.topic) {
            continue;
        }
        check_topic(environment, &record.topic)?;
        if let Some(creator) = creator {
            creator.ensure(&record.topic).await?;
        }
        topics.push(Arc::clone(&record.topic));
    }
    Ok(topics)
}

fn check_topic(environment: &Environment, topic: &str) -> Result<()> {
    let Environment { settings, spec, .. } = environment;
    let probe = [(SourcePartition::default(), None)];
    let own = settings.offsets.as_records(&spec.id.connector, &probe).unwrap_or_default();
    if settings.exactly_once_source && own.iter().any(|record| &*record.topic == topic) {
        return Err(ConnectorError::internal(
            "Source tasks may not produce to their own offsets topics when exactly-once \
             support is enabled",
        ));
    }
    Ok(())
}
