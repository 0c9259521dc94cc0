//! Records of the config topic. Source: apache/kafka `KafkaConfigBackingStore.java`.

use bytes::Bytes;
use connect_api::config::{Props, Secret};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::log::LogRecord;

/// State a user asked a connector to be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TargetState {
    /// Runs.
    #[default]
    Started,
    /// Keeps its tasks, which do nothing.
    Paused,
    /// Has no tasks.
    Stopped,
}

/// A record of the config topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigRecord {
    /// State a connector is to be in; none forgets it.
    TargetState {
        /// Name of the connector.
        connector: String,
        /// The state.
        state: Option<TargetState>,
    },
    /// Configuration of a connector; none deletes it.
    Connector {
        /// Name of the connector.
        connector: String,
        /// Its configuration as the user wrote it.
        config: Option<Props>,
    },
    /// Configuration of a task, which counts once it is committed.
    Task {
        /// Name of the connector.
        connector: String,
        /// Number of the task.
        task: u32,
        /// Its configuration.
        config: Props,
    },
    /// Commits the configurations of all tasks of a connector.
    Commit {
        /// Name of the connector.
        connector: String,
        /// Number of its tasks.
        tasks: u32,
    },
    /// Asks every worker to restart its part of a connector.
    Restart {
        /// Name of the connector.
        connector: String,
        /// What of it to restart.
        scope: RestartScope,
    },
    /// Number of tasks whose producers must be fenced before the next ones start.
    FencedTasks {
        /// Name of the connector.
        connector: String,
        /// Number of tasks.
        tasks: u32,
    },
    /// Key that workers sign internal requests with.
    SessionKey(SessionKey),
    /// Level of a logger, for every worker.
    Logger {
        /// Name of the logger.
        namespace: String,
        /// Its level.
        level: String,
    },
}

/// What a restart includes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RestartScope {
    /// Whether tasks are restarted too.
    #[serde(default)]
    pub include_tasks: bool,
    /// Whether only what has failed is restarted.
    #[serde(default)]
    pub only_failed: bool,
}

/// Key that workers sign internal requests with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey {
    /// The key in base64.
    pub key: Secret<String>,
    /// Algorithm it is for.
    pub algorithm: String,
    /// When it was made.
    pub creation_timestamp_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct Properties {
    properties: Props,
}

#[derive(Serialize, Deserialize)]
struct Tasks {
    tasks: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TaskCount {
    task_count: u32,
}

#[derive(Serialize, Deserialize)]
struct Level {
    level: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Key {
    key: String,
    algorithm: String,
    creation_timestamp: i64,
}

#[derive(Serialize, Deserialize)]
struct Target {
    #[serde(default)]
    state: Option<String>,
    #[serde(rename = "state.v2", default)]
    state_v2: Option<String>,
}

impl TargetState {
    const fn name(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Started, Self::Paused, Self::Stopped].into_iter().find(|state| state.name() == name)
    }
}

impl Target {
    /// Workers that do not know `STOPPED` read `PAUSED` instead.
    fn of(state: TargetState) -> Self {
        let old = if state == TargetState::Stopped { TargetState::Paused } else { state };
        Self { state: Some(old.name().to_owned()), state_v2: Some(state.name().to_owned()) }
    }

    fn read(self) -> Result<TargetState, String> {
        let name = self.state_v2.or(self.state).ok_or("it names no state")?;
        TargetState::parse(&name).ok_or_else(|| format!("it names the unknown state \"{name}\""))
    }
}

impl LogRecord for ConfigRecord {
    fn key(&self) -> String {
        match self {
            Self::TargetState { connector, .. } => format!("target-state-{connector}"),
            Self::Connector { connector, .. } => format!("connector-{connector}"),
            Self::Task { connector, task, .. } => format!("task-{connector}-{task}"),
            Self::Commit { connector, .. } => format!("commit-{connector}"),
            Self::Restart { connector, .. } => format!("restart-connector-{connector}"),
            Self::FencedTasks { connector, .. } => format!("tasks-fencing-{connector}"),
            Self::SessionKey(_) => "session-key".to_owned(),
            Self::Logger { namespace, .. } => format!("logger-cluster-{namespace}"),
        }
    }

