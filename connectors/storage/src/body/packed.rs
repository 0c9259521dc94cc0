//! Content of a gzip file that is compressed before it goes to disk.
//!
//! Thousands of files that are open at once cannot each have a compressor: they share one. What a file
//! collected is compressed by itself and ends at the border of a byte, so that the pieces of a file, one
//! after the other, are one gzip member: nothing is compressed twice, and less goes to disk.

use connect_api::error::{ConnectorError, Result};
use flate2::{Compress, Compression, Crc, FlushCompress};

use super::{
    buffer::Buffer,
    shelf::Shelf,
    spill::{Room, SLOT_BYTES},
};

/// What a gzip member begins with: no name, no time, of an unknown system, as Java writes it.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty last block.
const LAST_BLOCK: [u8; 2] = [3, 0];
/// What the end of a piece takes.
const END_BYTES: usize = 64;

/// Content in the order it came: the oldest compressed on disk, the latest as it is in memory.
#[derive(Debug)]
pub(super) struct Packed {
    tail: Buffer,
    shelf: Shelf,
    level: Compression,
    crc: Crc,
}

impl Packed {
    /// Nothing when there is no disk to wait on, or no memory.
    pub(super) fn new(room: &Room, level: Compression) -> Option<Self> {
        let shelf = Shelf::new(room.disk.clone()?);
        let tail = Buffer::new(&room.memory, SLOT_BYTES)?;
        Some(Self { tail, shelf, level, crc: Crc::new() })
    }

    pub(super) const fn held_bytes(&self) -> usize {
        self.tail.held_bytes()
    }

    /// Makes room for the content of one record; `false` when there is none.
    ///
    /// # Errors
    /// `Internal` when the compressor fails.
    pub(super) fn reserve(&mut self, content: &[u8]) -> Result<bool> {
        if self.tail.bytes.len() + content.len() > SLOT_BYTES {
            // With a full disk it stays in memory, as long as there is some.
            let _shelved = self.shelve()?;
        }
        Ok(self.tail.ensure(content.len()))
    }

    /// Appends what there is room for.
    pub(super) fn append(&mut self, content: &[u8]) {
        self.tail.bytes.extend_from_slice(content);
    }

    /// Compresses what is in memory and writes it to disk; `false` when the disk is full.
    ///
    /// # Errors
    /// As [`Packed::reserve`].
    pub(super) fn shelve(&mut self) -> Result<bool> {
        if !self.tail.bytes.is_empty() {
            let piece = self.piece()?;
            if !self.shelf.put_all(&piece) {
                return Ok(false);
            }
            self.crc.update(&self.tail.bytes);
        }
        self.tail.bytes = Vec::new();
        self.tail.settle();
        Ok(true)
    }

    /// What is in memory, compressed by itself.
    fn piece(&self) -> Result<Vec<u8>> {
        self.shelf.disk().with_compressor(self.level, |compressor| {
            pack(compressor, &self.tail.bytes).map_err(|error| {
                ConnectorError::internal("Could not compress records that wait on disk")
                    .caused_by(error)
            })
        })
    }

    /// The beginning of the file.
    pub(super) const fn head() -> &'static [u8] {
        &HEAD
    }

    /// Appends more of the file to `out` and forgets it; `false`, with the end appended, when that was
    /// all of it.
    ///
    /// # Errors
    /// `Retriable` when the disk fails; as [`Packed::reserve`].
    pub(super) fn next(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        if self.shelf.take(out)? {
            return Ok(true);
        }
        if !self.tail.bytes.is_empty() {
            out.extend_from_slice(&self.piece()?);
            self.crc.update(&self.tail.bytes);
            self.tail.bytes = Vec::new();
            self.tail.settle();
        }
        out.extend_from_slice(&LAST_BLOCK);
        out.extend_from_slice(&self.crc.sum().to_le_bytes());
        // Its length modulo 4 GiB.
        out.extend_from_slice(&self.crc.amount().to_le_bytes());
        Ok(false)
    }
}

