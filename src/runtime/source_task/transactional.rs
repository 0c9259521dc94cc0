//! Exactly once: a batch and its offsets are one transaction.
//!
//! Source: KIP-618. The next batch is read while the transaction before it is being committed.
//! Where a transaction holds one batch (the boundary `poll`) and the broker is away or its disk is
//! full, the whole transaction is tried again; nothing of it was stored. A record that the broker
//! refuses for good ends its transaction too: it fails the task, unless `errors.tolerance` lets the
//! batch go without it. A transaction of several batches cannot go without it, as in Kafka Connect.

use std::time::Duration;

use connect_api::{
    error::{ConnectorError, ErrorClass, Result, chain},
    record::SourceBatch,
};
use tokio::time::Instant;

use super::{
    Offsets, Prepared, Sizes, Source, measured_poll, progress::merge, refused_by_broker,
    send_failed,
};
use crate::{
    broker::{BrokerError, Delivery, Producer, ProducerRecord},
    runtime::{backoff::Backoff, life::from_broker},
};

/// Longest wait between two tries of a transaction.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// When a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Boundary {
    /// After every batch.
    Poll,
    /// When this much time has passed since the last one ended.
    Interval(Duration),
}

struct Transactional {
    boundary: Boundary,
    /// None while no transaction is open.
    open: Option<Open>,
    ended: Instant,
}

/// The batches of an open transaction.
#[derive(Default)]
struct Open {
    offsets: Offsets,
    sizes: Sizes,
    batches: usize,
    deliveries: Vec<Delivery>,
}

/// A transaction that was not stored.
struct Unstored {
    error: BrokerError,
    /// Records that the broker refuses for good, by their position.
    refused: Vec<usize>,
}

pub(super) async fn run(source: &mut Source<'_>) -> Result<()> {
    let boundary = boundary(source)?;
    let mut transactional = Transactional { boundary, open: None, ended: Instant::now() };
    let outcome = transactional.work(source).await;
    if outcome.is_ok() {
        transactional.commit_open(source).await?;
    }
    outcome
}

fn boundary(source: &Source<'_>) -> Result<Boundary> {
    let config = source.config();
    match config.get("transaction.boundary").unwrap_or("poll").trim().to_ascii_lowercase().as_str()
    {
        "poll" => Ok(Boundary::Poll),
        "interval" => {
            let own = config.get("transaction.boundary.interval.ms");
            let own = own.and_then(|text| text.trim().parse().ok()).map(Duration::from_millis);
            let default = source.seat.settings.offset_flush_interval;
            Ok(Boundary::Interval(own.unwrap_or(default)))
        }
        other => Err(ConnectorError::invalid(format!(
            "The connector does not support transaction.boundary={other}; it supports poll and \
             interval"
        ))),
    }
}

impl Transactional {
    async fn work(&mut self, source: &mut Source<'_>) -> Result<()> {
        let stop = source.seat.stop.clone();
        let mut targets = source.seat.targets.clone();
        let mut read_ahead: Option<SourceBatch> = None;
        loop {
            let due = self.due();
            let batch = match read_ahead.take() {
                Some(batch) => batch,
                None => tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(()),
                    () = targets.change() => {
                        self.commit_open(source).await?;
                        if !source.obey_target().await {
                            return Ok(());
                        }
                        targets = source.seat.targets.clone();
                        continue;
                    }
                    () = tokio::time::sleep_until(due), if self.open.is_some() => {
                        self.commit_open(source).await?;
                        continue;
                    }
                    batch = source.poll() => batch?,
                },
            };
            read_ahead = self.take(source, batch).await?;
            if stop.is_cancelled() {
                // What was read ahead is not sent: it is read again from the committed offsets.
                return Ok(());
            }
        }
    }

    fn due(&self) -> Instant {
        match self.boundary {
            Boundary::Poll => self.ended,
            Boundary::Interval(interval) => self.ended + interval,
        }
    }

    /// Sends a batch, in a transaction of its own or as a part of the open one; may come back with
    /// the batch that was read meanwhile.
    async fn take(
        &mut self,
        source: &mut Source<'_>,
        batch: SourceBatch,
    ) -> Result<Option<SourceBatch>> {
        let prepared = source.prepare(batch).await?;
        if prepared.records.is_empty() && prepared.offsets.is_empty() {
            match &mut self.open {
                Some(open) => open.batches += 1,
                None => source.task.acknowledged(0),
            }
            return Ok(None);
        }
        if self.boundary == Boundary::Poll {
            return one_transaction(source, prepared).await;
        }
        let Prepared { records, offsets, sizes } = prepared;
        if self.open.is_none() {
            source.producer.begin().await.map_err(send_failed)?;
        }
        let delivery = source.producer.send(records).await.map_err(send_failed)?;
        self.open.get_or_insert_default().add(offsets, sizes, delivery);
        if Instant::now() >= self.due() {
            self.commit_open(source).await?;
        }
        Ok(None)
    }

    async fn commit_open(&mut self, source: &mut Source<'_>) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let Open { offsets, sizes, batches, mut deliveries } = open;
        let began = Instant::now();
        let records = offset_records(source, &offsets)?;
        deliveries.push(source.producer.send(records).await.map_err(send_failed)?);
        for delivery in deliveries {
            if let Err(Unstored { error, refused }) = taken(delivery).await {
                give_up(&mut *source.producer).await;
                return Err(failed(error, &refused));
            }
        }
        source.producer.commit().await.map_err(send_failed)?;
        self.ended = Instant::now();
        source.transacted(sizes, began.elapsed());
        (0..batches).for_each(|_batch| source.task.acknowledged(0));
        source.committed(&offsets).await;
        Ok(())
    }
}

