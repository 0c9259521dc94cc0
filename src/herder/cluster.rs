//! The cluster as the routers of connector crates see it.

use async_trait::async_trait;
use connect_api::{
    cluster::{ConnectClusterState, ConnectorView},
    config::Props,
};

use super::handle::HerderHandle;

#[async_trait]
impl ConnectClusterState for HerderHandle {
    async fn connectors_of(&self, class: &str) -> Vec<ConnectorView> {
        let Ok(snapshot) = self.snapshot().await else { return Vec::new() };
        let of_class = |config: &Props| {
            self.parts.plugins.connector_of(config).is_ok_and(|plugin| plugin.class() == class)
        };
        snapshot
            .configured()
            .filter_map(|connector| {
                let config = connector.config.as_ref().filter(|config| of_class(config))?;
                let shown = |state| serde_json::to_value(state).ok()?.as_str().map(str::to_owned);
                Some(ConnectorView {
                    name: connector.name.as_ref().to_owned(),
                    config: (self.parts.resolve)(config).ok()?,
                    state: connector.status.connector.as_ref().and_then(|known| shown(known.state)),
                    tasks: connector
                        .status
                        .tasks
                        .values()
                        .filter_map(|known| shown(known.state))
                        .collect(),
                })
            })
            .collect()
    }
}
