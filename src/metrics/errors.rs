//! What is measured of records that fail.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

use connect_api::time::Clock;

use super::{
    page::{Labels, Page},
    window::float,
};

/// Counts failures of one task, as `RetryWithToleranceOperator` of the original does.
#[derive(Debug)]
pub struct ErrorMeter {
    clock: Arc<dyn Clock>,
    failures: AtomicU64,
    errors: AtomicU64,
    skipped: AtomicU64,
    retries: AtomicU64,
    logged: AtomicU64,
    letters: AtomicU64,
    letters_failed: AtomicU64,
    last_error_ms: AtomicI64,
}

impl ErrorMeter {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            failures: AtomicU64::default(),
            errors: AtomicU64::default(),
            skipped: AtomicU64::default(),
            retries: AtomicU64::default(),
            logged: AtomicU64::default(),
            letters: AtomicU64::default(),
            letters_failed: AtomicU64::default(),
            last_error_ms: AtomicI64::default(),
        }
    }

    /// An operation on a record failed; it may be tried again.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
        self.last_error_ms.store(self.clock.now_ms(), Relaxed);
    }

    /// A record failed for good.
    pub fn gave_up(&self) {
        self.errors.fetch_add(1, Relaxed);
    }

    /// A record that failed for good was skipped.
    pub fn skipped(&self) {
        self.skipped.fetch_add(1, Relaxed);
    }

    /// An operation was tried again.
    pub fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// A failure was written to the log.
    pub fn logged(&self) {
        self.logged.fetch_add(1, Relaxed);
    }

    /// A record was sent to the dead letter queue.
    pub fn sent_letter(&self) {
        self.letters.fetch_add(1, Relaxed);
    }

    /// A record could not be stored in the dead letter queue.
    pub fn lost_letter(&self) {
        self.letters_failed.fetch_add(1, Relaxed);
    }

    pub(super) fn show(&self, page: &mut Page, labels: &Labels) {
        let rows = [
            (
                "kafka_connect_task_error_total_record_failures",
                "Operations on records that failed, tries again included.",
                &self.failures,
            ),
            (
                "kafka_connect_task_error_total_record_errors",
                "Records that failed for good.",
                &self.errors,
            ),
            (
                "kafka_connect_task_error_total_records_skipped",
                "Records that failed for good and were skipped.",
                &self.skipped,
            ),
            (
                "kafka_connect_task_error_total_retries",
                "Operations that were tried again.",
                &self.retries,
            ),
            (
                "kafka_connect_task_error_total_errors_logged",
                "Failures that were written to the log.",
                &self.logged,
            ),
            (
                "kafka_connect_task_error_deadletterqueue_produce_requests",
                "Records that were sent to the dead letter queue.",
                &self.letters,
            ),
            (
                "kafka_connect_task_error_deadletterqueue_produce_failures",
                "Records that could not be stored in the dead letter queue.",
                &self.letters_failed,
            ),
        ];
        let value = |count: &AtomicU64| float(count.load(Relaxed));
        page.add_rows(labels, rows.map(|(name, help, count)| (name, help, value(count))));
        let last = u64::try_from(self.last_error_ms.load(Relaxed)).unwrap_or(0);
        page.add(
            "kafka_connect_task_error_last_error_timestamp",
            "When an operation on a record failed last, in milliseconds since the epoch; 0 for never.",
            labels,
            float(last),
        );
    }
}
