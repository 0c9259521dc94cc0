//! What REST holds of the herder.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};
use tracing::warn;

use super::{
    actor::{Actor, Channels},
    command::{Change, Command, INBOX, IfExists, OffsetChange, Put, Reply, Restarted},
    error::{HerderError, Result},
    offsets,
    replies::{
        ActiveTopics, ConnectorHistory, ConnectorInfo, ConnectorOffset, ConnectorOffsets,
        ConnectorStateInfo, ExpandedConnector, ExpandedConnectors, Health, Message, PluginInfo,
        ServerInfo, TaskInfo, TaskState, TopicList,
    },
    settings::{HerderParts, HerderSettings, TopicTracking},
    snapshot::Snapshot,
    starter::{TaskEvent, TaskId},
    validate::{RawConfig, props_of},
};
use crate::{
    letters::Letters,
    store::{RestartScope, StoreError, TargetState},
    tasks::TaskGroup,
};

/// How long a request may take. Source: `RestServerConfig.java`.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the answer to a health check may take. Source: KIP-1017.
const HEALTH_PATIENCE: Duration = Duration::from_secs(10);

/// The door to the herder; cheap to clone.
#[derive(Clone, Debug)]
pub struct HerderHandle {
    commands: mpsc::Sender<Command>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(super) settings: Arc<HerderSettings>,
    pub(super) parts: HerderParts,
    /// Patches read before they write, so they come one at a time.
    patching: Arc<Mutex<()>>,
    pub(super) letters: Letters,
}

/// A connector to create.
#[derive(Clone, Debug)]
pub struct NewConnector {
    /// Name.
    pub name: String,
    /// Configuration.
    pub config: RawConfig,
    /// State it is in at first; running when none is given.
    pub initial_state: Option<TargetState>,
}

/// What `GET /connectors?expand=…` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// States.
    pub status: bool,
    /// Configurations.
    pub info: bool,
}

/// Starts the herder of a worker under a task group.
///
/// It reads the stores, brings every connector back in its state, and runs until
/// [`HerderHandle::stop`] or the group's token; its task ends when everything is stopped, and fails
/// when the stores cannot be used. Task events come from the runtime.
pub fn start(
    settings: HerderSettings,
    parts: HerderParts,
    events: mpsc::Receiver<TaskEvent>,
    group: &TaskGroup,
) -> (HerderHandle, JoinHandle<std::result::Result<(), StoreError>>) {
    let (commands, inbox) = mpsc::channel(INBOX);
    let (sender, snapshots) = watch::channel(Arc::default());
    let settings = Arc::new(settings);
    let letters = Letters::new(Arc::clone(&parts.broker), Arc::clone(&parts.clock), group);
    let handle = HerderHandle {
        commands,
        snapshots,
        settings: Arc::clone(&settings),
        parts: parts.clone(),
        patching: Arc::default(),
        letters,
    };
    let channels = Channels { inbox, events, snapshots: sender };
    let actor = Actor::new(settings, parts, group.clone(), channels);
    let running = group.spawn("herder", actor.run());
    (handle, running)
}

impl HerderHandle {
    /// Who answers.
    #[must_use]
    pub fn server_info(&self) -> ServerInfo {
        ServerInfo {
            version: self.settings.version.clone(),
            commit: self.settings.commit.clone(),
            kafka_cluster_id: self.snapshots.borrow().cluster_id.clone(),
        }
    }

    /// Whether the herder has read its stores and answers.
    pub async fn health(&self) -> Health {
        let (reply, answer) = oneshot::channel();
        let ask = async {
            self.commands.send(Command::Ping(reply)).await.ok()?;
            answer.await.ok()
        };
        match timeout(HEALTH_PATIENCE, ask).await {
            Ok(Some(())) => Health::Healthy,
            _ if !self.snapshots.borrow().is_loaded => Health::Starting,
            _ => Health::Unhealthy,
        }
    }

    /// The truth, once the stores were read.
    pub(super) async fn snapshot(&self) -> Result<Arc<Snapshot>> {
        let mut snapshots = self.snapshots.clone();
        let loaded = timeout(PATIENCE, snapshots.wait_for(|snapshot| snapshot.is_loaded)).await;
        match loaded {
            Ok(Ok(snapshot)) => Ok(Arc::clone(&snapshot)),
            Ok(Err(_closed)) => Err(HerderError::ShuttingDown),
            Err(_late) => Err(HerderError::TimedOut),
        }
    }

    /// Waits for the next change of the truth.
    #[cfg(test)]
    pub(crate) async fn changed(&self) {
        // Missed is what happened before the call; the wait is short so that it is looked at.
        let mut snapshots = self.snapshots.clone();
        drop(timeout(Duration::from_millis(20), snapshots.changed()).await);
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let ask = async {
            self.commands.send(command(reply)).await.map_err(|_| HerderError::ShuttingDown)?;
            answer.await.map_err(|_| HerderError::ShuttingDown)?
        };
        timeout(PATIENCE, ask).await.unwrap_or(Err(HerderError::TimedOut))
    }

