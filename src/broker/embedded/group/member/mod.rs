//! A member of a group: reads what it was granted, obeys its task.
//!
//! It never waits for its task without obeying commands at the same time: what the task is to be
//! told queues up in the outbox, and nothing is read before the outbox is empty.

mod reading;
mod share;

use std::{collections::VecDeque, future::Future, pin::Pin, sync::Arc};

use connect_api::{record::TopicPartition, sink::SinkOffsets};
use futures::{
    StreamExt,
    stream::{FuturesOrdered, FuturesUnordered},
};
use tokio::sync::{mpsc::OwnedPermit, oneshot, watch};

pub(super) use self::reading::Reading;
use self::share::{Fetch, Share};
use super::{Grant, Grants, Groups, Joined, Request};
use crate::broker::{
    Assignment, BrokerError, ConsumerCommand, ConsumerEnd, ConsumerEvent, PartitionRecords, Result,
    Revocation,
    embedded::{
        fetch,
        log::{Committed, Log},
    },
};

/// Outcomes of commands that wait for the task. A full outbox takes no more commands, so that the
/// task waits; it empties as the task reads its events.
const OUTBOX: usize = 1024;

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send + Sync>>;

/// What a member commits to.
pub(super) struct Group {
    pub(super) id: String,
    /// What is committed with each offset.
    pub(super) offset_metadata: String,
}

/// A member of a group.
pub(super) struct Member {
    log: Arc<Log>,
    groups: Groups,
    group: Group,
    reading: Reading,
    number: u64,
    grants: watch::Receiver<Grants>,
    /// Number of the last grant that was seen.
    last_grant: u64,
    end: ConsumerEnd,
    appended: watch::Receiver<u64>,
    share: Share,
    outbox: VecDeque<ConsumerEvent>,
    /// Commits that are being stored, in their order.
    commits: FuturesOrdered<Pending<ConsumerEvent>>,
    /// Partitions that the task was asked to hand over, each with its answer.
    handovers: FuturesUnordered<Pending<Handover>>,
    phase: Phase,
}

/// Partitions that the task has handed over, with the offsets to commit before they go.
type Handover = (Vec<TopicPartition>, Option<SinkOffsets>);

/// How far a member's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Reads.
    Active,
    /// Was asked to close: hands over, reads nothing more.
    Leaving,
    /// Nobody listens any more, or it has failed: lets go of everything without asking.
    Ended,
}

/// What a member does next.
enum Step {
    Stop,
    TaskIsGone,
    Granted,
    Command(ConsumerCommand),
    Handover(Handover),
    Tell(ConsumerEvent),
    Send(OwnedPermit<ConsumerEvent>),
    Read(OwnedPermit<ConsumerEvent>),
    Look,
}

impl Member {
    pub(super) fn new(
        (log, groups): (Arc<Log>, Groups),
        group: Group,
        reading: Reading,
        joined: Joined,
        end: ConsumerEnd,
    ) -> Self {
        let Joined { member: number, grants } = joined;
        let appended = log.appended.subscribe();
        Self {
            log,
            groups,
            group,
            reading,
            number,
            grants,
            last_grant: 0,
            end,
            appended,
            share: Share::default(),
            outbox: VecDeque::new(),
            commits: FuturesOrdered::new(),
            handovers: FuturesUnordered::new(),
            phase: Phase::Active,
        }
    }

    /// Runs until the coordinator has let the member go, or the log is closed.
    pub(super) async fn run(mut self) {
        loop {
            let outcome = match self.next_step().await {
                Step::Stop => break,
                Step::TaskIsGone => {
                    self.outbox.clear();
                    self.leave(Phase::Ended).await;
                    Ok(())
                }
                Step::Granted => self.obey_grants().await,
                Step::Command(command) => {
                    self.obey(command).await;
                    Ok(())
                }
                Step::Handover(handover) => {
                    self.hand_over(handover).await;
                    Ok(())
                }
                Step::Tell(event) => {
                    self.tell(event);
                    Ok(())
                }
                Step::Send(permit) => {
                    if let Some(event) = self.outbox.pop_front() {
                        permit.send(event);
                    }
                    Ok(())
                }
                Step::Read(permit) => self.read(permit).await,
                Step::Look => Ok(()),
            };
            if let Err(error) = outcome {
                self.tell(ConsumerEvent::Failed(error));
                self.leave(Phase::Ended).await;
            }
        }
        self.tell_the_rest().await;
    }

