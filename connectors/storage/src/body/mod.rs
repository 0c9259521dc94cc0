//! The bytes of a file that wait in memory, taken from a budget before they are used.
//!
//! With room on disk too, records wait there as they are, and become a file when it is closed: thousands
//! of files that are open at once cannot each have a compressor and a buffer.

mod avro;
mod buffer;
mod packed;
mod parquet;
mod shelf;
mod spill;
mod staged;

use std::{io::Write as _, sync::Arc};

use bytes::Bytes;
use connect_api::{
    budget::{MemoryBudget, Reservation},
    error::{ConnectorError, Result},
};
use flate2::write::GzEncoder;

pub use self::{
    avro::{Blocks, Head, MARK_BYTES},
    buffer::Buffer,
    parquet::{Groups, Plan},
    spill::{Room, Spill},
};
use self::{packed::Packed, staged::Staged};
use crate::format::{Container, Layout};

/// Size a buffer starts at: a few records.
pub const START_BYTES: usize = 8 << 10;

/// Memory of a compressor beside its output: window, hash chains and pending symbols.
const COMPRESSOR_BYTES: usize = 350 << 10;
/// Content that is collected before it is compressed: small writes cost more than they compress.
const STAGE_BYTES: usize = 16 << 10;
/// Output that a compressor may still hold back, headers and trailer included.
const HELD_BACK_BYTES: usize = 68 << 10;

/// How bodies are made.
#[derive(Clone, Copy, Debug)]
pub struct BodyOptions {
    /// Level of gzip, if it is used.
    pub gzip: Option<flate2::Compression>,
    /// Size of the parts that are taken out.
    pub part_bytes: usize,
    /// Size a buffer starts at.
    pub start_bytes: usize,
}

/// Content of a file, in the form it is stored in.
#[derive(Debug)]
pub struct Body(Content);

#[derive(Debug)]
enum Content {
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
struct Gzip {
    encoder: GzEncoder<Buffer>,
    staged: Vec<u8>,
    _compressor: Reservation,
}

impl Body {
    /// Begins a file; nothing when there is no room.
    pub fn open(options: BodyOptions, layout: Option<&Arc<Layout>>, room: &Room) -> Option<Self> {
        let content = match (&room.disk, options.gzip) {
            (None, _) => return Self::new(options, layout.map(Arc::as_ref), &room.memory),
            (Some(_), Some(level)) => Content::Packed(Box::new(Packed::new(room, level)?)),
            (Some(_), None) => Content::Staged(Box::new(Staged::new(room, layout)?)),
        };
        Some(Self(content))
    }

    /// Begins a file in memory; nothing when the budget has no room.
    fn new(options: BodyOptions, layout: Option<&Layout>, budget: &MemoryBudget) -> Option<Self> {
        Content::new(options, layout, budget).map(Self)
    }

    /// Makes a body in memory of one whose content waits on disk, and gives what waited, which has to be
    /// brought into it; nothing where nothing waits. The memory is beside the budget: it is for the few
    /// files that are stored at once, and one that cannot be stored frees nothing.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub fn wake(&mut self, options: BodyOptions) -> Result<Option<Waiting>> {
        let (layout, options) = match &self.0 {
            Content::Staged(staged) => (staged.layout(), options),
            // It is compressed already.
            Content::Packed(_) => (None, BodyOptions { gzip: None, ..options }),
            _ => return Ok(None),
        };
        let apart = MemoryBudget::new(usize::MAX);
        let content = Content::new(options, layout, &apart);
        let content = content.ok_or_else(|| ConnectorError::internal("Could not begin a file"))?;
        Ok(match std::mem::replace(&mut self.0, content) {
            Content::Staged(staged) => Some(Waiting(Kind::Staged(staged, Vec::new()))),
            Content::Packed(packed) => Some(Waiting(Kind::Packed(packed, Packed::head().to_vec()))),
            _ => None,
        })
    }

