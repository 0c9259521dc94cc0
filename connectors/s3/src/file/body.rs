//! The bytes of a file that wait in memory, taken from a budget before they are used.

use std::io::Write as _;

use bytes::Bytes;
use connect_api::{
    budget::{MemoryBudget, Reservation},
    error::Result,
};
use flate2::write::GzEncoder;

use super::{
    BodyOptions, avro::Blocks, buffer::Buffer, packed::Packed, parquet::Groups, staged::Staged,
};
use crate::format::{Container, Layout};

/// Memory of a compressor beside its output: window, hash chains and pending symbols.
const COMPRESSOR_BYTES: usize = 350 << 10;
/// Content that is collected before it is compressed: small writes cost more than they compress.
const STAGE_BYTES: usize = 16 << 10;
/// Output that a compressor may still hold back, headers and trailer included.
const HELD_BACK_BYTES: usize = 68 << 10;

/// Content of a file, in the form it is uploaded in.
#[derive(Debug)]
pub(super) enum Body {
    Plain(Buffer),
    Gzip(Box<Gzip>),
    Avro(Box<Blocks>),
    Parquet(Box<Groups>),
    /// Not content yet.
    Staged(Box<Staged>),
    /// Content of a gzip file on disk.
    Packed(Box<Packed>),
}

#[derive(Debug)]
pub(super) struct Gzip {
    encoder: GzEncoder<Buffer>,
    staged: Vec<u8>,
    _compressor: Reservation,
}

impl Body {
    /// Nothing when the budget has no room.
    pub(super) fn new(
        options: BodyOptions,
        layout: Option<&Layout>,
        budget: &MemoryBudget,
    ) -> Option<Self> {
        let mut buffer = Buffer::new(budget, options.part_bytes)?;
        match layout.map(|layout| &layout.container) {
            Some(Container::Avro(head)) => {
                return Blocks::begin(head, buffer, budget).map(|it| Self::Avro(Box::new(it)));
            }
            Some(Container::Parquet(plan)) => {
                let groups = Groups::begin(plan, options.part_bytes, budget)?;
                return Some(Self::Parquet(Box::new(groups)));
            }
            None => {}
        }
        let Some(level) = options.gzip else {
            return buffer.ensure(options.start_bytes).then_some(Self::Plain(buffer));
        };
        let compressor = budget.reserve(COMPRESSOR_BYTES + STAGE_BYTES)?;
        buffer.ensure(HELD_BACK_BYTES).then(|| {
            Self::Gzip(Box::new(Gzip {
                encoder: GzEncoder::new(buffer, level),
                staged: Vec::with_capacity(STAGE_BYTES),
                _compressor: compressor,
            }))
        })
    }

