//! Running tasks: one future each, from its start over pause and resume to its end.
//!
//! The herder starts a task with [`Runtime::start`], changes and stops it through its
//! [`TaskHandle`], and learns what becomes of it from [`TaskEvent`]s, which carry the number of the
//! run they are about. A task that fails or panics ends with its trace in an event and harms no
//! other. Nothing here decides what should run.
//!
//! [`source`] reads, converts and writes in parallel and commits source offsets, in one
//! transaction with the records where the broker can; [`sink`] follows a consumer's events.

mod backoff;
mod clients;
mod control;
mod ledger;
mod reports;
mod sink;
mod sink_offsets;
mod source;
mod source_writer;
mod start;
mod topic_creation;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use connect_api::{
    budget::MemoryBudget, config::Props, sink::SinkConnector, source::SourceConnector, time::Clock,
};
use tokio::{sync::mpsc, task::JoinHandle};

use self::{
    control::{ControlReader, ControlWriter},
    reports::Reports,
};
use crate::{broker::Broker, store::SourceOffsets, tasks::TaskGroup};

/// Names a task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// Name of the connector.
    pub connector: Arc<str>,
    /// Number of the task, from 0.
    pub task: u32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.connector, self.task)
    }
}

/// What a task is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskTarget {
    /// Run.
    Started,
    /// Wait.
    Paused,
}

/// The class that makes a connector's tasks.
#[derive(Clone, Debug)]
pub enum ConnectorPlugin {
    /// A source.
    Source(Arc<dyn SourceConnector>),
    /// A sink.
    Sink(Arc<dyn SinkConnector>),
}

/// A task to start.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// Its name.
    pub id: TaskId,
    /// Tells this run of the task from earlier and later ones of the same name.
    pub instance: u64,
    /// The class that makes it.
    pub plugin: ConnectorPlugin,
    /// The connector's configuration, references resolved.
    pub connector_config: Props,
    /// The task's configuration, references resolved.
    pub task_config: Props,
    /// What it is to do at first.
    pub target: TaskTarget,
}

/// What became of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskEvent {
    /// Its name.
    pub id: TaskId,
    /// The run it is about.
    pub instance: u64,
    /// What happened.
    pub kind: TaskEventKind,
}

/// What can happen to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEventKind {
    /// It runs, or runs again.
    Running,
    /// It waits.
    Paused,
    /// It ended by an error.
    Failed {
        /// The error and its causes as Java prints them, one a line.
        trace: String,
    },
    /// It ended because it was asked to.
    Stopped,
    /// It read or wrote a topic for the first time.
    TopicSeen(Arc<str>),
}

/// What every task of a worker has in common.
#[derive(Clone, Debug)]
pub struct RuntimeSettings {
    /// The broker.
    pub broker: Arc<dyn Broker>,
    /// Where sources left off.
    pub offsets: Arc<dyn SourceOffsets>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Memory of the worker; each task gets a part.
    pub budget: MemoryBudget,
    /// What the tasks run under.
    pub tasks: TaskGroup,
    /// The worker's own configuration: converters with their options, `producer.*`, `consumer.*`,
    /// `admin.*`.
    pub worker: Props,
    /// Group of the worker, for transactional ids.
    pub group_id: String,
    /// Time between two commits.
    pub offset_flush_interval: Duration,
    /// Longest wait for a commit.
    pub offset_flush_timeout: Duration,
    /// Whether sources may create topics by `topic.creation.*`.
    pub topic_creation: bool,
    /// Whether every source writes in transactions.
    pub exactly_once_source: bool,
}

/// Starts tasks.
#[derive(Clone, Debug)]
pub struct Runtime {
    settings: Arc<RuntimeSettings>,
    events: mpsc::Sender<TaskEvent>,
}

impl Runtime {
    /// A runtime whose tasks tell what becomes of them through `events`. A full queue makes tasks
    /// wait, except for those that are being stopped.
    #[must_use]
    pub fn new(settings: RuntimeSettings, events: mpsc::Sender<TaskEvent>) -> Self {
        Self { settings: Arc::new(settings), events }
    }

    /// Starts a task and returns at once.
    #[must_use]
    pub fn start(&self, spec: TaskSpec) -> TaskHandle {
        let (control, reader) = control::pair(spec.target, self.settings.tasks.token().clone());
        let reports = Reports::new(&spec, self.events.clone(), reader.clone());
        let name = format!("task {}", spec.id);
        let environment = Arc::new(Environment::new(Arc::clone(&self.settings), spec, reports));
        let running = start::run(environment, reader);
        let task = self.settings.tasks.spawn(name, running);
        TaskHandle { control, task }
    }
}

/// What one task works with.
#[derive(Debug)]
struct Environment {
    settings: Arc<RuntimeSettings>,
    spec: TaskSpec,
    reports: Reports,
}

impl Environment {
    const fn new(settings: Arc<RuntimeSettings>, spec: TaskSpec, reports: Reports) -> Self {
        Self { settings, spec, reports }
    }

    /// Memory that the task may use: never more than the worker's.
    fn budget(&self) -> MemoryBudget {
        self.settings.budget.part(self.settings.budget.limit_bytes())
    }
}

/// A started task. Dropping it leaves the task running.
#[derive(Debug)]
pub struct TaskHandle {
    control: ControlWriter,
    task: JoinHandle<()>,
}

impl TaskHandle {
    /// Tells the task what to do from now on; returns at once.
    pub fn set_target(&self, target: TaskTarget) {
        self.control.set_target(target);
    }

    /// Ends the task: sources write out what they read, sinks flush and commit. `false` says that it
    /// did not end in time and was cancelled.
    pub async fn stop(mut self, deadline: Duration) -> bool {
        self.control.stop();
        let has_ended = tokio::time::timeout(deadline, &mut self.task).await.is_ok();
        if !has_ended {
            self.task.abort();
        }
        has_ended
    }
}
