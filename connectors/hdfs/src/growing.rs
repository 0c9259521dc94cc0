//! The growing files of one owner of a partition, as far as their records are committed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use connect_api::schema::Schema;

use crate::recovery::ledger::{Grown, Ledger};

/// Most files that grow at once, where `partitioner.max.open.files` says nothing: each ledger names all
/// of them.
pub(crate) const MOST_FILES: usize = 1000;

/// Growing files by folder.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    files: BTreeMap<Arc<str>, GrowingFile>,
    /// Next offset of the ledger that is in force.
    recorded: Option<i64>,
    oldest_ms: Option<i64>,
    youngest_ms: Option<i64>,
}

/// A growing file.
#[derive(Clone, Debug)]
pub(crate) struct GrowingFile {
    /// Path while it grows.
    pub(crate) open: String,
    /// Path from when it grows no more.
    pub(crate) closed: String,
    /// Offset of its first record.
    pub(crate) first: i64,
    /// Committed bytes.
    pub(crate) length: u64,
    /// Schema of its records.
    pub(crate) schema: Option<Arc<Schema>>,
    /// Time at which its first record came.
    pub(crate) since_ms: i64,
    /// Next offset of the ledger with which it grew last.
    pub(crate) grown: i64,
}

/// What a group has added to a file.
#[derive(Debug)]
pub(crate) struct Grew {
    pub(crate) folder: Arc<str>,
    /// As it is from now on.
    pub(crate) file: GrowingFile,
    /// Its name in the session, when it is new.
    pub(crate) temporary: Option<String>,
}

/// Which files grow no more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// From this length on.
    pub(crate) most_bytes: Option<u64>,
    /// When their first record came at this time or before.
    pub(crate) until_ms: Option<i64>,
    /// Most of them; those that did not grow for the longest time are beyond it.
    pub(crate) most_files: usize,
    /// Whether those without records in the last group are done.
    pub(crate) ends_idle: bool,
}

impl Growing {
    pub(crate) fn get(&self, folder: &str) -> Option<&GrowingFile> {
        self.files.get(folder)
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Next offset of the ledger that is in force.
    pub(crate) const fn recorded(&self) -> Option<i64> {
        self.recorded
    }

    /// Time at which the first record of the oldest file came.
    pub(crate) const fn oldest_ms(&self) -> Option<i64> {
        self.oldest_ms
    }

    /// The ledger of all files, where these have grown.
    pub(crate) fn ledger(&self, next: i64, grew: &[Grew]) -> Ledger {
        let entry = |file: &GrowingFile, temporary: Option<&String>| Grown {
            temporary: temporary.cloned(),
            open: file.open.clone(),
            closed: file.closed.clone(),
            length: file.length,
        };
        let folders: BTreeSet<&str> = grew.iter().map(|one| &*one.folder).collect();
        let same = self.files.iter().filter(|(folder, _)| !folders.contains(&***folder));
        let same = same.map(|(_, file)| entry(file, None));
        let grew = grew.iter().map(|one| entry(&one.file, one.temporary.as_ref()));
        Ledger { next, files: same.chain(grew).collect() }
    }

    /// Takes what a ledger has in it that is in force from now on.
    pub(crate) fn take(&mut self, next: i64, grew: Vec<Grew>) {
        self.files.extend(grew.into_iter().map(|one| (one.folder, one.file)));
        self.recorded = Some(next);
        self.note_ages();
    }

    /// The folders and files that grow no more.
    pub(crate) fn done(&self, bounds: Bounds) -> Vec<(Arc<str>, GrowingFile)> {
        let is_done = |file: &GrowingFile| {
            bounds.most_bytes.is_some_and(|most| file.length >= most)
                || bounds.until_ms.is_some_and(|until| file.since_ms <= until)
                || (bounds.ends_idle && self.recorded.is_some_and(|it| file.grown < it))
        };
        let (mut done, mut rest): (Vec<_>, Vec<_>) =
            self.files.iter().partition(|(_, file)| is_done(file));
        rest.sort_by_key(|(_, file)| file.grown);
        let beyond = rest.len().saturating_sub(bounds.most_files);
        done.extend(rest.into_iter().take(beyond));
        done.into_iter().map(|(folder, file)| (Arc::clone(folder), file.clone())).collect()
    }

    /// Forgets a file that is closed.
    pub(crate) fn forget(&mut self, folder: &str) {
        self.files.remove(folder);
        self.note_ages();
    }

    /// Has files that began later than now, by a clock that was set back since, begin now.
    pub(crate) fn follow_clock(&mut self, now_ms: i64) {
        if self.youngest_ms.is_some_and(|youngest| youngest > now_ms) {
            for file in self.files.values_mut() {
                file.since_ms = file.since_ms.min(now_ms);
            }
            self.note_ages();
        }
    }

    fn note_ages(&mut self) {
        let since = || self.files.values().map(|file| file.since_ms);
        (self.oldest_ms, self.youngest_ms) = (since().min(), since().max());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(length: u64, since_ms: i64, grown: i64) -> GrowingFile {
        let (open, closed) = ("o".to_owned(), "c".to_owned());
        GrowingFile { open, closed, first: 0, length, schema: None, since_ms, grown }
    }

    #[test]
    fn files_are_done_by_length_age_idleness_and_number() {
        let mut growing = Growing::default();
        let files = [("a", file(10, 0, 5)), ("b", file(20, 7, 9)), ("c", file(5, 3, 9))];
        let grew =
            files.map(|(folder, file)| Grew { folder: folder.into(), file, temporary: None });
        growing.take(9, grew.into());
        assert_eq!((growing.len(), growing.oldest_ms()), (3, Some(0)));
        let none =
            Bounds { most_bytes: None, until_ms: None, most_files: MOST_FILES, ends_idle: false };
        for (bounds, expected) in [
            (none, vec![]),
            (Bounds { most_bytes: Some(20), ..none }, vec!["b"]),
            (Bounds { until_ms: Some(3), ..none }, vec!["a", "c"]),
            (Bounds { ends_idle: true, ..none }, vec!["a"]),
            (Bounds { most_files: 2, ..none }, vec!["a"]),
            (Bounds { most_bytes: Some(20), most_files: 1, ..none }, vec!["b", "a"]),
        ] {
            let done = growing.done(bounds);
            let folders: Vec<_> = done.iter().map(|(folder, _)| &**folder).collect();
            assert_eq!(folders, expected, "{bounds:?}");
        }
    }
}
