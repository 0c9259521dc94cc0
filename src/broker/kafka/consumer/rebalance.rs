//! Partitions that come and go.

use std::{collections::BTreeMap, time::Duration};

use connect_api::{record::TopicPartition, sink::SinkOffsets};
use rdkafka::bindings::rd_kafka_IsolationLevel_t as Isolation;
use tokio::sync::oneshot;
use tracing::warn;

use super::{Direction, Member, PartitionEntry, Phase, Reset, WhileFull, commands::offset_list};
use crate::broker::{
    Assignment, BrokerError, ConsumerEvent, Revocation,
    kafka::{
        admin::{BEGINNING, END, offsets_by_name},
        native::partition_list,
        refusal::Refusal,
    },
};

/// How long one question to the cluster may take during a rebalance.
const ASK: Duration = Duration::from_secs(10);

/// How long to wait before a question is repeated.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// How often the last commit of partitions that are handed over is tried.
const COMMIT_TRIES: u32 = 3;

/// Why partitions cannot be read.
enum Stuck {
    /// Asking again may help.
    ForNow(Refusal),
    /// It will not.
    ForGood(Refusal),
}

impl Member {
    /// Obeys the group.
    pub(super) fn rebalance(&mut self, direction: Direction, entries: Vec<PartitionEntry>) {
        let partitions: Vec<_> = entries
            .into_iter()
            .map(|entry| TopicPartition::new(entry.topic, entry.partition))
            .collect();
        match direction {
            Direction::Assigned => self.take_over(&partitions),
            Direction::Revoked => {
                self.hand_over(&partitions);
                self.let_go(&partitions);
            }
            Direction::Lost => {
                if !partitions.is_empty() {
                    self.outbox.push_back(ConsumerEvent::Lost(partitions.clone()));
                }
                self.let_go(&partitions);
            }
        }
    }

    fn take_over(&mut self, partitions: &[TopicPartition]) {
        let Some(assignment) = self.persistent_assignment(partitions) else {
            // On the way out, or broken: what is not taken need not be handed over.
            self.acknowledge(|member| member.fetcher.native().assign(None));
            return;
        };
        let is_taken = self.acknowledge(|member| {
            let list = offset_list(&assignment.positions)?;
            if member.fetcher.native().is_cooperative() {
                member.fetcher.native().assign_more(&list)
            } else {
                member.fetcher.native().assign(Some(&list))
            }
        });
        if !is_taken {
            return;
        }
        self.positions.extend(assignment.positions.clone());
        if self.is_stalled {
            self.pause_native(partitions.to_vec());
        }
        if !assignment.positions.is_empty() {
            self.outbox.push_back(ConsumerEvent::Assigned(assignment));
        }
    }

    /// Where to begin with partitions, asked for until the cluster answers.
    fn persistent_assignment(&mut self, partitions: &[TopicPartition]) -> Option<Assignment> {
        while self.phase == Phase::Reading {
            match self.assignment(partitions) {
                Ok(assignment) => return Some(assignment),
                Err(Stuck::ForGood(refusal)) => self.fail(refusal),
                Err(Stuck::ForNow(refusal)) => {
                    self.trouble(&refusal);
                    self.runtime.block_on(tokio::time::sleep(ASK_AGAIN));
                    self.obey_waiting();
                }
            }
        }
        None
    }

    /// The committed offsets, and for the others what `auto.offset.reset` says.
    fn assignment(&self, partitions: &[TopicPartition]) -> Result<Assignment, Stuck> {
        let mut found = Assignment::default();
        if partitions.is_empty() {
            return Ok(found);
        }
        let entries = partitions.iter().map(|at| (at.topic.as_ref(), at.partition, None));
        let native = self.fetcher.native();
        let committed = partition_list(entries)
            .and_then(|list| native.committed(&list, ASK))
            .map_err(|refusal| {
                if refusal.is_retriable() {
                    Stuck::ForNow(refusal)
                } else {
                    Stuck::ForGood(refusal)
                }
            })?;
        let mut without = Vec::new();
        for entry in committed {
            let at = TopicPartition::new(entry.topic, entry.partition);
            if entry.offset < 0 {
                without.push(at);
                continue;
            }
            if !entry.metadata.is_empty() {
                found.metadata.insert(at.clone(), entry.metadata);
            }
            found.positions.insert(at, entry.offset);
        }
        found.positions.extend(self.reset_offsets(&without)?);
        Ok(found)
    }

