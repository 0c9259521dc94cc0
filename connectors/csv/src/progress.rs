//! How far running tasks have come with their files, for the queries of the same process.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
};

use crate::offset::{Identity, Stage, Stored};

/// Sentences about bad rows that are kept of each file.
const MOST_SENTENCES: usize = 10;

static OF_PROCESS: LazyLock<Arc<LiveFiles>> = LazyLock::new(Arc::default);

/// The tasks that run or ran last, by the names of their connectors.
type TasksByConnector = HashMap<Arc<str>, Vec<Slot>>;

/// What a task reads, or read before it failed.
#[derive(Debug)]
struct Slot {
    /// Number of the task, whose next start takes the place of this one.
    index: u32,
    files: Arc<TaskFiles>,
    running: Weak<Running>,
}

/// Whether a task runs: as long as this is there.
#[derive(Debug)]
pub(crate) struct Running;

/// What the tasks of this process read, by connector.
#[derive(Debug, Default)]
pub struct LiveFiles {
    tasks: Mutex<TasksByConnector>,
}

/// Whose files are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Those of tasks that run.
    Running,
    /// Those of tasks that have failed as well.
    RanLast,
}

/// What one task reads.
#[derive(Debug, Default)]
pub(crate) struct TaskFiles {
    files: Mutex<BTreeMap<String, FileProgress>>,
}

/// How far a file has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileProgress {
    /// How far, by rows that were read.
    pub(crate) stored: Stored,
    /// Rows whose records are acknowledged, and those that failed among them.
    pub(crate) delivered: u64,
    /// Whether its records are acknowledged to its end.
    pub(crate) is_settled: bool,
    /// Bytes of it that were read, and when, at the time this task began with it.
    pub(crate) began: (u64, i64),
    /// What was wrong with the first bad rows.
    pub(crate) sentences: Vec<String>,
}

impl FileProgress {
    /// As the offsets say; what they say is acknowledged.
    pub(crate) fn restored(stored: Stored) -> Self {
        Self {
            stored,
            delivered: stored.rows,
            is_settled: stored.stage != Stage::Reading,
            began: (stored.bytes_read, stored.at_ms),
            sentences: Vec::new(),
        }
    }

    /// Size of the file.
    pub(crate) fn size(&self) -> u64 {
        self.stored.identity.map_or(0, |identity: Identity| identity.size)
    }

    /// Bytes that are left.
    fn bytes_left(&self) -> u64 {
        self.size().saturating_sub(self.stored.bytes_read)
    }

    /// Rows that are left, by the bytes that are left; none while nothing can be said.
    pub(crate) fn rows_left(&self) -> Option<u64> {
        if self.stored.stage == Stage::Finished {
            return Some(0);
        }
        let left = u128::from(self.bytes_left()) * u128::from(self.stored.rows);
        let rows = left.checked_div(u128::from(self.stored.bytes_read))?;
        (self.stored.rows > 0).then(|| u64::try_from(rows).unwrap_or(u64::MAX))
    }

    /// Milliseconds until the end, at the speed so far; none while nothing can be said.
    pub(crate) fn eta_ms(&self) -> Option<i64> {
        match self.stored.stage {
            Stage::Reading => {}
            Stage::Finished => return Some(0),
            Stage::Failed => return None,
        }
        let (bytes, began_ms) = self.began;
        let done = i128::from(self.stored.bytes_read.saturating_sub(bytes));
        let took_ms = i128::from(self.stored.at_ms.saturating_sub(began_ms));
        let eta_ms = (i128::from(self.bytes_left()) * took_ms).checked_div(done)?;
        i64::try_from(eta_ms).ok()
    }

    /// Keeps what is wrong with a row, while it is one of the first.
    pub(crate) fn note(&mut self, sentence: &str) {
        if self.sentences.len() < MOST_SENTENCES {
            self.sentences.push(sentence.to_owned());
        }
    }
}

impl TaskFiles {
    /// Changes what is said of a file.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut FileProgress)) {
        let mut files = lock(&self.files);
        match files.get_mut(name) {
            Some(file) => change(file),
            None => change(files.entry(name.to_owned()).or_default()),
        }
    }

    /// Says something else of a file.
    pub(crate) fn set(&self, name: &str, progress: FileProgress) {
        lock(&self.files).insert(name.to_owned(), progress);
    }
}