    async fn next_step(&mut self) -> Step {
        let is_told_all = self.outbox.is_empty();
        let is_reading = is_told_all && self.phase == Phase::Active;
        let has_records = is_reading && self.share.has_records();
        tokio::select! {
            biased;
            () = self.log.closed.cancelled() => Step::Stop,
            () = self.end.events.closed(), if self.phase != Phase::Ended => Step::TaskIsGone,
            command = self.end.commands.recv(),
                if self.phase != Phase::Ended && self.outbox.len() < OUTBOX =>
            {
                command.map_or(Step::TaskIsGone, Step::Command)
            }
            Some(event) = self.commits.next() => Step::Tell(event),
            Some(handover) = self.handovers.next() => Step::Handover(handover),
            changed = self.grants.changed() => match changed {
                Ok(()) => Step::Granted,
                Err(_ended) => Step::Stop,
            },
            permit = self.end.events.clone().reserve_owned(), if !is_told_all || has_records => {
                match permit {
                    Ok(permit) if is_told_all => Step::Read(permit),
                    Ok(permit) => Step::Send(permit),
                    Err(_gone) => Step::TaskIsGone,
                }
            }
            // The sender lives as long as the log, so that this never fails.
            _appended = self.appended.changed(), if is_reading && !has_records => Step::Look,
        }
    }

    async fn obey(&mut self, command: ConsumerCommand) {
        match command {
            ConsumerCommand::Pause(names) => self.share.set_paused(&names, true),
            ConsumerCommand::Resume(names) => self.share.set_paused(&names, false),
            ConsumerCommand::Seek(offsets, number) => {
                self.share.seek(&offsets);
                self.tell(ConsumerEvent::Sought(number));
            }
            ConsumerCommand::Commit(offsets, sequence) => self.commit(offsets, sequence).await,
            ConsumerCommand::Close => self.leave(Phase::Leaving).await,
        }
    }

    /// Begins a commit. It takes its place among the writer's jobs before this returns, so that a
    /// later one cannot overtake it.
    async fn commit(&mut self, offsets: SinkOffsets, sequence: u64) {
        let stored = if offsets.keys().all(|name| self.share.has(name)) {
            self.log.begin_commit(&self.group.id, self.commits_of(offsets)).await
        } else {
            Err(BrokerError::Unavailable {
                operation: format!("Committing offsets of group \"{}\"", self.group.id),
                source: "Some of the partitions were handed to another member".into(),
            })
        };
        self.commits.push_back(Box::pin(async move {
            let outcome = match stored {
                Ok(stored) => stored.await.unwrap_or(Err(BrokerError::Closed)),
                Err(error) => Err(error),
            };
            ConsumerEvent::Committed { sequence, outcome }
        }));
    }

    /// Queues an event up for the task, unless it is gone or was told that the consumer is.
    fn tell(&mut self, event: ConsumerEvent) {
        if self.phase != Phase::Ended {
            self.outbox.push_back(event);
        }
    }

    async fn leave(&mut self, phase: Phase) {
        let is_first = self.phase == Phase::Active;
        self.phase = phase;
        if phase == Phase::Ended {
            // Commands have nothing left to change: nobody shall wait for room for them.
            self.end.commands.close();
        }
        if is_first {
            let (group, member) = (self.group.id.clone(), self.number);
            // A coordinator that is gone has let everybody go.
            let _gone = self.groups.ask(Request::Leave { group, member }).await;
        }
    }

    async fn obey_grants(&mut self) -> Result<()> {
        let Grants { held, revoked } = self.grants.borrow_and_update().clone();
        let seen = self.last_grant;
        let numbers = held.values().map(|grant| grant.number).chain(revoked.values().copied());
        self.last_grant = numbers.max().unwrap_or(seen).max(seen);
        // Revoked before they were ever seen: nobody read them.
        let unseen = revoked.values().copied().filter(|number| *number > seen).collect();
        let asked_back: Vec<TopicPartition> = revoked
            .into_iter()
            .filter(|(name, number)| self.share.revoke(name, *number))
            .map(|(name, _)| name)
            .collect();
        self.release(unseen).await;
        if !asked_back.is_empty() {
            self.ask_back(asked_back);
        }
        let new: Vec<Grant> = held.into_values().filter(|grant| grant.number > seen).collect();
        if new.is_empty() { Ok(()) } else { self.take_over(new).await }
    }

    /// Asks the task to hand partitions over; where nobody listens, they go at once.
    fn ask_back(&mut self, partitions: Vec<TopicPartition>) {
        let (reply, answer) = oneshot::channel();
        let revocation = Revocation { partitions: partitions.clone(), reply };
        self.tell(ConsumerEvent::Revoked(revocation));
        self.handovers.push(Box::pin(async move { (partitions, answer.await.ok()) }));
    }

