//! Sink connectors: from topics into another system.
//!
//! The life of a sink task, in order, always on one task of the worker:
//!
//! 1. [`SinkConnector::start_task`] builds it. An error of class `Retriable` is tried again with
//!    back-off for `errors.retry.timeout`, ten seconds at least; any other fails the task.
//! 2. [`SinkTask::open`] names partitions that were newly assigned. A sink that keeps its offsets
//!    in its own store asks [`Sought::seek`] here to continue from them.
//! 3. [`SinkTask::put`] brings a batch, again and again, **also an empty one** at least every
//!    second, so that a sink can do what is due by the clock.
//! 4. [`SinkTask::pre_commit`] is asked every `offset.flush.interval.ms`, and when the task asked
//!    for it, which offsets are safe to commit.
//! 5. [`SinkTask::close`] takes partitions away, after [`SinkTask::release`] and a last `pre_commit`
//!    when there is time for them, without these when they are lost already.
//! 6. [`SinkTask::stop`] is called once, also after a failure, never after a panic.

use std::{
    collections::BTreeMap,
    fmt::{self, Debug},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    budget::MemoryBudget,
    config::{ConfigDef, ConfigValue, Props},
    error::{ConnectorError, Result, chain},
    figures::Figures,
    insight::{Explanation, Load, StoredObjects, Wanted},
    record::{SinkRecord, TopicPartition},
    time::Clock,
    topics::TopicWriter,
};

pub use crate::sought::Sought;

/// Per partition, the offset of the next record to read.
pub type SinkOffsets = BTreeMap<TopicPartition, i64>;

/// Takes records that a sink itself rejects.
///
/// Present only when a dead letter queue or error logging is configured, as in Kafka Connect.
#[async_trait]
pub trait ErrantRecordReporter: Debug + Send + Sync {
    /// Reports one record; `Ok` means that `errors.tolerance` lets the task skip it.
    ///
    /// # Errors
    /// The record is not tolerated: the sink returns this error from `put`.
    async fn report(&self, record: &SinkRecord, error: ConnectorError) -> Result<()>;
}

/// What the worker gives a sink task, and what the task asks of the worker.
///
/// Requests are collected and obeyed between two calls of the task.
#[derive(Clone)]
pub struct SinkContext {
    /// Name of the connector.
    pub connector: Arc<str>,
    /// Number of the task, from 0.
    pub task: u32,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Bytes that the task may hold in its own buffers.
    pub budget: MemoryBudget,
    /// Where rejected records go.
    pub reporter: Option<Arc<dyn ErrantRecordReporter>>,
    /// How the task writes records itself; none where nothing is written, as in a preview.
    pub topics: Option<Arc<dyn TopicWriter>>,
    /// What the task asked for since the worker looked last.
    pub requests: SinkRequestQueue,
    /// Where it counts what only it knows.
    pub figures: Figures,
}

impl SinkContext {
    /// Reads this partition from this offset on, from the next batch.
    pub fn seek(&self, partition: TopicPartition, offset: i64) {
        self.requests.change(|requests| {
            requests.seeks.insert(partition, offset);
        });
    }

    /// Waits at most this long before the next `put`; on `Retriable` it is the back-off.
    pub fn set_timeout(&self, timeout: Duration) {
        self.requests.change(|requests| requests.timeout = Some(timeout));
    }

    /// Asks for `pre_commit` and a commit now rather than at the next interval.
    pub fn request_commit(&self) {
        self.requests.change(|requests| requests.is_commit_due = true);
    }

    /// Brings no more records of these partitions until [`SinkContext::resume`].
    pub fn pause(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.requests.change(|requests| {
            requests.pauses.extend(partitions.into_iter().map(|partition| (partition, true)));
        });
    }

    /// Brings records of these partitions again.
    pub fn resume(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.requests.change(|requests| {
            requests.pauses.extend(partitions.into_iter().map(|partition| (partition, false)));
        });
    }

    /// Says in the task's status why it does not get on although it goes on trying, or that it does
    /// again. What `put` and `pre_commit` return as an error says so by itself.
    pub fn set_progress(&self, progress: Progress) {
        self.requests.change(|requests| requests.progress = Some(progress));
    }

