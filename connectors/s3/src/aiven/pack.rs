//! Compression of whole objects, into memory that a budget knows of.
//!
//! Source: xerial/snappy-java `SnappyOutputStream.java`; luben/zstd-jni `ZstdOutputStream.java`.

use std::io::{self, Write as _};

use bytes::Bytes;
use connect_api::{
    budget::{MemoryBudget, Reservation},
    error::{ConnectorError, Result},
};
use flate2::write::GzEncoder;

use connect_storage::body::Buffer;

use super::config::FileCompression;

/// Content that is compressed at once: the size of a Snappy block in the original.
const BLOCK_BYTES: usize = 32 << 10;
/// Output that a compressor may still hold back, headers and trailers included.
const HELD_BACK_BYTES: usize = 256 << 10;
/// What stands before the blocks: a magic word, and twice the version 1.
const SNAPPY_HEAD: &[u8] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// Level of zstd-jni where none is given.
const ZSTD_LEVEL: i32 = 3;

/// Content on its way through a compressor.
#[derive(Debug)]
pub(super) struct Packer {
    coder: Coder,
    /// Content of a block that is not full.
    block: Vec<u8>,
    held: Reservation,
}

enum Coder {
    Plain(Buffer),
    Gzip(GzEncoder<Buffer>),
    Snappy(Buffer),
    Zstd(zstd::stream::write::Encoder<'static, Buffer>),
}

impl std::fmt::Debug for Coder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Gzip(_) => "Gzip",
            Self::Snappy(_) => "Snappy",
            Self::Zstd(_) => "Zstd",
        })
    }
}

impl Packer {
    /// Begins; nothing when the budget has no room.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub(super) fn begin(
        compression: FileCompression,
        part_bytes: usize,
        budget: &MemoryBudget,
    ) -> Result<Option<Self>> {
        // Memory of the compressors themselves: windows, tables, pending symbols.
        let own_bytes = match compression {
            FileCompression::None => 0,
            FileCompression::Gzip => 300 << 10,
            FileCompression::Snappy => 128 << 10,
            FileCompression::Zstd => 7 << 19,
        };
        let is_plain = compression == FileCompression::None;
        let held = budget.reserve(own_bytes + if is_plain { 0 } else { BLOCK_BYTES });
        let (Some(held), Some(mut out)) = (held, Buffer::new(budget, part_bytes)) else {
            return Ok(None);
        };
        if !is_plain && !out.ensure(HELD_BACK_BYTES) {
            return Ok(None);
        }
        let coder = match compression {
            FileCompression::None => Coder::Plain(out),
            FileCompression::Gzip => {
                Coder::Gzip(GzEncoder::new(out, flate2::Compression::default()))
            }
            FileCompression::Snappy => {
                out.bytes.extend_from_slice(SNAPPY_HEAD);
                Coder::Snappy(out)
            }
            FileCompression::Zstd => {
                Coder::Zstd(zstd::stream::write::Encoder::new(out, ZSTD_LEVEL).map_err(failed)?)
            }
        };
        Ok(Some(Self { coder, block: Vec::new(), held }))
    }

    /// Takes content, all of it or nothing.
    ///
    /// # Errors
    /// As [`Packer::begin`].
    pub(super) fn push(&mut self, content: &[u8]) -> Result<bool> {
        let whole = self.block.len() + content.len();
        if !matches!(self.coder, Coder::Plain(_)) && whole < BLOCK_BYTES {
            self.block.extend_from_slice(content);
            return Ok(true);
        }
        let is_plain = matches!(self.coder, Coder::Plain(_));
        // No compressor adds more than a sixth, and none holds back more than was kept for it.
        let most = if is_plain { whole } else { whole + whole / 6 + HELD_BACK_BYTES };
        if !self.out().ensure(most) {
            return Ok(false);
        }
        self.push_ensured(content)?;
        Ok(true)
    }

    /// Takes content whose room is there already, or that is too little to ask for it.
    ///
    /// # Errors
    /// As [`Packer::begin`].
    pub(super) fn push_ensured(&mut self, content: &[u8]) -> Result<()> {
        if let Coder::Plain(out) = &mut self.coder {
            out.bytes.extend_from_slice(content);
            return Ok(());
        }
        let mut rest = content;
        while self.block.len() + rest.len() >= BLOCK_BYTES {
            let (fitting, after) = rest.split_at(BLOCK_BYTES - self.block.len());
            self.block.extend_from_slice(fitting);
            rest = after;
            self.end_block()?;
        }
        self.block.extend_from_slice(rest);
        Ok(())
    }

    /// Ends the content, and lets go of the compressor.
    ///
    /// # Errors
    /// As [`Packer::begin`].
    pub(super) fn finish(mut self) -> Result<Self> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let out = match self.coder {
            Coder::Plain(out) | Coder::Snappy(out) => out,
            Coder::Gzip(encoder) => encoder.finish().map_err(failed)?,
            Coder::Zstd(encoder) => encoder.finish().map_err(failed)?,
        };
        Ok(Self { coder: Coder::Plain(out), block: Vec::new(), held: self.held })
    }

    /// Bytes that wait to be uploaded.
    pub(super) fn pending_bytes(&self) -> usize {
        self.look().bytes.len()
    }

    /// Bytes taken from the budget.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.bytes() + self.look().held_bytes()
    }

    /// Takes the first bytes, at most so many; they count until [`Packer::settle`].
    pub(super) fn take(&mut self, most_bytes: usize) -> Bytes {
        self.out().take(most_bytes)
    }

    /// Gives back what was taken out, but for what a compressor may still hold back.
    pub(super) fn settle(&mut self) {
        let is_plain = matches!(self.coder, Coder::Plain(_));
        self.out().settle();
        // This room was free a moment ago, as in the buffer itself.
        let _regained = is_plain || self.out().ensure(HELD_BACK_BYTES);
    }

    fn end_block(&mut self) -> Result<()> {
        let block = &self.block;
        match &mut self.coder {
            Coder::Plain(out) => out.write_all(block),
            Coder::Gzip(encoder) => encoder.write_all(block),
            Coder::Zstd(encoder) => encoder.write_all(block),
            Coder::Snappy(out) => frame(&mut out.bytes, block),
        }
        .map_err(failed)?;
        self.block.clear();
        Ok(())
    }

    fn out(&mut self) -> &mut Buffer {
        match &mut self.coder {
            Coder::Plain(out) | Coder::Snappy(out) => out,
            Coder::Gzip(encoder) => encoder.get_mut(),
            Coder::Zstd(encoder) => encoder.get_mut(),
        }
    }

    fn look(&self) -> &Buffer {
        match &self.coder {
            Coder::Plain(out) | Coder::Snappy(out) => out,
            Coder::Gzip(encoder) => encoder.get_ref(),
            Coder::Zstd(encoder) => encoder.get_ref(),
        }
    }
}

