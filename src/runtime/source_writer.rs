//! What a source task read, on its way into the broker.
//!
//! Batches wait here while the producer is busy and then go together: the slower the broker, the
//! larger the transactions. The task goes on reading meanwhile, until what is on its way fills its
//! part of the memory budget.

use std::{collections::VecDeque, future::Future, pin::Pin, sync::Arc, time::Duration};

use connect_api::{
    budget::{MemoryBudget, Reservation},
    error::{ConnectorError, Result, chain},
};
use tokio::time::Instant;

use super::{
    Environment,
    ledger::{OffsetLedger, OffsetList, Offsets, Ticket},
    start::broker_failure,
};
use crate::{
    broker::{BrokerError, Delivery, DeliveryReport, Producer, ProducerRecord},
    pipeline::{Converted, Tolerance},
};

/// Most bytes on their way for one task: enough to keep a broker busy over one round trip.
const MOST_BYTES: usize = 32 << 20;

/// Most batches on their way: bounds the bookkeeping of sources with tiny batches.
const MOST_BATCHES: usize = 4096;

/// Offsets on their way into the store.
type Storing = (Offsets, Work<Result<(), BrokerError>>);

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// When a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Boundary {
    /// There are none: records are acknowledged one by one and offsets follow.
    None,
    /// With each batch, or several that waited together.
    Poll,
    /// With the first batch after this time.
    Interval(Duration),
}

/// A batch that was read.
struct Batch {
    records: Vec<ProducerRecord>,
    offsets: OffsetList,
    cargo: Cargo,
}

/// What is known of a batch while it is on its way.
struct Cargo {
    bytes: usize,
    topics: Vec<Arc<str>>,
    /// Its part of the budget; none when there was no room left.
    held: Option<Reservation>,
}

/// A batch that was sent and may not be stored yet.
struct Sent {
    delivery: Delivery,
    ticket: Ticket,
    cargo: Cargo,
}

/// What the producer was asked to do.
enum Job {
    /// Send one batch.
    Send { ticket: Ticket, cargo: Cargo },
    /// Send batches into the open transaction, and end it or not.
    Transact { cargos: Vec<Cargo>, is_commit: bool },
}

/// What came of it.
struct Done {
    producer: Box<dyn Producer>,
    outcome: Result<Option<Delivery>, BrokerError>,
}

/// The transaction that records go into.
struct Transaction {
    /// Offsets that go with it.
    offsets: Offsets,
    is_open: bool,
    /// Whether it is to end as soon as may be.
    is_commit_wanted: bool,
    last_commit: Instant,
}

impl Transaction {
    /// Whether there is anything to commit.
    fn holds_anything(&self) -> bool {
        self.is_open || !self.offsets.is_empty()
    }
}

/// Writes what one task reads.
pub(super) struct SourceWriter {
    environment: Arc<Environment>,
    boundary: Boundary,
    tolerance: Tolerance,
    budget: MemoryBudget,
    /// None while it works.
    producer: Option<Box<dyn Producer>>,
    queue: VecDeque<Batch>,
    work: Option<(Job, Work<Done>)>,
    sent: VecDeque<Sent>,
    ledger: OffsetLedger,
    transaction: Transaction,
    /// Offsets on their way into the store.
    storing: Option<Storing>,
    bytes: usize,
    /// Batches on their way that the budget had no room for.
    unheld: usize,
    /// What became durable and the source does not know yet.
    durable: Option<Offsets>,
    /// Whether something could not be written: nothing later may be committed then.
    is_broken: bool,
}

impl SourceWriter {
    pub(super) fn new(
        environment: Arc<Environment>,
        producer: Box<dyn Producer>,
        boundary: Boundary,
        tolerance: Tolerance,
    ) -> Self {
        let budget = environment.budget();
        Self {
            environment,
            boundary,
            tolerance,
            budget,
            producer: Some(producer),
            queue: VecDeque::new(),
            work: None,
            sent: VecDeque::new(),
            ledger: OffsetLedger::default(),
            transaction: Transaction {
                offsets: Offsets::new(),
                is_open: false,
                is_commit_wanted: false,
                last_commit: Instant::now(),
            },
            storing: None,
            bytes: 0,
            unheld: 0,
            durable: None,
            is_broken: false,
        }
    }

    /// Whether another batch may be read.
    pub(super) fn has_room(&self) -> bool {
        let batches = self.queue.len() + self.sent.len();
        self.bytes < MOST_BYTES && self.unheld == 0 && batches < MOST_BATCHES
    }

