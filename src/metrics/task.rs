//! What is measured of one task.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use connect_api::{
    figures::{Figures as OwnFigures, Reading},
    time::Clock,
};
use tokio::time::Instant;

use super::{
    errors::ErrorMeter,
    page::{Labels, Page},
    sink::SinkMeter,
    source::SourceMeter,
    window::{Sampling, Window, float, millis, size},
};

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It starts, or has ended.
    Idle,
    /// It works.
    Running,
    /// It waits because its user paused it.
    Paused,
}

/// What a sink's task has seen since it started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Records that the connector took.
    pub records: u64,
    /// Partitions that are assigned to it.
    pub partitions: u64,
    /// Time it ran for, without pauses.
    pub ran: Duration,
    /// What the connector itself has counted.
    pub figures: Vec<Reading>,
}

/// The meter of one start of a task.
#[derive(Debug)]
pub struct TaskMeter {
    labels: Labels,
    sampling: Sampling,
    errors: ErrorMeter,
    source: OnceLock<Arc<SourceMeter>>,
    sink: OnceLock<Arc<SinkMeter>>,
    /// Those of the connector itself.
    own: OwnFigures,
    figures: Mutex<Figures>,
}

/// Figures that sources and sinks have.
#[derive(Debug)]
struct Figures {
    began: Instant,
    phase: Phase,
    phase_began: Instant,
    running: Duration,
    paused: Duration,
    commit_ms: Window,
    committed: u64,
    commits_failed: u64,
    batch: Window,
}

impl TaskMeter {
    pub(super) fn new(labels: Labels, sampling: Sampling, clock: Arc<dyn Clock>) -> Self {
        let now = Instant::now();
        Self {
            labels,
            sampling,
            errors: ErrorMeter::new(clock),
            source: OnceLock::new(),
            sink: OnceLock::new(),
            own: OwnFigures::default(),
            figures: Mutex::new(Figures {
                began: now,
                phase: Phase::Idle,
                phase_began: now,
                running: Duration::ZERO,
                paused: Duration::ZERO,
                commit_ms: Window::new(sampling),
                committed: 0,
                commits_failed: 0,
                batch: Window::new(sampling),
            }),
        }
    }

    /// What is measured of records that fail.
    #[must_use]
    pub const fn errors(&self) -> &ErrorMeter {
        &self.errors
    }

    /// What is measured of a source.
    pub fn source(&self) -> &Arc<SourceMeter> {
        self.source.get_or_init(|| Arc::new(SourceMeter::new(self.sampling)))
    }

    /// What is measured of a sink.
    pub fn sink(&self) -> &Arc<SinkMeter> {
        self.sink.get_or_init(|| Arc::new(SinkMeter::new(self.sampling)))
    }

    /// Where the connector counts what only it knows.
    #[must_use]
    pub const fn figures(&self) -> &OwnFigures {
        &self.own
    }

    /// The task does something else from now on.
    pub fn enter(&self, phase: Phase) {
        let now = Instant::now();
        self.with(|figures| {
            figures.settle(now);
            figures.phase = phase;
        });
    }

    /// A batch of records went through it.
    pub fn handled_batch(&self, records: usize) {
        self.with(|figures| figures.batch.record(float(size(records)), Instant::now()));
    }

    /// A commit of offsets has ended.
    pub fn committed(&self, took: Duration, is_success: bool) {
        self.with(|figures| {
            figures.commit_ms.record(millis(took), Instant::now());
            let count =
                if is_success { &mut figures.committed } else { &mut figures.commits_failed };
            *count += 1;
        });
    }

    /// What it has seen, if it is a sink's.
    pub(super) fn seen(&self, now: Instant) -> Option<Seen> {
        let (records, partitions) = self.sink.get()?.seen();
        let ran = self.with(|figures| {
            figures.settle(now);
            figures.running
        });
        Some(Seen { records, partitions, ran, figures: self.own.read() })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Figures) -> T) -> T {
        work(&mut self.figures.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn show(&self, page: &mut Page, now: Instant) {
        let labels = &self.labels;
        self.with(|figures| figures.show(page, labels, now));
        if let Some(source) = self.source.get() {
            source.show(page, labels, now);
        }
        if let Some(sink) = self.sink.get() {
            sink.show(page, labels, now);
        }
        self.errors.show(page, labels);
        for one in self.own.read() {
            let pairs = one.labels.iter();
            let labels = pairs.fold(labels.clone(), |all, (name, value)| all.and(name, value));
            page.add(one.name, one.help, &labels, float(one.value));
        }
    }
}

impl Figures {
    /// Books the time since the phase began.
    fn settle(&mut self, now: Instant) {
        let spent = now - self.phase_began;
        match self.phase {
            Phase::Running => self.running += spent,
            Phase::Paused => self.paused += spent,
            Phase::Idle => {}
        }
        self.phase_began = now;
    }

    fn show(&mut self, page: &mut Page, labels: &Labels, now: Instant) {
        self.settle(now);
        let life = (now - self.began).as_secs_f64();
        let share = |part: Duration| if life > 0.0 { part.as_secs_f64() / life } else { 0.0 };
        let commits = float(self.committed + self.commits_failed);
        let rows = [
            (
                "kafka_connect_connector_task_running_ratio",
                "Fraction of time the task has spent running, 0 to 1.",
                share(self.running),
            ),
            (
                "kafka_connect_connector_task_pause_ratio",
                "Fraction of time the task has spent paused, 0 to 1.",
                share(self.paused),
            ),
            (
                "kafka_connect_connector_task_offset_commit_max_time_ms",
                "Longest time of a commit of offsets, in milliseconds.",
                self.commit_ms.most(now),
            ),
            (
                "kafka_connect_connector_task_offset_commit_avg_time_ms",
                "Mean time of a commit of offsets, in milliseconds.",
                self.commit_ms.mean(now),
            ),
            (
                "kafka_connect_connector_task_offset_commit_success_percentage",
                "Fraction of the commits of offsets that succeeded, 0 to 1.",
                float(self.committed) / commits,
            ),
            (
                "kafka_connect_connector_task_offset_commit_failure_percentage",
                "Fraction of the commits of offsets that failed, 0 to 1.",
                float(self.commits_failed) / commits,
            ),
            (
                "kafka_connect_connector_task_batch_size_max",
                "Most records in a batch.",
                self.batch.most(now),
            ),
            (
                "kafka_connect_connector_task_batch_size_avg",
                "Mean number of records in a batch.",
                self.batch.mean(now),
            ),
        ];
        page.add_rows(labels, rows);
    }
}
