//! What an operator must know, said once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use connect_api::error::{ConnectorError, chain};
use tracing::warn;

/// Shortest time between two lines of the log about bad rows: they can be millions.
const REPORT_EVERY_MS: i64 = 10_000;

/// The state of what does not work at the moment, and counts of what was given up.
#[derive(Debug)]
pub(crate) struct Notices {
    connector: Arc<str>,
    raised: BTreeMap<PathBuf, String>,
    skipped: u64,
    reported: u64,
    reported_ms: Option<i64>,
    first_bad: Option<String>,
}

impl Notices {
    /// Nothing is wrong yet.
    pub(crate) const fn new(connector: Arc<str>) -> Self {
        Self {
            connector,
            raised: BTreeMap::new(),
            skipped: 0,
            reported: 0,
            reported_ms: None,
            first_bad: None,
        }
    }

    /// Warns about a path, unless it has warned of the same before.
    pub(crate) fn raise(&mut self, path: &Path, sentence: String) {
        if self.raised.get(path) == Some(&sentence) {
            return;
        }
        warn!(connector = %self.connector, path = %path.display(), "{sentence}");
        self.raised.insert(path.to_owned(), sentence);
    }

    /// Forgets what was said about a path.
    pub(crate) fn clear(&mut self, path: &Path) {
        self.raised.remove(path);
    }

    /// Counts a row that is skipped.
    pub(crate) fn skip(&mut self, error: &ConnectorError, is_logged: bool) {
        self.skipped += 1;
        if is_logged {
            warn!(connector = %self.connector, "Skipped a row: {}", chain(error));
        }
        self.first_bad.get_or_insert_with(|| chain(error));
    }

    /// Logs what was counted since it was logged last.
    pub(crate) fn report(&mut self, now_ms: i64) {
        let skipped = self.skipped - self.reported;
        let is_due = self.reported_ms.is_none_or(|last| now_ms - last >= REPORT_EVERY_MS);
        if skipped == 0 || !is_due {
            return;
        }
        self.reported = self.skipped;
        self.reported_ms = Some(now_ms);
        let first = self.first_bad.take().unwrap_or_default();
        warn!(connector = %self.connector, rows = skipped, total = self.skipped,
            "Skipped {skipped} rows that could not be converted; the first: {first}");
    }
}
