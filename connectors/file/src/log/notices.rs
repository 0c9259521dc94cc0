//! What an operator must know, said once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use connect_api::error::{ConnectorError, chain};
use tracing::{info, warn};

/// Shortest time between two lines of the log about bad or long lines: they can be millions.
const REPORT_EVERY_MS: i64 = 10_000;

/// The state of what does not work at the moment, and counts of what was given up.
#[derive(Debug)]
pub(super) struct Notices {
    connector: Arc<str>,
    raised: BTreeMap<PathBuf, String>,
    /// Where lines start that are too long and have not ended.
    endless: BTreeMap<PathBuf, u64>,
    /// Lines that were cut.
    pub(super) cut_lines: u64,
    /// Lines that were skipped because they could not be read as configured.
    pub(super) skipped_lines: u64,
    reported: (u64, u64),
    reported_ms: Option<i64>,
    last_bad: Option<String>,
}

impl Notices {
    /// Nothing is wrong yet.
    pub(super) const fn new(connector: Arc<str>) -> Self {
        Self {
            connector,
            raised: BTreeMap::new(),
            endless: BTreeMap::new(),
            cut_lines: 0,
            skipped_lines: 0,
            reported: (0, 0),
            reported_ms: None,
            last_bad: None,
        }
    }

    /// Warns about a path, unless it has warned of the same before.
    pub(super) fn raise(&mut self, path: &Path, sentence: String) {
        if self.raised.get(path) == Some(&sentence) {
            return;
        }
        warn!(connector = %self.connector, path = %path.display(), "{sentence}");
        self.raised.insert(path.to_owned(), sentence);
    }

    /// Says that a path is well again, if it was not.
    pub(super) fn clear(&mut self, path: &Path) {
        if self.raised.remove(path).is_some() {
            info!(connector = %self.connector, "\"{}\" can be read again", path.display());
        }
    }

    /// Warns of a line that is too long and has not ended, once per line.
    pub(super) fn endless_line(&mut self, path: &Path, start: u64) {
        if self.endless.insert(path.to_owned(), start) != Some(start) {
            warn!(connector = %self.connector, path = %path.display(),
                "The line at byte {start} of \"{}\" is longer than max.line.bytes and has not \
                 ended yet: it is delivered, cut, once it ends", path.display());
        }
    }

    /// Where the line starts that has not ended in this file.
    #[cfg(test)]
    pub(super) fn endless_line_of(&self, path: &Path) -> Option<u64> {
        self.endless.get(path).copied()
    }

    /// What was last said about a path that does not work.
    #[cfg(test)]
    pub(super) fn of(&self, path: &Path) -> Option<&str> {
        self.raised.get(path).map(String::as_str)
    }

    /// Counts a line that is skipped.
    pub(super) fn skip(&mut self, error: &ConnectorError, is_logged: bool) {
        self.skipped_lines += 1;
        if is_logged {
            warn!(connector = %self.connector, "Skipped a line: {}", chain(error));
        }
        if self.last_bad.is_none() {
            self.last_bad = Some(chain(error));
        }
    }

    /// Logs what was counted since it was logged last.
    pub(super) fn report(&mut self, now_ms: i64) {
        let counted = (self.cut_lines, self.skipped_lines);
        let is_due = self.reported_ms.is_none_or(|last| now_ms - last >= REPORT_EVERY_MS);
        if counted == self.reported || !is_due {
            return;
        }
        let (cut, skipped) = (counted.0 - self.reported.0, counted.1 - self.reported.1);
        self.reported = counted;
        self.reported_ms = Some(now_ms);
        if cut > 0 {
            warn!(connector = %self.connector, lines = cut, total = counted.0,
                "Cut {cut} lines that are longer than max.line.bytes");
        }
        if skipped > 0 {
            let first = self.last_bad.take().unwrap_or_default();
            warn!(connector = %self.connector, lines = skipped, total = counted.1,
                "Skipped {skipped} lines that could not be read as configured; the first: {first}");
        }
    }
}