    /// Hands a bad record to the reporter, or fails with the error when there is none.
    ///
    /// # Errors
    /// The record is not tolerated: return the error from `put`.
    pub async fn reject(&self, record: &SinkRecord, error: ConnectorError) -> Result<()> {
        match &self.reporter {
            Some(reporter) => reporter.report(record, error).await,
            None => Err(error),
        }
    }
}

impl Debug for SinkContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SinkContext({}-{})", self.connector, self.task)
    }
}

/// Whether a task that runs gets on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It does.
    Made,
    /// It does not, for this reason, and goes on trying.
    Held(String),
}

impl Progress {
    /// Held back by this error and what caused it.
    #[must_use]
    pub fn held_by(error: &ConnectorError) -> Self {
        Self::Held(chain(error))
    }
}

/// What a sink task asked of the worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkRequests {
    /// Partitions to read from another offset.
    pub seeks: SinkOffsets,
    /// Partitions to pause (`true`) or resume (`false`).
    pub pauses: BTreeMap<TopicPartition, bool>,
    /// Longest wait before the next `put`.
    pub timeout: Option<Duration>,
    /// Whether a commit is wanted now.
    pub is_commit_due: bool,
    /// Offsets that were committed together with records of the task.
    pub committed: SinkOffsets,
    /// Whether the task gets on, if that has changed.
    pub progress: Option<Progress>,
}

/// Collects what a sink task asks for; cheap to clone, shared with the worker.
#[derive(Clone, Debug, Default)]
pub struct SinkRequestQueue {
    requests: Arc<Mutex<SinkRequests>>,
}

