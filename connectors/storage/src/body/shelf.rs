//! What one object has on disk: bytes in the order they came, in slots.

use std::collections::VecDeque;

use connect_api::error::Result;

use super::spill::{Slot, Spill};

/// Bytes of one object that wait on disk.
#[derive(Debug)]
pub(super) struct Shelf {
    slots: VecDeque<Slot>,
    disk: Spill,
}

impl Shelf {
    pub(super) fn new(disk: Spill) -> Self {
        Self { slots: VecDeque::new(), disk }
    }

    pub(super) const fn disk(&self) -> &Spill {
        &self.disk
    }

    /// Puts as many of the first bytes as one slot has room for; none when the disk is full.
    pub(super) fn put_some(&mut self, bytes: &[u8]) -> usize {
        if let Some(last) = self.slots.back_mut() {
            let count = last.append(bytes);
            if count > 0 {
                return count;
            }
        }
        let Some(slot) = self.disk.put(bytes) else { return 0 };
        let count = slot.length();
        self.slots.push_back(slot);
        count
    }

    /// Puts all of these bytes, or none of them; `false` when the disk is full.
    pub(super) fn put_all(&mut self, bytes: &[u8]) -> bool {
        let (slots, length) = (self.slots.len(), self.slots.back().map(Slot::length));
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let count = self.put_some(rest);
            if count == 0 {
                self.slots.truncate(slots);
                if let (Some(last), Some(length)) = (self.slots.back_mut(), length) {
                    last.truncate(length);
                }
                return false;
            }
            used += count;
        }
        true
    }

    /// Appends the oldest bytes and forgets them; `false` when there are none.
    ///
    /// # Errors
    /// `Retriable` when the disk fails.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let Some(slot) = self.slots.pop_front() else { return Ok(false) };
        slot.read(out)?;
        Ok(true)
    }
}
