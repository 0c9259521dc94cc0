//! What is measured of the worker itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{
    page::{Labels, Page},
    window::float,
};

/// Starts of connectors, or of tasks.
#[derive(Debug, Default)]
pub struct Startup {
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl Startup {
    /// One succeeded, or did not.
    pub fn ended(&self, is_success: bool) {
        let count = if is_success { &self.succeeded } else { &self.failed };
        count.fetch_add(1, Relaxed);
    }

    /// Attempts, successes and failures, and the fractions of both.
    fn figures(&self) -> [f64; 5] {
        let succeeded = float(self.succeeded.load(Relaxed));
        let failed = float(self.failed.load(Relaxed));
        let attempts = succeeded + failed;
        // The JVM's worker shows 0 before the first attempt.
        let share = |part: f64| if attempts > 0.0 { part / attempts } else { 0.0 };
        [attempts, succeeded, failed, share(succeeded), share(failed)]
    }
}

/// Counts what the worker does.
#[derive(Debug)]
pub struct WorkerMeter {
    /// When the worker started, in milliseconds since the epoch.
    started_ms: i64,
    /// Starts of connectors.
    pub connectors: Startup,
    /// Starts of tasks.
    pub tasks: Startup,
    /// Failed tasks that were started again without being asked.
    repairs: AtomicU64,
}

impl WorkerMeter {
    pub(super) fn new(started_ms: i64) -> Self {
        let (connectors, tasks) = (Startup::default(), Startup::default());
        Self { started_ms, connectors, tasks, repairs: AtomicU64::default() }
    }

    /// A failed task was started again without being asked.
    pub fn repaired(&self) {
        self.repairs.fetch_add(1, Relaxed);
    }

    /// Adds the figures.
    pub fn show(&self, page: &mut Page) {
        let none = Labels::default();
        let connectors = CONNECTOR_STARTUP.into_iter().zip(self.connectors.figures());
        let tasks = TASK_STARTUP.into_iter().zip(self.tasks.figures());
        let startups = connectors.chain(tasks);
        page.add_rows(&none, startups.map(|((name, help), value)| (name, help, value)));
        page.add(
            "millrace_worker_repairs_total",
            "Failed tasks that were started again without being asked.",
            &none,
            float(self.repairs.load(Relaxed)),
        );
        let started = u64::try_from(self.started_ms).unwrap_or(0);
        page.add(
            "kafka_connect_start_time_seconds",
            "When the worker started, in seconds since the epoch.",
            &none,
            float(started) / 1000.0,
        );
    }
}

const CONNECTOR_STARTUP: [(&str, &str); 5] = [
    ("kafka_connect_worker_connector_startup_attempts_total", "Starts of connectors."),
    (
        "kafka_connect_worker_connector_startup_success_total",
        "Starts of connectors that succeeded.",
    ),
    ("kafka_connect_worker_connector_startup_failure_total", "Starts of connectors that failed."),
    (
        "kafka_connect_worker_connector_startup_success_percentage",
        "Fraction of the starts of connectors that succeeded, 0 to 1.",
    ),
    (
        "kafka_connect_worker_connector_startup_failure_percentage",
        "Fraction of the starts of connectors that failed, 0 to 1.",
    ),
];

const TASK_STARTUP: [(&str, &str); 5] = [
    ("kafka_connect_worker_task_startup_attempts_total", "Starts of tasks."),
    ("kafka_connect_worker_task_startup_success_total", "Starts of tasks that succeeded."),
    ("kafka_connect_worker_task_startup_failure_total", "Starts of tasks that failed."),
    (
        "kafka_connect_worker_task_startup_success_percentage",
        "Fraction of the starts of tasks that succeeded, 0 to 1.",
    ),
    (
        "kafka_connect_worker_task_startup_failure_percentage",
        "Fraction of the starts of tasks that failed, 0 to 1.",
    ),
];
