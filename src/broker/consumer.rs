//! A member of a group, as its task sees it.
//!
//! A thread of the broker polls; the task reads [`ConsumerEvent`]s and sends one-way commands that
//! the thread obeys between two polls. The task never waits for an answer of the thread, because
//! the thread may be waiting for the task inside a rebalance; outcomes come back as events.
//!
//! Two things are put right here, so that the task need not know of the queue in between: records
//! that were on their way when the task sought elsewhere are dropped, and records of a partition
//! that was paused meanwhile are kept back until it is resumed.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::Arc,
};

use connect_api::{record::TopicPartition, sink::SinkOffsets};
use tokio::sync::{mpsc, oneshot};

use super::{BrokerError, PartitionRecords, Result};

/// Batches between the polling thread and the task: one being worked on, one ready. A full queue
/// stops the thread from fetching more, never from keeping its membership.
pub const EVENT_QUEUE: usize = 2;

/// Commands between the task and the polling thread, drained at every poll. A full queue makes the
/// task wait for the next poll.
pub const COMMAND_QUEUE: usize = 64;

/// What happens to a member of a group.
#[derive(Debug)]
pub enum ConsumerEvent {
    /// Records arrived.
    Records(Vec<PartitionRecords>),
    /// Partitions were added.
    Assigned(Assignment),
    /// Partitions are to be handed over; the broker waits for the answer.
    Revoked(Revocation),
    /// Partitions are gone already: others may be reading them, nothing can be committed.
    Lost(Vec<TopicPartition>),
    /// A commit ended.
    Committed {
        /// Number that the task gave the commit.
        sequence: u64,
        /// Whether the offsets are stored.
        outcome: Result<()>,
    },
    /// The consumer is broken for good; no more events follow.
    Failed(BrokerError),
    /// Commands up to a seek were obeyed; the task never sees it.
    Sought(u64),
}

/// Partitions to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// The offset that is read first, per partition.
    pub positions: SinkOffsets,
    /// What was committed with that offset ([`ConsumerSettings::offset_metadata`]), where there was
    /// anything.
    ///
    /// [`ConsumerSettings::offset_metadata`]: super::ConsumerSettings::offset_metadata
    pub metadata: BTreeMap<TopicPartition, String>,
}

/// Partitions to hand over.
#[derive(Debug)]
pub struct Revocation {
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
    /// Takes the offsets to commit before the partitions go; dropped, nothing is committed.
    pub reply: oneshot::Sender<SinkOffsets>,
}

/// Names a member of a group to the producers of the same broker, so that one of them can commit in
/// its place. What is in it only the broker knows.
#[derive(Clone)]
pub struct GroupMember(Arc<dyn Any + Send + Sync>);

impl GroupMember {
    /// A member, as its broker knows it.
    #[must_use]
    pub fn new(member: impl Any + Send + Sync) -> Self {
        Self(Arc::new(member))
    }

    /// The member again; none where it is another broker's.
    #[must_use]
    pub fn known_as<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for GroupMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupMember")
    }
}

/// What a task tells the polling thread.
#[derive(Debug)]
pub enum ConsumerCommand {
    /// Fetch no more of these partitions.
    Pause(Vec<TopicPartition>),
    /// Fetch these partitions again.
    Resume(Vec<TopicPartition>),
    /// Read these partitions from these offsets on, then report `Sought` with the number.
    Seek(SinkOffsets, u64),
    /// Commit these offsets, then report `Committed` with the number.
    Commit(SinkOffsets, u64),
    /// Leave the group: revoke everything once more, then hang up.
    Close,
}

/// The broker's end of a consumer: where its thread sends events and finds commands.
#[derive(Debug)]
pub struct ConsumerEnd {
    /// Events for the task.
    pub events: mpsc::Sender<ConsumerEvent>,
    /// Commands of the task; closed when the task is gone, which means `Close`.
    pub commands: mpsc::Receiver<ConsumerCommand>,
}

/// A member of a group.
#[derive(Debug)]
pub struct Consumer {
    events: mpsc::Receiver<ConsumerEvent>,
    commands: mpsc::Sender<ConsumerCommand>,
    /// Number of the last seek.
    seeks: u64,
    /// Partitions whose records are dropped until the seek with this number was obeyed.
    seeking: BTreeMap<TopicPartition, u64>,
    paused: BTreeSet<TopicPartition>,
    /// Records of paused partitions that were on their way.
    kept_back: VecDeque<PartitionRecords>,
    member: GroupMember,
}

impl Consumer {
    /// A consumer and the end that a broker's thread drives.
    #[must_use]
    pub fn new(member: GroupMember) -> (Self, ConsumerEnd) {
        let (event_sender, events) = mpsc::channel(EVENT_QUEUE);
        let (commands, command_inbox) = mpsc::channel(COMMAND_QUEUE);
        let consumer = Self {
            events,
            commands,
            seeks: 0,
            seeking: BTreeMap::new(),
            paused: BTreeSet::new(),
            kept_back: VecDeque::new(),
            member,
        };
        (consumer, ConsumerEnd { events: event_sender, commands: command_inbox })
    }

