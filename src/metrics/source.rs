//! What is measured of a source task.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    page::{Labels, Page, Row},
    window::{Counter, Sampling, Window, float, millis, size},
};

/// The part of a task's meter that only sources have.
#[derive(Debug)]
pub struct SourceMeter {
    figures: Mutex<Figures>,
}

#[derive(Debug)]
struct Figures {
    polled: Counter,
    written: Counter,
    poll_ms: Window,
    /// Records that were polled and are neither written nor dropped.
    active: u64,
    actives: Window,
    transaction: Window,
}

impl SourceMeter {
    pub(super) const fn new(sampling: Sampling) -> Self {
        let figures = Figures {
            polled: Counter::new(sampling),
            written: Counter::new(sampling),
            poll_ms: Window::new(sampling),
            active: 0,
            actives: Window::new(sampling),
            transaction: Window::new(sampling),
        };
        Self { figures: Mutex::new(figures) }
    }

    /// The connector brought records.
    pub fn polled(&self, records: usize, took: Duration) {
        let (count, now) = (size(records), Instant::now());
        self.with(|figures| {
            figures.polled.add(count, now);
            figures.poll_ms.record(millis(took), now);
            figures.active += count;
            figures.actives.record(float(figures.active), now);
        });
    }

    /// Of so many records that were brought, these are written; the others were dropped.
    pub fn finished(&self, brought: usize, written: usize) {
        let now = Instant::now();
        self.with(|figures| {
            figures.written.add(size(written), now);
            figures.active = figures.active.saturating_sub(size(brought));
            figures.actives.record(float(figures.active), now);
        });
    }

    /// A transaction with so many records was committed.
    pub fn transacted(&self, records: usize) {
        self.with(|figures| figures.transaction.record(float(size(records)), Instant::now()));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Figures) -> T) -> T {
        work(&mut self.figures.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn show(&self, page: &mut Page, labels: &Labels, now: Instant) {
        let (records, transactions) =
            self.with(|figures| (figures.records(now), figures.transactions(now)));
        page.add_rows(labels, records.into_iter().chain(transactions));
    }
}

impl Figures {
    fn records(&mut self, now: Instant) -> [Row; 9] {
        [
            (
                "kafka_connect_source_task_source_record_poll_total",
                "Records brought by the connector, before transformations.",
                float(self.polled.total),
            ),
            (
                "kafka_connect_source_task_source_record_poll_rate",
                "Records brought by the connector per second.",
                self.polled.rate(now),
            ),
            (
                "kafka_connect_source_task_source_record_write_total",
                "Records written to topics, after transformations.",
                float(self.written.total),
            ),
            (
                "kafka_connect_source_task_source_record_write_rate",
                "Records written to topics per second.",
                self.written.rate(now),
            ),
            (
                "kafka_connect_source_task_poll_batch_max_time_ms",
                "Longest time the connector took to bring a batch, in milliseconds.",
                self.poll_ms.most(now),
            ),
            (
                "kafka_connect_source_task_poll_batch_avg_time_ms",
                "Mean time the connector took to bring a batch, in milliseconds.",
                self.poll_ms.mean(now),
            ),
            (
                "kafka_connect_source_task_source_record_active_count",
                "Records that were brought and are not written yet.",
                float(self.active),
            ),
            (
                "kafka_connect_source_task_source_record_active_count_max",
                "Most records that were brought and not written yet.",
                self.actives.most(now),
            ),
            (
                "kafka_connect_source_task_source_record_active_count_avg",
                "Mean number of records that were brought and not written yet.",
                self.actives.mean(now),
            ),
        ]
    }

    fn transactions(&mut self, now: Instant) -> [Row; 3] {
        [
            (
                "kafka_connect_source_task_transaction_size_min",
                "Fewest records in a transaction.",
                self.transaction.least(now),
            ),
            (
                "kafka_connect_source_task_transaction_size_max",
                "Most records in a transaction.",
                self.transaction.most(now),
            ),
            (
                "kafka_connect_source_task_transaction_size_avg",
                "Mean number of records in a transaction.",
                self.transaction.mean(now),
            ),
        ]
    }
}
