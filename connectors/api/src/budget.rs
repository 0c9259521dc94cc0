//! Memory as a budget, not a hope.
//!
//! Every buffer that can grow with the input takes its bytes from a [`MemoryBudget`] first. A
//! budget that is full says no, and the asker pauses what feeds it, spills, or closes its largest
//! file; nothing grows past it. Budgets nest: a connector's is a part of the worker's.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A number of bytes that may be in use at once, shared by clones.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
    parent: Option<MemoryBudget>,
}

impl MemoryBudget {
    /// A budget of its own.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self::build(limit_bytes, None)
    }

    /// A part of this budget: its bytes count here too.
    #[must_use]
    pub fn part(&self, limit_bytes: usize) -> Self {
        Self::build(limit_bytes, Some(self.clone()))
    }

    fn build(limit_bytes: usize, parent: Option<Self>) -> Self {
        Self { state: Arc::new(State { limit_bytes, used_bytes: AtomicUsize::new(0), parent }) }
    }

    /// Takes bytes, or nothing when they do not fit here or in what this is a part of.
    #[must_use]
    pub fn reserve(&self, bytes: usize) -> Option<Reservation> {
        self.take(bytes).then(|| Reservation { budget: self.clone(), bytes })
    }

    /// Bytes in use now.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.state.used_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that may be in use at once.
    #[must_use]
    pub fn limit_bytes(&self) -> usize {
        self.state.limit_bytes
    }

    fn take(&self, bytes: usize) -> bool {
        let fits =
            |used: usize| used.checked_add(bytes).filter(|&after| after <= self.state.limit_bytes);
        let order = Ordering::Relaxed;
        if self.state.used_bytes.fetch_update(order, order, fits).is_err() {
            return false;
        }
        let granted = self.state.parent.as_ref().is_none_or(|parent| parent.take(bytes));
        if !granted {
            self.state.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        granted
    }

    fn give_back(&self, bytes: usize) {
        self.state.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(parent) = &self.state.parent {
            parent.give_back(bytes);
        }
    }
}

/// Bytes taken from a budget; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: MemoryBudget,
    bytes: usize,
}

impl Reservation {
    /// Takes more bytes into the same reservation; unchanged and `false` when they do not fit.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let granted = self.budget.take(bytes);
        if granted {
            self.bytes += bytes;
        }
        granted
    }

    /// Bytes held.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_cannot_take_what_the_whole_lacks() {
        let whole = MemoryBudget::new(100);
        let part = whole.part(80);
        let held = part.reserve(60);
        assert!(held.is_some());
        assert!(part.reserve(30).is_none(), "over the part's own limit");
        let other = whole.part(80);
        assert!(other.reserve(60).is_none(), "over the whole's limit");
        drop(held);
        assert_eq!((whole.used_bytes(), part.used_bytes(), other.used_bytes()), (0, 0, 0));
    }
}
