//! A file on its way to becoming an object.

mod avro;
mod body;
mod buffer;
mod extent;
mod parquet;

use std::sync::Arc;

use bytes::Bytes;
use connect_api::{
    budget::MemoryBudget,
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    schema::Schema,
};

use self::body::Body;
pub(crate) use self::{
    avro::{Blocks, Head},
    buffer::Buffer,
    parquet::{Groups, Plan},
};
use crate::format::Layout;
use crate::store::{Created, Existing, Metadata, Store, Upload};

/// Least size of a part that is not the last, by S3's rules.
pub(crate) const LEAST_PART_BYTES: usize = 5 << 20;

const TOPIC: &str = "kafka-topic";
const PARTITION: &str = "kafka-partition";
const FIRST_OFFSET: &str = "kafka-first-offset";
const LAST_OFFSET: &str = "kafka-last-offset";
const COUNT: &str = "kafka-record-count";
const FIRST_TIMESTAMP: &str = "kafka-first-timestamp";
const LAST_TIMESTAMP: &str = "kafka-last-timestamp";
const FIRST_CRC: &str = "kafka-first-record-crc32";

/// Which records a file holds.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) key: String,
    /// Records that can be told apart from those of other files: of one folder, or of one topic
    /// where folders follow the clock.
    pub(crate) lane: Arc<str>,
    pub(crate) origin: TopicPartition,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: u64,
    pub(crate) first_timestamp_ms: Option<i64>,
    pub(crate) last_timestamp_ms: Option<i64>,
    /// Checksum of the first record as it was written.
    pub(crate) first_crc: u32,
    /// Time the folder was found with.
    pub(crate) time_ms: Option<i64>,
}

/// Where the records stop that are stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With this offset.
    Offset(i64),
    /// After so many bytes of content.
    Bytes(u64),
    /// After so many records.
    Records(u64),
}

impl Facts {
    /// What a file knows when its first record is there.
    pub(crate) fn new(key: String, lane: Arc<str>, record: &SinkRecord, content: &[u8]) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        Self {
            key,
            lane,
            origin: record.origin.clone(),
            first: record.offset,
            last: record.offset,
            count: 0,
            first_timestamp_ms: record.timestamp_ms,
            last_timestamp_ms: record.timestamp_ms,
            first_crc: crc.sum(),
            time_ms: None,
        }
    }

    /// What is known before the last record is: an upload in parts begins with it.
    fn beginning(&self) -> Metadata {
        let mut metadata = Metadata::from([
            (TOPIC.to_owned(), self.origin.topic.to_string()),
            (PARTITION.to_owned(), self.origin.partition.to_string()),
            (FIRST_OFFSET.to_owned(), self.first.to_string()),
            (FIRST_CRC.to_owned(), self.first_crc.to_string()),
        ]);
        if let Some(time) = self.first_timestamp_ms {
            metadata.insert(FIRST_TIMESTAMP.to_owned(), time.to_string());
        }
        metadata
    }

    fn metadata(&self) -> Metadata {
        let mut metadata = self.beginning();
        metadata.insert(LAST_OFFSET.to_owned(), self.last.to_string());
        metadata.insert(COUNT.to_owned(), self.count.to_string());
        if let Some(time) = self.last_timestamp_ms {
            metadata.insert(LAST_TIMESTAMP.to_owned(), time.to_string());
        }
        metadata
    }

    /// Whether an object begins with the very record this file begins with.
    ///
    /// The timestamp tells a topic from another that was created under its name; without one the
    /// content of the record does.
    fn begins_as(&self, metadata: &Metadata) -> bool {
        let beginning = self.beginning();
        let is_same = |name: &str| metadata.get(name) == beginning.get(name);
        let is_there = [TOPIC, PARTITION, FIRST_OFFSET].into_iter().all(is_same);
        let has_time = |metadata: &Metadata| metadata.contains_key(FIRST_TIMESTAMP);
        let name =
            if has_time(metadata) || has_time(&beginning) { FIRST_TIMESTAMP } else { FIRST_CRC };
        is_there && is_same(name)
    }

    /// Where an object that begins as this file stops; none when it holds something else.
    ///
    /// An upload in parts is described before its end is known, so that the object itself has to
    /// tell.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn end_of(
        &self,
        existing: &Existing,
        store: &Store,
        extent: Extent,
    ) -> Result<Option<End>> {
        if !self.begins_as(&existing.metadata) {
            return Ok(None);
        }
        if let Some(last) = existing.metadata.get(LAST_OFFSET).and_then(|last| last.parse().ok()) {
            return Ok(Some(End::Offset(last)));
        }
        Ok(Some(match extent {
            Extent::Length => End::Bytes(existing.length_bytes),
            Extent::Gzip => {
                // The last four bytes of a gzip member are the length of its content.
                let tail = store.tail(&self.key, 4).await?;
                End::Bytes(tail.iter().rev().fold(0, |sum, &byte| (sum << 8) | u64::from(byte)))
            }
            Extent::Avro => End::Records(extent::avro_records(store, &self.key).await?),
            Extent::Parquet => End::Records(extent::parquet_records(store, &self.key).await?),
        }))
    }

    /// Where the object stops that has this file's key already.
    async fn end_of_other(&self, store: &Store, extent: Extent) -> Result<End> {
        let key = &self.key;
        let Some(existing) = store.existing(key).await? else {
            // Deleted between the two requests: the next try creates it.
            return Err(ConnectorError::retriable(format!("The object \"{key}\" came and went")));
        };
        self.end_of(&existing, store, extent).await?.ok_or_else(|| {
            ConnectorError::invalid(format!(
                "The object \"{key}\" exists and does not hold the records of {} from offset {} on, \
                 so that writing it would lose what it holds",
                self.origin, self.first
            ))
            .hint(
                "Another connector writes to the same folder, or the topic was created anew: move \
                 the object away, or change topics.dir",
            )
        })
    }
}