    /// Makes room for the content of one record; `false` when the budget has none. Either
    /// [`Body::append`] of the same content or [`Body::take_back`] follows.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub(super) fn reserve(&mut self, content: &[u8]) -> Result<bool> {
        match self {
            Self::Plain(buffer) => Ok(buffer.ensure(content.len())),
            Self::Gzip(gzip) => Ok(gzip.reserve(content)),
            Self::Avro(blocks) => blocks.reserve(content),
            Self::Parquet(groups) => groups.reserve(content),
            Self::Staged(staged) => Ok(staged.reserve(content)),
            Self::Packed(packed) => packed.reserve(content),
        }
    }

    /// Appends what there is room for.
    ///
    /// # Errors
    /// As [`Body::reserve`].
    pub(super) fn append(&mut self, content: &[u8]) -> Result<()> {
        match self {
            Self::Plain(buffer) => buffer.bytes.extend_from_slice(content),
            Self::Gzip(gzip) => gzip.append(content),
            Self::Avro(blocks) => blocks.append(content),
            Self::Parquet(groups) => return groups.append(),
            Self::Staged(staged) => staged.append(content),
            Self::Packed(packed) => packed.append(content),
        }
        Ok(())
    }

    /// Forgets what there is room for.
    pub(super) fn take_back(&mut self) {
        if let Self::Parquet(groups) = self {
            groups.take_back();
        }
    }

    /// Ends the content; nothing can be appended after it.
    ///
    /// # Errors
    /// As [`Body::reserve`].
    pub(super) fn finish(&mut self) -> Result<()> {
        match self {
            Self::Plain(_) | Self::Staged(_) | Self::Packed(_) => Ok(()),
            Self::Gzip(gzip) => {
                // Writing to memory cannot fail, and what the trailer needs was ensured by every
                // append.
                let _compressed = gzip.encoder.write_all(&std::mem::take(&mut gzip.staged));
                let _ended = gzip.encoder.try_finish();
                Ok(())
            }
            Self::Avro(blocks) => blocks.finish(),
            Self::Parquet(groups) => groups.finish(),
        }
    }

    pub(super) fn pending_bytes(&self) -> usize {
        match self {
            Self::Plain(buffer) => buffer.bytes.len(),
            Self::Gzip(gzip) => gzip.encoder.get_ref().bytes.len(),
            Self::Avro(blocks) => blocks.out.bytes.len(),
            Self::Parquet(groups) => groups.pending_bytes(),
            Self::Staged(_) | Self::Packed(_) => 0,
        }
    }

    /// At most what would be pending after [`Body::close_group`].
    pub(super) fn spillable_bytes(&self) -> usize {
        match self {
            Self::Parquet(groups) => groups.spillable_bytes(),
            other => other.pending_bytes(),
        }
    }

    /// Makes pending what waits for more of its kind.
    ///
    /// # Errors
    /// As [`Body::reserve`].
    pub(super) fn close_group(&mut self) -> Result<()> {
        match self {
            Self::Parquet(groups) => groups.close_group(),
            _ => Ok(()),
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Plain(buffer) => buffer.held_bytes(),
            Self::Gzip(gzip) => {
                COMPRESSOR_BYTES + STAGE_BYTES + gzip.encoder.get_ref().held_bytes()
            }
            Self::Avro(blocks) => blocks.held_bytes(),
            Self::Parquet(groups) => groups.held_bytes(),
            Self::Staged(staged) => staged.held_bytes(),
            Self::Packed(packed) => packed.held_bytes(),
        }
    }

    /// Takes the first bytes, at most so many; they count until [`Body::settle`].
    pub(super) fn take_part(&mut self, most_bytes: usize) -> Bytes {
        match self {
            Self::Plain(buffer) => buffer.take(most_bytes),
            Self::Gzip(gzip) => gzip.encoder.get_mut().take(most_bytes),
            Self::Avro(blocks) => blocks.out.take(most_bytes),
            Self::Parquet(groups) => groups.take_part(),
            Self::Staged(_) | Self::Packed(_) => Bytes::new(),
        }
    }

    /// Gives back what the part took.
    pub(super) fn settle(&mut self) {
        match self {
            Self::Plain(buffer) => buffer.settle(),
            Self::Gzip(gzip) => gzip.encoder.get_mut().settle(),
            Self::Avro(blocks) => blocks.settle(),
            Self::Parquet(groups) => groups.settle(),
            Self::Staged(_) | Self::Packed(_) => {}
        }
    }
}

impl Gzip {
    fn reserve(&mut self, content: &[u8]) -> bool {
        let input = self.staged.len() + content.len();
        // Stored blocks add five bytes to each 16 KiB at worst.
        input <= STAGE_BYTES
            || self.encoder.get_mut().ensure(input + input / 1024 + HELD_BACK_BYTES)
    }

    fn append(&mut self, content: &[u8]) {
        if self.staged.len() + content.len() <= STAGE_BYTES {
            self.staged.extend_from_slice(content);
            return;
        }
        // Writing to memory cannot fail.
        let _staged = self.encoder.write_all(&self.staged);
        self.staged.clear();
        if content.len() > STAGE_BYTES {
            let _written = self.encoder.write_all(content);
        } else {
            self.staged.extend_from_slice(content);
        }
    }
}
