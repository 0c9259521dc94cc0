//! The places where tasks run: what is wanted in each, what is there, and the way between.

use std::sync::Arc;

use connect_api::{config::Props, error::ErrorClass};
use tracing::warn;

use super::{Actor, jobs::Done, repair::Fortune};
use crate::{
    herder::starter::{ConnectorPlugin, FlushAnswer, TaskControl, TaskId, TaskSpec, TaskTarget},
    herder::{command::Flushing, error::HerderError},
    store::{State, TargetState},
};

/// The place of one task.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// What is to run here; nothing when the task is to go.
    pub(super) wanted: Option<Wanted>,
    pub(super) state: SlotState,
    /// Whether what runs is to be started anew, changed or not.
    pub(super) is_restart_due: bool,
    pub(super) fortune: Fortune,
}

/// What is to run in a place.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    connector_config: Arc<Props>,
    task_config: Arc<Props>,
    target: TaskTarget,
}

impl Wanted {
    fn is_like(&self, other: &Self) -> bool {
        self.connector_config == other.connector_config && self.task_config == other.task_config
    }
}

/// What is in a place.
#[derive(Debug, Default)]
pub(super) enum SlotState {
    /// Nothing.
    #[default]
    Idle,
    /// Configurations are being resolved.
    Preparing { instance: u64, running: Wanted },
    /// A task that was started and, failed or not, was not stopped.
    Running { instance: u64, running: Wanted, control: Box<dyn TaskControl> },
    /// A task that is being stopped.
    Stopping,
}

/// What to do next in a place.
enum Step {
    Nothing,
    Prepare(Wanted),
    Target(TaskTarget),
    Stop,
    Remove,
}

impl Slot {
    fn step(&self) -> Step {
        match (&self.wanted, &self.state) {
            (None, SlotState::Idle) => Step::Remove,
            (Some(wanted), SlotState::Idle) => Step::Prepare(wanted.clone()),
            (_, SlotState::Preparing { .. } | SlotState::Stopping) => Step::Nothing,
            (None, SlotState::Running { .. }) => Step::Stop,
            (Some(wanted), SlotState::Running { running, .. }) => {
                if self.is_restart_due || !wanted.is_like(running) {
                    Step::Stop
                } else if wanted.target == running.target {
                    Step::Nothing
                } else {
                    Step::Target(wanted.target)
                }
            }
        }
    }
}

impl Actor {
    /// What is to run of a connector, by task number.
    pub(super) fn wanted_tasks(&self, name: &Arc<str>) -> Vec<Wanted> {
        let target = match self.configs.target(name) {
            TargetState::Started => TaskTarget::Started,
            TargetState::Paused => TaskTarget::Paused,
            TargetState::Stopped => return Vec::new(),
        };
        // A task that runs goes with the configuration it was generated from, until the next commit.
        let Some(config) = self.configs.applied_config(name).or(self.configs.config(name)) else {
            return Vec::new();
        };
        let wanted = |task: &Arc<Props>| Wanted {
            connector_config: Arc::clone(config),
            task_config: Arc::clone(task),
            target,
        };
        self.configs.tasks(name).iter().map(wanted).collect()
    }

    /// Asks every task of a connector to end its open files.
    pub(super) fn flush(&self, name: &Arc<str>) -> Result<Vec<Flushing>, HerderError> {
        if !self.configs.contains(name) {
            return Err(HerderError::ConnectorNotFound(name.as_ref().to_owned()));
        }
        let Some(known) = self.connectors.get(name) else { return Ok(Vec::new()) };
        let asked = known.slots.iter().map(|(task, slot)| {
            let answer = match &slot.state {
                SlotState::Running { control, .. } => control.flush(),
                _ => None,
            };
            Flushing { task: *task, answer }
        });
        Ok(asked.collect())
    }

    pub(super) fn slot(&mut self, id: &TaskId) -> Option<&mut Slot> {
        self.connectors.get_mut(&id.connector)?.slots.get_mut(&id.task)
    }

    /// Takes the next step from what is in a place to what is wanted there.
    pub(super) fn reconcile(&mut self, id: &TaskId) {
        if self.is_stopping {
            return;
        }
        let Some(slot) = self.slot(id) else { return };
        match slot.step() {
            Step::Nothing => {}
            Step::Prepare(wanted) => self.prepare_task(id, wanted),
            Step::Target(target) => {
                if let SlotState::Running { running, control, .. } = &mut slot.state {
                    running.target = target;
                    control.set_target(target);
                }
            }
            Step::Stop => self.stop_task(id),
            Step::Remove => {
                self.connector(&id.connector).slots.remove(&id.task);
                self.forget_task_status(id);
                self.drop_if_gone(&id.connector);
            }
        }
    }

    fn prepare_task(&mut self, id: &TaskId, wanted: Wanted) {
        let instance = self.next_number();
        if let Some(slot) = self.slot(id) {
            slot.is_restart_due = false;
            slot.fortune.ends();
            slot.state = SlotState::Preparing { instance, running: wanted.clone() };
        }
        let resolve = Arc::clone(&self.parts.resolve);
        let (task, broken) = (id.clone(), id.clone());
        // One that starts goes with the configuration of its connector as it is now, generated from
        // it or not: Kafka Connect starts it so.
        let now = self.configs.config(&id.connector).cloned();
        let connector_config = now.unwrap_or(wanted.connector_config);
        let work = async move {
            let outcome = resolve(&connector_config)
                .and_then(|connector| Ok((connector, resolve(&wanted.task_config)?)));
            Done::Prepared { id: task, instance, outcome }
        };
        let on_panic =
            Box::new(move |reason| Done::Prepared { id: broken, instance, outcome: Err(reason) });
        self.start_job(format!("prepare {id}"), work, on_panic);
    }