/// Appends a Snappy block with its length.
fn frame(out: &mut Vec<u8>, block: &[u8]) -> io::Result<()> {
    let packed = snap::raw::Encoder::new().compress_vec(block)?;
    // A block is far shorter than four gigabytes.
    let length = u32::try_from(packed.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&packed);
    Ok(())
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ConnectorError {
    ConnectorError::internal("Could not compress an object").caused_by(error)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Read as _;

    use super::*;

    const ALL: [FileCompression; 4] = [
        FileCompression::None,
        FileCompression::Gzip,
        FileCompression::Snappy,
        FileCompression::Zstd,
    ];

    /// What a reader of the original's objects sees.
    pub(in crate::aiven) fn unpacked(compression: FileCompression, packed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match compression {
            FileCompression::None => plain.extend_from_slice(packed),
            FileCompression::Gzip => {
                flate2::read::GzDecoder::new(packed).read_to_end(&mut plain).unwrap();
            }
            FileCompression::Zstd => {
                zstd::stream::read::Decoder::new(packed).unwrap().read_to_end(&mut plain).unwrap();
            }
            FileCompression::Snappy => {
                let mut rest = packed.strip_prefix(SNAPPY_HEAD).unwrap();
                while let Some((length, after)) = rest.split_first_chunk() {
                    let length = u32::from_be_bytes(*length).try_into().unwrap();
                    let (block, after) = after.split_at(length);
                    plain.extend(snap::raw::Decoder::new().decompress_vec(block).unwrap());
                    rest = after;
                }
            }
        }
        plain
    }

    /// Pushes content in steps of so many bytes, and takes some out in between.
    fn packed(compression: FileCompression, content: &[u8], step: usize) -> Vec<u8> {
        let budget = MemoryBudget::new(16 << 20);
        let mut packer = Packer::begin(compression, 1 << 20, &budget).unwrap().unwrap();
        let mut packed = Vec::new();
        for chunk in content.chunks(step) {
            assert!(packer.push(chunk).unwrap());
            let used = packer.block.len() + packer.pending_bytes();
            assert!(used <= packer.held_bytes(), "{compression} {step}");
            if packer.pending_bytes() > 100_000 {
                packed.extend_from_slice(&packer.take(70_000));
                packer.settle();
            }
        }
        let held = packer.held_bytes();
        let mut packer = packer.finish().unwrap();
        assert!(packer.pending_bytes() <= held, "the end of {compression} was not paid for");
        packed.extend_from_slice(&packer.take(usize::MAX));
        drop(packer);
        assert_eq!(budget.used_bytes(), 0);
        packed
    }

    #[test]
    fn what_was_pushed_comes_out_however_it_came_and_was_taken() {
        let noise: Vec<u8> = (0..300_000).map(|_| rand::random()).collect();
        for compression in ALL {
            for (step, length) in [(1, 70_000), (999, 300_000), (BLOCK_BYTES, 300_000)] {
                let content = &noise[..length];
                let packed = packed(compression, content, step);
                assert_eq!(unpacked(compression, &packed), content, "{compression} {step}");
            }
        }
    }

    #[test]
    fn content_without_room_leaves_no_trace() {
        for compression in ALL {
            let budget = MemoryBudget::new(5 << 20);
            let mut packer = Packer::begin(compression, 1 << 20, &budget).unwrap().unwrap();
            assert!(packer.push(b"a").unwrap());
            assert!(!packer.push(&vec![7; 6 << 20]).unwrap());
            assert!(packer.push(b"b").unwrap());
            let mut packer = packer.finish().unwrap();
            assert_eq!(unpacked(compression, &packer.take(usize::MAX)), b"ab");
        }
    }

    #[test]
    fn snappy_has_the_frames_of_the_original() {
        let budget = MemoryBudget::new(1 << 20);
        let begun = Packer::begin(FileCompression::Snappy, 1 << 20, &budget);
        let mut packer = begun.unwrap().unwrap();
        assert!(packer.push(b"abc").unwrap());
        let mut packer = packer.finish().unwrap();
        // A magic word, version 1, compatible to 1, five bytes: three plain ones as they are.
        let expected = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x05\x03\x08abc";
        assert_eq!(packer.take(usize::MAX), expected.as_slice());
    }
}
