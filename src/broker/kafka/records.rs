//! From librdkafka's messages to records.
//!
//! The keys and values of a batch are copied once, into one buffer that its records share: one
//! allocation for a batch, and librdkafka has its memory back at once.

use std::{collections::HashMap, ops::Range, sync::Arc};

use bytes::Bytes;
use connect_api::record::TopicPartition;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::{
    native::{Message, Messages},
    refusal::Refusal,
};
use crate::broker::{ConsumerRecord, PartitionRecords, RawHeader};

/// About how many bytes a batch should have; its limit in records follows the records' size. With what
/// becomes of its records it should still be in the processor's cache when a sink comes to them.
const BATCH_BYTES: usize = 256 << 10;

/// Most records of a batch, when they are small.
const BATCH_RECORDS: usize = 10_000;

/// What one fetch brought.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// Records by partition.
    pub(super) records: Vec<PartitionRecords>,
    /// Partitions that were read to their end, with the offset where that is.
    pub(super) ends: Vec<(TopicPartition, i64)>,
    /// Errors in the place of records, with the partition they are about.
    pub(super) errors: Vec<(TopicPartition, Refusal)>,
}

/// Turns messages into records.
#[derive(Debug)]
pub(super) struct Collector {
    /// Names that were seen, so that records share them.
    topics: HashMap<Box<str>, Arc<str>>,
    most: usize,
    limit: usize,
}

impl Collector {
    /// At most this many records in a batch.
    pub(super) fn new(most: Option<usize>) -> Self {
        let most = most.unwrap_or(BATCH_RECORDS).clamp(1, BATCH_RECORDS);
        Self { topics: HashMap::new(), most, limit: most }
    }

    /// How many messages to take next.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// Copies messages out of librdkafka's memory.
    pub(super) fn collect(&mut self, messages: &Messages<'_>) -> Fetched {
        let buffer = shared_bytes(messages);
        self.follow_size(messages.len(), buffer.len());
        let mut fetched = Fetched::default();
        let mut batch = Batch { buffer, copied: 0, groups: HashMap::new(), last: None };
        for message in messages.iter() {
            match message.code() {
                Code::NoError => batch.add(message, self, &mut fetched.records),
                Code::PartitionEOF => {
                    fetched.ends.push((self.partition(message), message.offset()));
                }
                code => {
                    let refusal = Refusal::because(code, message.error_text());
                    fetched.errors.push((self.partition(message), refusal));
                }
            }
        }
        fetched
    }

    fn partition(&mut self, message: Message<'_>) -> TopicPartition {
        let name = message.topic();
        let topic = match self.topics.get(name) {
            Some(topic) => Arc::clone(topic),
            None => {
                let topic: Arc<str> = name.into();
                self.topics.insert(name.into(), Arc::clone(&topic));
                topic
            }
        };
        TopicPartition { topic, partition: message.partition() }
    }

    /// Large records make for small batches.
    fn follow_size(&mut self, records: usize, bytes: usize) {
        if let Some(mean) = bytes.checked_div(records) {
            self.limit = (BATCH_BYTES / mean.max(1)).clamp(1, self.most);
        }
    }
}

/// The keys and values of all messages, one after the other.
fn shared_bytes(messages: &Messages<'_>) -> Bytes {
    let part = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let records = || messages.iter().filter(|message| message.code() == Code::NoError);
    let size = records().map(|message| part(message.key()) + part(message.value())).sum();
    let mut buffer = Vec::with_capacity(size);
    for message in records() {
        buffer.extend_from_slice(message.key().unwrap_or_default());
        buffer.extend_from_slice(message.value().unwrap_or_default());
    }
    buffer.into()
}

/// A batch that is being taken apart.
struct Batch {
    buffer: Bytes,
    /// How much of the buffer has an owner.
    copied: usize,
    /// Where each partition's records are.
    groups: HashMap<(usize, i32), usize>,
    /// The partition of the last record, which is nearly always that of the next.
    last: Option<((usize, i32), usize)>,
}

impl Batch {
    fn add(
        &mut self,
        message: Message<'_>,
        collector: &mut Collector,
        records: &mut Vec<PartitionRecords>,
    ) {
        let key = (message.topic_id(), message.partition());
        let at = match self.last {
            Some((last, at)) if last == key => at,
            _ => *self.groups.entry(key).or_insert_with(|| {
                let partition = collector.partition(message);
                records.push(PartitionRecords { partition, records: Vec::new(), next_offset: 0 });
                records.len() - 1
            }),
        };
        self.last = Some((key, at));
        let Some(group) = records.get_mut(at) else { return };
        let (timestamp_ms, timestamp_type) = message.timestamp();
        group.next_offset = message.offset() + 1;
        group.records.push(ConsumerRecord {
            offset: message.offset(),
            timestamp_ms,
            timestamp_type,
            key: self.slice(message.key()),
            value: self.slice(message.value()),
            headers: headers(message),
        });
    }

    fn slice(&mut self, bytes: Option<&[u8]>) -> Option<Bytes> {
        let size = bytes?.len();
        let range: Range<usize> = self.copied..self.copied + size;
        self.copied = range.end;
        Some(self.buffer.slice(range))
    }
}

fn headers(message: Message<'_>) -> Vec<RawHeader> {
    message
        .headers()
        .map(|(name, value)| (name.into(), value.map(Bytes::copy_from_slice)))
        .collect()
}
