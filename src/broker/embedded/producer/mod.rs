//! Writes records.
//!
//! A batch is encoded where it is sent and stored by the writer as one unit. What is sent in a
//! transaction stays in the producer, encoded, and when it is long on the disk where nobody looks
//! ([`super::staging`]), until the commit makes the writer store all of it at once: nobody can ever
//! see a part of it, and a crash before the commit leaves nothing but waste.

mod sorter;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use connect_api::sink::SinkOffsets;
use tokio::sync::oneshot;

use self::sorter::{Sorted, Sorter};
use super::{
    admin,
    catalog::Topic,
    group::MemberOf,
    log::Log,
    staging::{Area, Frames},
    writer::{Append, Done, GroupOffsets, Job, Lease, Outcome},
};
use crate::broker::{
    BrokerError, Delivery, DeliveryReport, GroupMember, NewTopic, Producer, ProducerRecord, Result,
};

/// Bytes of a transaction that stay in memory.
const MEMORY_BYTES: usize = 8 << 20;

/// Writes to the log.
#[derive(Debug)]
pub(super) struct EmbeddedProducer {
    log: Arc<Log>,
    turn: usize,
    transactions: Option<Transactions>,
}

/// State of a producer with a transactional id.
#[derive(Debug)]
struct Transactions {
    lease: Lease,
    /// What was sent since `begin`; none outside a transaction.
    open: Option<Open>,
}

/// An open transaction.
#[derive(Debug, Default)]
struct Open {
    /// What is on the disk already.
    staged: Option<Area>,
    /// What was sent after that.
    frames: Arc<Frames>,
    /// Size of the latter.
    bytes: usize,
    /// Offsets that are committed with it.
    offsets: Vec<GroupOffsets>,
}

impl EmbeddedProducer {
    /// A producer without transactions.
    pub(super) const fn plain(log: Arc<Log>) -> Self {
        Self { log, turn: 0, transactions: None }
    }

