//! Avro's object container file: a head with the schema, then blocks of records.
//!
//! Source: the Avro specification, "Object Container Files"; apache/avro `DataFileWriter.java`.

use std::{io::Write as _, sync::Arc};

use connect_api::{
    budget::MemoryBudget,
    config::Choice as _,
    error::{ConnectorError, Result},
};
use connect_avro::put_long;

use super::buffer::Buffer;
use crate::words::AvroCodec;

/// Content of a block, as in Java.
const BLOCK_BYTES: usize = 64_000;
/// The two numbers at the front of a block, the mark at its end, and a codec's own frame.
const FRAME_BYTES: usize = 1024;
/// Content that one step of bzip2's block size takes.
const BZIP2_STEP_BYTES: usize = 100_000;
/// Length of the mark between blocks.
pub const MARK_BYTES: usize = 16;

/// What files of one schema begin with.
#[derive(Clone, Debug)]
pub struct Head {
    codec: AvroCodec,
    /// Everything up to the mark.
    bytes: Arc<[u8]>,
}

impl Head {
    /// The head of files with a schema, by its text.
    pub fn new(codec: AvroCodec, schema: &str) -> Self {
        let mut bytes = b"Obj\x01".to_vec();
        put_number(&mut bytes, 2);
        for (name, value) in [("avro.schema", schema), ("avro.codec", codec.word())] {
            put_text(&mut bytes, name);
            put_text(&mut bytes, value);
        }
        put_number(&mut bytes, 0);
        Self { codec, bytes: bytes.into() }
    }
}

/// A file's head and blocks.
#[derive(Debug)]
pub struct Blocks {
    codec: AvroCodec,
    mark: [u8; MARK_BYTES],
    /// Records of the block that is being filled.
    staged: Buffer,
    count: usize,
    /// Head and whole blocks. It always has room for the block that is being filled.
    pub out: Buffer,
}

impl Blocks {
    /// Begins a file; nothing when the budget has no room.
    pub fn begin(head: &Head, mut out: Buffer, budget: &MemoryBudget) -> Option<Self> {
        if !out.ensure(head.bytes.len() + MARK_BYTES) {
            return None;
        }
        // What tells the borders of blocks apart from their content has to be random.
        let mark: [u8; MARK_BYTES] = rand::random();
        out.bytes.extend_from_slice(&head.bytes);
        out.bytes.extend_from_slice(&mark);
        let staged = Buffer::new(budget, BLOCK_BYTES)?;
        Some(Self { codec: head.codec, mark, staged, count: 0, out })
    }

    /// Makes room for one record; `false` when there is none.
    ///
    /// # Errors
    /// `Internal` when a codec fails.
    pub fn reserve(&mut self, record: &[u8]) -> Result<bool> {
        let length = self.staged.bytes.len() + record.len();
        if self.count > 0 && length > BLOCK_BYTES {
            if !self.out.ensure(worst_bytes(self.staged.bytes.len())) {
                return Ok(false);
            }
            self.close_block()?;
        }
        let length = self.staged.bytes.len() + record.len();
        Ok(self.staged.ensure(record.len()) && self.out.ensure(worst_bytes(length)))
    }

    /// Appends the record that there is room for.
    pub fn append(&mut self, record: &[u8]) {
        self.staged.bytes.extend_from_slice(record);
        self.count += 1;
    }

    /// Ends the last block.
    ///
    /// # Errors
    /// `Internal` when a codec fails.
    pub fn finish(&mut self) -> Result<()> {
        if self.count > 0 {
            self.close_block()?;
        }
        Ok(())
    }

    /// Gives back what a part took, but for what the block that is being filled will need.
    pub fn settle(&mut self) {
        self.out.settle();
        // This room was free a moment ago, as in the buffer itself.
        let _regained = self.out.ensure(worst_bytes(self.staged.bytes.len()));
    }

    /// Bytes taken from the budget.
    pub const fn held_bytes(&self) -> usize {
        self.staged.held_bytes() + self.out.held_bytes()
    }