/// Compresses a piece to whole bytes that refer to nothing before it.
fn pack(compressor: &mut Compress, plain: &[u8]) -> Result<Vec<u8>, flate2::CompressError> {
    compressor.reset();
    // No more than this comes of it, so that one call or two do.
    let mut packed = Vec::with_capacity(plain.len() + plain.len() / 1024 + END_BYTES);
    let mut used = 0;
    loop {
        let before = compressor.total_in();
        let rest = plain.get(used..).unwrap_or_default();
        compressor.compress_vec(rest, &mut packed, FlushCompress::Full)?;
        used += usize::try_from(compressor.total_in() - before).unwrap_or(usize::MAX);
        // Room that is left says that everything is out.
        if used >= plain.len() && packed.len() < packed.capacity() {
            return Ok(packed);
        }
        packed.reserve(END_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use connect_api::budget::MemoryBudget;
    use proptest::prelude::{Just, any, prop_oneof};

    use super::*;
    use crate::body::spill::Spill;

    fn room(memory_bytes: usize, disk_bytes: usize) -> (tempfile::TempDir, Room) {
        let folder = tempfile::tempdir().unwrap();
        let disk = Spill::create(folder.path(), u64::try_from(disk_bytes).unwrap()).unwrap();
        (folder, Room { memory: MemoryBudget::new(memory_bytes), disk: Some(disk) })
    }

    /// The whole file.
    fn file(packed: &mut Packed) -> Vec<u8> {
        let mut out = Packed::head().to_vec();
        while packed.next(&mut out).unwrap() {}
        out
    }

    /// Reads exactly one member, with nothing after it.
    fn content(file: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        let mut member = flate2::bufread::GzDecoder::new(file);
        member.read_to_end(&mut content).unwrap();
        assert!(member.into_inner().is_empty());
        content
    }

    proptest::proptest! {
        #[test]
        fn pieces_are_one_member_with_all_of_the_content(
            records in proptest::collection::vec(
                (0..40_000_usize, any::<bool>(), prop_oneof![Just(1_usize), Just(1 << 20)]), 0..20),
        ) {
            let (_folder, room) = room(1 << 20, 1 << 30);
            let mut packed = Packed::new(&room, Compression::default()).unwrap();
            let mut all = Vec::new();
            for (length, is_shelved, kinds) in records {
                let record: Vec<u8> = (0..length)
                    .map(|_| u8::try_from(rand::random_range(0..kinds) % 251).unwrap())
                    .collect();
                assert!(packed.reserve(&record).unwrap());
                packed.append(&record);
                all.extend(record);
                if is_shelved {
                    assert!(packed.shelve().unwrap());
                    assert_eq!(room.memory.used_bytes(), 0);
                }
            }
            let file = file(&mut packed);
            assert_eq!(content(&file), all);
            assert!(file.ends_with(&u32::try_from(all.len()).unwrap().to_le_bytes()));
            assert_eq!(room.memory.used_bytes(), 0);
        }
    }

    #[test]
    fn what_goes_to_disk_is_compressed_and_a_full_disk_keeps_it_in_memory() {
        let (_folder, room) = room(100_000, SLOT_BYTES);
        let mut packed = Packed::new(&room, Compression::default()).unwrap();
        let line = b"a line of a log that says much the same as the one before\n".repeat(100);
        for _ in 0..100 {
            assert!(packed.reserve(&line).unwrap());
            packed.append(&line);
            assert!(packed.shelve().unwrap(), "580,000 bytes in a slot of {SLOT_BYTES}");
        }
        let noise: Vec<u8> = (0..SLOT_BYTES * 2).map(|_| rand::random()).collect();
        assert!(packed.reserve(&noise).unwrap());
        packed.append(&noise);
        assert!(!packed.shelve().unwrap());
        let all = [line.repeat(100), noise].concat();
        assert_eq!(content(&file(&mut packed)), all);
    }
}
