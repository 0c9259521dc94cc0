//! The end of the worker: sources first, then sinks, then the last statuses.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, future::join_all};
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::{Actor, Command, Connector, slots::SlotState};
use crate::{
    herder::{
        error::HerderError,
        starter::{ConnectorPlugin, TaskControl, TaskId},
    },
    store::State,
};

/// Time for the last statuses, after the tasks had theirs.
const LAST_WORDS: Duration = Duration::from_secs(5);

type Controls = Vec<Box<dyn TaskControl>>;

impl Actor {
    /// Stops every task, says so in the statuses, and refuses whoever still waits.
    pub(super) async fn shut_down(mut self) {
        self.is_stopping = true;
        self.refuse_all();
        let ends = Instant::now() + self.settings.task_shutdown_timeout;
        let (sources, sinks) = self.running_tasks();
        info!("Stopping {} source tasks and {} sink tasks", sources.len(), sinks.len());
        self.stop_all(sources, ends).await;
        self.stop_all(sinks, ends).await;
        if timeout_at(ends, self.await_stops()).await.is_err() {
            warn!("Some tasks that were being stopped had to be cancelled");
        }
        self.unassign();
        let last_words = Instant::now() + LAST_WORDS;
        if timeout_at(last_words, self.drain()).await.is_err() {
            warn!("Some statuses were not written before the worker ended");
        }
        self.publish();
    }

    fn refuse_all(&mut self) {
        self.inbox.close();
        while let Ok(command) = self.inbox.try_recv() {
            match command {
                Command::Change(change) => self.refuse(change, HerderError::ShuttingDown),
                Command::RestartConnector { reply, .. } => {
                    super::answer(reply, Err(HerderError::ShuttingDown));
                }
                Command::RestartTask { reply, .. } | Command::ResetTopics { reply, .. } => {
                    super::answer(reply, Err(HerderError::ShuttingDown));
                }
                Command::History { reply, .. } => {
                    super::answer(reply, Err(HerderError::ShuttingDown));
                }
                Command::Flush { reply, .. } => {
                    super::answer(reply, Err(HerderError::ShuttingDown));
                }
                Command::Ping(_) | Command::Stop => {}
            }
        }
        for change in std::mem::take(&mut self.changes) {
            self.refuse(change, HerderError::ShuttingDown);
        }
    }

    /// Takes the controls of what runs: sources, sinks.
    fn running_tasks(&mut self) -> (Controls, Controls) {
        let (mut sources, mut sinks) = (Vec::new(), Vec::new());
        for (name, connector) in &mut self.connectors {
            let config = self.configs.config(name);
            let plugin = config.and_then(|config| self.parts.plugins.connector_of(config).ok());
            let into = match plugin {
                Some(ConnectorPlugin::Source(_)) => &mut sources,
                _ => &mut sinks,
            };
            for slot in connector.slots.values_mut() {
                match std::mem::take(&mut slot.state) {
                    SlotState::Running { control, .. } => into.push(control),
                    // Its end comes back as a job.
                    SlotState::Stopping => slot.state = SlotState::Stopping,
                    SlotState::Idle | SlotState::Preparing { .. } => {}
                }
            }
        }
        (sources, sinks)
    }

    /// Goes on taking events, so that no task waits for us while we wait for it.
    async fn stop_all(&mut self, tasks: Controls, ends: Instant) {
        let remaining = ends.saturating_duration_since(Instant::now());
        let mut stopping =
            std::pin::pin!(join_all(tasks.into_iter().map(|task| task.stop(remaining))));
        let stopped = loop {
            tokio::select! {
                biased;
                stopped = &mut stopping => break stopped,
                Some(_late) = self.events.recv() => {}
            }
        };
        let cancelled = stopped.iter().filter(|is_clean| !**is_clean).count();
        if cancelled > 0 {
            warn!("{cancelled} tasks did not stop in time and were cancelled");
        }
    }

    /// Waits for tasks that were being stopped already.
    async fn await_stops(&mut self) {
        let is_stopping = |connector: &Connector| {
            connector.slots.values().any(|slot| matches!(slot.state, SlotState::Stopping))
        };
        while self.connectors.values().any(is_stopping) {
            tokio::select! {
                Some(done) = self.jobs.next() => self.finish(done),
                Some(_late) = self.events.recv() => {}
                else => return,
            }
        }
    }

    /// What has failed keeps its trace.
    fn unassign(&mut self) {
        let names: Vec<_> = self.configs.names().cloned().collect();
        for name in names {
            let Some(known) = self.statuses.get(&name) else { continue };
            let is_up = |state| matches!(state, State::Running | State::Paused | State::Restarting);
            let is_connector_up =
                known.connector.as_ref().is_some_and(|status| status.state != State::Failed);
            let tasks: Vec<_> = known
                .tasks
                .iter()
                .filter(|(_, status)| is_up(status.state))
                .map(|(task, _)| TaskId { connector: Arc::clone(&name), task: *task })
                .collect();
            if is_connector_up {
                self.set_connector_status(&name, State::Unassigned);
            }
            for id in tasks {
                self.task_unassigned(&id);
            }
        }
    }

    /// Waits for stores that are being written, and writes the last statuses.
    async fn drain(&mut self) {
        while self.is_writing || self.changing.is_some() {
            match self.jobs.next().await {
                Some(done) => self.finish(done),
                None => return,
            }
        }
    }
}
