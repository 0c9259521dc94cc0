//! Where a sink task stands in its partitions.

use std::collections::BTreeMap;

use connect_api::{record::TopicPartition, sink::SinkOffsets};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    /// Offset after the last record that the sink accepted.
    current: i64,
    /// What was committed last, or where reading began.
    committed: i64,
}

/// Positions of the assigned partitions.
#[derive(Debug, Default)]
pub(super) struct Positions {
    positions: BTreeMap<TopicPartition, Position>,
}

impl Positions {
    /// Adds partitions that are read from these offsets on.
    pub(super) fn assign(&mut self, offsets: &SinkOffsets) {
        for (partition, &offset) in offsets {
            let position = Position { current: offset, committed: offset };
            self.positions.insert(partition.clone(), position);
        }
    }

    /// Forgets partitions.
    pub(super) fn remove(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.positions.remove(partition);
        }
    }

    pub(super) fn contains(&self, partition: &TopicPartition) -> bool {
        self.positions.contains_key(partition)
    }

    /// The assigned partitions, in order.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.positions.keys()
    }

    /// Notes that the sink accepted everything before this offset.
    pub(super) fn advance(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(position) = self.positions.get_mut(partition) {
            position.current = offset;
        }
    }

    /// What the sink accepted, per partition.
    pub(super) fn current(&self) -> SinkOffsets {
        self.collect(|position| position.current)
    }

    /// What was committed last, per partition.
    pub(super) fn committed(&self) -> SinkOffsets {
        self.collect(|position| position.committed)
    }

    fn collect(&self, offset: impl Fn(&Position) -> i64) -> SinkOffsets {
        self.positions
            .iter()
            .map(|(partition, position)| (partition.clone(), offset(position)))
            .collect()
    }

    /// Goes back to what was committed last.
    pub(super) fn rewind(&mut self) {
        for position in self.positions.values_mut() {
            position.current = position.committed;
        }
    }

    /// Of the offsets that a sink calls safe, those that are news: of assigned partitions that it
    /// was asked for, not beyond what it accepted, and not committed already. The rest is only
    /// logged.
    ///
    /// Source: apache/kafka `WorkerSinkTask.commitOffsets`.
    pub(super) fn committable(&self, asked: &SinkOffsets, safe: SinkOffsets) -> SinkOffsets {
        let mut committable = SinkOffsets::new();
        for (partition, offset) in safe {
            let Some(position) =
                self.positions.get(&partition).filter(|_| asked.contains_key(&partition))
            else {
                tracing::warn!(
                    %partition,
                    offset,
                    "Ignored offset {offset} of partition {partition}, which is not assigned"
                );
                continue;
            };
            if offset > position.current {
                tracing::warn!(
                    %partition,
                    offset,
                    "Ignored offset {offset} of partition {partition}, which is beyond {}, what \
                     the sink was given",
                    position.current
                );
            } else if offset != position.committed {
                committable.insert(partition, offset);
            }
        }
        committable
    }

    /// Notes that these offsets are committed.
    pub(super) fn note_committed(&mut self, offsets: &SinkOffsets) {
        for (partition, &offset) in offsets {
            if let Some(position) = self.positions.get_mut(partition) {
                position.committed = offset;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_and_new_offsets_of_own_partitions_are_committed() {
        let at = |partition| TopicPartition::new("t", partition);
        let mut positions = Positions::default();
        positions.assign(&[(at(0), 5), (at(1), 5), (at(2), 5)].into());
        positions.advance(&at(0), 9);
        positions.advance(&at(1), 9);
        let asked = positions.current();
        let safe = [(at(0), 7), (at(1), 10), (at(2), 5), (at(3), 1)].into();
        assert_eq!(positions.committable(&asked, safe), [(at(0), 7)].into());
        positions.note_committed(&[(at(0), 7)].into());
        positions.rewind();
        assert_eq!(positions.current(), [(at(0), 7), (at(1), 5), (at(2), 5)].into());
    }
}
