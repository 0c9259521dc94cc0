//! What running tasks hold, for the queries of the same process.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
};

use connect_api::record::TopicPartition;
use tokio::sync::Notify;

use crate::held::{Held, PartitionView, RowKey};

/// Changed rows that a stream remembers between two of its events; more make it send all it would.
const MOST_CHANGES: usize = 10_000;

static OF_PROCESS: LazyLock<Arc<LiveAggregates>> = LazyLock::new(Arc::default);

/// What the tasks of this process hold, by store and aggregate.
#[derive(Debug, Default)]
pub struct LiveAggregates {
    slots: Mutex<HashMap<LiveKey, Slot>>,
}

/// An aggregate in a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LiveKey {
    /// The store's address without secrets.
    pub(crate) store: String,
    /// Name of the aggregate.
    pub(crate) name: String,
}

#[derive(Debug, Default)]
struct Slot {
    tasks: Vec<Weak<LiveTask>>,
    watchers: Vec<Weak<Watcher>>,
}

/// What one task holds.
#[derive(Debug)]
pub(crate) struct LiveTask {
    key: LiveKey,
    held: Mutex<Held>,
}

impl LiveTask {
    /// Locks what the task holds; never across an `.await`.
    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }
}

/// Rows that changed since a stream looked last.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    changes: Mutex<Changes>,
    news: Notify,
}

/// What changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Changes {
    /// These rows.
    Rows(BTreeSet<RowKey>),
    /// More rows than were remembered.
    Many,
    /// Nothing more will: the process stops.
    Ended,
}

impl Default for Changes {
    fn default() -> Self {
        Self::Rows(BTreeSet::new())
    }
}

impl Watcher {
    /// Waits until something changed, and takes it.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(crate) async fn changes(&self) -> Changes {
        loop {
            let news = self.news.notified();
            let changes = {
                let mut changes = lock(&self.changes);
                match &*changes {
                    Changes::Rows(rows) if rows.is_empty() => None,
                    Changes::Ended => Some(Changes::Ended),
                    _ => Some(std::mem::take(&mut *changes)),
                }
            };
            match changes {
                Some(changes) => return changes,
                None => news.await,
            }
        }
    }

    fn note(&self, rows: &BTreeSet<RowKey>) {
        let mut changes = lock(&self.changes);
        if let Changes::Rows(known) = &mut *changes {
            known.extend(rows.iter().cloned());
            if known.len() > MOST_CHANGES {
                *changes = Changes::Many;
            }
        }
        drop(changes);
        self.news.notify_one();
    }

    fn end(&self) {
        *lock(&self.changes) = Changes::Ended;
        self.news.notify_one();
    }
}

impl LiveAggregates {
    /// The one that [`AggregateSink`](crate::AggregateSink) tells what its tasks hold.
    #[must_use]
    pub fn of_process() -> Arc<Self> {
        Arc::clone(&OF_PROCESS)
    }

    /// Ends every stream, so that a server that drains its requests can stop.
    pub fn end_streams(&self) {
        for slot in lock(&self.slots).values_mut() {
            slot.watchers.drain(..).filter_map(|watcher| watcher.upgrade()).for_each(|w| w.end());
        }
    }

    /// Shows what a new task holds until it is dropped.
    pub(crate) fn enter(&self, key: LiveKey, held: Held) -> Arc<LiveTask> {
        let task = Arc::new(LiveTask { key: key.clone(), held: Mutex::new(held) });
        let mut slots = lock(&self.slots);
        let slot = slots.entry(key).or_default();
        let is_watched = slot.watchers.iter().any(|watcher| watcher.strong_count() > 0);
        task.held().touched(is_watched);
        slot.tasks.retain(|task| task.strong_count() > 0);
        slot.tasks.push(Arc::downgrade(&task));
        drop(slots);
        task
    }

    /// What running tasks hold of these windows, by partition; none when no task of the aggregate
    /// runs here.
    pub(crate) fn view(
        &self,
        key: &LiveKey,
        windows: &Range<i64>,
    ) -> Option<BTreeMap<TopicPartition, PartitionView>> {
        let tasks = self.tasks(key);
        if tasks.is_empty() {
            return None;
        }
        let mut views: BTreeMap<TopicPartition, PartitionView> = BTreeMap::new();
        for view in tasks.iter().flat_map(|task| task.held().view(windows)) {
            // A task that was replaced may not have noticed yet.
            if views.get(&view.partition).is_none_or(|known| known.epoch < view.epoch) {
                views.insert(view.partition.clone(), view);
            }
        }
        Some(views)
    }

    /// Notes what changes from now on.
    pub(crate) fn watch(&self, key: &LiveKey) -> Arc<Watcher> {
        let watcher = Arc::new(Watcher::default());
        let mut slots = lock(&self.slots);
        let slot = slots.entry(key.clone()).or_default();
        slot.watchers.retain(|watcher| watcher.strong_count() > 0);
        slot.watchers.push(Arc::downgrade(&watcher));
        drop(slots);
        // From here on the tasks note what they change.
        self.tasks(key).iter().for_each(|task| drop(task.held().touched(true)));
        watcher
    }

    /// Tells the streams what a task has changed.
    pub(crate) fn publish(&self, task: &LiveTask) {
        let watchers: Vec<_> = {
            let slots = lock(&self.slots);
            let known = slots.get(&task.key).map(|slot| slot.watchers.as_slice());
            known.unwrap_or_default().iter().filter_map(Weak::upgrade).collect()
        };
        let touched = task.held().touched(!watchers.is_empty());
        if !touched.is_empty() {
            watchers.iter().for_each(|watcher| watcher.note(&touched));
        }
    }

    fn tasks(&self, key: &LiveKey) -> Vec<Arc<LiveTask>> {
        let slots = lock(&self.slots);
        let tasks = slots.get(key).map(|slot| slot.tasks.as_slice()).unwrap_or_default();
        tasks.iter().filter_map(Weak::upgrade).collect()
    }
}

/// A panicked task leaves nothing half done that matters: its partitions are read again.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
