//! What is measured of a sink task.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    page::{Labels, Page, Row},
    window::{Counter, Sampling, Window, float, millis, size},
};

/// The part of a task's meter that only sinks have.
#[derive(Debug)]
pub struct SinkMeter {
    figures: Mutex<Figures>,
}

#[derive(Debug)]
struct Figures {
    read: Counter,
    sent: Counter,
    put_ms: Window,
    partitions: u64,
    /// Offsets that were consumed and are not committed.
    active: u64,
    actives: Window,
    sequence: u64,
    completed: Counter,
    skipped: Counter,
}

impl SinkMeter {
    pub(super) const fn new(sampling: Sampling) -> Self {
        let figures = Figures {
            read: Counter::new(sampling),
            sent: Counter::new(sampling),
            put_ms: Window::new(sampling),
            partitions: 0,
            active: 0,
            actives: Window::new(sampling),
            sequence: 0,
            completed: Counter::new(sampling),
            skipped: Counter::new(sampling),
        };
        Self { figures: Mutex::new(figures) }
    }

    /// Records came from topics.
    pub fn read(&self, records: usize) {
        self.with(|figures| figures.read.add(size(records), Instant::now()));
    }

    /// The connector took records.
    pub fn put(&self, records: usize, took: Duration) {
        let now = Instant::now();
        self.with(|figures| {
            figures.sent.add(size(records), now);
            figures.put_ms.record(millis(took), now);
        });
    }

    /// Where the task stands: its partitions, and the offsets it consumed beyond its commits.
    pub fn stands_at(&self, partitions: usize, active: u64) {
        self.with(|figures| {
            figures.partitions = size(partitions);
            figures.active = active;
            figures.actives.record(float(active), Instant::now());
        });
    }

    /// A commit of offsets with this number was sent.
    pub fn commit_sent(&self, sequence: u64) {
        self.with(|figures| figures.sequence = sequence);
    }

    /// A commit of offsets succeeded.
    pub fn commit_completed(&self) {
        self.with(|figures| figures.completed.add(1, Instant::now()));
    }

    /// The answer to a commit came too late or not at all.
    pub fn commit_skipped(&self) {
        self.with(|figures| figures.skipped.add(1, Instant::now()));
    }

    /// Records that the connector took, and partitions that are assigned to the task.
    pub(super) fn seen(&self) -> (u64, u64) {
        self.with(|figures| (figures.sent.total, figures.partitions))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Figures) -> T) -> T {
        work(&mut self.figures.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn show(&self, page: &mut Page, labels: &Labels, now: Instant) {
        let (records, commits) = self.with(|figures| (figures.records(now), figures.commits(now)));
        page.add_rows(labels, records.into_iter().chain(commits));
    }
}

impl Figures {
    fn records(&mut self, now: Instant) -> [Row; 9] {
        [
            (
                "kafka_connect_sink_task_sink_record_read_total",
                "Records read from topics, before transformations.",
                float(self.read.total),
            ),
            (
                "kafka_connect_sink_task_sink_record_read_rate",
                "Records read from topics per second.",
                self.read.rate(now),
            ),
            (
                "kafka_connect_sink_task_sink_record_send_total",
                "Records the connector took, after transformations.",
                float(self.sent.total),
            ),
            (
                "kafka_connect_sink_task_sink_record_send_rate",
                "Records the connector took per second.",
                self.sent.rate(now),
            ),
            (
                "kafka_connect_sink_task_put_batch_max_time_ms",
                "Longest time the connector took for a batch, in milliseconds.",
                self.put_ms.most(now),
            ),
            (
                "kafka_connect_sink_task_put_batch_avg_time_ms",
                "Mean time the connector took for a batch, in milliseconds.",
                self.put_ms.mean(now),
            ),
            (
                "kafka_connect_sink_task_sink_record_active_count",
                "Offsets that were consumed and are not committed yet.",
                float(self.active),
            ),
            (
                "kafka_connect_sink_task_sink_record_active_count_max",
                "Most offsets that were consumed and not committed yet.",
                self.actives.most(now),
            ),
            (
                "kafka_connect_sink_task_sink_record_active_count_avg",
                "Mean number of offsets that were consumed and not committed yet.",
                self.actives.mean(now),
            ),
        ]
    }

    fn commits(&mut self, now: Instant) -> [Row; 6] {
        [
            (
                "kafka_connect_sink_task_partition_count",
                "Partitions that are assigned to the task.",
                float(self.partitions),
            ),
            (
                "kafka_connect_sink_task_offset_commit_seq_no",
                "Number of the last commit of offsets.",
                float(self.sequence),
            ),
            (
                "kafka_connect_sink_task_offset_commit_completion_total",
                "Commits of offsets that succeeded.",
                float(self.completed.total),
            ),
            (
                "kafka_connect_sink_task_offset_commit_completion_rate",
                "Commits of offsets that succeeded, per second.",
                self.completed.rate(now),
            ),
            (
                "kafka_connect_sink_task_offset_commit_skip_total",
                "Commits of offsets whose answer came too late or not at all.",
                float(self.skipped.total),
            ),
            (
                "kafka_connect_sink_task_offset_commit_skip_rate",
                "Commits of offsets whose answer came too late or not at all, per second.",
                self.skipped.rate(now),
            ),
        ]
    }
}
