//! What is measured of the worker and its tasks, and the text that Prometheus reads.
//!
//! Names and meanings are those of Kafka Connect's JMX attributes
//! (`kafka.connect:type=sink-task-metrics` and so on); what is ours alone begins with `millrace_`.
//! A task records once per batch into a meter of its own, so that measuring costs a lock per batch
//! that nobody contends; reading walks the meters.

mod errors;
mod page;
mod process;
mod sink;
mod source;
mod task;
mod window;
mod worker;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use connect_api::time::Clock;
use tokio::time::Instant;

pub use self::{
    errors::ErrorMeter,
    page::{Labels, Page},
    process::add_process,
    sink::SinkMeter,
    source::SourceMeter,
    task::{Phase, Seen, TaskMeter},
    window::Sampling,
    worker::{Startup, WorkerMeter},
};

/// Meters by the connector and the number of their task.
type Tasks = BTreeMap<(Arc<str>, u32), Arc<TaskMeter>>;

/// Every meter of a worker; clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    sampling: Sampling,
    clock: Arc<dyn Clock>,
    tasks: Arc<Mutex<Tasks>>,
    worker: Arc<WorkerMeter>,
}

impl Metrics {
    /// No meters yet.
    #[must_use]
    pub fn new(sampling: Sampling, clock: Arc<dyn Clock>) -> Self {
        let worker = Arc::new(WorkerMeter::new(clock.now_ms()));
        Self { sampling, clock, tasks: Arc::default(), worker }
    }

    /// What is measured of the worker itself.
    #[must_use]
    pub fn worker(&self) -> &WorkerMeter {
        &self.worker
    }

    /// A meter for a task, in the place of one that an earlier start of it had.
    #[must_use]
    pub fn task(&self, connector: &Arc<str>, task: u32) -> Metered {
        let labels = Labels::of(&[("connector", connector), ("task", &task.to_string())]);
        let meter = Arc::new(TaskMeter::new(labels, self.sampling, Arc::clone(&self.clock)));
        let key = (Arc::clone(connector), task);
        self.tasks().insert(key.clone(), Arc::clone(&meter));
        Metered { metrics: self.clone(), key, meter }
    }

    /// What the tasks of a sink have seen.
    #[must_use]
    pub fn seen(&self, connector: &str) -> Vec<Seen> {
        let tasks = self.tasks();
        let own = tasks.iter().filter(|((name, _), _)| **name == *connector);
        let meters: Vec<_> = own.map(|(_, meter)| Arc::clone(meter)).collect();
        drop(tasks);
        let now = Instant::now();
        meters.iter().filter_map(|meter| meter.seen(now)).collect()
    }

    /// Adds the figures of every task.
    pub fn add_tasks(&self, page: &mut Page) {
        let meters: Vec<_> = self.tasks().values().cloned().collect();
        let now = Instant::now();
        for meter in meters {
            meter.show(page, now);
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a task's meter on the list for as long as it lives.
#[derive(Debug)]
pub struct Metered {
    metrics: Metrics,
    key: (Arc<str>, u32),
    meter: Arc<TaskMeter>,
}

impl Metered {
    /// The meter.
    #[must_use]
    pub const fn meter(&self) -> &Arc<TaskMeter> {
        &self.meter
    }
}

impl Drop for Metered {
    /// A later start of the task may have taken the place already.
    fn drop(&mut self) {
        let mut tasks = self.metrics.tasks();
        if tasks.get(&self.key).is_some_and(|meter| Arc::ptr_eq(meter, &self.meter)) {
            tasks.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_api::time::SystemClock;

    use super::*;

    #[tokio::test]
    async fn a_meter_is_on_the_page_while_its_task_is_there() {
        let metrics = Metrics::new(Sampling::default(), Arc::new(SystemClock));
        let shown = || {
            let mut page = Page::default();
            metrics.add_tasks(&mut page);
            page.to_string()
        };
        let first = metrics.task(&"c".into(), 0);
        let second = metrics.task(&"c".into(), 0);
        first.meter().errors().failed();
        second.meter().source().polled(3, std::time::Duration::ZERO);
        let labels = [("reason", "size")];
        second.meter().figures().counter("millrace_x_files_total", "Files.", &labels).add(4);
        drop(first);
        let text = shown();
        let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap();
        let polled = line("kafka_connect_source_task_source_record_poll_total");
        assert!(polled.ends_with("{connector=\"c\",task=\"0\"} 3"), "{polled}");
        let failures = line("kafka_connect_task_error_total_record_failures");
        assert!(failures.ends_with(" 0"), "of the start that counts: {failures}");
        let files = line("millrace_x_files_total");
        assert!(files.ends_with("{connector=\"c\",task=\"0\",reason=\"size\"} 4"), "{files}");
        drop(second);
        assert_eq!(shown(), "");
    }
}
