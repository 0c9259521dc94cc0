//! The life of a connector: start, the states its user wants, failure.
//!
//! A connector has no code of its own that runs: to start it is to resolve its configuration and
//! generate those of its tasks.

use std::{sync::Arc, time::Duration};

use connect_api::config::Props;
use tracing::{info, warn};

use super::{Actor, Waiting, answer, jobs::Done};
use crate::{
    herder::{
        command::{Change, Put, Restarted},
        error::HerderError,
        generate::{Failure, Generated, generate, unusable},
        starter::TaskId,
    },
    loggers::Level,
    store::{ConfigChange, State, TargetState},
};

/// First wait before a connector's start is tried again. Source: `DistributedHerder.java`.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// Longest wait before a connector's start is tried again.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

impl Actor {
    /// Starts every stored connector in the state its user wants.
    pub(super) fn bring_back(&mut self) {
        let names: Vec<_> = self.configs.names().cloned().collect();
        info!("Bringing back {} connectors", names.len());
        for name in names {
            self.refresh_tasks(&name);
            self.start_connector(&name);
        }
    }

    /// Does what follows from a record of the config topic.
    pub(super) fn react(&mut self, change: ConfigChange) {
        match change {
            ConfigChange::Connector(name) => {
                self.dirty.insert(Arc::clone(&name));
                self.start_connector(&name);
            }
            ConfigChange::Removed(name) => self.remove_connector(&name),
            ConfigChange::Target(name) => self.change_target(&name),
            ConfigChange::Tasks(name) => {
                self.dirty.insert(Arc::clone(&name));
                self.refresh_tasks(&name);
            }
            ConfigChange::Restart(name, scope) => self.restart_parts(&name, scope),
            ConfigChange::Logger(name, level) => self.set_logger(&name, &level),
        }
    }

    fn set_logger(&self, name: &str, level: &str) {
        match Level::parse(level) {
            Some(level) => {
                self.parts.loggers.set(name, level, self.parts.clock.now_ms());
                info!("Set the level of logger {name} to {level} for the whole cluster");
            }
            None => warn!("Passed over the unknown level \"{level}\" for logger {name}"),
        }
    }

    /// Starts a connector, or starts it again, in the state its user wants.
    pub(super) fn start_connector(&mut self, name: &Arc<str>) {
        let Some(config) = self.configs.config(name).cloned() else { return };
        let run = self.next_number();
        let unusable = unusable(&self.parts.plugins, &config, &self.settings.worker);
        let connector = self.connector(name);
        connector.run = run;
        connector.is_failed = unusable.is_some();
        if let Some(trace) = unusable {
            return self.refuse_start(name, trace);
        }
        match self.configs.target(name) {
            TargetState::Started => self.generate_tasks(name, run, config),
            TargetState::Paused => self.settle(name, State::Paused),
            TargetState::Stopped => self.settle(name, State::Stopped),
        }
    }

    fn settle(&mut self, name: &Arc<str>, state: State) {
        self.set_connector_status(name, state);
        self.answer_waiting(name, true);
    }

    fn generate_tasks(&self, name: &Arc<str>, run: u64, config: Arc<Props>) {
        let plugins = Arc::clone(&self.parts.plugins);
        let resolve = Arc::clone(&self.parts.resolve);
        let settings = Arc::clone(&self.settings);
        let (job, broken) = (Arc::clone(name), Arc::clone(name));
        let work = async move {
            let outcome = generate(&plugins, &resolve, &job, (&config, &settings.worker));
            Done::Generated { name: job, run, outcome }
        };
        let on_panic = Box::new(move |reason| {
            let trace = format!("java.lang.RuntimeException: {reason}\n\tat {}", module_path!());
            Done::Generated { name: broken, run, outcome: Err(Failure::Fatal { trace }) }
        });
        self.start_job(format!("start {name}"), work, on_panic);
    }

    pub(super) fn connector_started(
        &mut self,
        name: &Arc<str>,
        run: u64,
        outcome: Result<Generated, Failure>,
    ) {
        let connector = self.connector(name);
        if connector.run != run {
            return;
        }
        match outcome {
            Ok(generated) => {
                connector.attempts = 0;
                self.parts.metrics.worker().connectors.ended(true);
                self.set_connector_status(name, State::Running);
                self.commit_tasks(name, run, generated);
            }
            Err(Failure::Fatal { trace }) => {
                connector.is_failed = true;
                self.refuse_start(name, trace);
            }
            Err(Failure::Later { reason }) => {
                let retry = FIRST_RETRY.saturating_mul(1 << connector.attempts.min(8));
                connector.attempts += 1;
                warn!(connector = %name, "Trying again soon to start connector {name}: {reason}");
                self.set_connector_status(name, State::Running);
                self.answer_waiting(name, true);
                self.start_later(name, run, retry.min(LONGEST_RETRY));
            }
        }
    }

