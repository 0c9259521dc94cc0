//! What reads are answered from: the herder's truth, published whenever it changes.

use std::{collections::BTreeMap, sync::Arc};

use connect_api::config::Props;

use super::{
    error::{HerderError, Result},
    replies::{
        ConnectorInfo, ConnectorStateInfo, ConnectorType, StateInfo, TaskInfo, TaskRef, TaskState,
    },
};
use crate::store::ConnectorStatus;

/// The herder's truth at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    /// Whether the stores were read.
    pub(super) is_loaded: bool,
    /// Identity of the cluster, once the broker told.
    pub(super) cluster_id: Option<String>,
    /// Generation of the group that statuses are written in.
    pub(super) generation: i32,
    /// Connectors, and what is left of those that are gone, by name.
    pub(super) connectors: BTreeMap<Arc<str>, Arc<ConnectorSnapshot>>,
}

/// One connector at one moment.
#[derive(Clone, Debug)]
pub(super) struct ConnectorSnapshot {
    pub(super) name: Arc<str>,
    /// Configuration as its user wrote it; none once it is deleted.
    pub(super) config: Option<Arc<Props>>,
    pub(super) kind: ConnectorType,
    pub(super) tasks: Vec<Arc<Props>>,
    pub(super) status: ConnectorStatus,
}

impl Snapshot {
    /// A connector that has a configuration.
    pub(super) fn connector(&self, name: &str) -> Result<&Arc<ConnectorSnapshot>> {
        self.connectors
            .get(name)
            .filter(|connector| connector.config.is_some())
            .ok_or_else(|| HerderError::ConnectorNotFound(name.to_owned()))
    }

    /// Connectors that have a configuration, by name.
    pub(super) fn configured(&self) -> impl Iterator<Item = &Arc<ConnectorSnapshot>> {
        self.connectors.values().filter(|connector| connector.config.is_some())
    }

    /// State of a connector and its tasks, whether or not it has a configuration.
    pub(super) fn state(&self, name: &str) -> Result<ConnectorStateInfo> {
        self.connectors
            .get(name)
            .and_then(|connector| connector.state())
            .ok_or_else(|| HerderError::NoConnectorStatus(name.to_owned()))
    }
}

impl ConnectorSnapshot {
    pub(super) fn info(&self) -> ConnectorInfo {
        ConnectorInfo {
            name: Arc::clone(&self.name),
            config: self.config.clone().unwrap_or_default(),
            tasks: (0..).zip(&self.tasks).map(|(task, _)| self.task_ref(task)).collect(),
            kind: self.kind,
        }
    }

    pub(super) fn task_infos(&self) -> Vec<TaskInfo> {
        let info =
            |(task, config)| TaskInfo { id: self.task_ref(task), config: Arc::clone(config) };
        (0..).zip(&self.tasks).map(info).collect()
    }

    pub(super) fn state(&self) -> Option<ConnectorStateInfo> {
        let tasks = self.status.tasks.iter().map(|(id, status)| TaskState::of(*id, status));
        Some(ConnectorStateInfo {
            name: Arc::clone(&self.name),
            connector: StateInfo::of(self.status.connector.as_ref()?),
            tasks: tasks.collect(),
            kind: self.kind,
        })
    }

    fn task_ref(&self, task: u32) -> TaskRef {
        TaskRef { connector: Arc::clone(&self.name), task }
    }
}