    fn close_block(&mut self) -> Result<()> {
        let plain = &self.staged.bytes;
        let packed = packed(self.codec, plain).map_err(|error| {
            ConnectorError::internal("Could not compress a block of an Avro file").caused_by(error)
        })?;
        let content = packed.as_ref().unwrap_or(plain);
        let out = &mut self.out.bytes;
        put_number(out, self.count);
        put_number(out, content.len());
        out.extend_from_slice(content);
        out.extend_from_slice(&self.mark);
        self.count = 0;
        self.staged.bytes.clear();
        if self.staged.bytes.capacity() > BLOCK_BYTES {
            self.staged.bytes = Vec::new();
            self.staged.settle();
        }
        Ok(())
    }
}

/// What a block of so many bytes may become: no codec adds more than a sixth.
const fn worst_bytes(content_bytes: usize) -> usize {
    content_bytes + content_bytes / 6 + FRAME_BYTES
}

/// A block as its codec writes it; nothing when that is as it is.
fn packed(codec: AvroCodec, plain: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
    Ok(match codec {
        AvroCodec::Null => None,
        AvroCodec::Deflate => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(plain)?;
            Some(encoder.finish()?)
        }
        AvroCodec::Snappy => {
            let mut packed = snap::raw::Encoder::new().compress_vec(plain)?;
            let mut crc = flate2::Crc::new();
            crc.update(plain);
            packed.extend_from_slice(&crc.sum().to_be_bytes());
            Some(packed)
        }
        AvroCodec::Bzip2 => {
            // A larger step would take more memory and find nothing more.
            let steps = plain.len().div_ceil(BZIP2_STEP_BYTES).clamp(1, 9);
            let level = bzip2::Compression::new(u32::try_from(steps).unwrap_or(9));
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
            encoder.write_all(plain)?;
            Some(encoder.finish()?)
        }
    })
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_number(out: &mut Vec<u8>, number: usize) {
    // No buffer is as long as to lose its highest bit here.
    put_long(out, i64::try_from(number).unwrap_or(i64::MAX));
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A file of these records.
    pub(in crate::body) fn file(codec: AvroCodec, records: &[Vec<u8>]) -> Vec<u8> {
        let budget = MemoryBudget::new(64 << 20);
        let head = Head::new(codec, "\"bytes\"");
        let out = Buffer::new(&budget, 1 << 20).unwrap();
        let mut blocks = Blocks::begin(&head, out, &budget).unwrap();
        for record in records {
            assert!(blocks.reserve(record).unwrap());
            blocks.append(record);
            assert!(blocks.held_bytes() >= blocks.out.bytes.len() + blocks.staged.bytes.len());
        }
        let held = blocks.held_bytes();
        blocks.finish().unwrap();
        assert!(blocks.out.bytes.len() <= held, "the end was not paid for");
        std::mem::take(&mut blocks.out.bytes)
    }

    #[test]
    fn no_codec_needs_more_than_was_taken_for_it() {
        for codec in [AvroCodec::Null, AvroCodec::Deflate, AvroCodec::Snappy, AvroCodec::Bzip2] {
            for length in [0, 1, 999, 70_000, 1_200_000] {
                let noise: Vec<u8> = (0..length).map(|_| rand::random()).collect();
                let packed = packed(codec, &noise).unwrap().unwrap_or_default();
                assert!(packed.len() + 40 <= worst_bytes(length), "{codec:?} {length}");
                file(codec, &[noise.clone(), noise]);
            }
        }
    }

    #[test]
    fn a_record_without_room_leaves_the_file_as_it_is() {
        let budget = MemoryBudget::new(100_000);
        let head = Head::new(AvroCodec::Null, "\"bytes\"");
        let out = Buffer::new(&budget, 1 << 20).unwrap();
        let mut blocks = Blocks::begin(&head, out, &budget).unwrap();
        assert!(blocks.reserve(&[1; 10]).unwrap());
        blocks.append(&[1; 10]);
        assert!(!blocks.reserve(&[1; 90_000]).unwrap());
        assert!(blocks.reserve(&[1; 10]).unwrap());
        blocks.append(&[1; 10]);
        blocks.finish().unwrap();
        assert!(budget.used_bytes() <= 100_000);
    }
}
