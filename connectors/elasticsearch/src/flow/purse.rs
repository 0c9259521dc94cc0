//! Bytes of the budget that documents take until they are answered.

use connect_api::budget::{MemoryBudget, Reservation};

/// Bytes taken from the budget at once.
const UNIT: usize = 64 << 10;

/// Takes from a budget and gives back.
#[derive(Debug)]
pub(super) struct Purse {
    budget: MemoryBudget,
    units: Vec<Reservation>,
    used: usize,
}

impl Purse {
    pub(super) const fn new(budget: MemoryBudget) -> Self {
        Self { budget, units: Vec::new(), used: 0 }
    }

    /// Counts bytes that are there; `false` when the budget has no room for them.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        self.used = self.used.saturating_add(bytes);
        while self.units.len() * UNIT < self.used {
            match self.budget.reserve(UNIT) {
                Some(unit) => self.units.push(unit),
                None => return false,
            }
        }
        true
    }

    /// Bytes are gone.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
        self.units.truncate(self.used.div_ceil(UNIT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let budget = MemoryBudget::new(4 * UNIT);
        let mut purse = Purse::new(budget.clone());
        assert!(purse.take(3 * UNIT + 1));
        assert_eq!(budget.used_bytes(), 4 * UNIT);
        assert!(!purse.take(2 * UNIT));
        purse.give_back(5 * UNIT);
        assert_eq!(budget.used_bytes(), UNIT);
        drop(purse);
        assert_eq!(budget.used_bytes(), 0);
    }
}