    /// Who this is to a producer that commits in its place.
    #[must_use]
    pub const fn member(&self) -> &GroupMember {
        &self.member
    }

    /// What happens next; none after the consumer was closed or has failed. Cancel safe.
    pub async fn next(&mut self) -> Option<ConsumerEvent> {
        loop {
            if let Some(records) = self.next_kept_back() {
                return Some(ConsumerEvent::Records(vec![records]));
            }
            match self.events.recv().await? {
                ConsumerEvent::Sought(number) => {
                    self.seeking.retain(|_, last| *last > number);
                }
                ConsumerEvent::Records(records) => {
                    let wanted = self.wanted(records);
                    if !wanted.is_empty() {
                        return Some(ConsumerEvent::Records(wanted));
                    }
                }
                event => {
                    self.forget_departed(&event);
                    return Some(event);
                }
            }
        }
    }

    /// Brings no records of these partitions until they are resumed.
    pub async fn pause(&mut self, partitions: Vec<TopicPartition>) {
        self.paused.extend(partitions.iter().cloned());
        self.command(ConsumerCommand::Pause(partitions)).await;
    }

    /// Brings records of these partitions again, beginning with what was kept back.
    pub async fn resume(&mut self, partitions: Vec<TopicPartition>) {
        for partition in &partitions {
            self.paused.remove(partition);
        }
        self.command(ConsumerCommand::Resume(partitions)).await;
    }

    /// Reads these partitions from these offsets on; nothing older is brought after this call.
    pub async fn seek(&mut self, offsets: SinkOffsets) {
        self.seeks += 1;
        for partition in offsets.keys() {
            self.seeking.insert(partition.clone(), self.seeks);
        }
        self.kept_back.retain(|kept| !offsets.contains_key(&kept.partition));
        self.command(ConsumerCommand::Seek(offsets, self.seeks)).await;
    }

    /// Commits offsets; the outcome comes as [`ConsumerEvent::Committed`] with this number.
    pub async fn commit(&mut self, offsets: SinkOffsets, sequence: u64) {
        self.command(ConsumerCommand::Commit(offsets, sequence)).await;
    }

    /// Leaves the group: go on reading events, one last `Revoked` among them, until there are none.
    pub async fn close(&mut self) {
        self.command(ConsumerCommand::Close).await;
    }

    /// A command to a thread that is gone has nothing left to change; the events say that it went.
    async fn command(&self, command: ConsumerCommand) {
        let _gone = self.commands.send(command).await;
    }

    fn next_kept_back(&mut self) -> Option<PartitionRecords> {
        let at = self.kept_back.iter().position(|kept| !self.paused.contains(&kept.partition))?;
        self.kept_back.remove(at)
    }

    fn wanted(&mut self, records: Vec<PartitionRecords>) -> Vec<PartitionRecords> {
        let mut wanted = Vec::with_capacity(records.len());
        for part in records {
            if self.seeking.contains_key(&part.partition) {
                continue;
            }
            if self.paused.contains(&part.partition) {
                self.kept_back.push_back(part);
            } else {
                wanted.push(part);
            }
        }
        wanted
    }

    fn forget_departed(&mut self, event: &ConsumerEvent) {
        let departed = match event {
            ConsumerEvent::Revoked(revocation) => &revocation.partitions,
            ConsumerEvent::Lost(partitions) => partitions,
            _ => return,
        };
        for partition in departed {
            self.paused.remove(partition);
            self.seeking.remove(partition);
        }
        self.kept_back.retain(|kept| !departed.contains(&kept.partition));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(partition: i32) -> ConsumerEvent {
        ConsumerEvent::Records(vec![PartitionRecords {
            partition: TopicPartition::new("t", partition),
            records: Vec::new(),
            next_offset: 1,
        }])
    }

    fn partition_of(event: Option<ConsumerEvent>) -> i32 {
        match event {
            Some(ConsumerEvent::Records(parts)) => parts[0].partition.partition,
            other => panic!("expected records, got {other:?}"),
        }
    }

    #[tokio::test]
    async fn records_on_their_way_are_dropped_by_a_seek() {
        let (mut consumer, end) = Consumer::new(GroupMember::new(()));
        consumer.seek([(TopicPartition::new("t", 0), 7)].into()).await;
        end.events.send(records(0)).await.unwrap();
        end.events.send(ConsumerEvent::Sought(1)).await.unwrap();
        let after = tokio::join!(consumer.next(), async {
            end.events.send(records(0)).await.unwrap();
            drop(end);
        });
        assert_eq!(partition_of(after.0), 0);
        assert!(consumer.next().await.is_none());
    }

    #[tokio::test]
    async fn records_of_a_paused_partition_come_after_its_resume() {
        let (mut consumer, end) = Consumer::new(GroupMember::new(()));
        consumer.pause(vec![TopicPartition::new("t", 0)]).await;
        end.events.send(records(0)).await.unwrap();
        end.events.send(records(1)).await.unwrap();
        assert_eq!(partition_of(consumer.next().await), 1);
        consumer.resume(vec![TopicPartition::new("t", 0)]).await;
        assert_eq!(partition_of(consumer.next().await), 0);
    }
}
