//! Figures that only a connector can know: how often it closed its files and why, what it sent.
//!
//! A task registers a figure once, when it starts, and keeps the [`Counter`] or [`Gauge`] it is given:
//! what happens then costs one addition. The worker shows every figure on its page of metrics, with the
//! labels `connector` and `task` before those of the figure. A task without figures costs nothing.
//!
//! Names begin with `millrace_` and the system's name, and end with the unit: `…_objects_total`,
//! `…_uploaded_bytes_total`. One that ends with `_total` is a counter, any other a gauge.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Labels of a figure beside those of its task, by name and value.
type Labels = Vec<(&'static str, String)>;

/// The figures of one task; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    registered: Arc<Mutex<Vec<Registered>>>,
}

#[derive(Debug)]
struct Registered {
    name: &'static str,
    help: &'static str,
    labels: Labels,
    value: Arc<AtomicU64>,
}

/// What a figure shows at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Name.
    pub name: &'static str,
    /// What it tells, as a sentence.
    pub help: &'static str,
    /// Labels beside those of the task.
    pub labels: Labels,
    /// The value.
    pub value: u64,
}

/// Counts up.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

/// Goes up and down.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Figures {
    /// A counter, whose name ends with `_total`. The same name and labels again are the same counter.
    #[must_use]
    pub fn counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Counter {
        Counter(self.register(name, help, labels))
    }

    /// A gauge, whose name ends with its unit. The same name and labels again are the same gauge.
    #[must_use]
    pub fn gauge(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Gauge {
        Gauge(self.register(name, help, labels))
    }

    fn register(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
    ) -> Arc<AtomicU64> {
        let labels: Labels =
            labels.iter().map(|(label, value)| (*label, (*value).to_owned())).collect();
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        let known = registered.iter().find(|one| one.name == name && one.labels == labels);
        if let Some(known) = known {
            return Arc::clone(&known.value);
        }
        let value = Arc::new(AtomicU64::new(0));
        registered.push(Registered { name, help, labels, value: Arc::clone(&value) });
        value
    }

    /// What all of them show now, in the order they were registered in.
    #[must_use]
    pub fn read(&self) -> Vec<Reading> {
        let registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        let read = registered.iter().map(|one| Reading {
            name: one.name,
            help: one.help,
            labels: one.labels.clone(),
            value: one.value.load(Ordering::Relaxed),
        });
        read.collect()
    }
}

impl Counter {
    /// So many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// How many there were.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// It is so much now.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_registered_twice_is_one() {
        let figures = Figures::default();
        assert_eq!(figures.read(), []);
        let of = |reason| figures.counter("files_total", "Files.", &[("reason", reason)]);
        let (size, again, age) = (of("size"), of("size"), of("age"));
        size.add(2);
        again.add(1);
        age.add(5);
        figures.gauge("open_files", "Open files.", &[]).set(7);
        let read: Vec<_> = figures.read().into_iter().map(|one| (one.labels, one.value)).collect();
        let labels = |reason: &str| vec![("reason", reason.to_owned())];
        assert_eq!(read, [(labels("size"), 3), (labels("age"), 5), (vec![], 7)]);
    }
}
