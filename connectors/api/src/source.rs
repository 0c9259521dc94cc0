//! Source connectors: from another system into topics.
//!
//! The life of a source task, in order, always on one task of the worker:
//!
//! 1. [`SourceConnector::start_task`] builds it from its configuration and the offsets committed
//!    so far. An error of class `Retriable` is tried again with back-off for
//!    `errors.retry.timeout`, ten seconds at least; any other fails the task.
//! 2. [`SourceTask::poll`] is called over and over. The records of a batch go through the
//!    transforms and converters into the producer, in order.
//! 3. [`SourceTask::acknowledged`] follows for each batch once the broker has it.
//! 4. [`SourceTask::commit`] follows whenever offsets became durable.
//! 5. [`SourceTask::stop`] is called once, also after a failed `poll`, never after a panic.
//!
//! While the connector is paused `poll` is not called and nothing else happens.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;

use crate::{
    budget::MemoryBudget,
    config::{ConfigDef, ConfigValue, Props},
    error::Result,
    record::{SourceBatch, SourceOffset, SourcePartition},
    time::Clock,
};

/// Reads the offsets a connector has committed.
#[async_trait]
pub trait OffsetReader: Debug + Send + Sync {
    /// Every part of the source that has a committed offset, in no particular order.
    ///
    /// # Errors
    /// `Retriable` when the offset store cannot be read to its end now.
    async fn committed(&self) -> Result<Vec<(SourcePartition, SourceOffset)>>;
}

/// What the worker gives a source task.
#[derive(Clone, Debug)]
pub struct SourceContext {
    /// Name of the connector.
    pub connector: Arc<str>,
    /// Number of the task, from 0.
    pub task: u32,
    /// The offsets committed so far.
    pub offsets: Arc<dyn OffsetReader>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Bytes that the task may hold in its own buffers.
    pub budget: MemoryBudget,
}

/// Whether a connector can promise exactly-once delivery with a given configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExactlyOnceSupport {
    /// Its offsets say exactly what was read.
    Supported,
    /// They cannot.
    Unsupported,
    /// The connector does not say.
    Unknown,
}

/// A kind of source: what it is called, what it is configured with, and how its tasks are made.
///
/// One value serves every connector of this class; it holds no state of any of them.
#[async_trait]
pub trait SourceConnector: Debug + Send + Sync {
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

    /// Splits the work: one configuration per task, at most `max_tasks`.
    ///
    /// # Errors
    /// `Invalid` when the configuration does not parse.
    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>>;

    /// Builds a task and brings it to where its offsets say it was.
    ///
    /// # Errors
    /// `Retriable` when the source is away; any other class fails the task.
    async fn start_task(
        &self,
        props: &Props,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>>;

    /// Whether exactly-once delivery can be promised with this configuration.
    fn exactly_once_support(&self, _props: &Props) -> ExactlyOnceSupport {
        ExactlyOnceSupport::Unknown
    }

    /// Checks offsets that a user wants to set, `None` meaning to forget them; `true` says that the
    /// connector keeps no offsets outside the worker.
    ///
    /// # Errors
    /// `Invalid` for an offset the connector could not start from.
    fn alter_offsets(
        &self,
        _props: &Props,
        _offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<bool> {
        Ok(false)
    }
}

/// One running task of a source connector.
#[async_trait]
pub trait SourceTask: Send {
    /// Reads what is there, or waits until there is something; an empty batch is fine.
    ///
    /// # Cancel safety
    /// The worker drops the future at any await point in order to pause or stop, and may call
    /// `poll` again afterwards: nothing that was read may be lost by that. Read first, then move
    /// the position and return, with no await in between.
    ///
    /// # Errors
    /// `Retriable` is logged and `poll` called again after a back-off; any other class fails the
    /// task.
    async fn poll(&mut self) -> Result<SourceBatch>;

    /// Tells that the broker has taken a batch: once for each batch that `poll` returned, empty ones
    /// too, in their order. It comes long before [`SourceTask::commit`] where offsets are committed
    /// at intervals, for sources that owe somebody an answer. Must return at once.
    ///
    /// `refused` is the number of its records that the broker did not take and `errors.tolerance`
    /// skipped. A batch whose records fail the task is never reported.
    ///
    /// Source: apache/kafka `SourceTask.commitRecord`, for whole batches.
    fn acknowledged(&mut self, _refused: usize) {}

    /// Tells that these offsets became durable, so that the source may forget what lies before.
    ///
    /// # Errors
    /// Logged; the task goes on.
    async fn commit(&mut self, _offsets: &[(SourcePartition, Option<SourceOffset>)]) -> Result<()> {
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
