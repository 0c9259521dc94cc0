//! The shapes of answers, keys in Kafka Connect's order.

use std::{collections::BTreeMap, sync::Arc};

use chrono::DateTime;
use connect_api::config::{ConfigKey, ConfigValue, Props};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::history::HistoryEvent;
use crate::{
    loggers::LoggerLevel,
    store::{State, Status},
};

/// A moment in milliseconds since the epoch, shown as `2026-11-21T10:00:00.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match DateTime::from_timestamp_millis(self.0) {
            Some(at) => serializer.collect_str(&at.format("%Y-%m-%dT%H:%M:%S%.3fZ")),
            None => serializer.serialize_i64(self.0),
        }
    }
}

/// What kind of connector it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectorType {
    /// Reads another system.
    Source,
    /// Writes another system.
    Sink,
    /// This worker does not know its class.
    Unknown,
}

/// Who answers at `GET /`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerInfo {
    /// Version of Kafka Connect it is compatible with.
    pub version: String,
    /// What it was built from.
    pub commit: String,
    /// Identity of the cluster.
    pub kafka_cluster_id: Option<String>,
}

/// A connector with its configuration and tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectorInfo {
    /// Name.
    #[serde(serialize_with = "shared")]
    pub name: Arc<str>,
    /// Configuration as its user wrote it.
    #[serde(serialize_with = "shared")]
    pub config: Arc<Props>,
    /// Its tasks by number.
    pub tasks: Vec<TaskRef>,
    /// Kind.
    #[serde(rename = "type")]
    pub kind: ConnectorType,
}

/// Names a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskRef {
    /// Name of its connector.
    #[serde(serialize_with = "shared")]
    pub connector: Arc<str>,
    /// Number.
    pub task: u32,
}

/// A task with its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskInfo {
    /// Its name.
    pub id: TaskRef,
    /// Its configuration.
    #[serde(serialize_with = "shared")]
    pub config: Arc<Props>,
}

/// What happened to a connector and its tasks since the worker started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectorHistory {
    /// Name.
    pub name: String,
    /// Events that came before those shown and are not kept.
    pub dropped: u64,
    /// Changes of state, oldest first.
    pub events: Vec<HistoryEvent>,
}

/// State of a connector and its tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectorStateInfo {
    /// Name.
    #[serde(serialize_with = "shared")]
    pub name: Arc<str>,
    /// State of the connector itself.
    pub connector: StateInfo,
    /// States of its tasks by number.
    pub tasks: Vec<TaskState>,
    /// Kind.
    #[serde(rename = "type")]
    pub kind: ConnectorType,
}

/// State of a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StateInfo {
    /// State.
    pub state: State,
    /// Worker it is on.
    pub worker_id: String,
    /// Version of the plug-in that runs. Source: KIP-891.
    #[serde(skip_serializing_if = "is_blank")]
    pub version: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "is_blank")]
    pub trace: Option<String>,
}

/// State of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskState {
    /// Number.
    pub id: u32,
    /// State.
    pub state: State,
    /// Worker it is on.
    pub worker_id: String,
    /// Version of the plug-in that runs. Source: KIP-891.
    #[serde(skip_serializing_if = "is_blank")]
    pub version: Option<String>,
    /// Why it failed, or why it does not get on.
    #[serde(skip_serializing_if = "is_blank")]
    pub trace: Option<String>,
}

/// Shows what is shared as what it is.
fn shared<T: Serialize + ?Sized, S: Serializer>(
    value: &Arc<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(serializer)
}

fn is_blank(text: &Option<String>) -> bool {
    text.as_deref().is_none_or(str::is_empty)
}

impl StateInfo {
    pub(super) fn of(status: &Status) -> Self {
        let Status { state, trace, worker_id, version, .. } = status.clone();
        Self { state, worker_id, version, trace }
    }
}

impl TaskState {
    pub(super) fn of(id: u32, status: &Status) -> Self {
        let Status { state, trace, worker_id, version, .. } = status.clone();
        Self { id, state, worker_id, version, trace }
    }
}

/// What `GET /connectors?expand=…` says about one connector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExpandedConnector {
    /// Its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ConnectorStateInfo>,
    /// Its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<ConnectorInfo>,
}

/// Connectors by name.
pub type ExpandedConnectors = BTreeMap<String, ExpandedConnector>;

/// Topics a connector used, by its name.
pub type ActiveTopics = BTreeMap<String, TopicList>;

/// Topics a connector used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TopicList {
    /// The topics.
    pub topics: Vec<String>,
}

/// A part of a source or topic and the position in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectorOffset {
    /// The part.
    pub partition: Option<Map<String, Value>>,
    /// The position.
    pub offset: Option<Map<String, Value>>,
}

/// Offsets of a connector.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ConnectorOffsets {
    /// One for each part.
    pub offsets: Vec<ConnectorOffset>,
}

/// A sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The sentence.
    pub message: String,
}

/// A plug-in as `GET /connector-plugins` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginInfo {
    /// Class.
    pub class: String,
    /// Role: `source`, `sink`, `converter`, …
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Version.
    pub version: String,
}

/// What a configuration looks like to its class.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigInfos {
    /// Class as the configuration names it.
    pub name: String,
    /// Number of problems.
    pub error_count: usize,
    /// Headings.
    pub groups: Vec<String>,
    /// Options with their values.
    pub configs: Vec<ConfigInfo>,
    /// What is no error and yet likely wrong; no part of Kafka Connect's answer.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// An option with its value.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigInfo {
    /// The option; none for a key nobody defined.
    pub definition: Option<ConfigKey>,
    /// The value; none when the class did not look at it.
    pub value: Option<ConfigValue>,
}

/// A logger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LoggerInfo {
    /// Its level, its own or that of the logger above.
    pub level: &'static str,
    /// When the level was changed last, in milliseconds since the epoch.
    pub last_modified: Option<i64>,
}

impl LoggerInfo {
    pub(super) fn of(known: LoggerLevel) -> Self {
        Self { level: known.level.name(), last_modified: known.last_modified }
    }
}

/// Whether the worker is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Healthy,
    /// It has not read its stores yet.
    Starting,
    /// It does not answer.
    Unhealthy,
}
