//! What has become of the records of each partition.
//!
//! A partition's records are entered in their order and end in any order. What may be committed is
//! the beginning of which everything has ended: the records that answers became are handed out together
//! with the offset behind them, so that both can be stored at once.

use std::collections::{BTreeMap, VecDeque};

use connect_api::{
    budget::Reservation, record::TopicPartition, sink::SinkOffsets, topics::TopicRecord,
};

use crate::report::bytes_of;

/// Most records of a partition that are stored at once, so that a transaction stays short.
const MOST_AT_ONCE: usize = 2000;
/// Most bytes of records that are stored at once, of all partitions, for the same reason.
const MOST_BYTES: usize = 8 << 20;

/// The records in hand, per partition.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    partitions: BTreeMap<TopicPartition, Partition>,
    last_epoch: u64,
    /// Times that something was taken: each time another partition is the first.
    turn: usize,
}

#[derive(Debug, Default)]
struct Partition {
    /// Tells the partition from the same one when it was here before.
    epoch: u64,
    /// Records before this were entered before.
    next: i64,
    entries: VecDeque<Entry>,
    /// Offset behind what has ended and was handed out.
    settled: Option<i64>,
}

/// One record.
#[derive(Debug)]
pub(crate) struct Entry {
    offset: i64,
    /// What it became, once it has ended.
    became: Option<Became>,
}

/// What a record became, until that is stored.
#[derive(Debug, Default)]
pub(crate) struct Became {
    pub(crate) records: Vec<TopicRecord>,
    /// The memory that is counted for it.
    pub(crate) held: Option<Reservation>,
}

impl Partition {
    /// How many entries at the beginning have ended and fit; one fits in any case where it is the
    /// first of all.
    fn ended(&self, room: &mut usize, is_first: bool) -> usize {
        let mut count = 0;
        for became in
            self.entries.iter().take(MOST_AT_ONCE).map_while(|entry| entry.became.as_ref())
        {
            let bytes: usize = became.records.iter().map(bytes_of).sum();
            if bytes > *room && (count > 0 || !is_first) {
                break;
            }
            *room = room.saturating_sub(bytes);
            count += 1;
        }
        count
    }
}

/// The ended beginnings of partitions.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    partitions: BTreeMap<TopicPartition, (i64, Vec<Entry>)>,
}

impl Settled {
    pub(crate) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Whether there is one of this partition.
    pub(crate) fn has(&self, partition: &TopicPartition) -> bool {
        self.partitions.contains_key(partition)
    }

    /// Offsets behind them.
    pub(crate) fn offsets(&self) -> SinkOffsets {
        self.partitions.iter().map(|(at, (offset, _))| (at.clone(), *offset)).collect()
    }

    /// What they became.
    pub(crate) fn records(&self) -> Vec<TopicRecord> {
        let entries = self.partitions.values().flat_map(|(_, entries)| entries);
        let became = entries.filter_map(|entry| entry.became.as_ref());
        became.flat_map(|became| became.records.iter().cloned()).collect()
    }
}

impl Ledger {
    pub(crate) fn begin(&mut self, partition: &TopicPartition) {
        self.last_epoch += 1;
        let new = Partition { epoch: self.last_epoch, ..Partition::default() };
        self.partitions.insert(partition.clone(), new);
    }

    pub(crate) fn end(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }

    /// Which time the partition is here; none where it is not.
    pub(crate) fn epoch(&self, partition: &TopicPartition) -> Option<u64> {
        self.partitions.get(partition).map(|partition| partition.epoch)
    }

    pub(crate) fn has(&self, partition: &TopicPartition) -> bool {
        self.partitions.contains_key(partition)
    }

