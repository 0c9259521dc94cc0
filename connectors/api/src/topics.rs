//! What a sink may write itself: records in topics of the worker's own broker.
//!
//! A sink whose far end answers, such as an HTTP service, hands the answers on as records, so that
//! a pipeline continues from them. [`TopicWriter::write`] is the one step by which it does: records
//! and the offsets of what they answer are committed together or not at all, on either broker. So a
//! record is answered in a topic if and only if its offset is committed, and no task ever finds one
//! without the other. Acknowledged records followed by a commit of their own were rejected: between
//! the two a task can die, and then only a search through the topic tells what was answered.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{error::Result, record::RawHeader, sink::SinkOffsets};

/// A topic that a sink writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Name.
    pub name: String,
    /// Number of partitions where it is made; none leaves it to the broker.
    pub partitions: Option<i32>,
    /// Copies of each partition where it is made; none leaves it to the broker.
    pub replication_factor: Option<i16>,
}

/// A record that a sink writes, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// Topic. Records with the same key go to the same partition of it.
    pub topic: Arc<str>,
    /// Key.
    pub key: Option<Bytes>,
    /// Value; none is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in their order.
    pub headers: Vec<RawHeader>,
}

/// Writes records to topics of the worker's own broker, on behalf of one task of a sink.
#[async_trait]
pub trait TopicWriter: Debug + Send + Sync {
    /// Makes those of the topics that are missing, and ends what an earlier run of the task has left
    /// open: it is decided when this returns, before the task is assigned partitions.
    ///
    /// Called once, in `start_task`. From then on the task commits its offsets by
    /// [`TopicWriter::write`] alone, and its `pre_commit` names none.
    ///
    /// # Errors
    /// `Retriable` while the broker is away; any other when it refuses.
    async fn open(&self, topics: &[TopicSpec]) -> Result<()>;

    /// Writes records and commits offsets of partitions that the task has: both or neither. Resolves
    /// when the broker has both for good. One call at a time; either may be empty.
    ///
    /// # Errors
    /// `Retriable`: nothing of it has happened, and the same call may be repeated. Any other class
    /// fails the task: what has happened is known to the next one.
    ///
    /// # Cancel safety
    /// When dropped, it has happened as a whole or not at all, and only the next task knows which.
    async fn write(&self, records: Vec<TopicRecord>, offsets: &SinkOffsets) -> Result<()>;
}
