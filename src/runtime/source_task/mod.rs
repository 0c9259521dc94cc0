//! A running source task: poll, transform, convert, send, commit.
//!
//! Where transactions are free, or exactly-once support asks for them, a batch and its offsets are
//! one transaction ([`transactional`]). Otherwise batches are sent ahead and offsets follow once
//! everything before them is acknowledged ([`steady`]).

mod outlet;
mod progress;
mod steady;
mod topics;
mod transactional;

use std::sync::Arc;

use async_trait::async_trait;
use connect_api::{
    config::Props,
    error::{ConnectorError, ErrorClass, Result, chain},
    record::{SourceBatch, SourceOffset, SourcePartition},
    source::{OffsetReader, SourceConnector, SourceContext, SourceTask},
};
use tokio::time::Instant;

use super::{
    RuntimeSettings, Seat, TaskEventKind,
    backoff::Backoff,
    clients::Parts,
    life::{Tries, from_broker},
};
use crate::{
    broker::{ClientKind, Producer, ProducerRecord, ProducerSettings},
    metrics::SourceMeter,
    pipeline::SourcePipeline,
    store::SourceOffsets,
};
use outlet::Outlet;
use topics::Topics;

/// Where parts of a source stand.
type Offsets = Vec<(SourcePartition, Option<SourceOffset>)>;

/// A batch that is ready to be sent.
struct Prepared {
    records: Vec<ProducerRecord>,
    offsets: Offsets,
    sizes: Sizes,
}

/// How many records the connector brought, and how many of them are sent.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    brought: usize,
    sent: usize,
}

/// Longest wait between two polls of a source that is away.
const LONGEST_POLL_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// Runs the task until it is told to stop.
pub(super) async fn run(
    seat: &mut Seat,
    connector: &dyn SourceConnector,
    parts: Parts,
) -> Result<()> {
    if let Some(offsets) = own_offsets(seat).await? {
        seat.settings = Arc::new(RuntimeSettings { offsets, ..seat.settings.as_ref().clone() });
    }
    let is_transactional = uses_transactions(seat);
    let Some(producer) = open_producer(seat, is_transactional).await? else { return Ok(()) };
    let Parts { converters, transforms } = parts;
    let pipeline = SourcePipeline::new(converters, transforms, seat.errors(None)?);
    let topics = Topics::new(seat).await?;
    let Some(task) = start(seat, connector).await? else { return Ok(()) };
    seat.reporter.report(TaskEventKind::Running).await;
    let meter = Arc::clone(seat.reporter.meter.source());
    let mut source = Source { seat, task, pipeline, producer, topics, meter, poll_backoff: None };
    let outcome = if is_transactional {
        transactional::run(&mut source).await
    } else {
        steady::run(&mut source).await
    };
    if let Err(error) = source.task.stop().await {
        tracing::warn!(task = %source.seat.spec.id, error = chain(&error),
            "Task {} did not stop cleanly", source.seat.spec.id);
    }
    outcome
}

/// Where the connector keeps its offsets, if not with the worker's.
async fn own_offsets(seat: &Seat) -> Result<Option<Arc<dyn SourceOffsets>>> {
    let own = seat.settings.offsets.of_connector(&seat.spec.connector_config).await;
    own.map_err(from_broker)
}

/// Transactions are used where they are free and the offsets can join them, or by demand.
fn uses_transactions(seat: &Seat) -> bool {
    let settings = &seat.settings;
    let can_join = settings.offsets.as_records(&seat.spec.id.connector, &[]).is_some();
    can_join && (settings.exactly_once_source || settings.broker.has_free_transactions())
}

async fn open_producer(seat: &Seat, is_transactional: bool) -> Result<Option<Box<dyn Producer>>> {
    // Source: KIP-618, one transactional id per task, so that a successor fences its predecessor.
    let transactional_id =
        is_transactional.then(|| format!("{}-{}", seat.settings.group_id, seat.spec.id));
    let client = seat.client("producer", ClientKind::Producer);
    let settings = ProducerSettings { client, transactional_id };
    if is_transactional {
        return seat.producer(&settings).await;
    }
    let broker = Arc::clone(&seat.settings.broker);
    Ok(Some(Box::new(Outlet::new(broker, settings))))
}

/// Starts the connector's task; none when it was told to stop before it could.
async fn start(
    seat: &Seat,
    connector: &dyn SourceConnector,
) -> Result<Option<Box<dyn SourceTask>>> {
    let mut tries = Tries::of_start(seat);
    loop {
        match connector.start_task(&seat.spec.task_config, context(seat)).await {
            Ok(task) => return Ok(Some(task)),
            Err(error) => {
                if !tries.again(seat, error).await? {
                    return Ok(None);
                }
            }
        }
    }
}

