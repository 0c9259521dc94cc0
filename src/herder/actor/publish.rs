//! Publication of the truth for those that read.

use std::sync::Arc;

use super::Actor;
use crate::herder::{
    replies::ConnectorType,
    snapshot::{ConnectorSnapshot, Snapshot},
};

impl Actor {
    /// Publishes what changed since the last time.
    pub(super) fn publish(&mut self) {
        let is_first = !self.snapshots.borrow().is_loaded;
        if self.dirty.is_empty() && !is_first {
            return;
        }
        let mut snapshot = Snapshot::clone(&self.snapshots.borrow());
        snapshot.is_loaded = true;
        snapshot.generation = self.generation;
        for name in std::mem::take(&mut self.dirty) {
            match self.describe(&name) {
                Some(known) => snapshot.connectors.insert(name, Arc::new(known)),
                None => snapshot.connectors.remove(&name),
            };
        }
        self.snapshots.send_replace(Arc::new(snapshot));
    }

    pub(super) fn publish_cluster(&self, cluster_id: Option<String>) {
        self.snapshots.send_modify(|snapshot| {
            *snapshot = Arc::new(Snapshot { cluster_id, ..Snapshot::clone(snapshot) });
        });
    }

    fn describe(&self, name: &Arc<str>) -> Option<ConnectorSnapshot> {
        let config = self.configs.config(name).cloned();
        let status = self.statuses.get(name).cloned();
        if config.is_none() && status.is_none() {
            return None;
        }
        let plugin = config.as_ref().map(|config| self.parts.plugins.connector_of(config));
        Some(ConnectorSnapshot {
            name: Arc::clone(name),
            kind: plugin.and_then(Result::ok).map_or(ConnectorType::Unknown, |found| found.kind()),
            tasks: self.configs.tasks(name).to_vec(),
            config,
            status: status.unwrap_or_default(),
        })
    }
}
