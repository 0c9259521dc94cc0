//! Records as they come from the broker, and who reads a topic without a group.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use connect_api::record::{RawHeader, TimestampType, TopicPartition};

use super::Result;

/// A record that was read, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// Offset in its partition.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
    /// Who stamped it.
    pub timestamp_type: TimestampType,
    /// Key.
    pub key: Option<Bytes>,
    /// Value; none is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in their order.
    pub headers: Vec<RawHeader>,
}

/// Consecutive records of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRecords {
    /// Where they were read.
    pub partition: TopicPartition,
    /// The records, by rising offset.
    pub records: Vec<ConsumerRecord>,
    /// Offset to read next: after the last record, and past what is not shown (aborted records,
    /// transaction markers, offsets lost to compaction) where the broker tells.
    pub next_offset: i64,
}

/// Reads one topic and follows it.
#[async_trait]
pub trait TopicReader: Send {
    /// Reads on to where the topic ends at the time of the call; empty when already there.
    ///
    /// # Errors
    /// When the cluster does not answer in time, or the topic is gone.
    async fn read_to_end(&mut self) -> Result<Vec<PartitionRecords>>;

    /// Waits for more records. Cancel safe.
    ///
    /// # Errors
    /// When the topic is gone or the client is broken for good.
    async fn next(&mut self) -> Result<Vec<PartitionRecords>>;

    /// Where [`Self::read_to_end`] would end now, by partition: before what is in open transactions
    /// where only committed records are read.
    ///
    /// # Errors
    /// When the cluster does not answer in time, or the topic is gone.
    async fn ends(&self) -> Result<BTreeMap<i32, i64>>;

    /// Offset that the reader has come to in a partition: behind what it handed out last, and past
    /// what it never shows as far as the broker has told. None in partitions it does not read.
    fn position(&self, partition: i32) -> Option<i64>;
}