    fn value(&self) -> Option<Bytes> {
        match self {
            Self::TargetState { state, .. } => state.map(|state| json(&Target::of(state))),
            Self::Connector { config, .. } => {
                config.as_ref().map(|config| json(&Properties { properties: config.clone() }))
            }
            Self::Task { config, .. } => Some(json(&Properties { properties: config.clone() })),
            Self::Commit { tasks, .. } => Some(json(&Tasks { tasks: *tasks })),
            Self::Restart { scope, .. } => Some(json(scope)),
            Self::FencedTasks { tasks, .. } => Some(json(&TaskCount { task_count: *tasks })),
            Self::SessionKey(key) => Some(json(&Key {
                key: key.key.expose().clone(),
                algorithm: key.algorithm.clone(),
                creation_timestamp: key.creation_timestamp_ms,
            })),
            Self::Logger { level, .. } => Some(json(&Level { level: level.clone() })),
        }
    }

    fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Self, String> {
        let key = std::str::from_utf8(key).map_err(|_| "its key is not text".to_owned())?;
        if let Some(connector) = key.strip_prefix("target-state-") {
            let state = value.map(|value| parse::<Target>(value)?.read()).transpose()?;
            return Ok(Self::TargetState { connector: connector.to_owned(), state });
        }
        if let Some(connector) = key.strip_prefix("connector-") {
            let config = value.map(parse::<Properties>).transpose()?.map(|read| read.properties);
            return Ok(Self::Connector { connector: connector.to_owned(), config });
        }
        let value = value.ok_or("it has no value")?;
        decode_valued(key, value)
    }
}

/// The kinds of record that are never tombstones.
fn decode_valued(key: &str, value: &[u8]) -> Result<ConfigRecord, String> {
    if let Some(id) = key.strip_prefix("task-") {
        let (connector, task) = split_task(id).ok_or("its key has no task number")?;
        let config = parse::<Properties>(value)?.properties;
        return Ok(ConfigRecord::Task { connector, task, config });
    }
    if let Some(connector) = key.strip_prefix("commit-") {
        let tasks = parse::<Tasks>(value)?.tasks;
        return Ok(ConfigRecord::Commit { connector: connector.to_owned(), tasks });
    }
    if let Some(connector) = key.strip_prefix("restart-connector-") {
        return Ok(ConfigRecord::Restart { connector: connector.to_owned(), scope: parse(value)? });
    }
    if let Some(connector) = key.strip_prefix("tasks-fencing-") {
        let tasks = parse::<TaskCount>(value)?.task_count;
        return Ok(ConfigRecord::FencedTasks { connector: connector.to_owned(), tasks });
    }
    if key == "session-key" {
        let read: Key = parse(value)?;
        return Ok(ConfigRecord::SessionKey(SessionKey {
            key: Secret::new(read.key),
            algorithm: read.algorithm,
            creation_timestamp_ms: read.creation_timestamp,
        }));
    }
    if let Some(namespace) = key.strip_prefix("logger-cluster-") {
        let level = parse::<Level>(value)?.level;
        return Ok(ConfigRecord::Logger { namespace: namespace.to_owned(), level });
    }
    Err("its key is of no known kind".to_owned())
}

/// `CONN-N`: the name may hold dashes, the number is after the last one.
pub(super) fn split_task(id: &str) -> Option<(String, u32)> {
    let (connector, task) = id.rsplit_once('-')?;
    Some((connector.to_owned(), task.parse().ok()?))
}

/// Never repeats the value, which may hold secrets.
pub(super) fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<T, String> {
    serde_json::from_slice(value).map_err(|error| {
        format!("its value is not as expected at line {} column {}", error.line(), error.column())
    })
}

/// The types written here hold nothing that JSON cannot.
pub(super) fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}