    fn reset_offsets(&self, partitions: &[TopicPartition]) -> Result<SinkOffsets, Stuck> {
        let Some(first) = partitions.first() else { return Ok(SinkOffsets::new()) };
        let wanted = match self.reset {
            Reset::Earliest => (BEGINNING, Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED),
            Reset::Latest { is_committed_only: false } => {
                (END, Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED)
            }
            Reset::Latest { is_committed_only: true } => {
                (END, Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED)
            }
            Reset::Refuse => {
                return Err(Stuck::ForGood(Refusal::because(
                    rdkafka::types::RDKafkaErrorCode::AutoOffsetReset,
                    format!("{first} has no committed offset, and auto.offset.reset is none"),
                )));
            }
        };
        offsets_by_name(self.fetcher.native(), partitions, wanted, ASK)
            .map_err(|error| Stuck::ForNow(passing(&error)))
    }

    /// Asks the task what to commit before the partitions go, and commits it.
    fn hand_over(&mut self, partitions: &[TopicPartition]) {
        let offsets = self.ask_back(partitions);
        if !offsets.is_empty() {
            self.commit_and_wait(&offsets);
        }
    }

    /// Has the task let go of partitions, and says what it would commit of them.
    fn ask_back(&mut self, partitions: &[TopicPartition]) -> SinkOffsets {
        // Older commits go first, so that none of them can undo this one.
        self.obey_waiting();
        if partitions.is_empty() {
            return SinkOffsets::new();
        }
        let (reply, answer) = oneshot::channel();
        let revocation = Revocation { partitions: partitions.to_vec(), reply };
        self.outbox.push_back(ConsumerEvent::Revoked(revocation));
        self.deliver(WhileFull::Wait);
        let mut offsets = self.await_answer(answer);
        offsets.retain(|at, _| partitions.contains(at));
        offsets
    }

    /// Hands partitions out once more whose offsets mean other records now: what the task knows of them
    /// is of no use, least of all what it would commit.
    pub(super) fn hand_out_anew(&mut self, positions: SinkOffsets) {
        let partitions: Vec<_> = positions.keys().cloned().collect();
        for (at, offset) in &positions {
            warn!(
                "{at} goes on at offset {offset}, below what was read of it: its topic was made anew, \
                 or its log was cut. It is handed out anew"
            );
        }
        self.ask_back(&partitions);
        let mut paused = partitions;
        paused.retain(|at| self.paused.remove(at));
        if !self.is_stalled {
            self.resume_native(paused);
        }
        self.seek(positions.clone());
        let metadata = BTreeMap::new();
        self.outbox.push_back(ConsumerEvent::Assigned(Assignment { positions, metadata }));
    }

    /// The task's answer; meanwhile it may go on giving commands.
    fn await_answer(&mut self, mut answer: oneshot::Receiver<SinkOffsets>) -> SinkOffsets {
        let mut is_listening = true;
        loop {
            let commands = &mut self.end.commands;
            let command = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    command = commands.recv(), if is_listening => Ok(command),
                    offsets = &mut answer => Err(offsets.unwrap_or_default()),
                }
            });
            match command {
                Ok(Some(command)) => self.obey(command),
                Ok(None) => {
                    is_listening = false;
                    self.begin_leaving();
                }
                Err(offsets) => return offsets,
            }
        }
    }

    /// What cannot be committed is read again by the next owner.
    fn commit_and_wait(&self, offsets: &SinkOffsets) {
        for attempt in 1..=COMMIT_TRIES {
            let outcome =
                self.commit_list(offsets).and_then(|list| self.fetcher.native().commit(&list));
            match outcome {
                Ok(()) => return,
                Err(refusal) if refusal.is_retriable() && attempt < COMMIT_TRIES => {
                    self.trouble(&refusal);
                }
                Err(refusal) => {
                    warn!(
                        "Could not commit offsets of partitions that are handed over, so that \
                         some records will be read again: {refusal}"
                    );
                    return;
                }
            }
        }
    }

    fn let_go(&mut self, partitions: &[TopicPartition]) {
        self.acknowledge(|member| {
            let native = member.fetcher.native();
            if native.is_cooperative() {
                let entries = partitions.iter().map(|at| (at.topic.as_ref(), at.partition, None));
                native.assign_less(&partition_list(entries)?)
            } else {
                native.assign(None)
            }
        });
        for partition in partitions {
            self.positions.remove(partition);
            self.begun.remove(partition);
            self.paused.remove(partition);
        }
    }

    /// Tells the group that a rebalance was obeyed; a refusal means that it moved on meanwhile.
    fn acknowledge(&self, tell: impl FnOnce(&Self) -> Result<(), Refusal>) -> bool {
        let told = tell(self);
        if let Err(refusal) = &told {
            self.trouble(refusal);
        }
        told.is_ok()
    }
}

/// A topic may be deleted while it is assigned; the group will notice.
fn passing(error: &BrokerError) -> Refusal {
    Refusal::because(rdkafka::types::RDKafkaErrorCode::WaitCache, connect_api::error::chain(error))
}