fn context(seat: &Seat) -> SourceContext {
    SourceContext {
        connector: Arc::clone(&seat.spec.id.connector),
        task: seat.spec.id.task,
        offsets: Arc::new(CommittedOffsets {
            connector: Arc::clone(&seat.spec.id.connector),
            store: Arc::clone(&seat.settings.offsets),
        }),
        clock: Arc::clone(&seat.settings.clock),
        budget: seat.settings.budget.clone(),
    }
}

/// The worker's offset store as one connector sees it.
#[derive(Debug)]
pub(super) struct CommittedOffsets {
    /// Name of the connector.
    pub(super) connector: Arc<str>,
    /// The worker's store.
    pub(super) store: Arc<dyn SourceOffsets>,
}

#[async_trait]
impl OffsetReader for CommittedOffsets {
    async fn committed(&self) -> Result<Vec<(SourcePartition, SourceOffset)>> {
        self.store.committed(&self.connector).await.map_err(|error| {
            ConnectorError::new(
                error.class(),
                format!("Could not read the offsets of connector \"{}\"", self.connector),
            )
            .caused_by(error)
        })
    }
}

/// Everything a running source task works with.
struct Source<'a> {
    seat: &'a mut Seat,
    task: Box<dyn SourceTask>,
    pipeline: SourcePipeline,
    producer: Box<dyn Producer>,
    topics: Topics,
    meter: Arc<SourceMeter>,
    /// Present while polls fail.
    poll_backoff: Option<Backoff>,
}

impl Source<'_> {
    fn config(&self) -> &Props {
        &self.seat.spec.connector_config
    }

    /// Whether records that the broker does not take are skipped rather than fail the task.
    fn tolerates_refusals(&self) -> bool {
        self.config().get("errors.tolerance").is_some_and(|text| text.trim() == "all")
    }

    /// Polls; a source that is away is asked again after a while. Cancel safe, as `poll` is.
    async fn poll(&mut self) -> Result<SourceBatch> {
        loop {
            if let Some(backoff) = &mut self.poll_backoff {
                tokio::time::sleep(backoff.next()).await;
            }
            match measured_poll(&mut *self.task, &self.meter).await {
                Ok(batch) => {
                    self.poll_backoff = None;
                    return Ok(batch);
                }
                Err(error) if error.class().is_retriable() => {
                    if self.poll_backoff.is_none() {
                        tracing::warn!(task = %self.seat.spec.id, error = chain(&error),
                            "Task {} could not read its source and tries again", self.seat.spec.id);
                        self.poll_backoff = Some(Backoff::capped_at(LONGEST_POLL_WAIT));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Transforms and converts a batch, and makes sure that its topics are there.
    async fn prepare(&mut self, batch: SourceBatch) -> Result<Prepared> {
        let brought = batch.records.len();
        self.seat.reporter.meter.handled_batch(brought);
        let records = self.pipeline.convert(batch.records).await?.records;
        self.topics.prepare(self.seat, &records).await?;
        let sizes = Sizes { brought, sent: records.len() };
        Ok(Prepared { records, offsets: batch.offsets, sizes })
    }

    /// Tells the connector task which offsets are durable now.
    async fn committed(&mut self, offsets: &Offsets) {
        if let Err(error) = self.task.commit(offsets).await {
            tracing::warn!(task = %self.seat.spec.id, error = chain(&error),
                "Task {} could not follow a commit of its offsets", self.seat.spec.id);
        }
    }

    /// Reports the target that the task has now, and waits while it is paused. `false` when it was
    /// told to stop.
    async fn obey_target(&mut self) -> bool {
        if self.seat.targets.is_paused() {
            self.seat.reporter.report(TaskEventKind::Paused).await;
            if !self.seat.wait_until_started().await {
                return false;
            }
        }
        self.seat.reporter.report(TaskEventKind::Running).await;
        true
    }
}

/// Polls and measures; the time of a poll that is given up and begun again counts from its last
/// beginning. Cancel safe, as `poll` is.
async fn measured_poll(task: &mut dyn SourceTask, meter: &SourceMeter) -> Result<SourceBatch> {
    let began = Instant::now();
    let batch = task.poll().await?;
    meter.polled(batch.records.len(), began.elapsed());
    Ok(batch)
}

/// A record that the broker does not take fails the task.
fn refused_by_broker(error: crate::broker::BrokerError) -> ConnectorError {
    let message = "Unrecoverable exception from producer send callback";
    ConnectorError::new(ErrorClass::Internal, message).caused_by(from_broker(error))
}

/// What became of sending for good.
fn send_failed(error: crate::broker::BrokerError) -> ConnectorError {
    ConnectorError::new(error.class(), "Unrecoverable exception trying to send")
        .caused_by(from_broker(error))
}
