//! What a REST extension may know about the cluster.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::config::Props;

/// A connector as a REST extension sees it.
#[derive(Clone, Debug)]
pub struct ConnectorView {
    /// Name.
    pub name: String,
    /// Configuration with its `${provider:…}` references resolved: never show it.
    pub config: Props,
    /// State of the connector: `RUNNING`, `PAUSED`, …; none while it is not known yet.
    pub state: Option<String>,
    /// States of its tasks, by number.
    pub tasks: Vec<String>,
}

/// The cluster's connectors, for the routers that connector crates contribute.
///
/// Source: apache/kafka `org.apache.kafka.connect.health.ConnectClusterState`.
#[async_trait]
pub trait ConnectClusterState: Debug + Send + Sync {
    /// Every connector whose class has this full name, in the order of their names.
    async fn connectors_of(&self, class: &str) -> Vec<ConnectorView>;
}
