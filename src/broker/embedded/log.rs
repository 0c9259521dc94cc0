//! The log as its clients share it: what there is, the way to the writer, the way to read.

use std::{collections::BTreeMap, sync::Arc};

use connect_api::{record::TopicPartition, time::Clock};
use rusqlite::{Connection, Transaction, params};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    catalog::Catalog,
    fault::Fault,
    readers::Readers,
    staging::{self, Frames, Staging},
    writer::{Change, Job},
};
use crate::{
    broker::{BrokerError, Result},
    tasks::TaskGroup,
};

/// Jobs that wait for the writer. A full queue makes those who write wait; what bounds its memory
/// is [`QUEUE_BYTES`].
pub(super) const QUEUE_JOBS: usize = 1024;

/// Bytes of records that wait for the writer: enough to keep it busy while producers encode the
/// next ones. Producers wait for room.
pub(super) const QUEUE_BYTES: u32 = 16 << 20;

/// What a group has committed for a partition.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    /// The offset to read next.
    pub(super) offset: i64,
    /// Text that the member gave with it; may be empty.
    pub(super) metadata: String,
}

impl From<i64> for Committed {
    fn from(offset: i64) -> Self {
        Self { offset, metadata: String::new() }
    }
}

/// What clients of the log share.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) cluster_id: String,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tasks: TaskGroup,
    pub(super) catalog: Arc<Catalog>,
    pub(super) readers: Readers,
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) room: Arc<Semaphore>,
    /// Counts the times that records were stored.
    pub(super) appended: Arc<watch::Sender<u64>>,
    pub(super) staging: Arc<Staging>,
    /// Asks for a round of cleaning.
    pub(super) cleaning: Arc<Notify>,
    /// Cancelled when the log is closed.
    pub(super) closed: CancellationToken,
    /// Ends what serves the log once nobody uses it any more.
    pub(super) _unused: DropGuard,
}

impl Log {
    /// Room in the queue for this many bytes; what is longer than the queue takes it whole.
    pub(super) async fn room_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(QUEUE_BYTES);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        room.map_err(|_closed| BrokerError::Closed)
    }

    /// Hands a job to the writer, and waits while its queue is full.
    pub(super) async fn submit(&self, job: Job) -> Result<()> {
        self.jobs.send(job).await.map_err(|_closed| BrokerError::Closed)
    }

    /// Changes the database, and shows the change once it is stored.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        apply: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
        publish: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T> {
        let (reply, outcome) = oneshot::channel();
        self.submit(Job::Change(Change::new(apply, publish, reply))).await?;
        outcome.await.map_err(|_dropped| BrokerError::Closed)?
    }

    /// Reads on a thread that may wait for the disk. Cancel safe: the outcome is dropped.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let log = Arc::clone(self);
        let reading = self.tasks.spawn_thread("embedded-read", move || log.readers.read(work));
        reading.await.map_err(|_stopped| BrokerError::Closed)?
    }

    /// Stores frames in an area, in places from this one on.
    pub(super) async fn stage(
        &self,
        area: i64,
        frames: Arc<Frames>,
        first_place: i64,
    ) -> Result<()> {
        let bytes = frames.iter().map(|(_, frame)| frame.bytes.len()).sum();
        let room = self.room_for(bytes).await?;
        let apply = move |transaction: &Transaction<'_>| {
            staging::store(transaction, area, &frames, first_place)?;
            drop((frames, room));
            Ok(())
        };
        let (reply, outcome) = oneshot::channel();
        self.submit(Job::Change(Change::new(apply, |()| {}, reply).with_bytes(bytes))).await?;
        outcome.await.map_err(|_dropped| BrokerError::Closed)?
    }

    /// Waits until the writer has done what it was asked to do before.
    pub(super) async fn settle(&self) -> Result<()> {
        self.change(|_: &Transaction<'_>| Ok(()), |()| {}).await
    }

    /// Offsets that a group has committed.
    pub(super) async fn committed(
        self: &Arc<Self>,
        group_id: &str,
    ) -> Result<BTreeMap<TopicPartition, Committed>> {
        let group_id = group_id.to_owned();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT topic, number, next_offset, metadata FROM group_offset WHERE group_id = ?",
            )?;
            let rows = statement.query_map([group_id], |row| {
                let at = TopicPartition::new(row.get::<_, Arc<str>>(0)?, row.get(1)?);
                Ok((at, Committed { offset: row.get(2)?, metadata: row.get(3)? }))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Sets (`Some`) or forgets (`None`) offsets of a group.
    pub(super) async fn set_committed(
        &self,
        group_id: &str,
        offsets: Vec<(TopicPartition, Option<Committed>)>,
    ) -> Result<()> {
        let stored = self.begin_commit(group_id, offsets).await?;
        stored.await.map_err(|_dropped| BrokerError::Closed)?
    }

    /// As [`Self::set_committed`], but returns once it has its place in the queue.
    pub(super) async fn begin_commit(
        &self,
        group_id: &str,
        offsets: Vec<(TopicPartition, Option<Committed>)>,
    ) -> Result<oneshot::Receiver<Result<()>>> {
        for (partition, offset) in &offsets {
            if offset.is_some() {
                self.catalog.partition(partition)?;
            }
        }
        let group_id = group_id.to_owned();
        let apply =
            move |transaction: &Transaction<'_>| set_offsets(transaction, &group_id, &offsets);
        let (reply, outcome) = oneshot::channel();
        self.submit(Job::Change(Change::new(apply, |()| {}, reply))).await?;
        Ok(outcome)
    }

    /// Forgets everything a group has committed.
    pub(super) async fn forget_committed(&self, group_id: &str) -> Result<()> {
        let group_id = group_id.to_owned();
        let apply = move |transaction: &Transaction<'_>| {
            transaction.execute("DELETE FROM group_offset WHERE group_id = ?", [group_id])?;
            Ok(())
        };
        self.change(apply, |()| {}).await
    }
}

/// Sets (`Some`) or forgets (`None`) offsets of a group.
pub(super) fn set_offsets(
    transaction: &Transaction<'_>,
    group_id: &str,
    offsets: &[(TopicPartition, Option<Committed>)],
) -> Result<(), Fault> {
    offsets.iter().try_for_each(|(partition, committed)| {
        set_offset(transaction, group_id, partition, committed.as_ref())
    })
}

fn set_offset(
    transaction: &Transaction<'_>,
    group_id: &str,
    partition: &TopicPartition,
    committed: Option<&Committed>,
) -> Result<(), Fault> {
    let (topic, number) = (&partition.topic, partition.partition);
    match committed {
        Some(Committed { offset, metadata }) => transaction
            .prepare_cached("INSERT OR REPLACE INTO group_offset VALUES (?, ?, ?, ?, ?)")?
            .execute(params![group_id, topic, number, offset, metadata])?,
        None => transaction
            .prepare_cached(
                "DELETE FROM group_offset WHERE group_id = ? AND topic = ? AND number = ?",
            )?
            .execute(params![group_id, topic, number])?,
    };
    Ok(())
}
