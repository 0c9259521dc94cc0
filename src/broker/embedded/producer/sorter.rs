//! Turns a batch of records into frames, one run per partition.

use std::sync::Arc;

use connect_api::record::TimestampType;

use crate::broker::{
    BrokerError, ProducerRecord,
    embedded::{
        batch::{Entry, Frame, FrameBuilder},
        catalog::{Partition, Topic},
        partitioner::partition_of_key,
    },
};

/// Bytes after which a frame is ended: what a reader that wants a single record must read, and
/// about what a consumer gets at once.
const FRAME_BYTES: usize = 512 << 10;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The frames of a batch, and what of it could not be put into any.
#[derive(Debug)]
pub(super) struct Sorter {
    now_ms: i64,
    /// Chooses the partition of records without a key: one for the whole batch, so that it stays
    /// one frame, and another for the next.
    turn: usize,
    open: Vec<OpenTopic>,
    frames: Vec<(Arc<Partition>, Frame)>,
    refused: Vec<(usize, BrokerError)>,
}

/// A topic that the batch has records for.
#[derive(Debug)]
struct OpenTopic {
    topic: Arc<Topic>,
    keyless: usize,
    builders: Vec<Option<FrameBuilder>>,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Sorted {
    /// Frames in the order they are to be stored.
    pub(super) frames: Vec<(Arc<Partition>, Frame)>,
    /// Records that cannot be stored, by their position in the batch.
    pub(super) refused: Vec<(usize, BrokerError)>,
}

impl Sorter {
    pub(super) const fn new(now_ms: i64, turn: usize) -> Self {
        Self { now_ms, turn, open: Vec::new(), frames: Vec::new(), refused: Vec::new() }
    }

    /// Whether records of this topic can be added.
    pub(super) fn place_of(&self, name: &Arc<str>) -> Option<usize> {
        self.open
            .iter()
            .position(|open| Arc::ptr_eq(&open.topic.name, name) || open.topic.name == *name)
    }

    /// Takes records of a topic from now on.
    pub(super) fn open(&mut self, topic: Arc<Topic>) -> usize {
        let partitions = topic.partitions.len();
        let keyless = self.turn.checked_rem(partitions).unwrap_or_default();
        let builders = std::iter::repeat_with(|| None).take(partitions).collect();
        self.open.push(OpenTopic { topic, keyless, builders });
        self.open.len() - 1
    }

    /// Adds the record at this position of the batch to the topic at this place.
    pub(super) fn add(&mut self, place: usize, position: usize, record: &ProducerRecord) {
        if let Err(reason) = self.try_add(place, record) {
            self.refuse(position, &record.topic, reason.into());
        }
    }

    /// Notes a record that cannot be stored.
    pub(super) fn refuse(&mut self, position: usize, topic: &str, source: Cause) {
        let operation = format!("Writing a record to topic \"{topic}\"");
        let error = BrokerError::Rejected { operation, source };
        self.refused.push((position, error));
    }

    fn try_add(&mut self, place: usize, record: &ProducerRecord) -> Result<(), String> {
        let open = self.open.get_mut(place).ok_or("The topic is gone")?;
        let settings = &open.topic.settings;
        if settings.is_compacted && record.key.is_none() {
            return Err("A compacted topic takes no record without a key".to_owned());
        }
        let bytes = size_of(record);
        if bytes > settings.max_message_bytes {
            let limit = settings.max_message_bytes;
            return Err(format!(
                "It has {bytes} bytes, more than max.message.bytes of the topic ({limit})"
            ));
        }
        let stamped_by = settings.stamped_by;
        let timestamp_ms = match stamped_by {
            TimestampType::CreateTime => record.timestamp_ms,
            TimestampType::LogAppendTime => None,
        };
        let number = open.number_for(record)?;
        let slot = open.builders.get_mut(number).ok_or("The partition is gone")?;
        let builder = slot.get_or_insert_with(|| FrameBuilder::dense(stamped_by));
        builder.push(Entry {
            timestamp_ms: timestamp_ms.unwrap_or(self.now_ms),
            key: record.key.as_ref(),
            value: record.value.as_ref(),
            headers: &record.headers,
        });
        if builder.len() >= FRAME_BYTES
            && let Some(full) = slot.take()
            && let Some(partition) = open.topic.partitions.get(number)
        {
            self.frames.push((Arc::clone(partition), full.finish()));
        }
        Ok(())
    }

    /// Everything that was added.
    pub(super) fn finish(mut self) -> Sorted {
        for open in self.open {
            for (partition, builder) in open.topic.partitions.iter().zip(open.builders) {
                if let Some(builder) = builder {
                    self.frames.push((Arc::clone(partition), builder.finish()));
                }
            }
        }
        Sorted { frames: self.frames, refused: self.refused }
    }
}

impl OpenTopic {
    fn number_for(&self, record: &ProducerRecord) -> Result<usize, String> {
        let partitions = self.builders.len();
        match (record.partition, &record.key) {
            (Some(asked), _) => usize::try_from(asked)
                .ok()
                .filter(|number| *number < partitions)
                .ok_or_else(|| format!("There is no partition {asked}: it has {partitions}")),
            (None, Some(key)) => partition_of_key(key, partitions)
                .ok_or_else(|| "The topic has no partitions".to_owned()),
            (None, None) => Ok(self.keyless),
        }
    }
}

fn size_of(record: &ProducerRecord) -> usize {
    let bytes = |data: &Option<bytes::Bytes>| data.as_ref().map_or(0, bytes::Bytes::len);
    let headers = record.headers.iter().map(|(name, value)| name.len() + bytes(value));
    bytes(&record.key) + bytes(&record.value) + headers.sum::<usize>()
}