    fn refuse_start(&mut self, name: &Arc<str>, trace: String) {
        warn!(connector = %name, "Connector {name} failed to start: {trace}");
        self.parts.metrics.worker().connectors.ended(false);
        self.connector_failed(name, trace);
        self.answer_waiting(name, false);
    }

    fn start_later(&self, name: &Arc<str>, run: u64, pause: Duration) {
        let due = Arc::clone(name);
        self.wait(format!("wait to start {name}"), pause, move || Done::StartDue {
            name: Arc::clone(&due),
            run,
        });
    }

    /// Starts a connector again after the first wait.
    pub(super) fn start_due_later(&self, name: &Arc<str>, run: u64) {
        self.start_later(name, run, FIRST_RETRY);
    }

    pub(super) fn start_due(&mut self, name: &Arc<str>, run: u64) {
        let is_current = self.connectors.get(name).is_some_and(|known| known.run == run);
        if is_current && self.configs.target(name) == TargetState::Started {
            self.start_connector(name);
        }
    }

    /// Stores new task configurations, unless they are what is stored.
    fn commit_tasks(&mut self, name: &Arc<str>, run: u64, generated: Generated) {
        let Generated { tasks, resolved } = generated;
        let connector = self.connectors.entry(Arc::clone(name)).or_default();
        let was_resolved = connector.resolved.as_ref().is_none_or(|known| *known == resolved);
        let stored = self.configs.tasks(name).iter().map(AsRef::as_ref);
        let is_same = stored.eq(&tasks)
            && was_resolved
            && !self.configs.is_inconsistent(name)
            && self.configs.applied_config(name) == self.configs.config(name);
        if is_same {
            connector.resolved = Some(resolved);
            self.answer_waiting(name, true);
        } else {
            self.queue(Change::Tasks { name: Arc::clone(name), run, configs: tasks, resolved });
        }
    }

    /// Answers who waited for the start of a connector to end.
    pub(super) fn answer_waiting(&mut self, name: &Arc<str>, is_started: bool) {
        // They may read at once, and must find what they are told.
        self.publish();
        let waiting = std::mem::take(&mut self.connector(name).waiting);
        for waiting in waiting {
            match waiting {
                Waiting::Put { reply, is_new } => answer(reply, self.put_outcome(name, is_new)),
                Waiting::Restart(reply) if is_started => answer(reply, Ok(Restarted::Connector)),
                Waiting::Restart(reply) => {
                    answer(reply, Err(HerderError::ConnectorNotStarted(name.as_ref().to_owned())));
                }
            }
        }
    }

    pub(super) fn put_outcome(&self, name: &Arc<str>, is_new: bool) -> Result<Put, HerderError> {
        let info = self.snapshots.borrow().connector(name)?.info();
        Ok(if is_new { Put::Created(info) } else { Put::Replaced(info) })
    }

    /// A connector that failed stays so until it is stopped, restarted or configured anew.
    fn change_target(&mut self, name: &Arc<str>) {
        self.dirty.insert(Arc::clone(name));
        let target = self.configs.target(name);
        if self.connector(name).is_failed && target != TargetState::Stopped {
            warn!(connector = %name, "Cannot transition connector to {target:?} since it has failed");
        } else {
            self.start_connector(name);
        }
        self.refresh_tasks(name);
    }

    fn remove_connector(&mut self, name: &Arc<str>) {
        self.dirty.insert(Arc::clone(name));
        let run = self.next_number();
        let connector = self.connector(name);
        connector.run = run;
        connector.is_failed = false;
        connector.resolved = None;
        self.answer_waiting(name, false);
        self.refresh_tasks(name);
        self.forget_connector_status(name);
        self.drop_if_gone(name);
    }

    /// Forgets a connector that neither exists nor runs.
    pub(super) fn drop_if_gone(&mut self, name: &Arc<str>) {
        let is_idle = self.connectors.get(name).is_some_and(|known| known.slots.is_empty());
        if is_idle && !self.configs.contains(name) {
            self.connectors.remove(name);
        }
    }

    /// Brings the wanted tasks in line with what is stored.
    pub(super) fn refresh_tasks(&mut self, name: &Arc<str>) {
        let wanted = self.wanted_tasks(name);
        let connector = self.connector(name);
        let mut numbers: Vec<u32> = connector.slots.keys().copied().collect();
        for slot in connector.slots.values_mut() {
            slot.wanted = None;
        }
        for (task, wanted) in (0..).zip(wanted) {
            connector.slots.entry(task).or_default().wanted = Some(wanted);
            numbers.push(task);
        }
        numbers.sort_unstable();
        numbers.dedup();
        for task in numbers {
            self.reconcile(&TaskId { connector: Arc::clone(name), task });
        }
    }
}