    /// A producer that takes a transactional id over. The writer does that, so that every commit
    /// of an older producer is either stored before or refused after it.
    pub(super) async fn transactional(
        log: Arc<Log>,
        transactional_id: &str,
        current: Arc<AtomicU64>,
    ) -> Result<Self> {
        let epochs = Arc::clone(&current);
        let take_over = move |_: &rusqlite::Transaction<'_>| {
            Ok(epochs.fetch_add(1, Ordering::SeqCst).wrapping_add(1))
        };
        let epoch = log.change(take_over, |_epoch| {}).await?;
        let lease = Lease { transactional_id: transactional_id.to_owned(), current, epoch };
        Ok(Self { log, turn: 0, transactions: Some(Transactions { lease, open: None }) })
    }

    async fn sort(&mut self, batch: &[ProducerRecord]) -> Result<Sorted> {
        self.turn = self.turn.wrapping_add(1);
        let mut sorter = Sorter::new(self.log.clock.now_ms(), self.turn);
        let mut last: Option<(&Arc<str>, usize)> = None;
        for (position, record) in batch.iter().enumerate() {
            let known = last
                .filter(|(name, _)| Arc::ptr_eq(name, &record.topic))
                .map(|(_, place)| place)
                .or_else(|| sorter.place_of(&record.topic));
            let place = match known {
                Some(place) => place,
                None => match self.topic(&record.topic).await {
                    Ok(topic) => sorter.open(topic),
                    Err(BrokerError::Rejected { source, .. }) => {
                        sorter.refuse(position, &record.topic, source);
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            last = Some((&record.topic, place));
            sorter.add(place, position, record);
        }
        Ok(sorter.finish())
    }

    /// The topic, made now if it is not there: `auto.create.topics.enable`, which is Kafka's
    /// default.
    async fn topic(&self, name: &Arc<str>) -> Result<Arc<Topic>> {
        if let Ok(topic) = self.log.catalog.topic(name) {
            return Ok(topic);
        }
        let topic = NewTopic {
            name: name.as_ref().to_owned(),
            partitions: None,
            replication_factor: None,
            settings: BTreeMap::new(),
        };
        admin::create_topic(&self.log, &topic).await?;
        self.log.catalog.topic(name)
    }

    /// Hands a batch to the writer.
    async fn append(&self, sorted: Sorted, records: usize) -> Result<Delivery> {
        let Sorted { frames, refused } = sorted;
        let (resolve, delivery) = Delivery::pending();
        let done = Done::new(move |outcome| {
            // Whoever sent it may not care.
            let _sent = resolve.send(report(outcome, refused, records));
        });
        let open = Open { frames: Arc::new(frames), ..Open::default() };
        self.store(open, None, done).await?;
        Ok(delivery)
    }

    async fn store(&self, open: Open, lease: Option<Lease>, done: Done) -> Result<()> {
        let Open { staged, frames, offsets, .. } = open;
        let bytes = frames.iter().map(|(_, frame)| frame.bytes.len()).sum();
        let room = self.log.room_for(bytes).await?;
        let append = Append { frames, staged, offsets, lease, is_fenced: false, done, room };
        self.log.submit(Job::Append(append)).await
    }

    fn transactions(&mut self, operation: &str) -> Result<&mut Transactions> {
        let transactions = self
            .transactions
            .as_mut()
            .ok_or_else(|| refusal(operation, "The producer has no transactional id"))?;
        if transactions.lease.is_valid() {
            Ok(transactions)
        } else {
            Err(BrokerError::Fenced(transactions.lease.transactional_id.clone()))
        }
    }
}

#[async_trait]
impl Producer for EmbeddedProducer {
    async fn send(&mut self, batch: Vec<ProducerRecord>) -> Result<Delivery> {
        if self.transactions.is_some() {
            self.transactions("Sending")?.opened("Sending")?;
        }
        let sorted = self.sort(&batch).await?;
        match self.transactions.as_mut().and_then(|transactions| transactions.open.as_mut()) {
            Some(open) => {
                open.add(sorted.frames);
                if open.bytes > MEMORY_BYTES {
                    open.stage(&self.log).await;
                }
                let (resolve, delivery) = Delivery::pending();
                // The receiver is held by `delivery`, so that this cannot fail.
                let _sent = resolve.send(DeliveryReport { failed: sorted.refused });
                Ok(delivery)
            }
            None => self.append(sorted, batch.len()).await,
        }
    }

    async fn begin(&mut self) -> Result<()> {
        let transactions = self.transactions("Beginning a transaction")?;
        if transactions.open.is_some() {
            return Err(refusal("Beginning a transaction", "One is open already"));
        }
        transactions.open = Some(Open::default());
        Ok(())
    }

    async fn send_offsets(&mut self, member: &GroupMember, offsets: &SinkOffsets) -> Result<()> {
        let operation = "Committing offsets in a transaction";
        let group = member.known_as::<MemberOf>();
        let MemberOf(group) =
            group.ok_or_else(|| refusal(operation, "The member is not one of this log's"))?;
        for partition in offsets.keys() {
            self.log.catalog.partition(partition)?;
        }
        let offsets = offsets.iter();
        let offsets =
            offsets.map(|(partition, offset)| (partition.clone(), Some((*offset).into())));
        let offsets = (group.clone(), offsets.collect());
        self.transactions(operation)?.opened(operation)?.offsets.push(offsets);
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        let transactions = self.transactions("Committing")?;
        let open = mem::take(transactions.opened("Committing")?);
        transactions.open = None;
        let lease = transactions.lease.clone();
        let (reply, outcome) = oneshot::channel();
        let done = Done::new(move |outcome| {
            // Whoever commits may have been cancelled: what is stored stays.
            let _sent = reply.send(outcome.error());
        });
        self.store(open, Some(lease), done).await?;
        match outcome.await.map_err(|_dropped| BrokerError::Closed)? {
            None => Ok(()),
            Some(fenced @ BrokerError::Fenced(_)) => Err(fenced),
            Some(error) => Err(BrokerError::TransactionAborted { source: Box::new(error) }),
        }
    }

    async fn abort(&mut self) -> Result<()> {
        self.transactions("Aborting")?.open = None;
        Ok(())
    }
}

impl Open {
    fn add(&mut self, frames: Frames) {
        self.bytes += frames.iter().map(|(_, frame)| frame.bytes.len()).sum::<usize>();
        Arc::make_mut(&mut self.frames).extend(frames);
    }

    /// Moves what is in memory to the disk. What cannot be moved now stays, so that nothing is
    /// lost, and is tried again with what is sent next; if the disk stays as it is, the commit
    /// fails. Cancel safe: what got to the disk then is not counted, and taken away later.
    async fn stage(&mut self, log: &Log) {
        let area = self.staged.get_or_insert_with(|| log.staging.area());
        let staged = area.reserve(&self.frames);
        let first_place = staged.first().map_or(0, |frame| frame.place);
        match log.stage(area.id(), Arc::clone(&self.frames), first_place).await {
            Ok(()) => {
                area.add(staged);
                self.frames = Arc::default();
                self.bytes = 0;
            }
            Err(error) => tracing::warn!(
                error = connect_api::error::chain(&error),
                "Could not move a part of a long transaction to the disk"
            ),
        }
    }
}

impl Transactions {
    fn opened(&mut self, operation: &str) -> Result<&mut Open> {
        self.open.as_mut().ok_or_else(|| refusal(operation, "No transaction was begun"))
    }
}

/// What to tell about a batch of so many records, of which some were refused before.
fn report(
    outcome: Outcome<'_>,
    refused: Vec<(usize, BrokerError)>,
    records: usize,
) -> DeliveryReport {
    let positions: BTreeSet<usize> = refused.iter().map(|(position, _)| *position).collect();
    let others = (0..records).filter(|position| !positions.contains(position));
    let mut failed = refused;
    failed.extend(others.map_while(|position| Some((position, outcome.error()?))));
    DeliveryReport { failed }
}

fn refusal(operation: &str, reason: &str) -> BrokerError {
    BrokerError::Rejected { operation: operation.to_owned(), source: reason.into() }
}
