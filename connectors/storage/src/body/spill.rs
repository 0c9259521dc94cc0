//! Room for what memory has none for: one file on disk, shared by all files of a task.
//!
//! The file has no name, so that nothing is left of it whatever happens to the process. It is cut into
//! slots of one size; a slot is free again when what is in it was read or given up. When the disk is
//! full, so is the room: who asks for more is told so, and waits.

use std::{
    fs::{File, OpenOptions, remove_file},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use connect_api::{
    budget::MemoryBudget,
    error::{ConnectorError, Result},
};
use flate2::{Compress, Compression};

/// Size of a slot: what a file may hold in memory before it goes to disk.
pub(super) const SLOT_BYTES: usize = 16 << 10;

/// Memory, and a file on disk for what it cannot take.
#[derive(Clone, Debug)]
pub struct Room {
    /// The budget that files take from.
    pub memory: MemoryBudget,
    /// Where records wait when there is one.
    pub disk: Option<Spill>,
}

/// A file of slots.
#[derive(Clone, Debug)]
pub struct Spill(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    most_slots: u64,
    slots: Mutex<Slots>,
    /// What all files of a task compress with, one after the other, once one of them has.
    compressor: Mutex<Option<Compress>>,
}

#[derive(Debug, Default)]
struct Slots {
    free: Vec<u64>,
    used: u64,
    is_full: bool,
}

/// A slot with something in it; free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    place: u64,
    length: usize,
    spill: Spill,
}

impl Spill {
    /// Creates the file in a folder, of at most so many bytes.
    ///
    /// # Errors
    /// `Invalid` when there can be no file.
    pub fn create(folder: &Path, most_bytes: u64) -> Result<Self> {
        let path = folder.join(format!(".spill-{:016x}", rand::random::<u64>()));
        let opened = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = opened.and_then(|file| remove_file(&path).map(|()| file)).map_err(|error| {
            ConnectorError::invalid(format!("Could not create a file in \"{}\"", folder.display()))
                .hint("Set store.spill.path to a folder that the worker may write to")
                .caused_by(error)
        })?;
        let most_slots = most_bytes / slot_bytes();
        let (slots, compressor) = (Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Inner { file, most_slots, slots, compressor })))
    }

    /// Does something with the compressor of raw deflate that the files share.
    pub(super) fn with_compressor<T>(
        &self,
        level: Compression,
        work: impl FnOnce(&mut Compress) -> T,
    ) -> T {
        let mut shared = self.0.compressor.lock().unwrap_or_else(PoisonError::into_inner);
        work(shared.get_or_insert_with(|| Compress::new(level, false)))
    }

    /// Puts the first bytes into a new slot, as many as it takes; nothing when the disk has no room.
    pub(super) fn put(&self, bytes: &[u8]) -> Option<Slot> {
        let bytes = bytes.get(..SLOT_BYTES.min(bytes.len()))?;
        let inner = &self.0;
        let place = {
            let mut slots = inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
            match slots.free.pop() {
                Some(place) => place,
                None if slots.used >= inner.most_slots => {
                    drop(slots);
                    self.tell_full(None);
                    return None;
                }
                None => {
                    slots.used += 1;
                    slots.used - 1
                }
            }
        };
        let slot = Slot { place, length: bytes.len(), spill: self.clone() };
        match inner.file.write_all_at(bytes, place * slot_bytes()) {
            Ok(()) => Some(slot),
            Err(error) => {
                self.tell_full(Some(&error));
                None
            }
        }
    }

    /// Says once, until there is room again, that there is none.
    fn tell_full(&self, error: Option<&io::Error>) {
        let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut slots.is_full, true) {
            let reason = error.map_or_else(|| "store.spill.bytes".to_owned(), ToString::to_string);
            tracing::warn!(
                "The disk has no room for what memory has none for ({reason}): partitions wait until \
                 files are closed. Give store.spill.path more room, or lower flush.size"
            );
        }
    }
}

impl Slot {
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// Puts the first bytes behind what is in the slot, as many as it has room for; none when the disk
    /// fails.
    pub(super) fn append(&mut self, bytes: &[u8]) -> usize {
        let room = SLOT_BYTES.saturating_sub(self.length).min(bytes.len());
        let start = u64::try_from(self.length).unwrap_or(u64::MAX);
        let bytes = bytes.get(..room).unwrap_or_default();
        let place = self.place * slot_bytes() + start;
        if bytes.is_empty() || self.spill.0.file.write_all_at(bytes, place).is_err() {
            return 0;
        }
        self.length += room;
        room
    }

    /// Forgets what is behind the first bytes.
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Appends what is in the slot.
    ///
    /// # Errors
    /// `Retriable` when the disk fails: the records are in the topic still.
    pub(super) fn read(&self, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        out.resize(start + self.length, 0);
        let rest = out.get_mut(start..).unwrap_or_default();
        let read = self.spill.0.file.read_exact_at(rest, self.place * slot_bytes());
        read.map_err(|error| {
            ConnectorError::retriable("Could not read back from store.spill.path").caused_by(error)
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut slots = self.spill.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.free.push(self.place);
        slots.is_full = false;
    }
}

fn slot_bytes() -> u64 {
    u64::try_from(SLOT_BYTES).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_read_back_and_used_again_and_the_file_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::create(folder.path(), 2 * slot_bytes()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let (one, two) = (spill.put(b"one").unwrap(), spill.put(&[7; SLOT_BYTES]).unwrap());
        assert!(spill.put(b"three").is_none());
        drop(one);
        let three = spill.put(b"three").unwrap();
        let mut out = b"x".to_vec();
        three.read(&mut out).unwrap();
        two.read(&mut out).unwrap();
        assert_eq!(out, [b"xthree".as_slice(), &[7; SLOT_BYTES]].concat());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Spill::create(Path::new("/nowhere/at/all"), 1).unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all") && error.contains("store.spill.path"), "{error}");
    }
}
