//! Which status is written when. Source: apache/kafka `AbstractHerder.java`.

use std::sync::Arc;

use super::Actor;
use crate::{
    herder::{
        error::{HerderError, Result},
        replies::{ConnectorHistory, Moment},
        settings::TopicTracking,
        starter::TaskId,
    },
    store::{State, Status, StatusRecord, StatusState, TopicStatus},
};

impl Actor {
    pub(super) fn set_connector_status(&mut self, name: &Arc<str>, state: State) {
        let status = Some(self.status(name, state, None));
        self.write_status(
            name,
            StatusRecord::Connector { connector: name.as_ref().to_owned(), status },
        );
    }

    pub(super) fn connector_failed(&mut self, name: &Arc<str>, trace: String) {
        let status = self.status(name, State::Failed, Some(trace));
        let known = self.statuses.get(name).and_then(|known| known.connector.as_ref());
        if StatusState::may_write(known, &status) {
            let connector = name.as_ref().to_owned();
            self.write_status(name, StatusRecord::Connector { connector, status: Some(status) });
        }
    }

    pub(super) fn set_task_status(&mut self, id: &TaskId, state: State) {
        let status = self.status(&id.connector, state, None);
        self.write_task_status(id, Some(status));
    }

    pub(super) fn task_runs(&mut self, id: &TaskId) {
        if self.slot(id).is_some_and(|slot| slot.fortune.runs()) {
            self.parts.metrics.worker().tasks.ended(true);
        }
        self.set_task_status(id, State::Running);
    }

    /// The task goes on trying, in the state that it is in.
    pub(super) fn task_held(&mut self, id: &TaskId, trace: String) {
        let known = self.statuses.get(&id.connector).and_then(|known| known.tasks.get(&id.task));
        let state = known.map_or(State::Unassigned, |known| known.state);
        if matches!(state, State::Running | State::Restarting | State::Unassigned) {
            let status = self.status(&id.connector, state, Some(trace));
            self.write_task_status_safely(id, status);
        }
    }

    pub(super) fn task_waits(&mut self, id: &TaskId) {
        self.set_task_status(id, State::Paused);
    }

    pub(super) fn task_failed(&mut self, id: &TaskId, trace: String) {
        self.write_task_status_safely(id, self.status(&id.connector, State::Failed, Some(trace)));
    }

    pub(super) fn task_unassigned(&mut self, id: &TaskId) {
        self.write_task_status_safely(id, self.status(&id.connector, State::Unassigned, None));
    }

    pub(super) fn forget_task_status(&mut self, id: &TaskId) {
        let known = self.statuses.get(&id.connector);
        if known.is_some_and(|known| known.tasks.contains_key(&id.task)) {
            self.write_task_status(id, None);
        }
    }

    /// Forgets everything about a connector that is gone, but for tasks that still stop.
    pub(super) fn forget_connector_status(&mut self, name: &Arc<str>) {
        let connector = name.as_ref().to_owned();
        self.write_status(name, StatusRecord::Connector { connector, status: None });
        let tasks = self.statuses.get(name).map(|known| known.tasks.keys().copied().collect());
        let tasks: Vec<u32> = tasks.unwrap_or_default();
        let stopping = self.connectors.get(name).map(|known| known.slots.keys().copied().collect());
        let stopping: Vec<u32> = stopping.unwrap_or_default();
        for task in tasks.into_iter().filter(|task| !stopping.contains(task)) {
            self.forget_task_status(&TaskId { connector: Arc::clone(name), task });
        }
        self.forget_topics(name);
    }

    pub(super) fn topic_seen(&mut self, id: &TaskId, topic: &str) {
        let is_known =
            self.statuses.get(&id.connector).is_some_and(|known| known.topics.contains(topic));
        if is_known || self.settings.topic_tracking == TopicTracking::Off {
            return;
        }
        let connector = id.connector.as_ref().to_owned();
        let status = TopicStatus {
            name: topic.to_owned(),
            connector: connector.clone(),
            task: id.task,
            discover_timestamp: self.parts.clock.now_ms(),
        };
        let topic = topic.to_owned();
        self.write_status(
            &id.connector,
            StatusRecord::Topic { connector, topic, status: Some(status) },
        );
    }

    pub(super) fn forget_topics(&mut self, name: &Arc<str>) {
        let topics = self.statuses.get(name).map(|known| known.topics.clone()).unwrap_or_default();
        for topic in topics {
            let connector = name.as_ref().to_owned();
            self.write_status(name, StatusRecord::Topic { connector, topic, status: None });
        }
    }

    fn status(&self, name: &str, state: State, trace: Option<String>) -> Status {
        let worker_id = self.settings.worker_id.clone();
        let config = self.configs.config(name);
        let plugin = config.and_then(|config| self.parts.plugins.connector_of(config).ok());
        let version = plugin.map(|plugin| plugin.version().to_owned());
        Status { state, trace, worker_id, generation: self.generation, version }
    }

    fn write_task_status_safely(&mut self, id: &TaskId, status: Status) {
        let known = self.statuses.get(&id.connector).and_then(|known| known.tasks.get(&id.task));
        if StatusState::may_write(known, &status) {
            self.write_task_status(id, Some(status));
        }
    }

    fn write_task_status(&mut self, id: &TaskId, status: Option<Status>) {
        let connector = id.connector.as_ref().to_owned();
        self.write_status(&id.connector, StatusRecord::Task { connector, task: id.task, status });
    }

    fn note_history(&mut self, name: &Arc<str>, record: &StatusRecord) {
        let (task, status) = match record {
            StatusRecord::Connector { status: Some(status), .. } => (None, status),
            StatusRecord::Task { task, status: Some(status), .. } => (Some(*task), status),
            _ => return,
        };
        let at = Moment(self.parts.clock.now_ms());
        if let Some(connector) = self.connectors.get_mut(name) {
            connector.history.note(at, task, status);
        }
    }

    /// What happened to a connector and its tasks since the worker started.
    pub(super) fn history(&self, name: &Arc<str>) -> Result<ConnectorHistory> {
        if !self.configs.contains(name) {
            return Err(HerderError::ConnectorNotFound(name.as_ref().to_owned()));
        }
        let known = self.connectors.get(name);
        let (events, dropped) = known.map(|known| known.history.events()).unwrap_or_default();
        Ok(ConnectorHistory { name: name.as_ref().to_owned(), dropped, events })
    }

    fn write_status(&mut self, name: &Arc<str>, record: StatusRecord) {
        self.dirty.insert(Arc::clone(name));
        self.note_history(name, &record);
        self.statuses.set(record.clone());
        self.unwritten.push(record);
        self.write_statuses();
    }
}
