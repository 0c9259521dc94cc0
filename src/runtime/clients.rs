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
    Seat,
    life::{Tries, from_broker},
};
use crate::{
    broker::{Admin, ClientSettings, Producer, ProducerSettings},
    pipeline::{Converters, DeadLetterConfig, DeadLetters, ErrorHandler},
};

/// The clients a connector has settings of its own for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Client {
    Producer,
    Consumer,
    Admin,
}

impl Client {
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Admin => "admin",
        }
    }
}

impl Seat {
    /// Identity and settings of a client: `connector-ROLE-CONN-N`, and the worker's settings with
    /// the connector's laid over them.
    pub(super) fn client(&self, role: &str, client: Client) -> ClientSettings {
        let client_id = format!("connector-{role}-{}", self.spec.id);
        let layers = (&self.settings.worker, &self.spec.connector_config);
        ClientSettings::of_connector(client_id, client.prefix(), layers)
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
        let client = self.client("dlq-producer", Client::Producer);
        let settings = ProducerSettings { client, transactional_id: None };
        let Some(producer) = self.producer(&settings).await? else { return Ok(None) };
        let connector = Arc::clone(&self.spec.id.connector);
        Ok(Some(DeadLetters::new(config, connector, self.spec.id.task, producer)))
    }

    pub(super) async fn admin(&self, role: &str) -> Result<Arc<dyn Admin>> {
        let client = self.client(role, Client::Admin);
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
