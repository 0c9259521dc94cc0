//! A file on its way to becoming objects.
//!
//! A file is one object with the values of its records, and one with their keys and one with their
//! headers where those are stored. All of them hold the same records, begin with the same one and are
//! named after it. They appear one after the other: the first says which records the file has for good,
//! and the last that it is whole.

pub(crate) mod contents;
mod extent;
mod facts;
mod object;
mod sources;

use std::sync::Arc;

use connect_api::{
    budget::Reservation,
    error::{ConnectorError, Result},
    record::SinkRecord,
    schema::Schema,
};
use connect_storage::{body::Room, format::Draft};

use self::object::Object;
pub(crate) use self::{
    contents::Contents,
    facts::{End, Facts, Name},
    sources::told,
};
use crate::{
    store::{Created, Store},
    view::{Shape, View},
};

/// Least size of a part that is not the last, by S3's rules.
pub(crate) const LEAST_PART_BYTES: usize = 5 << 20;

/// What an open file takes beside its records: its names, in the folders' table too, and what it knows.
pub(crate) const OWN_BYTES: usize = 1536;

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

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its objects are there; their records stop here.
    Stored(End),
    /// The first of its objects is there, which an earlier task created and whose records stop here.
    /// Others are missing.
    Begun(End),
}

/// A file that takes records.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) facts: Facts,
    /// Length of its values, or of its keys where there are no values, before they are compressed.
    pub(crate) content_bytes: u64,
    /// Whether it is another task's, whose first object is there already.
    pub(crate) is_repair: bool,
    /// In the order in which they appear.
    objects: Vec<Object>,
    own: Reservation,
}

impl OpenFile {
    /// Opens a file; nothing when the budget has no room for it.
    pub(crate) fn open(
        facts: Facts,
        shapes: &[Shape],
        drafts: &[Draft],
        room: &Room,
    ) -> Option<Self> {
        let own = room.memory.reserve(OWN_BYTES)?;
        let sides = shapes.iter().zip(drafts);
        let objects = sides.map(|(shape, draft)| Object::open(&facts, shape, draft, room));
        let objects = objects.collect::<Option<Vec<_>>>()?;
        Some(Self { facts, content_bytes: 0, is_repair: false, objects, own })
    }