impl SinkRequestQueue {
    /// Takes everything asked for since the last call.
    #[must_use]
    pub fn take(&self) -> SinkRequests {
        std::mem::take(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes offsets that were committed together with records of the task; for who implements
    /// [`TopicWriter`].
    pub fn note_committed(&self, offsets: &SinkOffsets) {
        self.change(|requests| {
            requests.committed.extend(offsets.iter().map(|(at, offset)| (at.clone(), *offset)));
        });
    }

    fn change(&self, change: impl FnOnce(&mut SinkRequests)) {
        change(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What a sink would write for a record, as far as that can be told without writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Where: the key of an object, the name of a file, the id of a document.
    pub place: String,
    /// What, before it is compressed or put together with others.
    pub content: Bytes,
}

/// What would become of some records, in their order: nothing of one that is skipped, or why it
/// cannot be written.
pub type Previews = Vec<Result<Option<Preview>>>;

/// A kind of sink: what it is called, what it is configured with, and how its tasks are made.
///
/// One value serves every connector of this class; it holds no state of any of them.
#[async_trait]
pub trait SinkConnector: Debug + Send + Sync {
    /// Full class name, as users write it in `connector.class`.
    fn class(&self) -> &'static str;

    /// Version shown in `GET /connector-plugins`.
    fn version(&self) -> &'static str;

    /// Definition of the connector's own keys.
    fn config_def(&self) -> ConfigDef;

    /// Checks the connector's own keys and reports every problem at once.
    fn validate(&self, props: &Props) -> Vec<ConfigValue>;

    /// The key that says where the connector's system is, when there is one behind it: what
    /// `check_system` finds is shown there, unless the error is about another key.
    fn system_key(&self) -> Option<&'static str> {
        None
    }

    /// Looks whether the system behind a configuration takes a task now, as a task does when it starts. The
    /// configuration is one that `validate` has nothing against. Nothing is left behind in the system, and
    /// the caller waits for a few seconds at most.
    ///
    /// # Errors
    /// What the task would fail with, or wait for.
    async fn check_system(&self, _props: &Props) -> Result<()> {
        Ok(())
    }

    /// One configuration per task, at most `max_tasks`. The partitions are shared out by the
    /// consumer group, so that the same configuration for every task is nearly always right.
    ///
    /// # Errors
    /// `Invalid` when the configuration does not parse.
    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        Ok(vec![props.clone(); max_tasks])
    }

    /// Builds a task.
    ///
    /// # Errors
    /// `Retriable` when the system is away; any other class fails the task.
    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>>;

    /// Says what a task would write for each of these records at this time, without writing and
    /// without asking the system: nothing for one that it would skip. None when the connector
    /// cannot tell.
    ///
    /// # Errors
    /// `Invalid` when the configuration does not parse.
    fn preview(
        &self,
        _props: &Props,
        _records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Previews>> {
        Ok(None)
    }

    /// Follows a change of the connector's offsets, which a user has asked for while it has no tasks, in the
    /// connector's own system, where its tasks look for them too: `offsets` says where partitions go on, or
    /// that they are forgotten; without it all are. Called before the worker changes its own.
    ///
    /// `false` says that the user has to change something there as well; the answer tells so.
    ///
    /// # Errors
    /// When the change is not possible, or the system is away; nothing is changed then.
    async fn alter_offsets(
        &self,
        _props: &Props,
        _offsets: Option<&[(TopicPartition, Option<i64>)]>,
    ) -> Result<bool> {
        Ok(true)
    }

    /// The settings by which a task names what it stores, where it knows records that come again by these
    /// names. The worker keeps them beside committed offsets, and warns when a task goes on with others:
    /// nothing secret may be among them.
    ///
    /// # Errors
    /// `Invalid` when the configuration does not parse.
    fn naming(&self, _props: &Props) -> Result<Props> {
        Ok(Props::new())
    }

    /// Says what a configuration means at this time, and what a load costs, without asking the system.
    ///
    /// # Errors
    /// `Invalid` when the configuration does not parse.
    fn explain(&self, _props: &Props, _load: &Load, _now_ms: i64) -> Result<Explanation> {
        Ok(Explanation::default())
    }

    /// Finds objects that were written with this configuration. None when the connector cannot tell.
    ///
    /// # Errors
    /// `Invalid` when the configuration does not parse or what is wanted makes no sense, else by the
    /// system's answer.
    async fn objects(&self, _props: &Props, _wanted: &Wanted) -> Result<Option<StoredObjects>> {
        Ok(None)
    }
}

/// One running task of a sink connector.
#[async_trait]
pub trait SinkTask: Send {
    /// Names partitions that were newly assigned.
    ///
    /// # Errors
    /// Fails the task.
    async fn open(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        Ok(())
    }

    /// Brings records, or none; runs to its end and is never cancelled.
    ///
    /// # Errors
    /// `Retriable`: the partitions are paused and the same batch comes again after a back-off, so
    /// that what was accepted before the error must be remembered or must not matter. Any other
    /// class fails the task.
    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()>;

    /// Says which offsets are safe: everything before them is where it will never be lost.
    /// `consumed` is the offset after the last record brought, per assigned partition. Empty means
    /// nothing new.
    ///
    /// # Errors
    /// The partitions are rewound to what was committed last, and their records come again.
    async fn pre_commit(&mut self, consumed: &SinkOffsets) -> Result<SinkOffsets> {
        self.flush().await?;
        Ok(consumed.clone())
    }

    /// Ends what is open and would wait for more records, so that readers see everything brought so
    /// far: somebody asked for it. A commit follows.
    ///
    /// # Errors
    /// `Retriable`: it is told to who asked, and the task goes on. Any other class fails the task.
    async fn finish_files(&mut self) -> Result<()> {
        Ok(())
    }

    /// Says that partitions are about to be taken away, by a stop or because they go to others, and
    /// that a last `pre_commit` follows.
    ///
    /// # Errors
    /// Logged: what is not safe by then is read again.
    async fn release(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        Ok(())
    }

    /// Makes everything brought so far durable; only the default `pre_commit` calls it.
    ///
    /// # Errors
    /// As `pre_commit`.
    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Takes partitions away: what is open for them is closed or thrown away.
    ///
    /// # Errors
    /// Fails the task.
    async fn close(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        Ok(())
    }

    /// Lets go of everything.
    ///
    /// # Errors
    /// Logged.
    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}
