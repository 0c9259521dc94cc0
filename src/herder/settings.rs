//! What the herder is told at the start.

use std::{fmt, sync::Arc, time::Duration};

use connect_api::{config::Props, time::Clock};

use super::{plugins::Plugins, starter::TaskStarter};
use crate::{
    broker::Broker,
    config::{ClientOverrides, ExactlyOnceSource, Mode},
    loggers::Loggers,
    metrics::Metrics,
    store::{ConfigRecord, RecordLog, SourceOffsets, StatusRecord},
};

/// Whether the worker keeps account of the topics that connectors use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicTracking {
    /// It does not.
    Off,
    /// It does.
    WithoutReset,
    /// It does, and users may begin the account anew.
    On,
}

/// What the worker is like.
#[derive(Clone, Debug)]
pub struct HerderSettings {
    /// `HOST:PORT` of the advertised listener.
    pub worker_id: String,
    /// Kind of worker.
    pub mode: Mode,
    /// Group of a distributed worker, which no sink may use.
    pub group_id: Option<String>,
    /// Version that `GET /` shows.
    pub version: String,
    /// Commit that `GET /` shows.
    pub commit: String,
    /// Time that all tasks together have to stop.
    pub task_shutdown_timeout: Duration,
    /// Account of topics.
    pub topic_tracking: TopicTracking,
    /// Client settings that connectors may override.
    pub override_policy: ClientOverrides,
    /// Exactly-once delivery of sources.
    pub exactly_once_sources: ExactlyOnceSource,
    /// The worker's own properties.
    pub worker: Props,
}

/// Replaces `${provider:…}` references; the error is one sentence without secrets.
pub type Resolve = Arc<dyn Fn(&Props) -> Result<Props, String> + Send + Sync>;

/// What the herder works with.
#[derive(Clone)]
pub struct HerderParts {
    /// Classes that are linked in.
    pub plugins: Arc<Plugins>,
    /// Configurations.
    pub configs: Arc<dyn RecordLog<ConfigRecord>>,
    /// Statuses.
    pub statuses: Arc<dyn RecordLog<StatusRecord>>,
    /// Offsets of sources.
    pub offsets: Arc<dyn SourceOffsets>,
    /// The broker, for the offsets of sinks.
    pub broker: Arc<dyn Broker>,
    /// Starts tasks.
    pub starter: Arc<dyn TaskStarter>,
    /// Replaces references in configurations.
    pub resolve: Resolve,
    /// What is logged.
    pub loggers: Loggers,
    /// What is measured.
    pub metrics: Metrics,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for HerderParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HerderParts")
            .field("configs", &self.configs)
            .field("statuses", &self.statuses)
            .field("offsets", &self.offsets)
            .field("broker", &self.broker)
            .finish_non_exhaustive()
    }
}