    async fn take_over(&mut self, grants: Vec<Grant>) -> Result<()> {
        match self.assignment(&grants).await {
            Ok(assignment) => {
                for (grant, position) in grants.iter().zip(assignment.positions.values()) {
                    self.share.add(grant, *position);
                }
                self.tell(ConsumerEvent::Assigned(assignment));
                Ok(())
            }
            Err(error) => {
                self.release(grants.iter().map(|grant| grant.number).collect()).await;
                Err(error)
            }
        }
    }

    /// Where to begin, for grants in the order of their partitions.
    async fn assignment(&self, grants: &[Grant]) -> Result<Assignment> {
        // A producer may have committed for the member that had the partitions, and be gone since.
        self.log.settle().await?;
        let mut committed = self.log.committed(&self.group.id).await?;
        let mut assignment = Assignment::default();
        for Grant { partition, .. } in grants {
            let known = committed.remove(&partition.name);
            let offset = known.as_ref().map(|known| known.offset);
            let begin = share::start(partition, offset, &self.reading)?;
            assignment.positions.insert(partition.name.clone(), begin);
            if let Some(known) = known.filter(|known| !known.metadata.is_empty()) {
                assignment.metadata.insert(partition.name.clone(), known.metadata);
            }
        }
        Ok(assignment)
    }

    /// Offsets as they are committed.
    fn commits_of(&self, offsets: SinkOffsets) -> Vec<(TopicPartition, Option<Committed>)> {
        let metadata = &self.group.offset_metadata;
        let commit = |offset| Some(Committed { offset, metadata: metadata.clone() });
        offsets.into_iter().map(|(name, offset)| (name, commit(offset))).collect()
    }

    /// Lets partitions go once their last offsets are stored.
    async fn hand_over(&mut self, (partitions, offsets): Handover) {
        // What the task said before it answered comes first.
        while let Ok(command) = self.end.commands.try_recv() {
            self.obey(command).await;
        }
        let mut offsets = offsets.unwrap_or_default();
        offsets.retain(|name, _| self.share.has(name) && self.log.catalog.partition(name).is_ok());
        if !offsets.is_empty()
            && let Err(error) =
                self.log.set_committed(&self.group.id, self.commits_of(offsets)).await
        {
            tracing::warn!(
                group = self.group.id,
                error = connect_api::error::chain(&error),
                "Could not commit the offsets of partitions that go to another member; it begins \
                 at those that were committed before"
            );
        }
        let grants = self.share.release(&partitions);
        self.release(grants).await;
    }

    async fn release(&self, grants: Vec<u64>) {
        if !grants.is_empty() {
            let (group, member) = (self.group.id.clone(), self.number);
            let _gone = self.groups.ask(Request::Release { group, member, grants }).await;
        }
    }

    async fn read(&mut self, permit: OwnedPermit<ConsumerEvent>) -> Result<()> {
        self.share.mend_positions(&self.reading)?;
        let (mut read, fetches) = self.share.next_reads();
        if !fetches.is_empty() {
            let max_bytes = self.reading.fetch_bytes;
            read =
                self.log.read(move |connection| fetch_all(connection, &fetches, max_bytes)).await?;
        }
        let records = self.share.hand_out(read, self.reading.poll_records);
        if !records.is_empty() {
            permit.send(ConsumerEvent::Records(records));
        }
        Ok(())
    }

    /// Tells the task what it has not heard yet; it reads on until there is no more.
    async fn tell_the_rest(mut self) {
        while let Some(event) = self.commits.next().await {
            self.tell(event);
        }
        for event in self.outbox {
            tokio::select! {
                biased;
                sent = self.end.events.send(event) => if sent.is_err() { return },
                () = self.log.closed.cancelled() => return,
            }
        }
    }
}

/// Fetches one partition after the other until there is enough.
fn fetch_all(
    connection: &rusqlite::Connection,
    fetches: &[Fetch],
    max_bytes: usize,
) -> Result<Vec<PartitionRecords>, crate::broker::embedded::fault::Fault> {
    let mut all = Vec::new();
    let mut room = max_bytes;
    for Fetch { partition, from } in fetches {
        let records = fetch::fetch(connection, partition, *from, room)?;
        let bytes = records.records.iter().map(fetch::size_of).sum::<usize>();
        room = room.saturating_sub(bytes);
        all.push(records);
        if room == 0 {
            break;
        }
    }
    Ok(all)
}
