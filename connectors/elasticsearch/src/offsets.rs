//! Which offsets are safe: everything below them is answered.

use std::collections::{BTreeMap, VecDeque};

use connect_api::{record::TopicPartition, sink::SinkOffsets};

/// One assignment of a partition.
#[derive(Debug)]
struct Seat {
    number: u64,
    /// Offset after the last record that was accepted.
    next: Option<i64>,
    /// Offsets that are not answered, in their order, and some behind them that are.
    open: VecDeque<(i64, bool)>,
}

/// The standing of every assigned partition.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    seats: BTreeMap<TopicPartition, Seat>,
    numbers: BTreeMap<u64, TopicPartition>,
    last: u64,
}

impl Offsets {
    /// A partition was assigned, or is seen for the first time.
    pub(crate) fn open(&mut self, partition: &TopicPartition) {
        let _over = self.close(partition);
        self.last += 1;
        let seat = Seat { number: self.last, next: None, open: VecDeque::new() };
        self.numbers.insert(self.last, partition.clone());
        self.seats.insert(partition.clone(), seat);
    }

    /// A partition was taken away; the assignment that is over, of which no answer counts any more.
    pub(crate) fn close(&mut self, partition: &TopicPartition) -> Option<u64> {
        let seat = self.seats.remove(partition)?;
        self.numbers.remove(&seat.number);
        Some(seat.number)
    }

    /// The partition of an assignment.
    pub(crate) fn partition(&self, seat: u64) -> Option<&TopicPartition> {
        self.numbers.get(&seat)
    }

    /// Every assigned partition.
    pub(crate) fn partitions(&self) -> Vec<TopicPartition> {
        self.seats.keys().cloned().collect()
    }

    /// Whether a record was accepted before.
    pub(crate) fn is_known(&mut self, partition: &TopicPartition, offset: i64) -> bool {
        if !self.seats.contains_key(partition) {
            self.open(partition);
        }
        let seat = self.seats.get(partition);
        seat.and_then(|seat| seat.next).is_some_and(|next| offset < next)
    }

    /// A record was accepted that needs no answer.
    pub(crate) fn pass(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(seat) = self.seats.get_mut(partition) {
            seat.next = Some(offset + 1);
        }
    }

    /// A record was accepted that waits for its answer; the assignment it is of.
    pub(crate) fn begin(&mut self, partition: &TopicPartition, offset: i64) -> u64 {
        match self.seats.get_mut(partition) {
            Some(seat) => {
                seat.next = Some(offset + 1);
                seat.open.push_back((offset, false));
                seat.number
            }
            None => 0,
        }
    }

    /// A record was answered.
    pub(crate) fn answered(&mut self, seat: u64, offset: i64) {
        let seat = self.numbers.get(&seat).and_then(|partition| self.seats.get_mut(partition));
        let Some(seat) = seat else { return };
        if let Ok(at) = seat.open.binary_search_by_key(&offset, |(offset, _)| *offset)
            && let Some((_, is_answered)) = seat.open.get_mut(at)
        {
            *is_answered = true;
        }
        while seat.open.front().is_some_and(|(_, is_answered)| *is_answered) {
            seat.open.pop_front();
        }
    }

    /// The safe offset of each partition, given what was consumed of it.
    pub(crate) fn safe(&self, consumed: &SinkOffsets) -> SinkOffsets {
        let of = |(partition, &offset): (&TopicPartition, &i64)| {
            let first = self.seats.get(partition).and_then(|seat| seat.open.front());
            (partition.clone(), first.map_or(offset, |(open, _)| offset.min(*open)))
        };
        consumed.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn safe(offsets: &Offsets, consumed: i64) -> i64 {
        let partition = TopicPartition::new("t", 0);
        offsets.safe(&SinkOffsets::from([(partition.clone(), consumed)]))[&partition]
    }

    #[test]
    fn an_answer_to_an_assignment_that_ended_counts_for_nothing() {
        let partition = TopicPartition::new("t", 0);
        let mut offsets = Offsets::default();
        offsets.open(&partition);
        let old = offsets.begin(&partition, 5);
        assert_eq!(offsets.close(&partition), Some(old));
        offsets.open(&partition);
        assert!(!offsets.is_known(&partition, 5));
        offsets.begin(&partition, 5);
        offsets.answered(old, 5);
        assert_eq!(safe(&offsets, 6), 5);
        assert_eq!(offsets.partition(old), None);
    }

    proptest! {
        #[test]
        fn no_safe_offset_passes_what_is_not_answered(
            gaps in prop::collection::vec(1..4_i64, 1..40),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let partition = TopicPartition::new("t", 0);
            let mut offsets = Offsets::default();
            offsets.open(&partition);
            let (mut open, mut next) = (Vec::new(), 0);
            for gap in gaps {
                next += gap;
                let seat = offsets.begin(&partition, next);
                open.push((seat, next));
            }
            next += 1;
            for choice in order {
                let least = open.iter().map(|(_, offset)| *offset).min();
                prop_assert_eq!(safe(&offsets, next), least.unwrap_or(next));
                if open.is_empty() {
                    break;
                }
                let (seat, offset) = open.remove(choice.index(open.len()));
                offsets.answered(seat, offset);
                prop_assert!(offsets.is_known(&partition, offset));
            }
        }
    }
}
