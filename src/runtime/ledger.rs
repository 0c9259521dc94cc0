//! Which source offsets may be committed.

use std::collections::{HashMap, VecDeque};

use connect_api::record::{SourceOffset, SourcePartition};

/// Where each part of a source stands; no offset forgets the part.
pub(super) type Offsets = HashMap<SourcePartition, Option<SourceOffset>>;

/// Offsets as a batch brings them and the store takes them.
pub(super) type OffsetList = Vec<(SourcePartition, Option<SourceOffset>)>;

/// Number of a batch, by the order of reading.
pub(super) type Ticket = u64;

/// Knows which batches are acknowledged. The offsets of a batch become committable once it and all
/// batches before it are.
#[derive(Debug, Default)]
pub(super) struct OffsetLedger {
    /// Ticket of the first open batch.
    first: Ticket,
    /// Batches from that on, with whether they are acknowledged.
    open: VecDeque<(OffsetList, bool)>,
    committable: Offsets,
}

impl OffsetLedger {
    /// Enters the next batch.
    pub(super) fn enter(&mut self, offsets: OffsetList) -> Ticket {
        self.open.push_back((offsets, false));
        self.first + Ticket::try_from(self.open.len() - 1).unwrap_or(Ticket::MAX)
    }

    /// Notes that every record of a batch is stored.
    pub(super) fn acknowledge(&mut self, ticket: Ticket) {
        let place = ticket.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some((_, is_acknowledged)) = place.and_then(|place| self.open.get_mut(place)) {
            *is_acknowledged = true;
        }
        while let Some((offsets, _)) = self.open.pop_front_if(|(_, acknowledged)| *acknowledged) {
            self.first += 1;
            self.committable.extend(offsets);
        }
    }

    /// Takes what may be committed and was not taken before.
    pub(super) fn take(&mut self) -> Offsets {
        std::mem::take(&mut self.committable)
    }

    /// Gives back what could not be committed; what became committable since is newer.
    pub(super) fn give_back(&mut self, offsets: Offsets) {
        for (partition, offset) in offsets {
            self.committable.entry(partition).or_insert(offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offset(number: u64) -> Vec<(SourcePartition, Option<SourceOffset>)> {
        let offset = SourceOffset([("n".to_owned(), number.into())].into_iter().collect());
        vec![(SourcePartition::default(), Some(offset))]
    }

    fn number(offsets: &Offsets) -> Option<u64> {
        offsets.values().flatten().next()?.0.get("n")?.as_u64()
    }

    proptest! {
        #[test]
        fn what_is_committed_never_passes_an_unacknowledged_batch(
            order in Just((0..20_u64).collect::<Vec<_>>()).prop_shuffle(),
            failed in 0..20_usize,
        ) {
            let mut ledger = OffsetLedger::default();
            let tickets: Vec<_> = (0..20).map(|batch| ledger.enter(offset(batch))).collect();
            prop_assert_eq!(&tickets, &(0..20).collect::<Vec<_>>());
            let mut acknowledged = std::collections::BTreeSet::new();
            let mut committed = None;
            for (step, ticket) in order.into_iter().enumerate() {
                ledger.acknowledge(ticket);
                acknowledged.insert(ticket);
                let taken = ledger.take();
                if step == failed {
                    ledger.give_back(taken);
                    continue;
                }
                committed = number(&taken).or(committed);
                let prefix = (0..20).take_while(|batch| acknowledged.contains(batch)).last();
                prop_assert_eq!(committed, prefix);
            }
        }
    }

    #[test]
    fn what_is_given_back_does_not_hide_what_is_newer() {
        let mut ledger = OffsetLedger::default();
        let (first, second) = (ledger.enter(offset(1)), ledger.enter(offset(2)));
        ledger.acknowledge(first);
        let taken = ledger.take();
        ledger.acknowledge(second);
        ledger.give_back(taken);
        assert_eq!(number(&ledger.take()), Some(2));
    }
}
