//! A member of a group: the thread that polls, and what it tells the task.
//!
//! The thread alone speaks to librdkafka. Between two polls it obeys the task's commands. While
//! the task has no room for more, it goes on obeying, and after a while it pauses the partitions
//! and polls on, so that a slow task keeps its membership. Everything for the task goes through
//! one outbox, in the order in which it happened.
//!
//! Callbacks only take notes. What they noted is attended to when librdkafka has returned, so
//! that a rebalance, which waits for the task, never waits inside a callback.

mod commands;
mod intake;
mod interest;
mod rebalance;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use connect_api::record::TopicPartition;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::{runtime::Handle, sync::mpsc::error::TrySendError, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub(super) use self::commands::offset_list;
use self::interest::Interest;
use super::{
    native::{Callbacks, Direction, Fetcher, Kind, Native, PartitionEntry, partition_list},
    records::Collector,
    refusal::{Refusal, is_forbidden},
    report::Reporter,
    settings::Settings,
};
use crate::{
    broker::{
        BrokerError, Consumer, ConsumerCommand, ConsumerEnd, ConsumerEvent, ConsumerSettings,
        GroupMember, Result,
    },
    tasks::TaskGroup,
};

/// How long a poll waits for records, and so how long a command may wait for the thread.
const POLL: Duration = Duration::from_millis(100);

/// How long the task may be without room before the partitions are paused and polling goes on;
/// pausing throws away what was fetched ahead, so that it should not happen between two batches.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long leaving the group may take when the cluster does not answer.
const LEAVING: Duration = Duration::from_secs(30);

/// Joins a group, on a thread of its own.
///
/// # Errors
/// `Invalid` settings.
pub(super) fn open(
    settings: &Settings,
    client_id: &str,
    wanted: &ConsumerSettings,
    tasks: &TaskGroup,
) -> Result<Consumer> {
    let invalid = |refusal: Refusal| BrokerError::Invalid(refusal.to_string());
    let inbox = Arc::new(Inbox { reporter: Reporter::new(client_id), notes: Mutex::default() });
    inbox.reporter.ignored(&settings.ignored);
    let callbacks: Arc<dyn Callbacks> = Arc::<Inbox>::clone(&inbox);
    let native = Native::open(Kind::Member, &settings.config(), callbacks).map_err(invalid)?;
    let native = Arc::new(native);
    let fetcher = Fetcher::member(Arc::clone(&native)).map_err(invalid)?;
    let interest = Interest::begin(&wanted.subscription, settings, fetcher.native())?;
    let (consumer, end) = Consumer::new(GroupMember::new(Arc::downgrade(&native)));
    let member = Member {
        fetcher,
        collector: Collector::new(settings.max_poll_records),
        inbox,
        end,
        outbox: VecDeque::new(),
        runtime: Handle::current(),
        token: tasks.token().clone(),
        interest,
        offset_metadata: wanted.offset_metadata.clone(),
        reset: Reset::of(settings),
        positions: BTreeMap::new(),
        begun: BTreeSet::new(),
        paused: BTreeSet::new(),
        is_stalled: false,
        next_look: Instant::now(),
        phase: Phase::Reading,
    };
    drop(tasks.spawn_thread(format!("kafka consumer {client_id}"), move || member.run()));
    Ok(consumer)
}

/// What callbacks noted and nobody attended to yet.
#[derive(Default)]
struct Notes {
    rebalances: Vec<(Direction, Vec<PartitionEntry>)>,
    commits: Vec<(usize, Result<(), Refusal>)>,
    errors: Vec<Refusal>,
}

struct Inbox {
    reporter: Reporter,
    notes: Mutex<Notes>,
}

impl Inbox {
    fn change(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn take(&self) -> Notes {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Callbacks for Inbox {
    fn logged(&self, level: i32, facility: &str, text: &str) {
        self.reporter.log(level, facility, text);
    }

    fn failed(&self, code: Code, text: &str) {
        self.change(|notes| notes.errors.push(Refusal::because(code, text.to_owned())));
    }

    fn rebalanced(&self, direction: Direction, partitions: Vec<PartitionEntry>) {
        self.change(|notes| notes.rebalances.push((direction, partitions)));
    }

    fn committed(&self, number: usize, outcome: Result<(), Refusal>) {
        self.change(|notes| notes.commits.push((number, outcome)));
    }
}

/// Where a partition is read first when the group has committed nothing for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reset {
    Earliest,
    Latest { is_committed_only: bool },
    Refuse,
}

impl Reset {
    fn of(settings: &Settings) -> Self {
        let is_committed_only = settings.get("isolation.level") == Some("read_committed");
        match settings.get("auto.offset.reset") {
            Some("latest" | "largest" | "end") => Self::Latest { is_committed_only },
            Some("error") => Self::Refuse,
            _ => Self::Earliest,
        }
    }
}

/// Where in its life a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Reading,
    /// The task is done, or the worker stops.
    Leaving,
    /// Nothing more can be read.
    Broken,
}

/// Whether polling goes on while the task has no room.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WhileFull {
    Poll,
    Wait,
}

/// What ended a wait for room.
enum Waited {
    Room,
    Command(ConsumerCommand),
    Gone,
    Stop,
    Late,
}

/// The polling thread's own state.
struct Member {
    fetcher: Fetcher,
    collector: Collector,
    inbox: Arc<Inbox>,
    end: ConsumerEnd,
    /// Events that the task has no room for yet.
    outbox: VecDeque<ConsumerEvent>,
    runtime: Handle,
    token: CancellationToken,
    interest: Interest,
    /// What is committed with each offset.
    offset_metadata: String,
    reset: Reset,
    /// Assigned partitions with the offset after what was read of them.
    positions: BTreeMap<TopicPartition, i64>,
    /// Partitions of which something was read since they were assigned or sought: only of these
    /// does librdkafka know how far it is.
    begun: BTreeSet<TopicPartition>,
    /// Partitions that the task has paused.
    paused: BTreeSet<TopicPartition>,
    /// All partitions are paused because the task has no room.
    is_stalled: bool,
    /// When to ask next how far librdkafka is.
    next_look: Instant,
    phase: Phase,
}

impl Member {
    fn run(mut self) {
        while self.phase == Phase::Reading {
            self.obey_waiting();
            if let Err(refusal) = self.interest.look(self.fetcher.native()) {
                self.trouble(&refusal);
            }
            if self.outbox.is_empty() && self.phase == Phase::Reading {
                self.poll(POLL);
            }
            self.deliver(WhileFull::Poll);
        }
        if self.phase == Phase::Leaving {
            self.leave();
        }
        self.deliver(WhileFull::Wait);
    }