impl LiveFiles {
    /// The one that [`CsvSource`](crate::CsvSource) tells what its tasks read.
    #[must_use]
    pub fn of_process() -> Arc<Self> {
        Arc::clone(&OF_PROCESS)
    }

    /// Shows what a new task reads, until the next one of its number does.
    pub(crate) fn enter(&self, connector: Arc<str>, index: u32) -> (Arc<TaskFiles>, Arc<Running>) {
        let (files, running) = (Arc::new(TaskFiles::default()), Arc::new(Running));
        let mut tasks = lock(&self.tasks);
        let slots = tasks.entry(connector).or_default();
        slots.retain(|slot| slot.index != index);
        let shown = (Arc::clone(&files), Arc::downgrade(&running));
        slots.push(Slot { index, files: shown.0, running: shown.1 });
        drop(tasks);
        (files, running)
    }

    /// Forgets what tasks have read of a connector that is not there, but for tasks that still run.
    pub(crate) fn forget(&self, connector: &str) {
        let mut tasks = lock(&self.tasks);
        if let Some(slots) = tasks.get_mut(connector) {
            slots.retain(|slot| slot.running.strong_count() > 0);
            if slots.is_empty() {
                tasks.remove(connector);
            }
        }
    }

    /// What the tasks of a connector read; none when none of them runs here, or did where those are
    /// wanted that do not run any more.
    pub(crate) fn of_connector(
        &self,
        connector: &str,
        wanted: Wanted,
    ) -> Option<BTreeMap<String, FileProgress>> {
        let tasks = {
            let tasks = lock(&self.tasks);
            let slots = tasks.get(connector).map(Vec::as_slice).unwrap_or_default();
            let is_wanted =
                |slot: &&Slot| wanted == Wanted::RanLast || slot.running.strong_count() > 0;
            let wanted = slots.iter().filter(is_wanted);
            wanted.map(|slot| Arc::clone(&slot.files)).collect::<Vec<_>>()
        };
        if tasks.is_empty() {
            return None;
        }
        let mut files: BTreeMap<String, FileProgress> = BTreeMap::new();
        for task in tasks {
            for (name, file) in &*lock(&task.files) {
                // Each task knows of every stored file; the one that reads it knows most.
                let is_newer =
                    files.get(name).is_none_or(|known| known.stored.at_ms <= file.stored.at_ms);
                if is_newer {
                    files.insert(name.clone(), file.clone());
                }
            }
        }
        Some(files)
    }
}

/// A panicked task leaves nothing half done that matters: its figures are made anew.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half_way() -> FileProgress {
        let stored = Stored {
            rows: 100,
            bytes_read: 250,
            identity: Some(Identity { size: 1000, modified_ms: 0 }),
            at_ms: 5_000,
            ..Stored::default()
        };
        FileProgress { stored, began: (50, 1_000), ..FileProgress::default() }
    }

    #[test]
    fn what_is_left_follows_from_what_was_read() {
        let file = half_way();
        assert_eq!(file.rows_left(), Some(300));
        // 200 bytes took four seconds, and 750 are left.
        assert_eq!(file.eta_ms(), Some(15_000));
        let failed = Stored { stage: Stage::Failed, ..file.stored };
        let failed = FileProgress { stored: failed, ..file };
        assert_eq!((failed.rows_left(), failed.eta_ms()), (Some(300), None));
        let fresh = FileProgress::default();
        assert_eq!((fresh.rows_left(), fresh.eta_ms()), (None, None));
    }

    #[test]
    fn a_connector_is_here_as_long_as_a_task_of_it_is() {
        let live = LiveFiles::default();
        let of = |wanted| live.of_connector("c", wanted).map(|files| files.len());
        assert_eq!(of(Wanted::RanLast), None);
        let (files, running) = live.enter("c".into(), 0);
        files.set("a.csv", half_way());
        assert_eq!(of(Wanted::Running), Some(1));
        drop((files, running));
        assert_eq!((of(Wanted::Running), of(Wanted::RanLast)), (None, Some(1)));
        let next = live.enter("c".into(), 0);
        assert_eq!(of(Wanted::RanLast), Some(0), "its next start takes the place");
        live.forget("c");
        assert_eq!(of(Wanted::Running), Some(0), "it runs");
        drop(next);
        live.forget("c");
        assert_eq!(of(Wanted::RanLast), None);
    }
}
