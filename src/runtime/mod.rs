//! One running task: its life from start to stop, its loop, its offsets.
//!
//! The herder starts tasks with [`Runtime::start`], tells them their target state through the
//! [`TaskHandle`], and learns what became of them from [`TaskEvent`]s. A task owns its connector
//! task, its clients and its offsets outright; nothing is shared with other tasks but the broker
//! and the memory budget. What a connector does wrong, a panic included, fails its own task and
//! nothing else.

mod backoff;
mod clients;
mod life;
mod preview;
mod sink_task;
mod source_task;
#[cfg(test)]
mod tests;

pub use self::preview::{PreviewRequest, PreviewSpec};
pub use crate::pipeline::PreviewedRecord;

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use connect_api::{
    budget::MemoryBudget,
    config::Props,
    error::{ErrorClass, Result},
    sink::SinkConnector,
    source::SourceConnector,
    time::Clock,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    broker::Broker,
    convert::ConverterRegistry,
    metrics::{Metered, Metrics, Phase, TaskMeter},
    store::SourceOffsets,
    tasks::TaskGroup,
};

/// Requests to end open files that wait for a task at most.
const FLUSHES: usize = 8;

/// What became of a request to end open files; it is closed when the task ended before.
pub type FlushAnswer = oneshot::Receiver<Result<()>>;

/// A task of a connector.
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

/// What a task is to do. A stopped connector has no tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskTarget {
    /// Work.
    Started,
    /// Keep what it has and wait.
    Paused,
}

/// The class of a connector.
#[derive(Clone, Debug)]
pub enum ConnectorPlugin {
    /// From another system into topics.
    Source(Arc<dyn SourceConnector>),
    /// From topics into another system.
    Sink(Arc<dyn SinkConnector>),
}

/// A task to start.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// Which task.
    pub id: TaskId,
    /// Number of this start, repeated in its events: those of an earlier start are told apart by it.
    pub instance: u64,
    /// The connector's class.
    pub plugin: ConnectorPlugin,
    /// Configuration of the connector, references resolved.
    pub connector_config: Props,
    /// Configuration of the task, references resolved.
    pub task_config: Props,
    /// What it is to do at first.
    pub target: TaskTarget,
}

/// What every task is given.
#[derive(Clone, Debug)]
pub struct RuntimeSettings {
    /// Where topics are.
    pub broker: Arc<dyn Broker>,
    /// Where offsets of sources are kept.
    pub offsets: Arc<dyn SourceOffsets>,
    /// Topics in which the worker keeps what it knows, and which no source may write to: a record
    /// there is a connector, or an offset.
    pub own_topics: Arc<BTreeSet<String>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Bytes that all tasks together may hold in buffers.
    pub budget: MemoryBudget,
    /// Owner of the tasks.
    pub tasks: TaskGroup,
    /// What is measured.
    pub metrics: Metrics,
    /// What keys, values and headers can be converted by.
    pub converters: ConverterRegistry,
    /// The worker's properties: default converters and client settings.
    pub worker: Props,
    /// `group.id` of the worker, a part of transactional ids.
    pub group_id: String,
    /// Time between two commits of offsets.
    pub offset_flush_interval: Duration,
    /// Longest time a commit of offsets may take.
    pub offset_flush_timeout: Duration,
    /// Whether source tasks may create topics.
    pub topic_creation: bool,
    /// Whether source tasks write through transactions also where these are not free.
    pub exactly_once_source: bool,
}

/// Something that happened to a task.
#[derive(Clone, Debug)]
pub struct TaskEvent {
    /// Which task.
    pub id: TaskId,
    /// Which start of it.
    pub instance: u64,
    /// What happened.
    pub kind: TaskEventKind,
}

/// What can happen to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEventKind {
    /// It works.
    Running,
    /// It waits.
    Paused,
    /// It runs and tries again what fails; or it gets on again, with `Running`.
    Held {
        /// The chain of causes as Kafka Connect prints it.
        trace: String,
    },
    /// It is broken and has ended.
    Failed {
        /// What its first cause was, and so whether another start may help.
        class: ErrorClass,
        /// The chain of causes as Kafka Connect prints it.
        trace: String,
    },
    /// It has ended because it was told to.
    Stopped,
    /// It used a topic for the first time.
    TopicSeen(Arc<str>),
}

/// Starts tasks.
#[derive(Debug)]
pub struct Runtime {
    settings: Arc<RuntimeSettings>,
    events: mpsc::Sender<TaskEvent>,
}

