//! An object that takes records.

use std::{collections::BTreeSet, sync::Arc};

use connect_api::{
    budget::{MemoryBudget, Reservation},
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
};

use super::{
    body::{Body, BodyOptions},
    shape::Shape,
};
use crate::{
    file::{Contents, LEAST_PART_BYTES},
    store::{Metadata, Store, Upload},
};

/// What an object takes beside its content: its name twice, and its place in tables.
const OWN_BYTES: usize = 1024;

/// An object on its way to the bucket.
#[derive(Debug)]
pub(super) struct Object {
    /// Its key in the bucket.
    key: String,
    /// Offset that its name begins with.
    pub(super) start: i64,
    pub(super) count: u64,
    /// Partitions whose records it holds.
    pub(super) origins: BTreeSet<TopicPartition>,
    /// What it says of them; nothing when they are of several partitions.
    held: Option<Contents>,
    body: Body,
    upload: Option<Upload>,
    /// Checksum of what was sent.
    crc: flate2::Crc,
    own: Reservation,
}

impl Object {
    /// An empty one; nothing when the budget has no room.
    pub(super) fn begin(
        (key, start): (String, i64),
        shape: Option<&Arc<Shape>>,
        options: BodyOptions,
        budget: &MemoryBudget,
    ) -> Option<Self> {
        let container = shape.map(|shape| Arc::clone(&shape.container));
        Some(Self {
            own: budget.reserve(OWN_BYTES + 2 * key.len())?,
            key,
            start,
            count: 0,
            origins: BTreeSet::new(),
            held: None,
            body: Body::new(options, container, budget)?,
            upload: None,
            crc: flate2::Crc::new(),
        })
    }

    /// Appends a record; `false`, and nothing happens, when the budget has no room for it.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub(super) fn append(&mut self, record: &SinkRecord, content: &[u8]) -> Result<bool> {
        let taken = self.body.append(content)?;
        if taken {
            self.count += 1;
            if !self.origins.contains(&record.origin) {
                let is_first = self.origins.is_empty();
                self.held = is_first.then(|| Contents::begin(record));
                self.origins.insert(record.origin.clone());
            }
            if let Some(held) = &mut self.held {
                held.note(record);
            }
        }
        Ok(taken)
    }

    /// Bytes taken from the budget.
    pub(super) fn held_bytes(&self) -> usize {
        self.own.bytes() + self.body.held_bytes()
    }

    /// Bytes that wait to be uploaded.
    pub(super) fn pending_bytes(&self) -> usize {
        self.body.pending_bytes()
    }

    /// Whether memory can be had by an upload before its time.
    pub(super) fn can_spill(&self) -> bool {
        self.body.spillable_bytes() >= LEAST_PART_BYTES
    }

    /// Uploads what can be before its time.
    ///
    /// # Errors
    /// By the server's answer; the object is of no use then but to be given up.
    pub(super) async fn spill(&mut self, store: &Store, part_bytes: usize) -> Result<()> {
        self.body.close_group()?;
        while self.pending_bytes() >= LEAST_PART_BYTES {
            self.upload_part(store, part_bytes).await?;
        }
        Ok(())
    }

    /// Uploads the parts that are full.
    ///
    /// # Errors
    /// As [`Object::spill`].
    pub(super) async fn upload_full(&mut self, store: &Store, part_bytes: usize) -> Result<()> {
        while self.pending_bytes() >= part_bytes {
            self.upload_part(store, part_bytes).await?;
        }
        Ok(())
    }

    async fn upload_part(&mut self, store: &Store, part_bytes: usize) -> Result<()> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => {
                let said = self.held.as_ref().map_or_else(Metadata::new, Contents::announcement);
                self.upload.insert(store.begin(&self.key, &said).await?)
            }
        };
        let part = self.body.take_part(part_bytes);
        self.crc.update(&part);
        store.upload_part(&self.key, upload, part).await?;
        self.body.settle();
        Ok(())
    }

    /// Makes it appear in the bucket, in the place of one that has its key.
    ///
    /// # Errors
    /// By the server's answer.
    pub(super) async fn finish(mut self, store: &Store, part_bytes: usize) -> Result<()> {
        let finished = self.create(store, part_bytes).await;
        if finished.is_err() {
            self.give_up(store).await;
        }
        finished
    }

    async fn create(&mut self, store: &Store, part_bytes: usize) -> Result<()> {
        self.body.finish()?;
        while self.pending_bytes() > part_bytes {
            self.upload_part(store, part_bytes).await?;
        }
        if self.upload.is_none() {
            let whole = self.body.take_part(usize::MAX);
            self.crc.update(&whole);
            let said = self.held.as_ref().map(|held| held.metadata(self.crc.sum()));
            return store.put(&self.key, whole, &said.unwrap_or_default()).await.map(drop);
        }
        if self.pending_bytes() > 0 {
            self.upload_part(store, usize::MAX).await?;
        }
        match &self.upload {
            Some(upload) => store.complete(&self.key, upload).await.map(drop),
            None => Err(ConnectorError::internal("An upload in parts was lost")),
        }
    }

    /// Aborts what was uploaded.
    pub(super) async fn give_up(&mut self, store: &Store) {
        if let Some(upload) = self.upload.take() {
            store.abort(&self.key, &upload).await;
        }
    }
}
