//! Restarts of connectors and tasks. Source: KIP-745.

use std::sync::Arc;

use super::{Actor, Waiting, answer};
use crate::{
    config::Mode,
    herder::{
        command::{Reply, Restarted},
        error::{HerderError, Result},
        replies::ConnectorStateInfo,
        starter::TaskId,
    },
    store::{RestartScope, State},
};

/// What a restart includes, by the statuses of the moment.
struct Plan {
    is_connector_due: bool,
    tasks: Vec<u32>,
}

impl Actor {
    /// Restarts the connector itself, in the state its user wants.
    pub(super) fn restart_connector(&mut self, name: Arc<str>, reply: Reply<Restarted>) {
        if !self.configs.contains(&name) {
            let name = name.as_ref().to_owned();
            let error = match self.settings.mode {
                Mode::Standalone => HerderError::RestartNotConfigured(name),
                Mode::Distributed => HerderError::RestartUnknown(name),
            };
            return answer(reply, Err(error));
        }
        self.set_connector_status(&name, State::Restarting);
        self.connector(&name).waiting.push(Waiting::Restart(reply));
        self.start_connector(&name);
    }

    /// Restarts one task.
    pub(super) fn restart_task(&mut self, id: &TaskId) -> Result<()> {
        if !self.configs.contains(&id.connector) {
            return Err(HerderError::RestartUnknown(id.connector.as_ref().to_owned()));
        }
        let known = self.connectors.get(&id.connector).and_then(|known| known.slots.get(&id.task));
        if known.is_none_or(|slot| slot.wanted.is_none()) {
            return Err(match self.settings.mode {
                Mode::Standalone => HerderError::TaskNotFound(id.to_string()),
                Mode::Distributed => HerderError::UnknownTask(id.to_string()),
            });
        }
        self.set_task_status(id, State::Restarting);
        self.restart_slots(&id.connector, [id.task]);
        Ok(())
    }

    /// What the connector looks like once a restart has begun.
    pub(super) fn restart_info(
        &self,
        name: &Arc<str>,
        scope: RestartScope,
    ) -> Result<ConnectorStateInfo> {
        let missing = || HerderError::NoStatusToRestart(name.as_ref().to_owned());
        let plan = self.plan(name, scope).ok_or_else(missing)?;
        let mut info = self.snapshots.borrow().state(name).map_err(|_| missing())?;
        if plan.is_connector_due {
            info.connector.state = State::Restarting;
        }
        for task in info.tasks.iter_mut().filter(|task| plan.tasks.contains(&task.id)) {
            task.state = State::Restarting;
        }
        Ok(info)
    }

    /// Restarts what the scope includes.
    pub(super) fn restart_parts(&mut self, name: &Arc<str>, scope: RestartScope) {
        let Some(plan) = self.plan(name, scope) else { return };
        if !self.configs.contains(name) {
            return;
        }
        for task in &plan.tasks {
            self.set_task_status(
                &TaskId { connector: Arc::clone(name), task: *task },
                State::Restarting,
            );
        }
        if plan.is_connector_due {
            self.set_connector_status(name, State::Restarting);
            self.start_connector(name);
        }
        self.restart_slots(name, plan.tasks);
    }

    fn plan(&self, name: &Arc<str>, scope: RestartScope) -> Option<Plan> {
        let known = self.statuses.get(name)?;
        let is_due = |state| !scope.only_failed || state == State::Failed;
        let is_connector_due = is_due(known.connector.as_ref()?.state);
        let tasks =
            known.tasks.iter().filter(|(_, status)| scope.include_tasks && is_due(status.state));
        Some(Plan { is_connector_due, tasks: tasks.map(|(task, _)| *task).collect() })
    }
}