/// A file that takes records.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) facts: Facts,
    /// Schema of its records.
    pub(crate) schema: Option<Arc<Schema>>,
    body: Body,
    upload: Option<Upload>,
}

/// What tells the end of an object that was uploaded in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Its length.
    Length,
    /// The length of its content, at its end.
    Gzip,
    /// The blocks of its container.
    Avro,
    /// Its footer.
    Parquet,
}

/// How bodies of files are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyOptions {
    /// Level of gzip, if it is used.
    pub(crate) gzip: Option<flate2::Compression>,
    pub(crate) extent: Extent,
    pub(crate) part_bytes: usize,
    /// Size a buffer starts at.
    pub(crate) start_bytes: usize,
}

impl OpenFile {
    /// Opens a file; nothing when the budget has no room for it.
    pub(crate) fn open(
        facts: Facts,
        (schema, layout): (Option<Arc<Schema>>, Option<&Layout>),
        options: BodyOptions,
        budget: &MemoryBudget,
    ) -> Option<Self> {
        Some(Self { facts, schema, body: Body::new(options, layout, budget)?, upload: None })
    }

    /// Appends the content of a record; `false`, and nothing happens, when the budget has no room
    /// for it.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub(crate) fn append(&mut self, record: &SinkRecord, content: &[u8]) -> Result<bool> {
        if !self.body.append(content)? {
            return Ok(false);
        }
        self.facts.last = record.offset;
        self.facts.last_timestamp_ms = record.timestamp_ms;
        self.facts.count += 1;
        Ok(true)
    }

    /// Bytes that wait to be uploaded.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.body.pending_bytes()
    }

    /// At most the bytes that [`OpenFile::close_group`] makes wait to be uploaded.
    pub(crate) fn spillable_bytes(&self) -> usize {
        self.body.spillable_bytes()
    }

    /// Ends what is not uploaded before it is full, where the format has such.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub(crate) fn close_group(&mut self) -> Result<()> {
        self.body.close_group()
    }

    /// Bytes taken from the budget.
    pub(crate) fn held_bytes(&self) -> usize {
        self.body.held_bytes()
    }

    /// Uploads a part of at most `part_bytes`.
    ///
    /// # Errors
    /// By the server's answer; the file is of no use then but to be given up.
    pub(crate) async fn upload_part(&mut self, store: &Store, part_bytes: usize) -> Result<()> {
        let key = &self.facts.key;
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => self.upload.insert(store.begin(key, &self.facts.beginning()).await?),
        };
        let part = self.body.take_part(part_bytes);
        store.upload_part(key, upload, part).await?;
        self.body.settle();
        Ok(())
    }

    /// Makes the file an object, and says where the records of that object stop.
    ///
    /// # Errors
    /// By the server's answer; `Invalid` when the key belongs to something else.
    pub(crate) async fn finish(mut self, store: &Store, options: BodyOptions) -> Result<End> {
        self.body.finish()?;
        match self.create(store, options.part_bytes).await {
            Ok(Created::Yes) => {
                let facts = &self.facts;
                let tags = [
                    ("startOffset", facts.first.to_string()),
                    ("endOffset", facts.last.to_string()),
                    ("recordCount", facts.count.to_string()),
                ];
                store.tag(&facts.key, tags).await?;
                Ok(End::Offset(facts.last))
            }
            Ok(Created::Existed) => {
                self.give_up(store).await;
                self.facts.end_of_other(store, options.extent).await
            }
            Err(error) => {
                self.give_up(store).await;
                Err(error)
            }
        }
    }

    async fn create(&mut self, store: &Store, part_bytes: usize) -> Result<Created> {
        while self.pending_bytes() > part_bytes {
            self.upload_part(store, part_bytes).await?;
        }
        if self.upload.is_none() {
            let body: Bytes = self.body.take_part(usize::MAX);
            return store.put(&self.facts.key, body, &self.facts.metadata()).await;
        }
        if self.pending_bytes() > 0 {
            self.upload_part(store, usize::MAX).await?;
        }
        match &self.upload {
            Some(upload) => store.complete(&self.facts.key, upload).await,
            None => Err(ConnectorError::internal("An upload in parts was lost")),
        }
    }

    /// Aborts what was uploaded.
    pub(crate) async fn give_up(&mut self, store: &Store) {
        if let Some(upload) = self.upload.take() {
            store.abort(&self.facts.key, &upload).await;
        }
    }
}
