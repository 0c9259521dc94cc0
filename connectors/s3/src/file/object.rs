//! One object on its way: what is not uploaded yet, and the upload.

use std::sync::Arc;

use bytes::Bytes;
use connect_api::{
    error::{ConnectorError, Result},
    schema::Schema,
};
use connect_storage::{
    body::{Body, BodyOptions, Room},
    format::Draft,
};

use super::{Extent, Facts, Name};
use crate::{
    store::{Created, Store, USUAL_TAGS, Upload},
    view::{Shape, View},
};

/// An object that takes one side of records.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) view: View,
    pub(super) name: Name,
    /// Schema of what it takes.
    pub(super) schema: Option<Arc<Schema>>,
    pub(super) extent: Extent,
    options: BodyOptions,
    pub(super) body: Body,
    upload: Option<Upload>,
    /// Whether it appeared by an upload in parts.
    was_in_parts: bool,
    /// Checksum of what was sent.
    crc: flate2::Crc,
}

impl Object {
    /// Opens an object; nothing when the budget has no room for it.
    pub(super) fn open(facts: &Facts, shape: &Shape, draft: &Draft, room: &Room) -> Option<Self> {
        let body = Body::open(shape.body, draft.layout.as_ref(), room)?;
        Some(Self {
            view: shape.view,
            name: facts.name(&shape.suffix, &draft.content),
            schema: draft.schema.clone(),
            extent: shape.extent,
            options: shape.body,
            body,
            upload: None,
            was_in_parts: false,
            crc: flate2::Crc::new(),
        })
    }

    /// Whether a part is full.
    pub(super) fn is_part_full(&self) -> bool {
        self.body.pending_bytes() >= self.options.part_bytes
    }

    /// Uploads every part that is full.
    ///
    /// # Errors
    /// By the server's answer; the file is of no use then but to be given up.
    pub(super) async fn upload_full_parts(&mut self, store: &Store, facts: &Facts) -> Result<()> {
        while self.is_part_full() {
            self.upload_part(store, facts, self.options.part_bytes).await?;
        }
        Ok(())
    }

    /// Uploads a part of at most so many bytes.
    ///
    /// # Errors
    /// As [`Object::upload_full_parts`].
    pub(super) async fn upload_part(
        &mut self,
        store: &Store,
        facts: &Facts,
        part_bytes: usize,
    ) -> Result<()> {
        let key = &self.name.key;
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => self.upload.insert(store.begin(key, &facts.announcement(&self.name)).await?),
        };
        let part = self.body.take_part(part_bytes);
        self.crc.update(&part);
        store.upload_part(key, upload, part).await?;
        self.body.settle();
        Ok(())
    }

    /// Makes content of what waits on disk, and uploads it as it comes.
    async fn thaw(&mut self, store: &Store, facts: &Facts) -> Result<()> {
        let Some(mut waiting) = self.body.wake(self.options)? else { return Ok(()) };
        while waiting.bring(&mut self.body)? {
            self.upload_full_parts(store, facts).await?;
        }
        self.upload_full_parts(store, facts).await
    }

    /// Makes the object appear.
    ///
    /// # Errors
    /// By the server's answer.
    pub(super) async fn create(&mut self, store: &Store, facts: &Facts) -> Result<Created> {
        self.thaw(store, facts).await?;
        self.body.finish()?;
        let part_bytes = self.options.part_bytes;
        while self.body.pending_bytes() > part_bytes {
            self.upload_part(store, facts, part_bytes).await?;
        }
        if self.upload.is_none() {
            let body: Bytes = self.body.take_part(usize::MAX);
            self.crc.update(&body);
            let metadata = facts.metadata(&self.name, self.crc.sum());
            return store.put(&self.name.key, body, &metadata).await;
        }
        if self.body.pending_bytes() > 0 {
            self.upload_part(store, facts, usize::MAX).await?;
        }
        let Some(upload) = &self.upload else {
            return Err(ConnectorError::internal("An upload in parts was lost"));
        };
        let created = store.complete(&self.name.key, upload).await?;
        if created == Created::Yes {
            self.upload = None;
            self.was_in_parts = true;
        }
        Ok(created)
    }

    /// Tags for the object that has appeared: metadata say it all of one that was not uploaded in parts.
    pub(super) fn tags(&self, facts: &Facts) -> Vec<(&'static str, String)> {
        let mut tags = facts.held.tags(self.crc.sum());
        if !self.was_in_parts {
            tags.truncate(USUAL_TAGS);
        }
        tags
    }

    /// Aborts what was uploaded.
    pub(super) async fn give_up(&mut self, store: &Store) {
        if let Some(upload) = self.upload.take() {
            store.abort(&self.name.key, &upload).await;
        }
    }
}