    /// Appends a record; `false`, and nothing happens, when the budget has no room for it.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub(crate) fn append(&mut self, record: &SinkRecord, drafts: &[Draft]) -> Result<bool> {
        for (place, draft) in drafts.iter().enumerate().take(self.objects.len()) {
            let Some(object) = self.objects.get_mut(place) else { break };
            if !object.body.reserve(&draft.content)? {
                self.objects.iter_mut().take(place).for_each(|object| object.body.take_back());
                return Ok(false);
            }
        }
        for (object, draft) in self.objects.iter_mut().zip(drafts) {
            object.body.append(&draft.content)?;
        }
        let last = drafts.get(self.objects.len().saturating_sub(1));
        let length = last.map_or(0, |draft| draft.content.len());
        self.content_bytes += u64::try_from(length).unwrap_or_default();
        self.facts.held.note(record);
        Ok(true)
    }

    /// Schema of one side of the records; nothing when that side is not stored.
    pub(crate) fn schema(&self, view: View) -> Option<Option<&Arc<Schema>>> {
        let object = self.objects.iter().find(|object| object.view == view);
        object.map(|object| object.schema.as_ref())
    }

    /// Whether a part is full.
    pub(crate) fn is_part_full(&self) -> bool {
        self.objects.iter().any(Object::is_part_full)
    }

    /// At most the bytes that [`OpenFile::spill`] uploads.
    pub(crate) fn spillable_bytes(&self) -> usize {
        self.objects.iter().map(|object| object.body.spillable_bytes()).max().unwrap_or_default()
    }

    /// Bytes taken from the budget.
    pub(crate) fn held_bytes(&self) -> usize {
        let bodies = self.objects.iter().map(|object| object.body.held_bytes());
        self.own.bytes() + bodies.sum::<usize>()
    }

    /// Writes to disk what waits in memory, where there is a disk; `false` when that is full.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub(crate) fn shelve(&mut self) -> Result<bool> {
        for object in &mut self.objects {
            if !object.body.shelve()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Uploads every part that is full.
    ///
    /// # Errors
    /// By the server's answer; the file is of no use then but to be given up.
    pub(crate) async fn upload_full_parts(&mut self, store: &Store) -> Result<()> {
        for object in &mut self.objects {
            object.upload_full_parts(store, &self.facts).await?;
        }
        Ok(())
    }

    /// Uploads what the largest object holds, if that is enough for a part.
    ///
    /// # Errors
    /// As [`OpenFile::upload_full_parts`].
    pub(crate) async fn spill(&mut self, store: &Store) -> Result<()> {
        let largest = self.objects.iter_mut().max_by_key(|object| object.body.spillable_bytes());
        let Some(object) = largest else { return Ok(()) };
        // It may be less than it seemed, and yet less memory than before.
        object.body.close_group()?;
        let pending = object.body.pending_bytes();
        if pending < LEAST_PART_BYTES {
            return Ok(());
        }
        tracing::debug!("Memory is full: a part of {pending} bytes is uploaded early");
        object.upload_part(store, &self.facts, pending).await
    }

    /// Makes the file objects, and says where the records of these stop.
    ///
    /// # Errors
    /// By the server's answer; `Invalid` when a key belongs to something else.
    pub(crate) async fn finish(mut self, store: &Store) -> Result<Fate> {
        let fate = self.create(store).await;
        if !matches!(fate, Ok(Fate::Stored(End::Offset(last))) if last == self.facts.held.last) {
            self.give_up(store).await;
        }
        fate
    }

    async fn create(&mut self, store: &Store) -> Result<Fate> {
        let facts = &self.facts;
        let mut border = None;
        for (place, object) in self.objects.iter_mut().enumerate() {
            if object.create(store, facts).await? == Created::Yes {
                if object.view == View::Value {
                    let tags = object.tags(facts);
                    store.tag(&object.name.key, &tags).await?;
                }
                continue;
            }
            object.give_up(store).await;
            let end = facts.end_of_other(&object.name, store, object.extent).await?;
            let is_same = facts.ends_with(end).unwrap_or(place > 0);
            if is_same || self.is_repair {
                continue;
            }
            if place > 0 {
                warn_of_settings(facts, &object.name);
            }
            border = Some((place, end));
            break;
        }
        let Some((place, end)) = border else {
            return Ok(Fate::Stored(End::Offset(facts.held.last)));
        };
        let last = self.objects.last().filter(|_| place + 1 < self.objects.len());
        let Some((name, extent)) = last.map(|last| (last.name.clone(), last.extent)) else {
            return Ok(Fate::Stored(end));
        };
        let whole = facts.find(&name, store, extent).await?;
        Ok(whole.map_or(Fate::Begun(end), |_| Fate::Stored(end)))
    }

    /// Aborts what was uploaded.
    pub(crate) async fn give_up(&mut self, store: &Store) {
        for object in &mut self.objects {
            object.give_up(store).await;
        }
    }
}

/// The first object of a file was new, so that no other could be there, had the settings not changed.
fn warn_of_settings(facts: &Facts, name: &Name) {
    tracing::warn!(
        partition = %facts.held.origin,
        "The object \"{}\" was there before those beside it, and holds other records from offset {} on: \
         store.kafka.keys or store.kafka.headers has changed since. Some keys or headers may be \
         stored twice",
        name.key,
        facts.held.first
    );
}

/// The error of a record whose file was begun with other settings.
pub(crate) fn other_settings(origin: &impl std::fmt::Display, offset: i64) -> ConnectorError {
    ConnectorError::invalid(format!(
        "An object of {origin} ends in the middle of record {offset}, so that it was written with \
         other settings"
    ))
    .hint("Delete the object whose name has the highest offset before it")
}