    pub(super) fn task_prepared(
        &mut self,
        id: &TaskId,
        instance: u64,
        outcome: Result<(Props, Props), String>,
    ) {
        let Some(slot) = self.slot(id) else { return };
        let SlotState::Preparing { instance: current, running } = &mut slot.state else { return };
        if *current != instance {
            return;
        }
        let mut running = running.clone();
        slot.state = SlotState::Idle;
        if self.is_stopping {
            return;
        }
        let Some(slot) = self.slot(id) else { return };
        let is_wanted = slot.wanted.as_ref().is_some_and(|wanted| wanted.is_like(&running));
        if !is_wanted || slot.is_restart_due {
            return self.reconcile(id);
        }
        running.target = slot.wanted.as_ref().map_or(running.target, |wanted| wanted.target);
        let outcome = outcome.map_err(Refusal::of_connect);
        match outcome.and_then(|configs| self.spec(id, instance, (configs, running.target))) {
            Ok(spec) => {
                let control = self.parts.starter.start(spec);
                self.place(id, SlotState::Running { instance, running, control });
            }
            Err(Refusal { thrown, reason }) => {
                let trace = format!("{thrown}: {reason}\n\tat {}", module_path!());
                let control = Box::new(NeverStarted);
                self.place(id, SlotState::Running { instance, running, control });
                self.task_failed(id, trace);
                self.plan_repair(id, instance, ErrorClass::Invalid);
            }
        }
    }

    fn place(&mut self, id: &TaskId, state: SlotState) {
        if let Some(slot) = self.slot(id) {
            slot.state = state;
        }
    }

    fn spec(
        &self,
        id: &TaskId,
        instance: u64,
        ((connector_config, task_config), target): ((Props, Props), TaskTarget),
    ) -> Result<TaskSpec, Refusal> {
        let plugins = &self.parts.plugins;
        let plugin = plugins.connector_of(&connector_config);
        let plugin = plugin.map_err(|error| Refusal::of_connect(error.to_string()))?;
        let plugin = match task_config.get("task.class").and_then(|class| plugins.of_tasks(class)) {
            Some(other) if other.kind() != plugin.kind() => {
                return Err(Refusal::of_class(&other, &plugin));
            }
            other => other.unwrap_or(plugin),
        };
        Ok(TaskSpec { id: id.clone(), instance, plugin, connector_config, task_config, target })
    }

    fn stop_task(&mut self, id: &TaskId) {
        let deadline = self.settings.task_shutdown_timeout;
        let Some(slot) = self.slot(id) else { return };
        let SlotState::Running { control, .. } =
            std::mem::replace(&mut slot.state, SlotState::Stopping)
        else {
            return;
        };
        let (task, broken) = (id.clone(), id.clone());
        let work = async move {
            let is_clean = control.stop(deadline).await;
            Done::TaskStopped { id: task, is_clean }
        };
        let on_panic = Box::new(move |_| Done::TaskStopped { id: broken, is_clean: false });
        self.start_job(format!("stop {id}"), work, on_panic);
    }

    pub(super) fn task_stopped(&mut self, id: &TaskId, is_clean: bool) {
        if !is_clean {
            warn!(connector = %id.connector, task = id.task, "Task {id} did not stop in time and was cancelled");
        }
        let Some(slot) = self.slot(id) else { return };
        slot.state = SlotState::Idle;
        let is_wanted = slot.wanted.is_some();
        if is_wanted && !self.is_told_until_it_runs(id) {
            self.task_unassigned(id);
        }
        self.reconcile(id);
    }

    /// `RESTARTING` stays until the task runs again, and so does a failure with its trace.
    fn is_told_until_it_runs(&self, id: &TaskId) -> bool {
        let known = self.statuses.get(&id.connector);
        known
            .and_then(|known| known.tasks.get(&id.task))
            .is_some_and(|status| matches!(status.state, State::Restarting | State::Failed))
    }

    /// Starts what runs in these places anew.
    pub(super) fn restart_slots(&mut self, name: &Arc<str>, tasks: impl IntoIterator<Item = u32>) {
        for task in tasks {
            let id = TaskId { connector: Arc::clone(name), task };
            if let Some(slot) = self.slot(&id) {
                // Whoever asks knows more than the count of what failed before.
                slot.fortune = Fortune::default();
                slot.is_restart_due = true;
            }
            self.reconcile(&id);
        }
    }
}

/// Why a task cannot be started: the class of what Kafka Connect throws, and a sentence.
struct Refusal {
    thrown: &'static str,
    reason: String,
}

impl Refusal {
    const fn of_connect(reason: String) -> Self {
        Self { thrown: "org.apache.kafka.connect.errors.ConnectException", reason }
    }

    /// A task that was generated while the connector had a class of the other kind.
    fn of_class(task: &ConnectorPlugin, connector: &ConnectorPlugin) -> Self {
        let needed = match connector {
            ConnectorPlugin::Source(_) => "org.apache.kafka.connect.source.SourceTask",
            ConnectorPlugin::Sink(_) => "org.apache.kafka.connect.sink.SinkTask",
        };
        let reason = format!("class {} cannot be cast to class {needed}", task.task_class());
        Self { thrown: "java.lang.ClassCastException", reason }
    }
}

/// Stands for a task that failed before there was one.
#[derive(Debug)]
struct NeverStarted;

#[async_trait::async_trait]
impl TaskControl for NeverStarted {
    fn set_target(&self, _target: TaskTarget) {}

    fn flush(&self) -> Option<FlushAnswer> {
        None
    }

    async fn stop(self: Box<Self>, _deadline: std::time::Duration) -> bool {
        true
    }
}
