//! The one owner of a worker's truth: connectors, tasks, statuses.
//!
//! The loop only decides. Whatever takes time (reading and writing stores, resolving references,
//! generating task configurations, stopping tasks) runs beside it and comes back as a [`Done`].
//! Changes to what is stored are obeyed one at a time, each decided by what those before it left.

mod changes;
mod connectors;
mod jobs;
mod publish;
mod repair;
mod restart;
mod slots;
mod status;
mod stop;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use connect_api::{config::Props, error::chain};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::warn;

use self::{
    jobs::Done,
    slots::{Slot, SlotState},
};
use super::{
    command::{Change, Command, Put, Reply, Restarted},
    error::HerderError,
    history::History,
    settings::{HerderParts, HerderSettings},
    snapshot::Snapshot,
    starter::{TaskEvent, TaskEventKind},
};
use crate::{
    store::{ConfigState, StatusRecord, StatusState, StoreError},
    tasks::TaskGroup,
};

/// Task events taken up in one go, so that one publication serves all of them.
const EVENTS_AT_ONCE: usize = 256;

/// The owner of a worker's truth.
pub(super) struct Actor {
    settings: Arc<HerderSettings>,
    parts: HerderParts,
    group: TaskGroup,
    inbox: mpsc::Receiver<Command>,
    events: mpsc::Receiver<TaskEvent>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    configs: ConfigState,
    statuses: StatusState,
    /// Generation of the group that statuses are written in: the last one that others have left, so
    /// that careful writers, we and whoever comes after us, may say what became of their tasks.
    generation: i32,
    connectors: BTreeMap<Arc<str>, Connector>,
    /// Changes in the order they came; the first one may be under way in `changing`.
    changes: VecDeque<Change>,
    changing: Option<Change>,
    /// Statuses to write once the write under way is done.
    unwritten: Vec<StatusRecord>,
    is_writing: bool,
    jobs: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Tells starts of connectors and tasks from one another.
    last_number: u64,
    /// Connectors that changed since the last publication.
    dirty: BTreeSet<Arc<str>>,
    is_stopping: bool,
}

/// What runs of one connector.
#[derive(Default)]
struct Connector {
    /// Number of the start under way or last done; answers of earlier starts are void.
    run: u64,
    /// Whether it failed to start.
    is_failed: bool,
    /// How often in a row the start was put off.
    attempts: u32,
    /// Resolved configuration that the running tasks were generated from.
    resolved: Option<Arc<Props>>,
    slots: BTreeMap<u32, Slot>,
    history: History,
    /// Who waits for the start to end.
    waiting: Vec<Waiting>,
}

/// An answer that waits for the start of a connector to end.
enum Waiting {
    Put { reply: Reply<Put>, is_new: bool },
    Restart(Reply<Restarted>),
}

/// What the actor is made from, beside settings and parts.
pub(super) struct Channels {
    pub(super) inbox: mpsc::Receiver<Command>,
    pub(super) events: mpsc::Receiver<TaskEvent>,
    pub(super) snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Actor {
    pub(super) fn new(
        settings: Arc<HerderSettings>,
        parts: HerderParts,
        group: TaskGroup,
        channels: Channels,
    ) -> Self {
        let Channels { inbox, events, snapshots } = channels;
        Self {
            settings,
            parts,
            group,
            inbox,
            events,
            snapshots,
            configs: ConfigState::default(),
            statuses: StatusState::default(),
            generation: 0,
            connectors: BTreeMap::new(),
            changes: VecDeque::new(),
            changing: None,
            unwritten: Vec::new(),
            is_writing: false,
            jobs: FuturesUnordered::new(),
            last_number: 0,
            dirty: BTreeSet::new(),
            is_stopping: false,
        }
    }

    /// Reads the stores, brings every connector back, and serves until told to stop.
    pub(super) async fn run(mut self) -> Result<(), StoreError> {
        if self.load().await? {
            self.bring_back();
            self.publish();
            self.serve().await;
        }
        self.shut_down().await;
        Ok(())
    }

    async fn serve(&mut self) {
        let token = self.group.token().clone();
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        while !self.is_stopping {
            tokio::select! {
                biased;
                () = token.cancelled() => self.is_stopping = true,
                Some(done) = self.jobs.next() => self.finish(done),
                count = self.events.recv_many(&mut events, EVENTS_AT_ONCE), if !self.events.is_closed() || !self.events.is_empty() => self.note(&mut events, count),
                command = self.inbox.recv() => self.obey(command),
            }
            self.publish();
        }
    }

    /// Nobody left to give commands means stop.
    fn obey(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Change(change)) => self.queue(change),
            Some(Command::RestartConnector { name, reply }) => self.restart_connector(name, reply),
            Some(Command::RestartTask { id, reply }) => {
                answer(reply, self.restart_task(&id));
            }
            Some(Command::ResetTopics { name, reply }) => {
                self.forget_topics(&name);
                answer(reply, Ok(()));
            }
            Some(Command::Flush { name, reply }) => answer(reply, self.flush(&name)),
            Some(Command::History { name, reply }) => answer(reply, self.history(&name)),
            Some(Command::Ping(reply)) => drop(reply.send(())),
            Some(Command::Stop) | None => self.is_stopping = true,
        }
    }

    fn note(&mut self, events: &mut Vec<TaskEvent>, _count: usize) {
        for event in events.drain(..) {
            self.note_event(event);
        }
    }

    /// Passes over what a task says after it was told to stop, and what earlier runs say.
    fn note_event(&mut self, event: TaskEvent) {
        let TaskEvent { id, instance, kind } = event;
        let slot = self.connectors.get(&id.connector).and_then(|known| known.slots.get(&id.task));
        let Some(Slot { state: SlotState::Running { instance: current, .. }, .. }) = slot else {
            return;
        };
        if *current != instance {
            return;
        }
        match kind {
            TaskEventKind::Running => self.task_runs(&id),
            TaskEventKind::Paused => self.task_waits(&id),
            TaskEventKind::Held { trace } => self.task_held(&id, trace),
            TaskEventKind::Failed { class, trace } => {
                warn!(connector = %id.connector, task = id.task, "Task {id} failed: {trace}");
                self.task_failed(&id, trace);
                self.plan_repair(&id, instance, class);
            }
            TaskEventKind::TopicSeen(topic) => self.topic_seen(&id, &topic),
            TaskEventKind::Stopped => {}
        }
    }

    const fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn connector(&mut self, name: &Arc<str>) -> &mut Connector {
        self.connectors.entry(Arc::clone(name)).or_default()
    }
}

/// Answers, unless nobody waits any more.
fn answer<T>(reply: oneshot::Sender<Result<T, HerderError>>, outcome: Result<T, HerderError>) {
    drop(reply.send(outcome));
}

/// Logs an error that ends here, with its causes.
fn log_failure(what: &str, error: &(dyn std::error::Error + 'static)) {
    warn!("{what}: {}", chain(error));
}
