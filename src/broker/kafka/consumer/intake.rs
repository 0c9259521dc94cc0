//! What was fetched, on its way to the task: how far partitions are read.

use std::time::Duration;

use connect_api::{record::TopicPartition, sink::SinkOffsets};
use tokio::time::Instant;

use super::{Member, Phase};
use crate::broker::{
    ConsumerEvent, PartitionRecords,
    kafka::{native::partition_list, records::Fetched},
};

/// How often positions are moved past what is not shown.
const LOOK: Duration = Duration::from_secs(1);

impl Member {
    /// Books what was fetched, and gives it to the task.
    pub(super) fn take(&mut self, fetched: Fetched) {
        let Fetched { mut records, errors, .. } = fetched;
        records.retain(|part| self.positions.contains_key(&part.partition));
        let anew = self.take_out_anew(&mut records);
        for part in &records {
            self.positions.insert(part.partition.clone(), part.next_offset);
            self.begun.insert(part.partition.clone());
        }
        for (partition, refusal) in errors {
            self.read_again(partition);
            self.attend_to(refusal);
        }
        self.pass_hidden(&mut records);
        if !records.is_empty() && self.phase == Phase::Reading {
            self.outbox.push_back(ConsumerEvent::Records(records));
        }
        if !anew.is_empty() {
            self.hand_out_anew(anew);
        }
    }

    /// Takes out what comes of partitions whose offsets went back although nobody sought, and says where
    /// they went: librdkafka follows `auto.offset.reset` when the offset it would read is none any more.
    fn take_out_anew(&self, records: &mut Vec<PartitionRecords>) -> SinkOffsets {
        let mut anew = SinkOffsets::new();
        for part in &mut *records {
            let known = self.positions.get(&part.partition);
            let mut next = known.filter(|_| self.begun.contains(&part.partition)).copied();
            let back = part.records.iter().position(|record| {
                let is_back = next.is_some_and(|next| record.offset < next);
                if !is_back {
                    next = Some(record.offset + 1);
                }
                is_back
            });
            let Some(back) = back else { continue };
            let rest = part.records.split_off(back);
            let (Some(first), Some(next)) = (rest.first(), next) else { continue };
            anew.insert(part.partition.clone(), first.offset);
            part.next_offset = next;
        }
        records.retain(|part| !part.records.is_empty());
        anew
    }

    /// Moves positions past what is not shown: markers, and records that were aborted.
    fn pass_hidden(&mut self, records: &mut Vec<PartitionRecords>) {
        let now = Instant::now();
        if self.begun.is_empty() || now < self.next_look {
            return;
        }
        self.next_look = now + LOOK;
        let entries = self.begun.iter().map(|at| (at.topic.as_ref(), at.partition, None));
        let found = partition_list(entries)
            .and_then(|list| self.fetcher.native().positions(&list))
            .unwrap_or_default();
        for entry in found {
            let partition = TopicPartition::new(entry.topic, entry.partition);
            let Some(position) = self.positions.get_mut(&partition) else { continue };
            if entry.offset <= *position {
                continue;
            }
            *position = entry.offset;
            match records.iter_mut().find(|part| part.partition == partition) {
                Some(part) => part.next_offset = entry.offset,
                None => records.push(PartitionRecords {
                    partition,
                    records: Vec::new(),
                    next_offset: entry.offset,
                }),
            }
        }
    }

    /// Sets librdkafka right about what it has handed out: in a batch it counts an error as a
    /// record, and would go on after the record that is still to come when it resumes.
    fn read_again(&mut self, partition: TopicPartition) {
        if let Some(&position) = self.positions.get(&partition) {
            self.seek([(partition, position)].into());
        }
    }
}
