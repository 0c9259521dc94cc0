//! The only place that spawns: every task and thread has a name, an owner and an end.
//!
//! A [`TaskGroup`] is a cancellation token and a list of what runs under it. Its owner stops it
//! with a deadline and learns the names of what did not end in time.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tasks and threads with one owner; clones share the group.
#[derive(Clone, Debug, Default)]
pub struct TaskGroup {
    token: CancellationToken,
    tracker: TaskTracker,
    running: Arc<Running>,
}

/// Names of what runs, by a number of its own.
#[derive(Debug, Default)]
struct Running {
    next: AtomicU64,
    names: Mutex<BTreeMap<u64, String>>,
}

impl Running {
    fn enter(self: &Arc<Self>, name: String) -> Entry {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(number, name);
        Entry { running: Arc::clone(self), number }
    }
}

/// Takes the name off the list when the task ends, also by a panic.
struct Entry {
    running: Arc<Running>,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut names = self.running.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.remove(&self.number);
    }
}

impl TaskGroup {
    /// An empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A group that is stopped with this one, but can be stopped alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), ..Self::default() }
    }

    /// Cancelled when the group is to stop.
    #[must_use]
    pub const fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Runs a future. It should end soon after the token is cancelled.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn<F>(&self, name: impl Into<String>, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let entry = self.running.enter(name.into());
        tokio::spawn(self.tracker.track_future(async move {
            let _entry = entry;
            future.await
        }))
    }

    /// Runs blocking work on a thread of its own; it looks at the token itself.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn_thread<R: Send + 'static>(
        &self,
        name: impl Into<String>,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> JoinHandle<R> {
        let entry = self.running.enter(name.into());
        let tracked = self.tracker.token();
        tokio::task::spawn_blocking(move || {
            let _held = (entry, tracked);
            work()
        })
    }

    /// Cancels the token and waits for everything to end.
    ///
    /// # Errors
    /// The names of what still ran when the deadline passed.
    pub async fn stop(&self, deadline: Duration) -> Result<(), Vec<String>> {
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(deadline, self.tracker.wait()).await.map_err(|_late| {
            let names = self.running.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.values().cloned().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stop_names_what_did_not_end() {
        let group = TaskGroup::new();
        let token = group.token().clone();
        let obedient = group.spawn("obedient", async move { token.cancelled().await });
        let stubborn = group.spawn("stubborn", std::future::pending::<()>());
        assert_eq!(group.stop(Duration::from_secs(1)).await, Err(vec!["stubborn".to_owned()]));
        obedient.await.unwrap();
        stubborn.abort();
    }

    #[tokio::test]
    async fn stopping_a_child_leaves_its_parent_running() {
        let parent = TaskGroup::new();
        let child = parent.child();
        child.stop(Duration::from_secs(1)).await.unwrap();
        assert!(!parent.token().is_cancelled());
        parent.stop(Duration::from_secs(1)).await.unwrap();
    }
}
