//! Which records a file holds, and what an object says about that.

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    record::SinkRecord,
};

use super::{
    Extent,
    contents::{Contents, FIRST_OFFSET, FIRST_TIMESTAMP, LAST_OFFSET, PARTITION, TOPIC},
    extent,
};
use crate::store::{Existing, Metadata, Store};

const FIRST_CRC: &str = "kafka-first-record-crc32";

/// Which records a file holds, and where.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Keys of its objects, without their suffixes.
    pub(crate) stem: String,
    pub(crate) folder: Arc<str>,
    /// Records that can be told apart from those of other files: of one folder, or of what such
    /// folders have in common where they follow the clock.
    pub(crate) lane: Arc<str>,
    /// Time the folder was found with.
    pub(crate) time_ms: Option<i64>,
    pub(crate) held: Contents,
}

/// An object's key, and what tells its first record from another.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) key: String,
    /// Checksum of the first record as it was written.
    first_crc: u32,
}

impl Name {
    /// With what tells its first record from another.
    fn marked(&self, mut metadata: Metadata) -> Metadata {
        metadata.insert(FIRST_CRC.to_owned(), self.first_crc.to_string());
        metadata
    }
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
    pub(crate) fn new(stem: String, folder: Arc<str>, lane: Arc<str>, record: &SinkRecord) -> Self {
        Self { stem, folder, lane, time_ms: None, held: Contents::begin(record) }
    }

    /// The object with a suffix whose first record has this content.
    pub(crate) fn name(&self, suffix: &str, content: &[u8]) -> Name {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        Name { key: format!("{}{suffix}", self.stem), first_crc: crc.sum() }
    }

    /// What an upload in parts begins with.
    pub(super) fn announcement(&self, name: &Name) -> Metadata {
        name.marked(self.held.announcement())
    }

    /// What an object says whose bytes have this checksum.
    pub(super) fn metadata(&self, name: &Name, content_crc: u32) -> Metadata {
        name.marked(self.held.metadata(content_crc))
    }

    /// Whether an object stops where this file does, as far as it tells: its length does not.
    pub(super) const fn ends_with(&self, end: End) -> Option<bool> {
        match end {
            End::Offset(last) => Some(last == self.held.last),
            End::Records(count) => Some(count == self.held.count),
            End::Bytes(_) => None,
        }
    }

    /// Whether an object begins with the very record this file begins with.
    ///
    /// The timestamp tells a topic from another that was created under its name; without one the
    /// content of the record does.
    fn begins_as(&self, name: &Name, metadata: &Metadata) -> bool {
        let beginning = name.marked(self.held.beginning());
        let is_same = |name: &str| metadata.get(name) == beginning.get(name);
        let is_there = [TOPIC, PARTITION, FIRST_OFFSET].into_iter().all(is_same);
        let has_time = |metadata: &Metadata| metadata.contains_key(FIRST_TIMESTAMP);
        let name =
            if has_time(metadata) || has_time(&beginning) { FIRST_TIMESTAMP } else { FIRST_CRC };
        is_there && is_same(name)
    }

    /// Where an object that begins as this file stops; none when there is none, or it holds
    /// something else.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn find(
        &self,
        name: &Name,
        store: &Store,
        extent: Extent,
    ) -> Result<Option<End>> {
        match store.existing(&name.key).await? {
            Some(existing) => self.end_of(name, &existing, store, extent).await,
            None => Ok(None),
        }
    }

    /// An upload in parts is described before its end is known, so that the object itself has to
    /// tell.
    async fn end_of(
        &self,
        name: &Name,
        existing: &Existing,
        store: &Store,
        extent: Extent,
    ) -> Result<Option<End>> {
        if !self.begins_as(name, &existing.metadata) {
            return Ok(None);
        }
        if let Some(last) = existing.metadata.get(LAST_OFFSET).and_then(|last| last.parse().ok()) {
            return Ok(Some(End::Offset(last)));
        }
        Ok(Some(match extent {
            Extent::Length => End::Bytes(existing.length_bytes),
            Extent::Gzip => {
                // The last four bytes of a gzip member are the length of its content.
                let tail = store.tail(&name.key, 4).await?;
                End::Bytes(tail.iter().rev().fold(0, |sum, &byte| (sum << 8) | u64::from(byte)))
            }
            Extent::Avro => End::Records(extent::avro_records(store, &name.key).await?),
            Extent::Parquet => End::Records(extent::parquet_records(store, &name.key).await?),
        }))
    }

    /// Where the object stops that has this key already.
    ///
    /// # Errors
    /// As [`Facts::find`]; `Invalid` when it holds something else.
    pub(super) async fn end_of_other(
        &self,
        name: &Name,
        store: &Store,
        extent: Extent,
    ) -> Result<End> {
        let key = &name.key;
        let Some(existing) = store.existing(key).await? else {
            // Deleted between the two requests: the next try creates it.
            return Err(ConnectorError::retriable(format!("The object \"{key}\" came and went")));
        };
        self.end_of(name, &existing, store, extent).await?.ok_or_else(|| {
            ConnectorError::invalid(format!(
                "The object \"{key}\" exists and does not hold the records of {} from offset {} on, \
                 so that writing it would lose what it holds",
                self.held.origin, self.held.first
            ))
            .hint(
                "Another connector writes to the same folder, a transform gives two topics one name, \
                 or the topic was created anew: move the object away, or change topics.dir or the \
                 transform",
            )
        })
    }
}
