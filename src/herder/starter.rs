//! What the herder needs of the runtime: tasks that start, change and stop.

use std::{fmt, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use connect_api::{config::Props, sink::SinkConnector, source::SourceConnector};

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
        /// The error and its causes, one a line.
        trace: String,
    },
    /// It ended because it was asked to.
    Stopped,
    /// It read or wrote a topic for the first time.
    TopicSeen(Arc<str>),
}

/// Starts tasks; what becomes of them comes back as [`TaskEvent`]s.
pub trait TaskStarter: Debug + Send + Sync {
    /// Starts a task and returns at once.
    fn start(&self, spec: TaskSpec) -> Box<dyn TaskControl>;
}

/// A started task.
#[async_trait]
pub trait TaskControl: Debug + Send + Sync {
    /// Tells it what to do from now on; returns at once.
    fn set_target(&self, target: TaskTarget);

    /// Ends it, and cancels it when it takes longer than the deadline; `false` says that it had to
    /// be cancelled.
    async fn stop(self: Box<Self>, deadline: Duration) -> bool;
}