impl Runtime {
    /// A runtime that reports to `events`.
    #[must_use]
    pub fn new(settings: RuntimeSettings, events: mpsc::Sender<TaskEvent>) -> Self {
        Self { settings: Arc::new(settings), events }
    }

    /// Memory that all tasks share.
    #[must_use]
    pub fn budget(&self) -> &MemoryBudget {
        &self.settings.budget
    }

    /// Starts a task; what becomes of it is reported.
    #[must_use]
    pub fn start(&self, spec: TaskSpec) -> TaskHandle {
        let (target, targets) = watch::channel(spec.target);
        let (flush, flushes) = mpsc::channel(FLUSHES);
        let stop = self.settings.tasks.token().child_token();
        let name = format!("task-{}", spec.id);
        let metered = self.settings.metrics.task(&spec.id.connector, spec.id.task);
        let meter = Arc::clone(metered.meter());
        // A task that is paused or fails before it works has figures too.
        match spec.plugin {
            ConnectorPlugin::Source(_) => drop(Arc::clone(meter.source())),
            ConnectorPlugin::Sink(_) => drop(Arc::clone(meter.sink())),
        }
        let seat = Seat {
            settings: Arc::clone(&self.settings),
            reporter: Reporter {
                id: spec.id.clone(),
                instance: spec.instance,
                events: self.events.clone(),
                meter,
            },
            spec,
            targets: Targets(targets),
            flushes,
            stop: stop.clone(),
        };
        let ended = self.settings.tasks.spawn(name, life::live(seat));
        TaskHandle { target, flush, stop, ended, _metered: metered }
    }
}

/// Steers a running task.
#[derive(Debug)]
pub struct TaskHandle {
    target: watch::Sender<TaskTarget>,
    flush: mpsc::Sender<oneshot::Sender<Result<()>>>,
    stop: CancellationToken,
    ended: JoinHandle<()>,
    /// A task that has failed is measured until it is stopped.
    _metered: Metered,
}

impl TaskHandle {
    /// Tells it what to do from now on; never blocks.
    pub fn set_target(&self, target: TaskTarget) {
        self.target.send_replace(target);
    }

    /// Asks a sink's task to end its open files and to commit; the answer comes when the files are
    /// ended. None where too many have asked already.
    #[must_use]
    pub fn flush(&self) -> Option<FlushAnswer> {
        let (reply, answer) = oneshot::channel();
        self.flush.try_send(reply).ok()?;
        Some(answer)
    }

    /// Stops it: it hands in what it has, commits and closes. `false` when it did not end in time
    /// and was abandoned; what it still reports bears its old instance number.
    pub async fn stop(mut self, deadline: Duration) -> bool {
        self.stop.cancel();
        let is_ended = tokio::time::timeout(deadline, &mut self.ended).await.is_ok();
        if !is_ended {
            self.ended.abort();
        }
        is_ended
    }
}

/// What a task sits on: who it is, what it was given, and who listens.
struct Seat {
    settings: Arc<RuntimeSettings>,
    spec: TaskSpec,
    reporter: Reporter,
    targets: Targets,
    flushes: mpsc::Receiver<oneshot::Sender<Result<()>>>,
    stop: CancellationToken,
}

/// What the task is to do, as it changes.
#[derive(Clone)]
struct Targets(watch::Receiver<TaskTarget>);

impl Targets {
    /// What it is now; [`Targets::change`] waits for what comes after.
    fn is_paused(&mut self) -> bool {
        *self.0.borrow_and_update() == TaskTarget::Paused
    }

    /// Waits until the target changes; for ever when nobody can change it any more. Cancel safe.
    async fn change(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Tells the herder what happens to one task.
struct Reporter {
    id: TaskId,
    instance: u64,
    events: mpsc::Sender<TaskEvent>,
    meter: Arc<TaskMeter>,
}

impl Reporter {
    /// Nobody listens only when the worker is gone, and then nobody misses it.
    async fn report(&self, kind: TaskEventKind) {
        match kind {
            TaskEventKind::Running => self.meter.enter(Phase::Running),
            TaskEventKind::Paused => self.meter.enter(Phase::Paused),
            TaskEventKind::Failed { .. } | TaskEventKind::Stopped => self.meter.enter(Phase::Idle),
            TaskEventKind::Held { .. } | TaskEventKind::TopicSeen(_) => {}
        }
        let event = TaskEvent { id: self.id.clone(), instance: self.instance, kind };
        let _gone = self.events.send(event).await;
    }
}