    /// Takes a batch.
    pub(super) fn accept(
        &mut self,
        converted: Converted,
        topics: Vec<Arc<str>>,
        offsets: OffsetList,
    ) {
        if converted.records.is_empty() && offsets.is_empty() {
            return;
        }
        let bytes = converted.bytes;
        let held = self.budget.reserve(bytes);
        self.bytes += bytes;
        self.unheld += usize::from(held.is_none());
        let cargo = Cargo { bytes, topics, held };
        self.queue.push_back(Batch { records: converted.records, offsets, cargo });
    }

    /// Whether anything is on its way that can still arrive.
    pub(super) fn is_busy(&self) -> bool {
        !self.is_broken && self.is_moving()
    }

    fn is_moving(&self) -> bool {
        self.work.is_some()
            || !self.queue.is_empty()
            || !self.sent.is_empty()
            || self.storing.is_some()
            || (self.transaction.is_commit_wanted && self.transaction.holds_anything())
    }

    /// Ends the open transaction, or stores offsets where there are none, as soon as may be.
    pub(super) fn commit(&mut self) {
        if self.is_broken {
            return;
        }
        if self.boundary == Boundary::None {
            self.store();
        } else {
            self.transaction.is_commit_wanted = true;
        }
    }

    /// When the open transaction is to end, where the clock says so.
    pub(super) fn commit_due(&self) -> Option<Instant> {
        match self.boundary {
            Boundary::Interval(interval) if self.transaction.holds_anything() => {
                Some(self.transaction.last_commit + interval)
            }
            _ => None,
        }
    }

    /// Offsets that became durable since the last call.
    pub(super) fn take_durable(&mut self) -> Option<OffsetList> {
        Some(self.durable.take()?.into_iter().collect())
    }

    /// Whether there are such offsets.
    pub(super) const fn has_news(&self) -> bool {
        self.durable.is_some()
    }

    /// Goes one step on; pends for ever when nothing is on its way. Cancel safe.
    ///
    /// # Errors
    /// What was read cannot be written any more.
    pub(super) async fn progress(&mut self) -> Result<()> {
        self.begin();
        let outcome = tokio::select! {
            biased;
            done = work_of(&mut self.work) => self.worked(done).await,
            report = first_of(&mut self.sent) => self.delivered(report).await,
            outcome = store_of(&mut self.storing) => {
                self.stored(outcome);
                Ok(())
            }
        };
        self.is_broken |= outcome.is_err();
        outcome
    }

    /// Gives the producer its next job when it has none.
    fn begin(&mut self) {
        let is_idle = self.queue.is_empty() && !self.transaction.is_commit_wanted;
        let Some(producer) = self.producer.take_if(|_| !is_idle) else { return };
        if self.boundary == Boundary::None {
            self.begin_send(producer);
        } else {
            self.begin_transaction(producer);
        }
    }

    fn begin_send(&mut self, mut producer: Box<dyn Producer>) {
        let Some(Batch { records, offsets, cargo }) = self.queue.pop_front() else {
            self.transaction.is_commit_wanted = false;
            self.producer = Some(producer);
            return;
        };
        let ticket = self.ledger.enter(offsets);
        let job = Job::Send { ticket, cargo };
        let work = async move {
            let outcome = match records.is_empty() {
                true => Ok(Some(Delivery::done())),
                false => producer.send(records).await.map(Some),
            };
            Done { producer, outcome }
        };
        self.work = Some((job, Box::pin(work)));
    }

    fn begin_transaction(&mut self, producer: Box<dyn Producer>) {
        let mut cargos = Vec::with_capacity(self.queue.len());
        let mut batches = Vec::with_capacity(self.queue.len());
        for Batch { records, offsets, cargo } in self.queue.drain(..) {
            self.transaction.offsets.extend(offsets);
            cargos.push(cargo);
            batches.push(records);
        }
        let is_due = self.commit_due().is_some_and(|due| due <= Instant::now());
        let is_commit =
            self.boundary == Boundary::Poll || self.transaction.is_commit_wanted || is_due;
        self.transaction.is_commit_wanted = false;
        if batches.is_empty() && !self.transaction.holds_anything() {
            self.producer = Some(producer);
            return;
        }
        let is_open = std::mem::replace(&mut self.transaction.is_open, !is_commit);
        let offsets = is_commit.then(|| self.offset_records());
        let work = transact(producer, batches, offsets, is_open);
        self.work = Some((Job::Transact { cargos, is_commit }, Box::pin(work)));
    }

    fn offset_records(&self) -> Vec<ProducerRecord> {
        let offsets: OffsetList =
            self.transaction.offsets.iter().map(|(part, at)| (part.clone(), at.clone())).collect();
        let Environment { settings, spec, .. } = &*self.environment;
        settings.offsets.as_records(&spec.id.connector, &offsets).unwrap_or_default()
    }