    /// Names of all connectors, in order.
    ///
    /// # Errors
    /// `TimedOut`, `ShuttingDown`: as every read.
    pub async fn names(&self) -> Result<Vec<Arc<str>>> {
        let snapshot = self.snapshot().await?;
        Ok(snapshot.configured().map(|connector| Arc::clone(&connector.name)).collect())
    }

    /// All connectors with what was asked for; without a status, one that should show it is left
    /// out.
    ///
    /// # Errors
    /// As every read.
    pub async fn expanded(&self, expansion: Expansion) -> Result<ExpandedConnectors> {
        let snapshot = self.snapshot().await?;
        let mut expanded = ExpandedConnectors::new();
        for connector in snapshot.configured() {
            let status = connector.state().filter(|_| expansion.status);
            if expansion.status && status.is_none() {
                continue;
            }
            let info = expansion.info.then(|| connector.info());
            expanded.insert(connector.name.as_ref().to_owned(), ExpandedConnector { status, info });
        }
        Ok(expanded)
    }

    /// A connector with its configuration and tasks.
    ///
    /// # Errors
    /// `ConnectorNotFound`, and as every read.
    pub async fn info(&self, name: &str) -> Result<ConnectorInfo> {
        Ok(self.snapshot().await?.connector(name)?.info())
    }

    /// A connector's tasks with their configurations.
    ///
    /// # Errors
    /// `ConnectorNotFound`, and as every read.
    pub async fn tasks(&self, name: &str) -> Result<Vec<TaskInfo>> {
        Ok(self.snapshot().await?.connector(name)?.task_infos())
    }

    /// State of a connector and its tasks.
    ///
    /// # Errors
    /// `NoConnectorStatus`, and as every read.
    pub async fn status(&self, name: &str) -> Result<ConnectorStateInfo> {
        self.snapshot().await?.state(name)
    }

    /// State of a task.
    ///
    /// # Errors
    /// `NoTaskStatus`, and as every read.
    pub async fn task_status(&self, name: &str, task: u32) -> Result<TaskState> {
        let snapshot = self.snapshot().await?;
        let known = snapshot.connectors.get(name).and_then(|known| known.status.tasks.get(&task));
        known
            .map(|status| TaskState::of(task, status))
            .ok_or_else(|| HerderError::NoTaskStatus(format!("{name}-{task}")))
    }

    /// What happened to a connector and its tasks since the worker started.
    ///
    /// # Errors
    /// `ConnectorNotFound`, and as every request.
    pub async fn history(&self, name: &str) -> Result<ConnectorHistory> {
        self.ask(|reply| Command::History { name: name.into(), reply }).await
    }

    /// Topics a connector used; none for one that does not exist.
    ///
    /// # Errors
    /// `TopicTrackingDisabled`, and as every read.
    pub async fn topics(&self, name: &str) -> Result<ActiveTopics> {
        if self.settings.topic_tracking == TopicTracking::Off {
            return Err(HerderError::TopicTrackingDisabled);
        }
        let snapshot = self.snapshot().await?;
        let known = snapshot.connectors.get(name).filter(|known| known.config.is_some());
        let topics = known.map(|known| known.status.topics.iter().cloned().collect());
        Ok(ActiveTopics::from([(name.into(), TopicList { topics: topics.unwrap_or_default() })]))
    }

    /// Begins a connector's account of topics anew.
    ///
    /// # Errors
    /// `TopicTrackingDisabled`, `TopicResetDisabled`, and as every request.
    pub async fn reset_topics(&self, name: &str) -> Result<()> {
        match self.settings.topic_tracking {
            TopicTracking::Off => Err(HerderError::TopicTrackingDisabled),
            TopicTracking::WithoutReset => Err(HerderError::TopicResetDisabled),
            TopicTracking::On => {
                self.ask(|reply| Command::ResetTopics { name: name.into(), reply }).await
            }
        }
    }

    /// Offsets of a connector.
    ///
    /// # Errors
    /// `ConnectorNotFound`, `SinkOffsets`, `SourceOffsets`.
    pub async fn offsets(&self, name: &str) -> Result<ConnectorOffsets> {
        let snapshot = self.snapshot().await?;
        let config = snapshot.connector(name)?.config.clone().unwrap_or_default();
        let read = offsets::read(&self.parts, name, &config);
        timeout(PATIENCE, read).await.unwrap_or(Err(HerderError::TimedOut))
    }

    /// Sets or forgets offsets of a stopped connector.
    ///
    /// # Errors
    /// `NoOffsets`, `ConnectorNotFound`, `NotStopped`, and what the connector says of them.
    pub async fn alter_offsets(&self, name: &str, wanted: Vec<ConnectorOffset>) -> Result<Message> {
        let wanted = offsets::parse(wanted)?;
        self.change_offsets(name, OffsetChange::Alter(wanted)).await
    }

