//! The partitions that a member has.

use std::{collections::BTreeMap, sync::Arc};

use connect_api::{record::TopicPartition, sink::SinkOffsets};

use super::reading::{Reading, Reset};
use crate::broker::{
    BrokerError, PartitionRecords, Result,
    embedded::{catalog::Partition, group::Grant},
};

/// A partition that a member has.
#[derive(Debug)]
pub(super) struct Holding {
    grant: u64,
    partition: Arc<Partition>,
    /// Offset that the task gets next.
    position: i64,
    /// Records that were read and did not fit into the last event.
    ahead: Option<PartitionRecords>,
    is_paused: bool,
    /// Asked back: nothing more is read.
    is_revoked: bool,
}

/// A fetch to make.
#[derive(Clone, Debug)]
pub(super) struct Fetch {
    pub(super) partition: Arc<Partition>,
    pub(super) from: i64,
}

/// The partitions that a member has, by name.
#[derive(Debug, Default)]
pub(super) struct Share {
    holdings: BTreeMap<TopicPartition, Holding>,
    /// The partition that was read last: the others come first.
    last_read: Option<TopicPartition>,
}

impl Share {
    /// Takes a partition over at an offset.
    pub(super) fn add(&mut self, grant: &Grant, position: i64) {
        let holding = Holding {
            grant: grant.number,
            partition: Arc::clone(&grant.partition),
            position,
            ahead: None,
            is_paused: false,
            is_revoked: false,
        };
        self.holdings.insert(grant.partition.name.clone(), holding);
    }

    /// Stops reading a partition that is asked back; false if it was stopped before.
    pub(super) fn revoke(&mut self, name: &TopicPartition, grant: u64) -> bool {
        match self.holdings.get_mut(name).filter(|holding| holding.grant == grant) {
            Some(holding) if !holding.is_revoked => {
                holding.is_revoked = true;
                holding.ahead = None;
                true
            }
            _ => false,
        }
    }

    /// Lets partitions go, and returns the numbers of their grants.
    pub(super) fn release(&mut self, names: &[TopicPartition]) -> Vec<u64> {
        let released = names.iter().filter_map(|name| self.holdings.remove(name));
        released.map(|holding| holding.grant).collect()
    }

    /// Whether the member has this partition.
    pub(super) fn has(&self, name: &TopicPartition) -> bool {
        self.holdings.contains_key(name)
    }

    pub(super) fn set_paused(&mut self, names: &[TopicPartition], is_paused: bool) {
        for name in names {
            if let Some(holding) = self.holdings.get_mut(name) {
                holding.is_paused = is_paused;
            }
        }
    }

    pub(super) fn seek(&mut self, offsets: &SinkOffsets) {
        for (name, offset) in offsets {
            if let Some(holding) = self.holdings.get_mut(name) {
                holding.position = *offset;
                holding.ahead = None;
            }
        }
    }

    /// Whether there is something to read.
    pub(super) fn has_records(&self) -> bool {
        self.holdings.values().any(Holding::has_records)
    }

    /// Records that were read before, and the fetches to make, in an order that is fair.
    pub(super) fn next_reads(&mut self) -> (Vec<PartitionRecords>, Vec<Fetch>) {
        let turn = self.last_read.take();
        let is_later = |name: &TopicPartition| turn.as_ref().is_none_or(|turn| name > turn);
        let mut holdings: Vec<_> =
            self.holdings.iter_mut().filter(|(_, holding)| holding.has_records()).collect();
        holdings.sort_by_key(|(name, _)| !is_later(name));
        let mut ahead = Vec::new();
        let mut fetches = Vec::new();
        for (_, holding) in holdings {
            if let Some(records) = holding.ahead.take() {
                ahead.push(records);
                continue;
            }
            let partition = Arc::clone(&holding.partition);
            fetches.push(Fetch { partition, from: holding.position });
        }
        if !ahead.is_empty() {
            fetches.clear();
        }
        (ahead, fetches)
    }

    /// Moves on over what was read, and returns what the task gets of it now.
    pub(super) fn hand_out(
        &mut self,
        read: Vec<PartitionRecords>,
        most_records: usize,
    ) -> Vec<PartitionRecords> {
        let mut handed_out = Vec::new();
        let mut room = most_records;
        for mut records in read {
            let Some(holding) = self.holdings.get_mut(&records.partition) else { continue };
            if records.records.len() > room {
                let rest = records.records.split_off(room);
                let next_offset = records.next_offset;
                let first = rest.first().map_or(next_offset, |record| record.offset);
                let partition = records.partition.clone();
                holding.ahead = Some(PartitionRecords { partition, records: rest, next_offset });
                records.next_offset = first;
            }
            holding.position = records.next_offset;
            room -= records.records.len();
            if !records.records.is_empty() {
                self.last_read = Some(records.partition.clone());
                handed_out.push(records);
            }
        }
        handed_out
    }

    /// Moves partitions whose position does not exist to where the settings say.
    pub(super) fn mend_positions(&mut self, reading: &Reading) -> Result<()> {
        for holding in self.holdings.values_mut().filter(|holding| !holding.is_revoked) {
            if !holding.partition.contains(holding.position) {
                holding.position = start(&holding.partition, None, reading)?;
            }
        }
        Ok(())
    }
}

impl Holding {
    fn has_records(&self) -> bool {
        let is_read = !self.is_paused && !self.is_revoked;
        is_read && (self.ahead.is_some() || self.position != self.partition.high())
    }
}

/// Where a partition is read from.
pub(super) fn start(
    partition: &Partition,
    committed: Option<i64>,
    reading: &Reading,
) -> Result<i64> {
    match (committed.filter(|offset| partition.contains(*offset)), reading.reset) {
        (Some(offset), _) => Ok(offset),
        (None, Reset::Earliest) => Ok(partition.low()),
        (None, Reset::Latest) => Ok(partition.high()),
        (None, Reset::Nowhere) => Err(BrokerError::Invalid(format!(
            "Partition {} has no committed offset to read from and auto.offset.reset is none",
            partition.name
        ))),
    }
}
