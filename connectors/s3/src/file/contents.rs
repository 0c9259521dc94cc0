//! Which records an object holds, as its metadata say it.

use connect_api::record::{SinkRecord, TopicPartition};

use super::sources::Sources;
use crate::store::Metadata;

pub(crate) const TOPIC: &str = "kafka-topic";
pub(crate) const PARTITION: &str = "kafka-partition";
pub(crate) const FIRST_OFFSET: &str = "kafka-first-offset";
pub(crate) const LAST_OFFSET: &str = "kafka-last-offset";
pub(crate) const COUNT: &str = "kafka-record-count";
pub(crate) const FIRST_TIMESTAMP: &str = "kafka-first-timestamp";
pub(crate) const LAST_TIMESTAMP: &str = "kafka-last-timestamp";
pub(crate) const CONTENT_CRC: &str = "content-crc32";

/// Records of one partition, in the order they came.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) origin: TopicPartition,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: u64,
    first_timestamp_ms: Option<i64>,
    last_timestamp_ms: Option<i64>,
    /// Files they were read from.
    sources: Sources,
}

impl Contents {
    /// None yet, but this record will be the first.
    pub(crate) fn begin(record: &SinkRecord) -> Self {
        Self {
            origin: record.origin.clone(),
            first: record.offset,
            last: record.offset,
            count: 0,
            first_timestamp_ms: record.timestamp_ms,
            last_timestamp_ms: record.timestamp_ms,
            sources: Sources::default(),
        }
    }

    /// Takes one more.
    pub(crate) fn note(&mut self, record: &SinkRecord) {
        self.last = record.offset;
        self.last_timestamp_ms = record.timestamp_ms;
        self.count += 1;
        self.sources.note(record);
    }

    /// What is known before the last one is.
    pub(super) fn beginning(&self) -> Metadata {
        let mut metadata = Metadata::from([
            (TOPIC.to_owned(), self.origin.topic.to_string()),
            (PARTITION.to_owned(), self.origin.partition.to_string()),
            (FIRST_OFFSET.to_owned(), self.first.to_string()),
        ]);
        if let Some(time) = self.first_timestamp_ms {
            metadata.insert(FIRST_TIMESTAMP.to_owned(), time.to_string());
        }
        metadata
    }

    /// What an upload in parts begins with.
    pub(crate) fn announcement(&self) -> Metadata {
        let mut metadata = self.beginning();
        self.sources.tell_beginning(&mut metadata);
        metadata
    }

    /// What there is to say when all of them are there, in an object whose bytes have this checksum.
    pub(crate) fn metadata(&self, content_crc: u32) -> Metadata {
        let mut metadata = self.beginning();
        metadata.insert(CONTENT_CRC.to_owned(), content_crc.to_string());
        metadata.insert(LAST_OFFSET.to_owned(), self.last.to_string());
        metadata.insert(COUNT.to_owned(), self.count.to_string());
        if let Some(time) = self.last_timestamp_ms {
            metadata.insert(LAST_TIMESTAMP.to_owned(), time.to_string());
        }
        self.sources.tell(&mut metadata, self.count);
        metadata
    }

    /// What tags say of an object: as the original has it, and what metadata cannot say of an upload
    /// in parts.
    pub(super) fn tags(&self, content_crc: u32) -> Vec<(&'static str, String)> {
        let mut tags = vec![
            ("startOffset", self.first.to_string()),
            ("endOffset", self.last.to_string()),
            ("recordCount", self.count.to_string()),
            (CONTENT_CRC, content_crc.to_string()),
        ];
        tags.extend(self.last_timestamp_ms.map(|time| (LAST_TIMESTAMP, time.to_string())));
        tags
    }
}
