//! Obeying the task.

use std::time::Duration;

use connect_api::{record::TopicPartition, sink::SinkOffsets};
use rdkafka::{TopicPartitionList, types::RDKafkaErrorCode as Code};
use tokio::time::Instant;

use super::{Member, partition_list};
use crate::broker::{ConsumerCommand, ConsumerEvent, kafka::refusal::Refusal};

/// How long a seek may take; it needs no answer of the cluster.
const SEEK: Duration = Duration::from_secs(10);

/// How often a seek is repeated while librdkafka has not begun with the partition yet.
const SEEK_AGAIN: Duration = Duration::from_millis(5);

impl Member {
    /// Obeys the commands that are there.
    pub(super) fn obey_waiting(&mut self) {
        if self.token.is_cancelled() {
            self.begin_leaving();
        }
        loop {
            match self.end.commands.try_recv() {
                Ok(command) => self.obey(command),
                Err(tokio::sync::mpsc::error::TryRecvError::Empty) => return,
                Err(tokio::sync::mpsc::error::TryRecvError::Disconnected) => {
                    return self.begin_leaving();
                }
            }
        }
    }

    /// Obeys one command. Partitions that were taken away meanwhile are left alone.
    pub(super) fn obey(&mut self, command: ConsumerCommand) {
        match command {
            ConsumerCommand::Pause(mut partitions) => {
                partitions.retain(|at| self.positions.contains_key(at));
                self.paused.extend(partitions.iter().cloned());
                self.pause_native(partitions);
            }
            ConsumerCommand::Resume(mut partitions) => {
                partitions.retain(|at| self.paused.remove(at));
                if !self.is_stalled {
                    self.resume_native(partitions);
                }
            }
            ConsumerCommand::Seek(offsets, number) => {
                self.seek(offsets);
                self.outbox.push_back(ConsumerEvent::Sought(number));
            }
            ConsumerCommand::Commit(offsets, sequence) => self.commit(offsets, sequence),
            ConsumerCommand::Close => self.begin_leaving(),
        }
    }

    pub(super) fn pause_native(&mut self, partitions: Vec<TopicPartition>) {
        self.tell(&partitions, |member, list| member.fetcher.native().pause(list));
    }

    pub(super) fn resume_native(&mut self, partitions: Vec<TopicPartition>) {
        self.tell(&partitions, |member, list| member.fetcher.native().resume(list));
    }

    fn tell(
        &mut self,
        partitions: &[TopicPartition],
        tell: impl FnOnce(&Self, &TopicPartitionList) -> Result<(), Refusal>,
    ) {
        if partitions.is_empty() {
            return;
        }
        let entries = partitions.iter().map(|at| (at.topic.as_ref(), at.partition, None));
        let told = partition_list(entries).and_then(|list| tell(self, &list));
        if let Err(refusal) = told {
            self.trouble(&refusal);
        }
    }

    /// A seek that fails must not go unnoticed: what is read next would not be what was asked for.
    pub(super) fn seek(&mut self, mut offsets: SinkOffsets) {
        offsets.retain(|at, _| self.positions.contains_key(at));
        if offsets.is_empty() {
            return;
        }
        self.begun.retain(|at| !offsets.contains_key(at));
        match self.try_seek(&offsets) {
            Ok(()) => self.positions.extend(offsets),
            Err(refusal) => self.fail(refusal),
        }
    }

    fn try_seek(&self, offsets: &SinkOffsets) -> Result<(), Refusal> {
        let end = Instant::now() + SEEK;
        loop {
            let list = offset_list(offsets)?;
            match self.fetcher.native().seek(&list, SEEK) {
                Err(refusal) if refusal.code == Code::State && Instant::now() < end => {
                    self.runtime.block_on(tokio::time::sleep(SEEK_AGAIN));
                }
                outcome => return outcome,
            }
        }
    }

    fn commit(&mut self, mut offsets: SinkOffsets, sequence: u64) {
        let wanted = offsets.len();
        offsets.retain(|at, _| self.positions.contains_key(at));
        let refused =
            if offsets.len() < wanted { Err(Refusal::new(Code::AssignmentLost)) } else { Ok(()) };
        let begun = if offsets.is_empty() {
            None
        } else {
            let number = usize::try_from(sequence).unwrap_or(usize::MAX);
            Some(
                self.commit_list(&offsets)
                    .and_then(|list| self.fetcher.begin_commit(&list, number)),
            )
        };
        let outcome = match begun {
            // The outcome comes later.
            Some(Ok(())) => return,
            Some(Err(refusal)) => Err(refusal),
            None => refused,
        };
        let outcome = outcome.map_err(|refusal| refusal.during("Committing offsets"));
        self.outbox.push_back(ConsumerEvent::Committed { sequence, outcome });
    }

    /// Offsets with what is committed beside them.
    pub(super) fn commit_list(&self, offsets: &SinkOffsets) -> Result<TopicPartitionList, Refusal> {
        let list = offset_list(offsets)?;
        if !self.offset_metadata.is_empty() {
            for mut element in list.elements() {
                element.set_metadata(&self.offset_metadata);
            }
        }
        Ok(list)
    }
}

/// Offsets for librdkafka.
pub(in crate::broker::kafka) fn offset_list(
    offsets: &SinkOffsets,
) -> Result<TopicPartitionList, Refusal> {
    partition_list(
        offsets.iter().map(|(at, offset)| (at.topic.as_ref(), at.partition, Some(*offset))),
    )
}