    async fn worked(&mut self, done: Done) -> Result<()> {
        self.producer = Some(done.producer);
        let Some((job, _)) = self.work.take() else { return Ok(()) };
        match (job, done.outcome) {
            (Job::Send { ticket, cargo }, Ok(delivery)) => {
                let delivery = delivery.unwrap_or_else(Delivery::done);
                self.sent.push_back(Sent { delivery, ticket, cargo });
                Ok(())
            }
            (Job::Send { .. }, Err(error)) => {
                Err(broker_failure("Unrecoverable exception trying to send", error))
            }
            (Job::Transact { cargos, is_commit }, Ok(_)) => {
                for cargo in cargos {
                    self.release(cargo).await;
                }
                if is_commit {
                    self.transaction.last_commit = Instant::now();
                    let offsets = std::mem::take(&mut self.transaction.offsets);
                    self.durable.get_or_insert_default().extend(offsets);
                }
                Ok(())
            }
            (Job::Transact { .. }, Err(error)) => {
                Err(broker_failure("Could not write a transaction of records and offsets", error))
            }
        }
    }

    async fn delivered(&mut self, report: Result<DeliveryReport, BrokerError>) -> Result<()> {
        let Some(Sent { ticket, cargo, .. }) = self.sent.pop_front() else { return Ok(()) };
        const REFUSED: &str = "Unrecoverable exception from producer send callback";
        let report = report.map_err(|error| broker_failure(REFUSED, error))?;
        let failures = report.failed.len();
        if let Some((_, error)) = report.failed.into_iter().next() {
            if self.tolerance == Tolerance::None {
                return Err(ConnectorError::internal(REFUSED).caused_by(error));
            }
            let task = &self.environment.spec.id;
            tracing::error!(
                %task,
                failures,
                error = %chain(&error),
                "Task {task} skipped records that the broker did not take"
            );
        }
        self.ledger.acknowledge(ticket);
        self.release(cargo).await;
        Ok(())
    }

    async fn release(&mut self, cargo: Cargo) {
        self.bytes -= cargo.bytes;
        self.unheld -= usize::from(cargo.held.is_none());
        for topic in &cargo.topics {
            self.environment.reports.topic(topic).await;
        }
    }

    /// Begins to store the offsets that are acknowledged, unless that is going on.
    fn store(&mut self) {
        if self.storing.is_some() {
            return;
        }
        let offsets = self.ledger.take();
        if offsets.is_empty() {
            self.durable.get_or_insert_default();
            return;
        }
        let environment = Arc::clone(&self.environment);
        let list: OffsetList =
            offsets.iter().map(|(part, at)| (part.clone(), at.clone())).collect();
        let work = async move {
            let Environment { settings, spec, .. } = &*environment;
            let write = settings.offsets.write(&spec.id.connector, &list);
            tokio::time::timeout(settings.offset_flush_timeout, write).await.unwrap_or_else(
                |late| {
                    let operation = "Storing source offsets".to_owned();
                    Err(BrokerError::Unavailable { operation, source: late.into() })
                },
            )
        };
        self.storing = Some((offsets, Box::pin(work)));
    }

    fn stored(&mut self, outcome: Result<(), BrokerError>) {
        let Some((offsets, _)) = self.storing.take() else { return };
        match outcome {
            Ok(()) => self.durable.get_or_insert_default().extend(offsets),
            Err(error) => {
                let task = &self.environment.spec.id;
                tracing::warn!(
                    %task,
                    error = %chain(&error),
                    "Task {task} could not store its offsets; it tries again with the next commit"
                );
                self.ledger.give_back(offsets);
            }
        }
    }
}

/// Sends batches inside a transaction, and with offset records ends it.
async fn transact(
    mut producer: Box<dyn Producer>,
    batches: Vec<Vec<ProducerRecord>>,
    offsets: Option<Vec<ProducerRecord>>,
    is_open: bool,
) -> Done {
    let outcome = async {
        if !is_open {
            producer.begin().await?;
        }
        let is_commit = offsets.is_some();
        let parts = batches.into_iter().chain(offsets).filter(|part| !part.is_empty());
        let mut deliveries = Vec::new();
        for part in parts {
            deliveries.push(producer.send(part).await?);
        }
        if is_commit {
            producer.commit().await?;
        }
        Ok(None)
    }
    .await;
    Done { producer, outcome }
}

async fn work_of(work: &mut Option<(Job, Work<Done>)>) -> Done {
    match work {
        Some((_, work)) => work.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn first_of(sent: &mut VecDeque<Sent>) -> Result<DeliveryReport, BrokerError> {
    match sent.front_mut() {
        Some(sent) => (&mut sent.delivery).await,
        None => std::future::pending().await,
    }
}

async fn store_of(storing: &mut Option<Storing>) -> Result<(), BrokerError> {
    match storing {
        Some((_, work)) => work.as_mut().await,
        None => std::future::pending().await,
    }
}