impl Open {
    fn add(&mut self, offsets: Offsets, sizes: Sizes, delivery: Delivery) {
        self.deliveries.push(delivery);
        merge(&mut self.offsets, offsets);
        self.sizes.brought += sizes.brought;
        self.sizes.sent += sizes.sent;
        self.batches += 1;
    }
}

impl Source<'_> {
    /// Measures a transaction that was committed.
    fn transacted(&self, sizes: Sizes, took: Duration) {
        self.meter.finished(sizes.brought, sizes.sent);
        self.meter.transacted(sizes.sent);
        self.seat.reporter.meter.committed(took, true);
    }
}

/// Writes a batch and its offsets in a transaction of their own, trying until it is stored, and
/// reads the next batch meanwhile.
async fn one_transaction(
    source: &mut Source<'_>,
    Prepared { mut records, offsets, mut sizes }: Prepared,
) -> Result<Option<SourceBatch>> {
    let began = Instant::now();
    let skippable = if source.tolerates_refusals() { records.len() } else { 0 };
    records.extend(offset_records(source, &offsets)?);
    let stop = source.seat.stop.clone();
    let name = source.seat.spec.id.to_string();
    let mut read_ahead = None;
    let stored = {
        let store = store_until_done(&mut *source.producer, (&name, &stop), records, skippable);
        tokio::pin!(store);
        loop {
            let wants_more = read_ahead.is_none() && source.poll_backoff.is_none();
            tokio::select! {
                biased;
                stored = &mut store => break stored?,
                batch = measured_poll(&mut *source.task, &source.meter), if wants_more => {
                    read_ahead = Some(batch);
                }
            }
        }
    };
    if let Some(skipped) = stored {
        sizes.sent = sizes.sent.saturating_sub(skipped);
        source.transacted(sizes, began.elapsed());
        source.task.acknowledged(skipped);
        source.committed(&offsets).await;
    }
    match read_ahead {
        // A source that went away is asked again through the ordinary path, which backs off.
        Some(Err(error)) if error.class().is_retriable() => Ok(None),
        other => other.transpose(),
    }
}

/// Tries a transaction until it is stored, without those of its first records that the broker
/// refuses for good, as far as they are `skippable`. Tells how many those are; none when the task was
/// told to stop before.
async fn store_until_done(
    producer: &mut dyn Producer,
    (task, stop): (&str, &tokio_util::sync::CancellationToken),
    mut records: Vec<ProducerRecord>,
    mut skippable: usize,
) -> Result<Option<usize>> {
    let mut backoff = Backoff::capped_at(LONGEST_WAIT);
    let mut skipped = 0;
    loop {
        let Err(Unstored { error, refused }) = store(producer, records.clone()).await else {
            return Ok(Some(skipped));
        };
        if !refused.is_empty() && refused.iter().all(|at| *at < skippable) {
            tracing::warn!(
                task,
                error = chain(&error),
                "Task {task} skips records that the broker did not take"
            );
            if producer.abort().await.is_err() {
                // A broker that cannot do without the record says so here.
                return Err(failed(error, &refused));
            }
            let mut at = 0..;
            records.retain(|_record| at.next().is_none_or(|at| !refused.contains(&at)));
            skippable -= refused.len();
            skipped += refused.len();
            continue;
        }
        if !refused.is_empty() || error.class() != ErrorClass::Retriable {
            give_up(producer).await;
            return Err(failed(error, &refused));
        }
        let wait = backoff.next();
        if backoff.is_first() {
            tracing::warn!(
                task,
                error = chain(&error),
                "Task {task} could not store its records and tries again"
            );
        }
        producer.abort().await.map_err(from_broker)?;
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn store(
    producer: &mut dyn Producer,
    records: Vec<ProducerRecord>,
) -> std::result::Result<(), Unstored> {
    producer.begin().await?;
    taken(producer.send(records).await?).await?;
    Ok(producer.commit().await?)
}

/// Waits until the broker has taken every record of a batch.
async fn taken(delivery: Delivery) -> std::result::Result<(), Unstored> {
    let mut failed = delivery.await?.failed;
    let lasts = |error: &BrokerError| error.class() != ErrorClass::Retriable;
    let refused = failed.iter().filter(|(_, error)| lasts(error)).map(|(at, _)| *at).collect();
    // What follows from a refusal comes after it in the list, or before, as it happens.
    failed.sort_by_key(|(at, error)| (!lasts(error), *at));
    match failed.into_iter().next() {
        Some((_, error)) => Err(Unstored { error, refused }),
        None => Ok(()),
    }
}

/// Leaves nothing open behind a task that fails: readers of committed records would wait for it.
async fn give_up(producer: &mut dyn Producer) {
    if let Err(error) = producer.abort().await {
        tracing::debug!(error = chain(&error), "Could not abort the last transaction");
    }
}

fn failed(error: BrokerError, refused: &[usize]) -> ConnectorError {
    if refused.is_empty() { send_failed(error) } else { refused_by_broker(error) }
}

impl From<BrokerError> for Unstored {
    fn from(error: BrokerError) -> Self {
        Self { error, refused: Vec::new() }
    }
}

fn offset_records(source: &Source<'_>, offsets: &Offsets) -> Result<Vec<ProducerRecord>> {
    let connector = &source.seat.spec.id.connector;
    source.seat.settings.offsets.as_records(connector, offsets).ok_or_else(|| {
        ConnectorError::internal("The offsets are not kept in a topic of this broker")
    })
}
