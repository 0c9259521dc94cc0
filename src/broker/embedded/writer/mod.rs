//! The one thread that writes.
//!
//! Jobs that arrived while a transaction was being written share the next one: its `fsync` is what
//! an append costs, so the busier the log, the cheaper each append. A transaction is stored whole
//! or not at all; a fault ends every job in it with the same error, and the next one starts clean.

mod job;

use std::{collections::BTreeMap, ops::Range, path::PathBuf, sync::Arc};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
};
use tokio_util::sync::CancellationToken;

use super::{catalog::Partition, directory::DirectoryLock, fault::Fault, log, schema, staging};
pub(super) use job::{Append, Change, Done, GroupOffsets, Job, Lease, Outcome};

/// Bytes after which a transaction takes no more jobs: large enough that the `fsync` is a small
/// part of it, small enough that those who wait for it do not wait long.
const TRANSACTION_BYTES: usize = 8 << 20;
/// Jobs after which a transaction takes no more.
const TRANSACTION_JOBS: usize = 1024;
/// Bytes written to the write-ahead log after which they are moved to the database: large enough
/// that a page that changes often is moved once, small enough that a start after a crash, which
/// reads the write-ahead log, is quick.
const CHECKPOINT_BYTES: usize = 32 << 20;
/// What a job writes beside its frames, roughly: a page in each of the three trees it touches.
const JOB_BYTES: usize = 3 * 8192;

/// What the writer owns.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) lock: DirectoryLock,
    pub(super) directory: PathBuf,
    pub(super) inbox: mpsc::Receiver<Job>,
    pub(super) appended: Arc<watch::Sender<u64>>,
    pub(super) stop: CancellationToken,
}

/// What a transaction does to a partition in memory once it is stored.
type Ends = BTreeMap<i64, (Arc<Partition>, i64)>;

impl Writer {
    /// Writes until nobody can ask any more, or it is told to stop. Blocks.
    pub(super) fn run(mut self, runtime: &Handle) {
        let mut unmoved_bytes = 0;
        let mut stopped = Vec::new();
        while let Some(first) = runtime.block_on(next_job(&mut self.inbox, &self.stop)) {
            let group = self.gather(first);
            unmoved_bytes += bytes_of(&group);
            stopped.extend(self.write(group));
            if !stopped.is_empty() {
                self.inbox.close();
            }
            if unmoved_bytes > CHECKPOINT_BYTES {
                self.move_to_database("PASSIVE");
                unmoved_bytes = 0;
            }
        }
        self.move_to_database("TRUNCATE");
        let Self { connection, lock, .. } = self;
        drop(connection);
        drop(lock);
        drop(stopped);
    }

    /// What waits by now, as one transaction's worth.
    fn gather(&mut self, first: Job) -> Vec<Job> {
        let mut group = vec![first];
        let mut bytes = bytes_of(&group);
        while bytes < TRANSACTION_BYTES && group.len() < TRANSACTION_JOBS {
            let Ok(job) = self.inbox.try_recv() else { break };
            bytes += job_bytes(&job);
            group.push(job);
        }
        group
    }

    /// Writes a group, and returns those who wait for the end.
    fn write(&mut self, mut group: Vec<Job>) -> Vec<oneshot::Sender<()>> {
        match store(&mut self.connection, &mut group) {
            Ok(ends) => {
                for (partition, high) in ends.values() {
                    partition.set_high(*high);
                }
                if !ends.is_empty() {
                    self.appended.send_modify(|times| *times += 1);
                }
                group.into_iter().filter_map(acknowledge).collect()
            }
            Err(fault) => group.into_iter().filter_map(|job| self.refuse(job, &fault)).collect(),
        }
    }

    fn refuse(&self, job: Job, fault: &Fault) -> Option<oneshot::Sender<()>> {
        match job {
            Job::Append(append) => append.done.tell(Outcome::Failed(fault, &self.directory)),
            Job::Change(change) => change.failed(fault, &self.directory),
            Job::Stop(waiting) => return Some(waiting),
        }
        None
    }

    /// Everything is safe in the write-ahead log: when this fails, the next one may succeed.
    fn move_to_database(&self, mode: &str) {
        if let Err(fault) = schema::checkpoint(&self.connection, mode) {
            let error = fault.into_error(&self.directory);
            tracing::warn!(
                error = connect_api::error::chain(&error),
                "Could not move records from the write-ahead log into the database"
            );
        }
    }
}

/// The next job; after the order to stop only what was there by then.
async fn next_job(inbox: &mut mpsc::Receiver<Job>, stop: &CancellationToken) -> Option<Job> {
    if !inbox.is_closed() {
        tokio::select! {
            biased;
            () = stop.cancelled() => inbox.close(),
            job = inbox.recv() => return job,
        }
    }
    inbox.recv().await
}

fn bytes_of(group: &[Job]) -> usize {
    group.iter().map(job_bytes).sum()
}

fn job_bytes(job: &Job) -> usize {
    match job {
        Job::Append(append) => append.bytes() + JOB_BYTES,
        Job::Change(change) => change.bytes() + JOB_BYTES,
        Job::Stop(_) => 0,
    }
}

fn acknowledge(job: Job) -> Option<oneshot::Sender<()>> {
    match job {
        Job::Append(Append { done, lease, is_fenced, room, staged, .. }) => {
            drop((room, staged));
            match lease.filter(|_lease| is_fenced) {
                Some(lapsed) => done.tell(Outcome::Fenced(&lapsed)),
                None => done.tell(Outcome::Stored),
            }
        }
        Job::Change(change) => change.stored(),
        Job::Stop(waiting) => return Some(waiting),
    }
    None
}

/// Writes a group in one transaction.
fn store(connection: &mut Connection, group: &mut [Job]) -> Result<Ends, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut ends = Ends::new();
    for job in group {
        match job {
            Job::Append(append) => store_append(&transaction, append, &mut ends)?,
            Job::Change(change) => change.apply(&transaction)?,
            Job::Stop(_) => {}
        }
    }
    transaction.commit()?;
    Ok(ends)
}

fn store_append(
    transaction: &Transaction<'_>,
    append: &mut Append,
    ends: &mut Ends,
) -> Result<(), Fault> {
    if !append.check_lease() {
        return Ok(());
    }
    if let Some(area) = &append.staged {
        for frame in area.frames() {
            let offsets = next_offsets(ends, &frame.partition, frame.records)?;
            area.publish(transaction, frame, offsets.start)?;
        }
    }
    for (partition, frame) in append.frames.iter() {
        let offsets = next_offsets(ends, partition, frame.records)?;
        staging::insert_batch(transaction, frame, partition.id, offsets)?;
    }
    append
        .offsets
        .iter()
        .try_for_each(|(group, offsets)| log::set_offsets(transaction, group, offsets))
}

/// The next offsets of a partition.
fn next_offsets(
    ends: &mut Ends,
    partition: &Arc<Partition>,
    records: u32,
) -> Result<Range<i64>, Fault> {
    let (_, end) =
        ends.entry(partition.id).or_insert_with(|| (Arc::clone(partition), partition.high()));
    let base_offset = *end;
    *end = base_offset
        .checked_add(i64::from(records))
        .ok_or_else(|| Fault::broken(format!("Partition {} is full", partition.name)))?;
    Ok(base_offset..*end)
}
