//! Records of the status topic and what they add up to.
//!
//! Source: apache/kafka `KafkaStatusBackingStore.java`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    config_record::{json, parse, split_task},
    log::LogRecord,
};

/// State a connector or task is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// No worker runs it.
    Unassigned,
    /// It runs.
    Running,
    /// It waits to be resumed.
    Paused,
    /// It has no tasks on its user's wish.
    Stopped,
    /// It failed and stays so until somebody restarts it.
    Failed,
    /// It is being restarted.
    Restarting,
}

/// State of a connector or task, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// State.
    pub state: State,
    /// Why it failed: text of the error and its causes, one a line.
    #[serde(default)]
    pub trace: Option<String>,
    /// Worker it is on, as `HOST:PORT`.
    pub worker_id: String,
    /// Generation of the group when it was written.
    #[serde(default)]
    pub generation: i32,
    /// Version of the plug-in that runs; none where nobody knows. Source: KIP-891.
    #[serde(default)]
    pub version: Option<String>,
}

/// A topic that a connector used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicStatus {
    /// The topic.
    pub name: String,
    /// Name of the connector.
    pub connector: String,
    /// Number of the task that saw it first.
    pub task: u32,
    /// When it did, in milliseconds since the epoch.
    pub discover_timestamp: i64,
}

#[derive(Serialize, Deserialize)]
struct TopicValue {
    topic: TopicStatus,
}

/// A record of the status topic; without content it removes what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusRecord {
    /// About a connector.
    Connector {
        /// Name of the connector.
        connector: String,
        /// Its status.
        status: Option<Status>,
    },
    /// About a task.
    Task {
        /// Name of the connector.
        connector: String,
        /// Number of the task.
        task: u32,
        /// Its status.
        status: Option<Status>,
    },
    /// About a topic that a connector used.
    Topic {
        /// Name of the connector.
        connector: String,
        /// The topic.
        topic: String,
        /// What is known about it.
        status: Option<TopicStatus>,
    },
}

impl LogRecord for StatusRecord {
    fn key(&self) -> String {
        match self {
            Self::Connector { connector, .. } => format!("status-connector-{connector}"),
            Self::Task { connector, task, .. } => format!("status-task-{connector}-{task}"),
            Self::Topic { connector, topic, .. } => {
                format!("status-topic-{topic}:connector-{connector}")
            }
        }
    }

    fn value(&self) -> Option<Bytes> {
        match self {
            Self::Connector { status, .. } | Self::Task { status, .. } => status.as_ref().map(json),
            Self::Topic { status, .. } => status.clone().map(|topic| json(&TopicValue { topic })),
        }
    }

    fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Self, String> {
        let key = std::str::from_utf8(key).map_err(|_| "its key is not text".to_owned())?;
        if let Some(connector) = key.strip_prefix("status-connector-") {
            let status = value.map(parse::<Status>).transpose()?;
            return Ok(Self::Connector { connector: connector.to_owned(), status });
        }
        if let Some(id) = key.strip_prefix("status-task-") {
            let (connector, task) = split_task(id).ok_or("its key has no task number")?;
            let status = value.map(parse::<Status>).transpose()?;
            return Ok(Self::Task { connector, task, status });
        }
        if let Some(id) = key.strip_prefix("status-topic-") {
            let (topic, connector) =
                id.split_once(":connector-").ok_or("its key names no connector")?;
            let status = value.map(parse::<TopicValue>).transpose()?.map(|value| value.topic);
            return Ok(Self::Topic {
                connector: connector.to_owned(),
                topic: topic.to_owned(),
                status,
            });
        }
        Err("its key is of no known kind".to_owned())
    }
}

/// Everything known about one connector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectorStatus {
    /// Status of the connector itself.
    pub connector: Option<Status>,
    /// Statuses of its tasks.
    pub tasks: BTreeMap<u32, Status>,
    /// Topics it used.
    pub topics: BTreeSet<String>,
}

impl ConnectorStatus {
    fn is_empty(&self) -> bool {
        self.connector.is_none() && self.tasks.is_empty() && self.topics.is_empty()
    }
}

/// Statuses of all connectors and tasks, as far as the log was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusState {
    connectors: BTreeMap<Arc<str>, ConnectorStatus>,
}

impl StatusState {
    /// Takes in the next record of the log.
    ///
    /// A task that runs is not unassigned by a record of its own or an older generation: the
    /// record was overtaken by the one that says it runs.
    pub fn apply(&mut self, record: StatusRecord) {
        if let StatusRecord::Task { connector, task, status: Some(status) } = &record {
            let known = self.get(connector).and_then(|known| known.tasks.get(task));
            let is_stale = status.state == State::Unassigned
                && known.is_some_and(|now| {
                    now.state == State::Running && now.generation >= status.generation
                });
            if is_stale {
                return;
            }
        }
        self.set(record);
    }

    /// Takes in what this worker itself is about to write.
    pub fn set(&mut self, record: StatusRecord) {
        let name = match &record {
            StatusRecord::Connector { connector, .. }
            | StatusRecord::Task { connector, .. }
            | StatusRecord::Topic { connector, .. } => Arc::from(connector.as_str()),
        };
        let known = self.connectors.entry(Arc::clone(&name)).or_default();
        match record {
            StatusRecord::Connector { status, .. } => known.connector = status,
            StatusRecord::Task { task, status: Some(status), .. } => {
                known.tasks.insert(task, status);
            }
            StatusRecord::Task { task, status: None, .. } => {
                known.tasks.remove(&task);
            }
            StatusRecord::Topic { topic, status: Some(_), .. } => {
                known.topics.insert(topic);
            }
            StatusRecord::Topic { topic, status: None, .. } => {
                known.topics.remove(&topic);
            }
        }
        if known.is_empty() {
            self.connectors.remove(&name);
        }
    }

    /// What is known about a connector.
    #[must_use]
    pub fn get(&self, connector: &str) -> Option<&ConnectorStatus> {
        self.connectors.get(connector)
    }

    /// Names of everything with a status.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.connectors.keys()
    }

    /// Highest generation that a status was written in; zero when there is none.
    #[must_use]
    pub fn last_generation(&self) -> i32 {
        let known = self.connectors.values();
        let statuses = known.flat_map(|known| known.connector.iter().chain(known.tasks.values()));
        statuses.map(|status| status.generation).max().unwrap_or_default().max(0)
    }

    /// Whether a careful writer may write: nothing is known, it wrote last, or nobody newer did.
    #[must_use]
    pub fn may_write(known: Option<&Status>, status: &Status) -> bool {
        known.is_none_or(|known| {
            known.worker_id == status.worker_id || known.generation <= status.generation
        })
    }
}

#[cfg(test)]
mod tests;
