//! Redrives: letters on their way back, one redrive of a queue at a time.
//!
//! A redrive lives in memory. What it did is in the markers, and so a redrive that ended early, by
//! whatever, is simply asked for again: what was redriven already is passed over.

mod outlet;
mod pace;
mod plan;
mod progress;
mod request;
mod run;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use connect_api::time::Clock;
use tokio_util::sync::CancellationToken;

use self::{progress::Job, run::Run};
pub use self::{
    progress::{Progress, RedriveState},
    request::{Destination, RedriveRequest},
};

use super::{
    error::{LettersError, Result},
    queue::Queue,
};
use crate::{broker::Broker, tasks::TaskGroup};

/// Redrives of a connector that are remembered.
const KEPT: usize = 20;

/// How long a redrive may take to end once it is told to: one transaction, which a cluster that is
/// away can hold up.
const STOP: Duration = Duration::from_secs(10);

/// Whose letters they are: the herder, as a redrive sees it.
#[async_trait]
pub trait Owner: Debug + Send + Sync {
    /// Starts the connector's tasks anew, so that they read the topic that letters come back by.
    ///
    /// # Errors
    /// Why the tasks could not be told, in a sentence.
    async fn restart_tasks(&self) -> Result<(), String>;

    /// Whether the connector is there and has this queue.
    async fn has_queue(&self, topic: &str) -> bool;
}

/// The redrives of a worker; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Redrives {
    group: TaskGroup,
    jobs: Arc<Mutex<Jobs>>,
}

/// Redrives by connector, the last one first.
type Jobs = BTreeMap<Arc<str>, VecDeque<Arc<Job>>>;

impl Redrives {
    pub(super) fn new(group: TaskGroup) -> Self {
        Self { group, jobs: Arc::default() }
    }

    pub(super) fn start(
        &self,
        (broker, clock): (&Arc<dyn Broker>, &Arc<dyn Clock>),
        queue: Queue,
        request: RedriveRequest,
        owner: Arc<dyn Owner>,
    ) -> Result<Progress> {
        request.check(&queue)?;
        let token = self.group.token().child_token();
        let job = Arc::new(Job::begin(&queue, &request, (clock, token)));
        self.enter(&queue, &job)?;
        let first = job.progress();
        let name = format!("redrive {}", queue.connector);
        let run = Run::new(
            (Arc::clone(broker), Arc::clone(clock)),
            Arc::clone(&job),
            (queue, request, owner),
        );
        drop(self.group.spawn(name, run.run()));
        Ok(first)
    }

    /// Remembers a redrive, unless another one of the queue is under way.
    fn enter(&self, queue: &Queue, job: &Arc<Job>) -> Result<()> {
        let mut jobs = self.jobs();
        let running = jobs.values().flatten().map(|job| job.progress()).find(|progress| {
            progress.state == RedriveState::Running && *progress.queue == *queue.topic
        });
        if let Some(running) = running {
            return Err(LettersError::Busy {
                queue: queue.topic.as_ref().to_owned(),
                connector: running.connector,
                id: running.id,
            });
        }
        let known = jobs.entry(Arc::clone(&queue.connector)).or_default();
        known.push_front(Arc::clone(job));
        known.truncate(KEPT);
        Ok(())
    }

    pub(super) fn list(&self, connector: &str) -> Vec<Progress> {
        self.jobs().get(connector).into_iter().flatten().map(|job| job.progress()).collect()
    }

    pub(super) fn find(&self, connector: &str, id: &str) -> Result<Progress> {
        self.job(connector, id).map(|job| job.progress())
    }

    pub(super) fn cancel(&self, connector: &str, id: &str) -> Result<Progress> {
        let job = self.job(connector, id)?;
        job.token.cancel();
        Ok(job.progress())
    }

    pub(super) async fn stop(&self) {
        if let Err(names) = self.group.stop(STOP).await {
            tracing::warn!("Did not end in time: {}", names.join(", "));
        }
    }

    fn job(&self, connector: &str, id: &str) -> Result<Arc<Job>> {
        let jobs = self.jobs();
        let known = jobs.get(connector).into_iter().flatten().find(|job| job.id == id);
        known.cloned().ok_or_else(|| LettersError::Unknown {
            connector: connector.to_owned(),
            id: id.to_owned(),
        })
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a future unless the redrive is told to end first.
async fn unless_cancelled<T>(
    token: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    token.run_until_cancelled(work).await
}