    /// Takes what has arrived and attends to what happened.
    fn poll(&mut self, wait: Duration) {
        let limit = self.collector.limit();
        let fetched = {
            let messages = self.fetcher.fetch(wait, limit);
            self.collector.collect(&messages)
        };
        self.take(fetched);
        let notes = self.inbox.take();
        for refusal in notes.errors {
            self.attend_to(refusal);
        }
        for (number, outcome) in notes.commits {
            let outcome = outcome.map_err(|refusal| refusal.during("Committing offsets"));
            let sequence = u64::try_from(number).unwrap_or(u64::MAX);
            self.outbox.push_back(ConsumerEvent::Committed { sequence, outcome });
        }
        for (direction, partitions) in notes.rebalances {
            self.rebalance(direction, partitions);
        }
    }

    fn attend_to(&mut self, refusal: Refusal) {
        let is_lasting = is_forbidden(refusal.code) || refusal.code == Code::AutoOffsetReset;
        if let Some((code, text)) = self.fetcher.native().client().fatal_error() {
            self.fail(Refusal::because(code, text));
        } else if is_lasting {
            self.fail(refusal);
        } else {
            self.trouble(&refusal);
        }
    }

    fn trouble(&self, refusal: &Refusal) {
        self.inbox.reporter.trouble(refusal.code, &refusal.text);
    }

    fn fail(&mut self, refusal: Refusal) {
        if self.phase == Phase::Broken {
            return;
        }
        self.phase = Phase::Broken;
        self.outbox.push_back(ConsumerEvent::Failed(refusal.during("Reading records")));
    }

    /// Gives the task everything in the outbox, waiting for room.
    fn deliver(&mut self, while_full: WhileFull) {
        while let Some(event) = self.outbox.pop_front() {
            match self.end.events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.outbox.push_front(event);
                    self.wait_for_room(while_full);
                }
                Err(TrySendError::Closed(_event)) => {
                    self.outbox.clear();
                    self.begin_leaving();
                }
            }
        }
        self.resume_reading();
    }

    fn wait_for_room(&mut self, while_full: WhileFull) {
        let patience = match (while_full, self.is_stalled) {
            (WhileFull::Poll, true) => Duration::ZERO,
            (WhileFull::Poll | WhileFull::Wait, _) => PATIENCE,
        };
        let is_reading = self.phase == Phase::Reading;
        let (end, token) = (&mut self.end, &self.token);
        let waited = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = token.cancelled(), if is_reading => Waited::Stop,
                command = end.commands.recv(), if is_reading => {
                    command.map_or(Waited::Gone, Waited::Command)
                }
                _room = end.events.reserve() => Waited::Room,
                () = tokio::time::sleep(patience) => Waited::Late,
            }
        });
        match waited {
            Waited::Room => {}
            Waited::Command(command) => self.obey(command),
            Waited::Gone | Waited::Stop => self.begin_leaving(),
            Waited::Late if while_full == WhileFull::Poll => self.stall(),
            Waited::Late => {}
        }
    }

    /// Fetches nothing, but polls, so that the group does not take the task for dead.
    fn stall(&mut self) {
        if !self.is_stalled {
            self.is_stalled = true;
            self.pause_native(self.positions.keys().cloned().collect());
        }
        self.poll(POLL);
    }

    fn resume_reading(&mut self) {
        if !self.is_stalled {
            return;
        }
        self.is_stalled = false;
        let wanted = self.positions.keys().filter(|at| !self.paused.contains(at));
        self.resume_native(wanted.cloned().collect());
    }

    fn begin_leaving(&mut self) {
        if self.phase == Phase::Reading {
            self.phase = Phase::Leaving;
        }
    }

    fn leave(&mut self) {
        if let Err(refusal) = self.fetcher.leave() {
            self.trouble(&refusal);
            return;
        }
        let end = Instant::now() + LEAVING;
        while !self.fetcher.native().has_left() {
            if Instant::now() > end {
                warn!("A Kafka consumer could not leave its group in time and is cut off");
                return;
            }
            self.poll(POLL);
            self.deliver(WhileFull::Wait);
        }
        // The last commits are answered together with the leave.
        self.poll(Duration::ZERO);
    }
}
