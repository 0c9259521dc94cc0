//! What a sink counts, by name.

use connect_api::figures::{Counter, Figures, Gauge};

/// A figure: its name, and what it tells.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Name.
    pub name: &'static str,
    /// What it tells, as a sentence.
    pub help: &'static str,
}

impl Figure {
    /// Its counter.
    #[must_use]
    pub fn counter(self, figures: &Figures) -> Counter {
        figures.counter(self.name, self.help, &[])
    }

    /// A counter that has a label.
    #[must_use]
    pub fn counter_of(self, figures: &Figures, label: &'static str, value: &str) -> Counter {
        figures.counter(self.name, self.help, &[(label, value)])
    }

    /// Its gauge.
    #[must_use]
    pub fn gauge(self, figures: &Figures) -> Gauge {
        figures.gauge(self.name, self.help, &[])
    }
}
