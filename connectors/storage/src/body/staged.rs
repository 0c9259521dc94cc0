//! Records that wait to become content, in little memory and on disk.
//!
//! Thousands of files that are open at once cannot each have a compressor and a buffer. Their records
//! wait as they are, and become content one file after the other when the file is closed.

use std::sync::Arc;

use connect_api::error::{ConnectorError, Result};

use super::{
    Body,
    buffer::Buffer,
    shelf::Shelf,
    spill::{Room, SLOT_BYTES},
};
use crate::format::Layout;

/// Length of what is in front of a record.
const FRONT_BYTES: usize = 4;

/// Records in the order they came: the oldest on disk, the latest in memory.
#[derive(Debug)]
pub(super) struct Staged {
    tail: Buffer,
    shelf: Shelf,
    layout: Option<Arc<Layout>>,
}

impl Staged {
    /// Nothing when there is no disk to wait on, or no memory.
    pub(super) fn new(room: &Room, layout: Option<&Arc<Layout>>) -> Option<Self> {
        let shelf = Shelf::new(room.disk.clone()?);
        let tail = Buffer::new(&room.memory, SLOT_BYTES)?;
        Some(Self { tail, shelf, layout: layout.cloned() })
    }

    pub(super) fn layout(&self) -> Option<&Layout> {
        self.layout.as_deref()
    }

    pub(super) const fn held_bytes(&self) -> usize {
        self.tail.held_bytes()
    }

    /// Makes room for one record; `false` when there is none.
    pub(super) fn reserve(&mut self, record: &[u8]) -> bool {
        let needed = FRONT_BYTES + record.len();
        if self.tail.bytes.len() + needed > SLOT_BYTES {
            // With a full disk it stays in memory, as long as there is some.
            let _shelved = self.shelve();
        }
        self.tail.ensure(needed)
    }

    /// Appends what there is room for.
    pub(super) fn append(&mut self, record: &[u8]) {
        // No record of a topic is as long as to overflow here.
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
        self.tail.bytes.extend_from_slice(&length.to_le_bytes());
        self.tail.bytes.extend_from_slice(record);
    }

    /// Writes to disk what is in memory; `false` when the disk is full. What is there by then is not
    /// written again.
    pub(super) fn shelve(&mut self) -> bool {
        while !self.tail.bytes.is_empty() {
            let count = self.shelf.put_some(&self.tail.bytes);
            if count == 0 {
                return false;
            }
            self.tail.bytes.drain(..count);
        }
        self.tail.bytes = Vec::new();
        self.tail.settle();
        true
    }

    /// Takes the records out, oldest first, in portions of about a slot; nothing after the last one.
    /// `rest` keeps the beginning of a record whose end is in the next portion.
    ///
    /// # Errors
    /// `Retriable` when the disk fails.
    pub(super) fn next(&mut self, rest: &mut Vec<u8>) -> Result<bool> {
        if self.shelf.take(rest)? {
            return Ok(true);
        }
        let is_more = !self.tail.bytes.is_empty();
        rest.append(&mut self.tail.bytes);
        self.tail.bytes = Vec::new();
        self.tail.settle();
        Ok(is_more)
    }
}

/// Appends the whole records of a portion to a body, and leaves the beginning of the next one.
///
/// # Errors
/// As [`Body::append`]; `Internal` when memory has no room for one of them.
pub(super) fn replay(rest: &mut Vec<u8>, body: &mut Body) -> Result<()> {
    let mut used = 0;
    while let Some((front, more)) = rest.get(used..).and_then(<[u8]>::split_first_chunk) {
        let length = usize::try_from(u32::from_le_bytes(*front)).unwrap_or(usize::MAX);
        let Some(record) = more.get(..length) else { break };
        if !body.reserve(record)? {
            return Err(ConnectorError::internal("A record that waited has no room in its file"));
        }
        body.append(record)?;
        used += FRONT_BYTES + length;
    }
    rest.drain(..used);
    Ok(())
}

#[cfg(test)]
mod tests {
    use connect_api::budget::MemoryBudget;

    use super::*;
    use crate::body::{BodyOptions, Spill};

    fn plain() -> Body {
        let options = BodyOptions { gzip: None, part_bytes: 1 << 30, start_bytes: 0 };
        Body::new(options, None, &MemoryBudget::new(1 << 30)).unwrap()
    }

    proptest::proptest! {
        #[test]
        fn records_come_back_as_they_went_in_wherever_they_were(
            records in proptest::collection::vec((0..40_000_usize, proptest::bool::ANY), 0..30),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let disk = Some(Spill::create(folder.path(), 1 << 30).unwrap());
            let memory = MemoryBudget::new(1 << 20);
            let mut staged = Staged::new(&Room { memory: memory.clone(), disk }, None).unwrap();
            let mut all = Vec::new();
            for (place, (length, is_shelved)) in records.iter().enumerate() {
                let record = vec![u8::try_from(place).unwrap(); *length];
                assert!(staged.reserve(&record));
                staged.append(&record);
                all.extend(record);
                if *is_shelved {
                    assert!(staged.shelve());
                    assert_eq!(memory.used_bytes(), 0);
                }
                assert!(staged.held_bytes() <= 100_000);
            }
            let (mut body, mut rest) = (plain(), Vec::new());
            while staged.next(&mut rest).unwrap() {
                replay(&mut rest, &mut body).unwrap();
            }
            assert_eq!((&body.take_part(usize::MAX)[..], rest.len()), (&all[..], 0));
            assert_eq!(memory.used_bytes(), 0);
        }
    }

    #[test]
    fn a_full_disk_refuses_a_record_and_keeps_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let most_bytes = u64::try_from(SLOT_BYTES).unwrap();
        let disk = Some(Spill::create(folder.path(), most_bytes).unwrap());
        let memory = MemoryBudget::new(20_000);
        let mut staged = Staged::new(&Room { memory, disk }, None).unwrap();
        let record = vec![1; 10_000];
        for _ in 0..3 {
            assert!(staged.reserve(&record));
            staged.append(&record);
        }
        assert!(!staged.reserve(&record) && !staged.shelve());
        let (mut body, mut rest) = (plain(), Vec::new());
        while staged.next(&mut rest).unwrap() {
            replay(&mut rest, &mut body).unwrap();
        }
        assert_eq!(body.take_part(usize::MAX).len(), 30_000);
    }
}
