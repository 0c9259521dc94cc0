//! Work beside the loop, and what comes back from it.

use std::{future::Future, sync::Arc, time::Duration};

use connect_api::config::Props;
use futures::FutureExt;
use tracing::warn;

use super::{Actor, log_failure};
use crate::{
    herder::{
        error::HerderError,
        generate::{Failure, Generated},
        replies::Message,
        settings::HerderParts,
        starter::TaskId,
    },
    store::{ConfigRecord, StatusRecord, StoreError},
};

/// First wait before a store is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest wait before a store is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What comes back from work beside the loop.
pub(super) enum Done {
    /// The change under way is stored or not, and this is what the log got since.
    Stored { records: Vec<ConfigRecord>, outcome: Result<(), StoreError> },
    /// The offsets under way are changed.
    OffsetsChanged(Result<Message, HerderError>),
    /// Statuses were written; those that were not are here.
    StatusesWritten(Vec<StatusRecord>),
    /// A connector's start has ended.
    Generated { name: Arc<str>, run: u64, outcome: Result<Generated, Failure> },
    /// It is time to start a connector again.
    StartDue { name: Arc<str>, run: u64 },
    /// The configurations of a task are resolved.
    Prepared { id: TaskId, instance: u64, outcome: Result<(Props, Props), String> },
    /// It is time to start a failed task again.
    RepairDue { id: TaskId, instance: u64 },
    /// A task has stopped.
    TaskStopped { id: TaskId, is_clean: bool },
    /// The cluster said who it is.
    ClusterKnown(Option<String>),
}

/// What a job that panicked counts as.
pub(super) type OnPanic = Box<dyn FnOnce(String) -> Done + Send>;

impl Actor {
    /// Runs work beside the loop.
    pub(super) fn start_job(
        &self,
        name: String,
        work: impl Future<Output = Done> + Send + 'static,
        on_panic: OnPanic,
    ) {
        let handle = self.group.spawn(name, work);
        let done =
            handle.map(|outcome| outcome.unwrap_or_else(|error| on_panic(error.to_string())));
        self.jobs.push(done.boxed());
    }

    /// Waits beside the loop; not beyond the worker's end.
    pub(super) fn wait(
        &self,
        job: String,
        pause: Duration,
        due: impl Fn() -> Done + Send + Sync + 'static,
    ) {
        let due = Arc::new(due);
        let (ended, broken) = (Arc::clone(&due), due);
        let token = self.group.token().clone();
        let wait = async move {
            // Told to stop, the loop passes over what comes back.
            let _stopped = token.run_until_cancelled(tokio::time::sleep(pause)).await;
            ended()
        };
        self.start_job(job, wait, Box::new(move |_| broken()));
    }

    /// Takes up what came back.
    pub(super) fn finish(&mut self, done: Done) {
        match done {
            Done::Stored { records, outcome } => self.change_stored(records, outcome),
            Done::OffsetsChanged(outcome) => self.offsets_changed(outcome),
            Done::StatusesWritten(failed) => self.statuses_written(failed),
            Done::Generated { name, run, outcome } => self.connector_started(&name, run, outcome),
            Done::StartDue { name, run } => self.start_due(&name, run),
            Done::Prepared { id, instance, outcome } => self.task_prepared(&id, instance, outcome),
            Done::RepairDue { id, instance } => self.repair_due(&id, instance),
            Done::TaskStopped { id, is_clean } => self.task_stopped(&id, is_clean),
            Done::ClusterKnown(cluster) => self.publish_cluster(cluster),
        }
    }

    /// Reads the stores; `false` when told to stop before that was done.
    pub(super) async fn load(&mut self) -> Result<bool, StoreError> {
        let token = self.group.token().clone();
        let mut pause = FIRST_PAUSE;
        loop {
            let read = tokio::select! {
                biased;
                () = token.cancelled() => return Ok(false),
                read = read_stores(&self.parts) => read,
            };
            match read {
                Ok((configs, statuses)) => {
                    self.take_in(configs, statuses);
                    return Ok(true);
                }
                Err(error) if error.class().is_retriable() => {
                    log_failure("Trying again soon to read the worker's topics", &error);
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn take_in(&mut self, configs: Vec<ConfigRecord>, statuses: Vec<StatusRecord>) {
        for record in configs {
            // Restarts and logger levels count only for those that were running then.
            let _before_us = self.configs.apply(record);
        }
        for record in statuses {
            self.statuses.apply(record);
        }
        self.generation = self.statuses.last_generation();
        self.dirty.extend(self.configs.names().cloned());
        self.dirty.extend(self.statuses.names().cloned());
        let broker = Arc::clone(&self.parts.broker);
        let ask = async move {
            let cluster = broker.cluster_id().await;
            Done::ClusterKnown(cluster.map_err(|error| log_failure("No cluster id", &error)).ok())
        };
        self.start_job("cluster id".to_owned(), ask, Box::new(|_| Done::ClusterKnown(None)));
    }

    /// Writes what is waiting, unless a write is under way.
    pub(super) fn write_statuses(&mut self) {
        if self.is_writing || self.unwritten.is_empty() {
            return;
        }
        self.is_writing = true;
        let records = std::mem::take(&mut self.unwritten);
        let store = Arc::clone(&self.parts.statuses);
        let write = async move {
            match store.write(&records).await {
                Ok(()) => Done::StatusesWritten(Vec::new()),
                Err(error) => {
                    log_failure("Could not write statuses yet", &error);
                    tokio::time::sleep(FIRST_PAUSE).await;
                    Done::StatusesWritten(records)
                }
            }
        };
        let on_panic = Box::new(|reason| {
            warn!("Could not write statuses: {reason}");
            Done::StatusesWritten(Vec::new())
        });
        self.start_job("statuses".to_owned(), write, on_panic);
    }

    /// What was not written comes before what is newer.
    fn statuses_written(&mut self, mut failed: Vec<StatusRecord>) {
        self.is_writing = false;
        failed.append(&mut self.unwritten);
        self.unwritten = failed;
        self.write_statuses();
    }
}

async fn read_stores(
    parts: &HerderParts,
) -> Result<(Vec<ConfigRecord>, Vec<StatusRecord>), StoreError> {
    // Both at once: each is one round trip to the end of its topic.
    futures::future::try_join(parts.configs.read(), parts.statuses.read()).await
}
