//! What a task of the Aiven class counts.

use connect_api::figures::{Counter, Figures, Gauge};

use super::object::Object;
use crate::figures;

/// Why objects were written, what was in them, and how many wait.
#[derive(Debug)]
pub(super) struct Tally {
    committed: Counter,
    early: Counter,
    records: Counter,
    open_files: Gauge,
}

impl Tally {
    pub(super) fn new(own: &Figures) -> Self {
        let because = |reason| figures::ROTATIONS.counter_of(own, "reason", reason);
        Self {
            committed: because("commit"),
            early: because("memory"),
            records: figures::STORED_RECORDS.counter(own),
            open_files: figures::OPEN_FILES.gauge(own),
        }
    }

    /// So many wait now.
    pub(super) fn waits(&self, objects: usize) {
        self.open_files.set(u64::try_from(objects).unwrap_or(u64::MAX));
    }

    /// Objects with so many records were written, because offsets are committed or, early, because memory
    /// was used up.
    pub(super) fn wrote(&self, records: u64, is_early: bool) {
        if records > 0 {
            let reason = if is_early { &self.early } else { &self.committed };
            reason.add(1);
            self.records.add(records);
        }
    }
}

/// Records in these objects.
pub(super) fn records<'a>(objects: impl IntoIterator<Item = &'a Object>) -> u64 {
    objects.into_iter().map(|object| object.count).sum()
}