    pub(crate) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.keys()
    }

    /// Records in hand.
    pub(crate) fn len(&self) -> usize {
        self.partitions.values().map(|partition| partition.entries.len()).sum()
    }

    /// Enters a record; `false` for one that came before, or of a partition that is not there.
    pub(crate) fn enter(&mut self, partition: &TopicPartition, offset: i64) -> bool {
        let Some(partition) = self.partitions.get_mut(partition) else { return false };
        let is_new = offset >= partition.next;
        if is_new {
            partition.next = offset.saturating_add(1);
            partition.entries.push_back(Entry { offset, became: None });
        }
        is_new
    }

    /// A record has ended, as these.
    pub(crate) fn finish(&mut self, at: &TopicPartition, offset: i64, became: Became) {
        let Some(partition) = self.partitions.get_mut(at) else { return };
        if let Ok(place) = partition.entries.binary_search_by_key(&offset, |entry| entry.offset)
            && let Some(entry) = partition.entries.get_mut(place)
        {
            entry.became = Some(became);
        }
    }

    /// Records up to `consumed` were brought, and those that are not in hand were dropped before they
    /// came here: with nothing in hand, what is before it has ended.
    pub(crate) fn pass(&mut self, consumed: &SinkOffsets) -> SinkOffsets {
        let mut passed = SinkOffsets::new();
        for (at, &offset) in consumed {
            let Some(partition) = self.partitions.get_mut(at) else { continue };
            if partition.entries.is_empty()
                && offset >= partition.next
                && partition.settled.is_none_or(|settled| settled < offset)
            {
                partition.settled = Some(offset);
                passed.insert(at.clone(), offset);
            }
        }
        passed
    }

    /// Takes what has ended at the beginning of each partition, as far as it is stored at once.
    pub(crate) fn settle(&mut self) -> Settled {
        let mut settled = Settled::default();
        let mut room = MOST_BYTES;
        let mut partitions: Vec<_> = self.partitions.iter_mut().collect();
        let first = self.turn.checked_rem(partitions.len()).unwrap_or(0);
        partitions.rotate_left(first);
        self.turn = self.turn.wrapping_add(1);
        for (at, partition) in partitions {
            let count = partition.ended(&mut room, settled.is_empty());
            let entries: Vec<_> = partition.entries.drain(..count).collect();
            if let Some(last) = entries.last() {
                let offset = last.offset.saturating_add(1);
                partition.settled = Some(offset);
                settled.partitions.insert(at.clone(), (offset, entries));
            }
        }
        settled
    }

    /// Puts back what could not be stored.
    pub(crate) fn unsettle(&mut self, settled: Settled) {
        for (at, (_, entries)) in settled.partitions {
            if let Some(partition) = self.partitions.get_mut(&at) {
                partition.settled = None;
                for entry in entries.into_iter().rev() {
                    partition.entries.push_front(entry);
                }
            }
        }
    }

    /// Offsets behind what has ended, where everything that ended was handed out.
    pub(crate) fn settled(&self) -> SinkOffsets {
        let settled = |(at, partition): (&TopicPartition, &Partition)| {
            partition.settled.map(|offset| (at.clone(), offset))
        };
        self.partitions.iter().filter_map(settled).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at() -> TopicPartition {
        TopicPartition::new("t", 0)
    }

    fn record(offset: i64) -> TopicRecord {
        let key = Some(offset.to_string().into());
        TopicRecord { topic: "r".into(), key, value: None, headers: Vec::new() }
    }

    fn became(record: TopicRecord) -> Became {
        Became { records: vec![record], held: None }
    }

    fn stored(settled: &Settled) -> Vec<i64> {
        let key = |record: TopicRecord| {
            String::from_utf8(record.key.unwrap().to_vec()).unwrap().parse().unwrap()
        };
        settled.records().into_iter().map(key).collect()
    }

    proptest! {
        /// However records end, and however often storing fails: what was stored with an offset is
        /// everything before it, each once and in order.
        #[test]
        fn an_offset_is_stored_with_everything_before_it(
            order in Just((0..60_i64).collect::<Vec<_>>()).prop_shuffle(),
            fails in prop::collection::vec(any::<bool>(), 60),
        ) {
            let mut ledger = Ledger::default();
            ledger.begin(&at());
            for offset in 0..60 {
                prop_assert!(ledger.enter(&at(), offset));
                prop_assert!(!ledger.enter(&at(), offset), "the same record again");
            }
            let mut all = Vec::new();
            for (offset, fails) in order.into_iter().zip(fails) {
                ledger.finish(&at(), offset, became(record(offset)));
                let settled = ledger.settle();
                if fails {
                    ledger.unsettle(settled);
                } else if !settled.is_empty() {
                    all.extend(stored(&settled));
                    let end = settled.offsets()[&at()];
                    prop_assert_eq!(&all, &(0..end).collect::<Vec<_>>());
                }
            }
            let rest = ledger.settle();
            all.extend(stored(&rest));
            prop_assert_eq!(all, (0..60).collect::<Vec<_>>());
            prop_assert_eq!(ledger.len(), 0);
        }
    }

    #[test]
    fn what_was_dropped_on_the_way_is_passed_once_nothing_is_in_hand() {
        let mut ledger = Ledger::default();
        ledger.begin(&at());
        ledger.enter(&at(), 3);
        assert!(ledger.pass(&[(at(), 9)].into()).is_empty());
        ledger.finish(&at(), 3, Became::default());
        assert_eq!(ledger.settle().offsets(), SinkOffsets::from([(at(), 4)]));
        assert_eq!(ledger.pass(&[(at(), 9)].into()), SinkOffsets::from([(at(), 9)]));
        assert!(ledger.pass(&[(at(), 9)].into()).is_empty());
        assert_eq!(ledger.settled(), SinkOffsets::from([(at(), 9)]));
    }

    #[test]
    fn what_is_stored_at_once_is_bounded_in_bytes_and_no_partition_waits_for_ever() {
        let (mut ledger, other) = (Ledger::default(), TopicPartition::new("u", 0));
        let sizes = [(at(), 3), (at(), 3), (at(), 3), (at(), 20), (at(), 1), (other.clone(), 3)];
        for partition in [&at(), &other] {
            ledger.begin(partition);
        }
        for (offset, (partition, mib)) in (0..).zip(&sizes) {
            assert!(ledger.enter(partition, offset));
            let value = Some(vec![0; mib << 20].into());
            ledger.finish(partition, offset, became(TopicRecord { value, ..record(offset) }));
        }
        let mut taken = Vec::new();
        loop {
            let settled = ledger.settle();
            if settled.is_empty() {
                break;
            }
            taken.push(stored(&settled));
        }
        assert_eq!(taken, [vec![0, 1], vec![2, 5], vec![3], vec![4]]);
    }
}
