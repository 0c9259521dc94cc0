//! The bytes of a file that wait in memory, taken from a budget before they are used.

use std::io::{self, Write};

use bytes::Bytes;
use connect_api::budget::{MemoryBudget, Reservation};
use flate2::write::GzEncoder;

use super::BodyOptions;

/// Memory of a compressor beside its output: window, hash chains and pending symbols.
const COMPRESSOR_BYTES: usize = 300 << 10;
/// Content that is collected before it is compressed: small writes cost more than they compress.
const STAGE_BYTES: usize = 16 << 10;
/// Output that a compressor may still hold back, headers and trailer included.
const HELD_BACK_BYTES: usize = 68 << 10;

/// Content of a file, compressed or not.
#[derive(Debug)]
pub(super) enum Body {
    Plain(Buffer),
    Gzip(Box<Gzip>),
}

#[derive(Debug)]
pub(super) struct Gzip {
    encoder: GzEncoder<Buffer>,
    staged: Vec<u8>,
    _compressor: Reservation,
}

impl Body {
    /// Nothing when the budget has no room.
    pub(super) fn new(options: BodyOptions, budget: &MemoryBudget) -> Option<Self> {
        let mut buffer = Buffer {
            bytes: Vec::new(),
            held: budget.reserve(0)?,
            budget: budget.clone(),
            most_bytes: options.part_bytes,
        };
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

    /// Appends all or nothing.
    pub(super) fn append(&mut self, content: &[u8]) -> bool {
        match self {
            Self::Plain(buffer) => {
                let fits = buffer.ensure(content.len());
                if fits {
                    buffer.bytes.extend_from_slice(content);
                }
                fits
            }
            Self::Gzip(gzip) => gzip.append(content),
        }
    }

    /// Ends the content; nothing can be appended after it.
    pub(super) fn finish(&mut self) {
        let Self::Gzip(gzip) = self else { return };
        // Writing to memory cannot fail, and what the trailer needs was ensured by every append.
        let _compressed = gzip.encoder.write_all(&std::mem::take(&mut gzip.staged));
        let _ended = gzip.encoder.try_finish();
    }

    pub(super) fn pending_bytes(&self) -> usize {
        self.buffer().bytes.len()
    }

    pub(super) fn held_bytes(&self) -> usize {
        let fixed = if matches!(self, Self::Gzip(_)) { COMPRESSOR_BYTES + STAGE_BYTES } else { 0 };
        fixed + self.buffer().held.bytes()
    }

    /// Takes the first bytes, at most so many; they count until [`Body::settle`].
    pub(super) fn take_part(&mut self, most_bytes: usize) -> Bytes {
        let bytes = &mut self.buffer_mut().bytes;
        let rest = bytes.split_off(most_bytes.min(bytes.len()));
        std::mem::replace(bytes, rest).into()
    }

    /// Gives back what the part took.
    pub(super) fn settle(&mut self) {
        let buffer = self.buffer_mut();
        let Some(nothing) = buffer.budget.reserve(0) else { return };
        buffer.held = nothing;
        // This room was free a moment ago: only a sibling that took it in between says no, and
        // the next append asks again.
        let _regained = buffer.held.grow(buffer.bytes.capacity());
    }

    fn buffer(&self) -> &Buffer {
        match self {
            Self::Plain(buffer) => buffer,
            Self::Gzip(gzip) => gzip.encoder.get_ref(),
        }
    }

    fn buffer_mut(&mut self) -> &mut Buffer {
        match self {
            Self::Plain(buffer) => buffer,
            Self::Gzip(gzip) => gzip.encoder.get_mut(),
        }
    }
}

impl Gzip {
    fn append(&mut self, content: &[u8]) -> bool {
        let input = self.staged.len() + content.len();
        if input <= STAGE_BYTES {
            self.staged.extend_from_slice(content);
            return true;
        }
        // Stored blocks add five bytes to each 16 KiB at worst.
        if !self.encoder.get_mut().ensure(input + input / 1024 + HELD_BACK_BYTES) {
            return false;
        }
        // Writing to memory cannot fail.
        let _staged = self.encoder.write_all(&self.staged);
        self.staged.clear();
        if content.len() > STAGE_BYTES {
            let _written = self.encoder.write_all(content);
        } else {
            self.staged.extend_from_slice(content);
        }
        true
    }
}

/// A buffer that grows by what the budget gives.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    held: Reservation,
    budget: MemoryBudget,
    /// Size from which on it grows by need instead of doubling.
    most_bytes: usize,
}

impl Buffer {
    /// Makes room; `false` when the budget has none.
    fn ensure(&mut self, more_bytes: usize) -> bool {
        let needed = self.bytes.len() + more_bytes;
        let held = self.held.bytes();
        if needed > held {
            let doubled = (held * 2).min(self.most_bytes).max(needed);
            let granted = [doubled, needed].into_iter().any(|size| self.held.grow(size - held));
            if !granted {
                return false;
            }
        }
        if needed > self.bytes.capacity() {
            self.bytes.reserve_exact(self.held.bytes() - self.bytes.len());
        }
        true
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
