//! Bytes of a file, cut where its parts end.

use std::{
    collections::VecDeque,
    io::{self, Write},
};

use bytes::Bytes;

/// Buffers of a part's length each, the last one not full yet.
#[derive(Debug)]
pub(super) struct Parts {
    buffers: VecDeque<Vec<u8>>,
    part_bytes: usize,
    length: usize,
}

impl Parts {
    pub(super) const fn new(part_bytes: usize) -> Self {
        Self { buffers: VecDeque::new(), part_bytes, length: 0 }
    }

    /// Bytes in all buffers.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// Memory of all buffers.
    pub(super) fn capacity(&self) -> usize {
        self.buffers.iter().map(Vec::capacity).sum()
    }

    /// Takes the first buffer.
    pub(super) fn take(&mut self) -> Bytes {
        let first = self.buffers.pop_front().unwrap_or_default();
        self.length -= first.len();
        first.into()
    }
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_full = self.buffers.back().is_none_or(|last| last.len() >= self.part_bytes);
        if is_full {
            self.buffers.push_back(Vec::new());
        }
        let Some(last) = self.buffers.back_mut() else { return Ok(0) };
        let room = self.part_bytes.saturating_sub(last.len());
        let fitting = bytes.get(..room).unwrap_or(bytes);
        if last.capacity() - last.len() < fitting.len() {
            // Half as much again, and never more than a part.
            let more = (last.len() / 2).max(fitting.len()).min(room);
            last.reserve_exact(more);
        }
        last.extend_from_slice(fitting);
        self.length += fitting.len();
        Ok(fitting.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_but_the_last_is_full() {
        let mut parts = Parts::new(10);
        for _ in 0..9 {
            parts.write_all(b"abc").unwrap();
        }
        assert_eq!((parts.length(), parts.take().len(), parts.take().len()), (27, 10, 10));
        parts.write_all(b"d").unwrap();
        assert_eq!((&*parts.take(), parts.length()), (&b"bcabcabcd"[1..], 0));
        assert_eq!(parts.take().len(), 0);
    }
}