    /// Forgets all offsets of a stopped connector.
    ///
    /// # Errors
    /// `ConnectorNotFound`, `NotStopped`, and what the connector says of it.
    pub async fn reset_offsets(&self, name: &str) -> Result<Message> {
        self.change_offsets(name, OffsetChange::Reset).await
    }

    async fn change_offsets(&self, name: &str, change: OffsetChange) -> Result<Message> {
        let name = name.into();
        self.ask(|reply| Command::Change(Change::Offsets { name, change, reply })).await
    }

    /// Creates a connector.
    ///
    /// # Errors
    /// `InvalidConfig` and the like for its configuration, `AlreadyExists`.
    pub async fn create(&self, new: NewConnector) -> Result<Put> {
        let NewConnector { name, config, initial_state } = new;
        self.put(name, config, (initial_state, IfExists::Refuse)).await
    }

    /// Creates a connector, or gives it another configuration.
    ///
    /// # Errors
    /// `InvalidConfig` and the like for its configuration.
    pub async fn put_config(&self, name: &str, config: RawConfig) -> Result<Put> {
        self.put(name.to_owned(), config, (None, IfExists::Replace)).await
    }

    async fn put(
        &self,
        name: String,
        mut config: RawConfig,
        (initial_state, if_exists): (Option<TargetState>, IfExists),
    ) -> Result<Put> {
        // A name that is null is as good as none.
        let in_config = config.entry("name".to_owned()).or_default();
        let in_config = in_config.get_or_insert_with(|| name.clone()).clone();
        if in_config != name {
            return Err(HerderError::NameMismatch { in_config, in_url: name });
        }
        for warning in self.validator().validate(&config)?.into_result()? {
            warn!(connector = %name, "Configuration of connector {name}: {warning}");
        }
        let config = props_of(&config);
        let name = name.into();
        self.ask(|reply| {
            Command::Change(Change::Put { name, config, initial_state, if_exists, reply })
        })
        .await
    }

    /// Changes some keys of a connector's configuration; a key without a value is removed.
    ///
    /// # Errors
    /// `ConnectorNotFound`, `InvalidConfig` and the like.
    pub async fn patch_config(&self, name: &str, patch: RawConfig) -> Result<ConnectorInfo> {
        let _alone = self.patching.lock().await;
        let current = self.info(name).await?.config;
        let mut config: RawConfig =
            current.iter().map(|(key, value)| (key.to_owned(), Some(value.to_owned()))).collect();
        for (key, value) in patch {
            match value {
                Some(value) => config.insert(key, Some(value)),
                None => config.remove(&key),
            };
        }
        match self.put_config(name, config).await? {
            Put::Created(info) | Put::Replaced(info) => Ok(info),
        }
    }

    /// Deletes a connector; its tasks stop afterwards.
    ///
    /// # Errors
    /// `ConnectorNotFound`, and as every request.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let name = name.into();
        self.ask(|reply| Command::Change(Change::Delete { name, reply })).await
    }

    /// Asks for another state of a connector.
    ///
    /// # Errors
    /// `UnknownConnector`, and as every request.
    pub async fn set_target(&self, name: &str, target: TargetState) -> Result<()> {
        let name = name.into();
        self.ask(|reply| Command::Change(Change::SetTarget { name, target, reply })).await
    }

    /// Restarts a connector, or with a scope those parts of it that the scope includes.
    ///
    /// # Errors
    /// `RestartUnknown`, `NoStatusToRestart`, `ConnectorNotStarted`.
    pub async fn restart(&self, name: &str, scope: RestartScope) -> Result<Restarted> {
        let name = name.into();
        if scope == RestartScope::default() {
            return self.ask(|reply| Command::RestartConnector { name, reply }).await;
        }
        self.ask(|reply| Command::Change(Change::Restart { name, scope, reply })).await
    }

    /// Restarts a task.
    ///
    /// # Errors
    /// `RestartUnknown`, `UnknownTask`.
    pub async fn restart_task(&self, name: &str, task: u32) -> Result<()> {
        let id = TaskId { connector: name.into(), task };
        self.ask(|reply| Command::RestartTask { id, reply }).await
    }

    /// The classes that are linked in.
    #[must_use]
    pub fn plugins(&self, connectors_only: bool) -> Vec<PluginInfo> {
        if connectors_only {
            self.parts.plugins.list_connectors()
        } else {
            self.parts.plugins.list()
        }
    }

    /// Stops redrives, then every task, sources first, and ends the herder; its task says when that
    /// is done.
    pub async fn stop(&self) {
        self.letters.stop().await;
        // A closed inbox is a herder that has stopped already.
        let _stopped = self.commands.send(Command::Stop).await;
    }
}
