//! What the records of the config topic add up to.
//!
//! Source: apache/kafka `KafkaConfigBackingStore.java`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use connect_api::config::Props;

use super::config_record::{ConfigRecord, RestartScope, SessionKey, TargetState};

/// Configurations of all connectors and tasks, as far as the log was read.
///
/// Configurations of tasks are held back until a commit names how many there are. A commit that
/// misses some makes the connector inconsistent: it has no tasks until the next good commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigState {
    connectors: BTreeMap<Arc<str>, Arc<Props>>,
    targets: BTreeMap<Arc<str>, TargetState>,
    tasks: BTreeMap<Arc<str>, Vec<Arc<Props>>>,
    task_counts: BTreeMap<Arc<str>, u32>,
    held: BTreeMap<Arc<str>, BTreeMap<u32, Arc<Props>>>,
    inconsistent: BTreeSet<Arc<str>>,
    applied: BTreeMap<Arc<str>, Arc<Props>>,
    fenced_tasks: BTreeMap<Arc<str>, u32>,
    to_fence: BTreeSet<Arc<str>>,
    session_key: Option<SessionKey>,
    loggers: BTreeMap<String, String>,
}

/// What a record changed, for those that run connectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// A connector is new or has another configuration, or the same one again.
    Connector(Arc<str>),
    /// A connector is gone.
    Removed(Arc<str>),
    /// A connector is to be in another state.
    Target(Arc<str>),
    /// The tasks of a connector have new configurations.
    Tasks(Arc<str>),
    /// A connector is to be restarted.
    Restart(Arc<str>, RestartScope),
    /// A logger has another level.
    Logger(String, String),
}

impl ConfigState {
    /// Takes in the next record of the log.
    pub fn apply(&mut self, record: ConfigRecord) -> Option<ConfigChange> {
        match record {
            ConfigRecord::TargetState { connector, state } => self.apply_target(connector, state),
            ConfigRecord::Connector { connector, config } => {
                Some(self.apply_connector(connector.into(), config))
            }
            ConfigRecord::Task { connector, task, config } => {
                self.held.entry(connector.into()).or_default().insert(task, Arc::new(config));
                None
            }
            ConfigRecord::Commit { connector, tasks } => self.apply_commit(connector.into(), tasks),
            ConfigRecord::Restart { connector, scope } => {
                Some(ConfigChange::Restart(connector.into(), scope))
            }
            ConfigRecord::FencedTasks { connector, tasks } => {
                let connector: Arc<str> = connector.into();
                self.to_fence.remove(&connector);
                self.fenced_tasks.insert(connector, tasks);
                None
            }
            ConfigRecord::SessionKey(key) => {
                self.session_key = Some(key);
                None
            }
            ConfigRecord::Logger { namespace, level } => {
                self.loggers.insert(namespace.clone(), level.clone());
                Some(ConfigChange::Logger(namespace, level))
            }
        }
    }

    /// Names of all connectors, in order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.connectors.keys()
    }

    /// Whether the connector exists.
    #[must_use]
    pub fn contains(&self, connector: &str) -> bool {
        self.connectors.contains_key(connector)
    }

    /// Configuration of a connector as its user wrote it.
    #[must_use]
    pub fn config(&self, connector: &str) -> Option<&Arc<Props>> {
        self.connectors.get(connector)
    }

    /// State a connector is to be in.
    #[must_use]
    pub fn target(&self, connector: &str) -> TargetState {
        self.targets.get(connector).copied().unwrap_or_default()
    }

    /// Committed configurations of a connector's tasks; none while it is inconsistent.
    #[must_use]
    pub fn tasks(&self, connector: &str) -> &[Arc<Props>] {
        self.tasks.get(connector).map(Vec::as_slice).unwrap_or_default()
    }

    /// Number of tasks of the last commit, be it good or not.
    #[must_use]
    pub fn task_count(&self, connector: &str) -> u32 {
        self.task_counts.get(connector).copied().unwrap_or_default()
    }

    /// Whether the last commit missed task configurations.
    #[must_use]
    pub fn is_inconsistent(&self, connector: &str) -> bool {
        self.inconsistent.contains(connector)
    }

    /// Configuration the connector had when its tasks were committed last.
    #[must_use]
    pub fn applied_config(&self, connector: &str) -> Option<&Arc<Props>> {
        self.applied.get(connector)
    }

    /// Number of tasks whose producers were counted last, for fencing.
    #[must_use]
    pub fn fenced_tasks(&self, connector: &str) -> Option<u32> {
        self.fenced_tasks.get(connector).copied()
    }

    /// Whether producers of earlier tasks may still be there.
    #[must_use]
    pub fn is_fencing_due(&self, connector: &str) -> bool {
        self.to_fence.contains(connector)
    }

    /// Key that internal requests are signed with.
    #[must_use]
    pub const fn session_key(&self) -> Option<&SessionKey> {
        self.session_key.as_ref()
    }

    /// Levels of loggers by name.
    #[must_use]
    pub const fn loggers(&self) -> &BTreeMap<String, String> {
        &self.loggers
    }

    fn apply_target(
        &mut self,
        connector: String,
        state: Option<TargetState>,
    ) -> Option<ConfigChange> {
        let connector: Arc<str> = connector.into();
        let before = self.target(&connector);
        match state {
            Some(state) => self.targets.insert(Arc::clone(&connector), state),
            None => self.targets.remove(&connector),
        };
        let is_news = self.contains(&connector) && self.target(&connector) != before;
        is_news.then_some(ConfigChange::Target(connector))
    }

    fn apply_connector(&mut self, connector: Arc<str>, config: Option<Props>) -> ConfigChange {
        match config {
            Some(config) => {
                self.connectors.insert(Arc::clone(&connector), Arc::new(config));
                ConfigChange::Connector(connector)
            }
            None => {
                self.forget(&connector);
                ConfigChange::Removed(connector)
            }
        }
    }

    /// The target state goes with a tombstone of its own.
    fn forget(&mut self, connector: &str) {
        self.connectors.remove(connector);
        self.tasks.remove(connector);
        self.task_counts.remove(connector);
        self.held.remove(connector);
        self.inconsistent.remove(connector);
        self.applied.remove(connector);
    }

    fn apply_commit(&mut self, connector: Arc<str>, count: u32) -> Option<ConfigChange> {
        let Some(config) = self.connectors.get(&connector).map(Arc::clone) else {
            // The connector's own records may be compacted away; its tasks are nobody's.
            self.forget(&connector);
            return None;
        };
        let mut held = self.held.remove(&connector).unwrap_or_default();
        let tasks: Option<Vec<_>> = (0..count).map(|task| held.remove(&task)).collect();
        match tasks {
            Some(tasks) => {
                self.inconsistent.remove(&connector);
                self.tasks.insert(Arc::clone(&connector), tasks);
                self.applied.insert(Arc::clone(&connector), config);
            }
            None => {
                self.inconsistent.insert(Arc::clone(&connector));
                self.tasks.remove(&connector);
            }
        }
        self.task_counts.insert(Arc::clone(&connector), count);
        self.to_fence.insert(Arc::clone(&connector));
        Some(ConfigChange::Tasks(connector))
    }
}

#[cfg(test)]
mod tests;
