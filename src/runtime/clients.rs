//! What a task's clients and its pipeline are made from: the worker's settings, then the
//! connector's.
//!
//! Source: apache/kafka `Worker.java`, `ConnectUtils.java`.

use std::sync::Arc;

use connect_api::{
    config::Config as _,
    error::{ConnectorError, Result},
};

use super::{
    ConnectorPlugin, Seat,
    life::{Tries, from_broker},
};
use crate::{
    broker::{Admin, ClientKind, ClientSettings, Producer, ProducerSettings},
    pipeline::{Converters, DeadLetterConfig, DeadLetters, ErrorHandler},
    transform::Chain,
};

/// What a task is built from before it works, even while it is paused: what is wrong with it shows
/// at once.
pub(super) struct Parts {
    pub(super) converters: Converters,
    pub(super) transforms: Chain,
}

impl Seat {
    /// Builds what can be built without waiting for anybody, and checks the settings of the clients
    /// that the task is going to have.
    ///
    /// Source: apache/kafka `Worker.startTask`, which makes the clients themselves here.
    pub(super) fn build(&self) -> Result<Parts> {
        let converters = self.converters()?;
        let transforms = Chain::of(&self.spec.connector_config)?;
        match self.spec.plugin {
            ConnectorPlugin::Source(_) => self.check_source_clients()?,
            ConnectorPlugin::Sink(_) => {
                self.check(ClientKind::Consumer, &self.client("consumer", ClientKind::Consumer))?;
            }
        }
        Ok(Parts { converters, transforms })
    }

    fn check_source_clients(&self) -> Result<()> {
        let config = &self.spec.connector_config;
        let mut producer = self.client("producer", ClientKind::Producer);
        let is_exactly_once = self.settings.exactly_once_source;
        if is_exactly_once {
            producer.overrides.insert("enable.idempotence", "true");
        }
        self.check(ClientKind::Producer, &producer)?;
        let has_own_offsets =
            config.get("offsets.storage.topic").is_some_and(|topic| !topic.trim().is_empty());
        if is_exactly_once || has_own_offsets || self.creates_topics() {
            self.check(ClientKind::Admin, &self.client("adminclient", ClientKind::Admin))?;
        }
        if is_exactly_once || has_own_offsets {
            self.check(ClientKind::Consumer, &self.client("consumer", ClientKind::Consumer))?;
        }
        Ok(())
    }

    /// Whether the task creates topics by the rules of its connector.
    pub(super) fn creates_topics(&self) -> bool {
        let mut keys = self.spec.connector_config.keys();
        self.settings.topic_creation && keys.any(|key| key.starts_with("topic.creation."))
    }

    /// Checks what a client is made from, first in the words of Kafka's own clients.
    fn check(&self, kind: ClientKind, client: &ClientSettings) -> Result<()> {
        kind.check(&client.overrides)?;
        self.settings.broker.check_client(kind, client).map_err(from_broker)
    }

    /// Identity and settings of a client: `connector-ROLE-CONN-N`, and the worker's settings with
    /// the connector's laid over them.
    pub(super) fn client(&self, role: &str, kind: ClientKind) -> ClientSettings {
        let client_id = format!("connector-{role}-{}", self.spec.id);
        let layers = (&self.settings.worker, &self.spec.connector_config);
        ClientSettings::of_connector(client_id, kind, layers)
    }

    pub(super) fn converters(&self) -> Result<Converters> {
        let settings = &self.settings;
        Converters::of(&settings.converters, &self.spec.connector_config, &settings.worker)
    }

    /// What follows when a record fails, dead letters included where the connector is a sink.
    /// None when the task was told to stop before the broker answered.
    pub(super) async fn sink_errors(&self) -> Result<Option<Arc<ErrorHandler>>> {
        let config = DeadLetterConfig::parse(&self.spec.connector_config)?;
        let dead_letters = if config.is_enabled() {
            let Some(letters) = self.dead_letters(config).await? else { return Ok(None) };
            Some(Arc::new(letters))
        } else {
            None
        };
        self.errors(dead_letters).map(Some)
    }

    pub(super) fn errors(&self, letters: Option<Arc<DeadLetters>>) -> Result<Arc<ErrorHandler>> {
        let config = &self.spec.connector_config;
        let meter = Arc::clone(&self.reporter.meter);
        ErrorHandler::new(self.spec.id.to_string(), config, letters, meter).map(Arc::new)
    }

    async fn dead_letters(&self, config: DeadLetterConfig) -> Result<Option<DeadLetters>> {
        let admin = self.admin("dlq-adminclient").await?;
        let mut tries = Tries::of_broker();
        while let Err(error) = config.create_topic(&*admin).await {
            if !tries.again(self, from_broker(error)).await? {
                return Ok(None);
            }
        }
        let client = self.client("dlq-producer", ClientKind::Producer);
        self.check(ClientKind::Producer, &client)?;
        let settings = ProducerSettings { client, transactional_id: None };
        let Some(producer) = self.producer(&settings).await? else { return Ok(None) };
        let connector = Arc::clone(&self.spec.id.connector);
        Ok(Some(DeadLetters::new(config, connector, self.spec.id.task, producer)))
    }

    pub(super) async fn admin(&self, role: &str) -> Result<Arc<dyn Admin>> {
        let client = self.client(role, ClientKind::Admin);
        self.check(ClientKind::Admin, &client)?;
        self.settings.broker.admin(&client).await.map_err(|error| {
            ConnectorError::new(error.class(), "Could not make an admin client").caused_by(error)
        })
    }

    /// A producer; none when the task was told to stop before it could be had.
    pub(super) async fn producer(
        &self,
        settings: &ProducerSettings,
    ) -> Result<Option<Box<dyn Producer>>> {
        let mut tries = Tries::of_broker();
        loop {
            match self.settings.broker.producer(settings).await {
                Ok(producer) => return Ok(Some(producer)),
                Err(error) => {
                    if !tries.again(self, from_broker(error)).await? {
                        return Ok(None);
                    }
                }
            }
        }
    }
}
