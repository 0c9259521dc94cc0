//! Bytes in memory that a budget knows of.

use std::io::{self, Write};

use bytes::Bytes;
use connect_api::budget::{MemoryBudget, Reservation};

/// A buffer that grows by what the budget gives.
#[derive(Debug)]
pub struct Buffer {
    /// What it holds.
    pub bytes: Vec<u8>,
    held: Reservation,
    budget: MemoryBudget,
    /// Size from which on it grows by need instead of doubling.
    most_bytes: usize,
}

impl Buffer {
    /// An empty one; nothing when the budget is used up.
    pub fn new(budget: &MemoryBudget, most_bytes: usize) -> Option<Self> {
        let held = budget.reserve(0)?;
        Some(Self { bytes: Vec::new(), held, budget: budget.clone(), most_bytes })
    }

    /// Bytes taken from the budget.
    pub const fn held_bytes(&self) -> usize {
        self.held.bytes()
    }

    /// Takes the first bytes, at most so many; they count until [`Buffer::settle`].
    pub fn take(&mut self, most_bytes: usize) -> Bytes {
        let rest = self.bytes.split_off(most_bytes.min(self.bytes.len()));
        std::mem::replace(&mut self.bytes, rest).into()
    }

    /// Gives back what was taken out.
    pub fn settle(&mut self) {
        let Some(nothing) = self.budget.reserve(0) else { return };
        self.held = nothing;
        // This room was free a moment ago: only a sibling that took it in between says no, and
        // the next append asks again.
        let _regained = self.held.grow(self.bytes.capacity());
    }

    /// Makes room; `false` when the budget has none.
    pub fn ensure(&mut self, more_bytes: usize) -> bool {
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