    /// Writes to disk what waits in memory, where there is a disk; `false` when that is full.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub fn shelve(&mut self) -> Result<bool> {
        match &mut self.0 {
            Content::Staged(staged) => Ok(staged.shelve()),
            Content::Packed(packed) => packed.shelve(),
            _ => Ok(true),
        }
    }

    /// Makes room for the content of one record; `false` when the budget has none. Either
    /// [`Body::append`] of the same content or [`Body::take_back`] follows.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub fn reserve(&mut self, content: &[u8]) -> Result<bool> {
        match &mut self.0 {
            Content::Plain(buffer) => Ok(buffer.ensure(content.len())),
            Content::Gzip(gzip) => Ok(gzip.reserve(content)),
            Content::Avro(blocks) => blocks.reserve(content),
            Content::Parquet(groups) => groups.reserve(content),
            Content::Staged(staged) => Ok(staged.reserve(content)),
            Content::Packed(packed) => packed.reserve(content),
        }
    }

    /// Appends what there is room for.
    ///
    /// # Errors
    /// As [`Body::reserve`].
    pub fn append(&mut self, content: &[u8]) -> Result<()> {
        match &mut self.0 {
            Content::Plain(buffer) => buffer.bytes.extend_from_slice(content),
            Content::Gzip(gzip) => gzip.append(content),
            Content::Avro(blocks) => blocks.append(content),
            Content::Parquet(groups) => return groups.append(),
            Content::Staged(staged) => staged.append(content),
            Content::Packed(packed) => packed.append(content),
        }
        Ok(())
    }

    /// Forgets what there is room for.
    pub fn take_back(&mut self) {
        if let Content::Parquet(groups) = &mut self.0 {
            groups.take_back();
        }
    }

    /// Ends the content; nothing can be appended after it.
    ///
    /// # Errors
    /// As [`Body::reserve`].
    pub fn finish(&mut self) -> Result<()> {
        match &mut self.0 {
            Content::Plain(_) | Content::Staged(_) | Content::Packed(_) => Ok(()),
            Content::Gzip(gzip) => {
                // Writing to memory cannot fail, and what the trailer needs was ensured by every
                // append.
                let _compressed = gzip.encoder.write_all(&std::mem::take(&mut gzip.staged));
                let _ended = gzip.encoder.try_finish();
                Ok(())
            }
            Content::Avro(blocks) => blocks.finish(),
            Content::Parquet(groups) => groups.finish(),
        }
    }

    /// Bytes that can be taken out.
    pub fn pending_bytes(&self) -> usize {
        match &self.0 {
            Content::Plain(buffer) => buffer.bytes.len(),
            Content::Gzip(gzip) => gzip.encoder.get_ref().bytes.len(),
            Content::Avro(blocks) => blocks.out.bytes.len(),
            Content::Parquet(groups) => groups.pending_bytes(),
            Content::Staged(_) | Content::Packed(_) => 0,
        }
    }

    /// At most what would be pending after [`Body::close_group`].
    pub fn spillable_bytes(&self) -> usize {
        match &self.0 {
            Content::Parquet(groups) => groups.spillable_bytes(),
            _ => self.pending_bytes(),
        }
    }

    /// Makes pending what waits for more of its kind.
    ///
    /// # Errors
    /// As [`Body::reserve`].
    pub fn close_group(&mut self) -> Result<()> {
        match &mut self.0 {
            Content::Parquet(groups) => groups.close_group(),
            _ => Ok(()),
        }
    }

    /// Bytes taken from the budget.
    pub fn held_bytes(&self) -> usize {
        match &self.0 {
            Content::Plain(buffer) => buffer.held_bytes(),
            Content::Gzip(gzip) => {
                COMPRESSOR_BYTES + STAGE_BYTES + gzip.encoder.get_ref().held_bytes()
            }
            Content::Avro(blocks) => blocks.held_bytes(),
            Content::Parquet(groups) => groups.held_bytes(),
            Content::Staged(staged) => staged.held_bytes(),
            Content::Packed(packed) => packed.held_bytes(),
        }
    }

    /// Takes the first bytes, at most so many; they count until [`Body::settle`].
    pub fn take_part(&mut self, most_bytes: usize) -> Bytes {
        match &mut self.0 {
            Content::Plain(buffer) => buffer.take(most_bytes),
            Content::Gzip(gzip) => gzip.encoder.get_mut().take(most_bytes),
            Content::Avro(blocks) => blocks.out.take(most_bytes),
            Content::Parquet(groups) => groups.take_part(),
            Content::Staged(_) | Content::Packed(_) => Bytes::new(),
        }
    }

    /// Gives back what the part took.
    pub fn settle(&mut self) {
        match &mut self.0 {
            Content::Plain(buffer) => buffer.settle(),
            Content::Gzip(gzip) => gzip.encoder.get_mut().settle(),
            Content::Avro(blocks) => blocks.settle(),
            Content::Parquet(groups) => groups.settle(),
            Content::Staged(_) | Content::Packed(_) => {}
        }
    }
}

impl Content {
    /// Nothing when the budget has no room.
    fn new(options: BodyOptions, layout: Option<&Layout>, budget: &MemoryBudget) -> Option<Self> {
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
}

/// What waited on disk, on its way into a body.
#[derive(Debug)]
pub struct Waiting(Kind);

#[derive(Debug)]
enum Kind {
    /// Records, and the beginning of one whose end comes next.
    Staged(Box<Staged>, Vec<u8>),
    /// Pieces of a gzip file, and the one that comes next.
    Packed(Box<Packed>, Vec<u8>),
}

impl Waiting {
    /// Brings the next portion into the body; `false` after the last one.
    ///
    /// # Errors
    /// `Retriable` when the disk fails, `Internal` when a library does.
    pub fn bring(&mut self, body: &mut Body) -> Result<bool> {
        match &mut self.0 {
            Kind::Staged(staged, rest) => {
                let is_more = staged.next(rest)?;
                staged::replay(rest, body)?;
                Ok(is_more)
            }
            Kind::Packed(packed, piece) => {
                let is_more = packed.next(piece)?;
                if !body.reserve(piece)? {
                    return Err(ConnectorError::internal("What waited has no room in its file"));
                }
                body.append(piece)?;
                piece.clear();
                Ok(is_more)
            }
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
