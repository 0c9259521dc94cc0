//! The topics of one connector's dead letters, and the clients for them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use connect_api::{
    config::{Config as _, Props},
    record::TopicPartition,
};

use super::error::{LettersError, Result};
use crate::{
    broker::{
        Admin, Broker, BrokerError, ClientKind, ClientSettings, NewTopic, Producer,
        ProducerSettings, ReadFrom, ReaderSettings, TopicCreation, TopicReader, Watermarks,
    },
    pipeline::{DeadLetterConfig, redrive_topic},
};

/// The dead letter queue of a connector.
#[derive(Clone)]
pub struct Queue {
    pub(super) connector: Arc<str>,
    /// The queue itself.
    pub(super) topic: Arc<str>,
    replication_factor: i16,
    /// Configuration of the connector, references resolved.
    config: Props,
    worker: Props,
}

/// Without the configurations, which may hold secrets.
impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Queue({} of {})", self.topic, self.connector)
    }
}

impl Queue {
    /// The queue that a sink's configuration names, references resolved; none without one.
    ///
    /// # Errors
    /// `Invalid` when the options of the queue are wrong.
    pub fn of(connector: &str, config: &Props, worker: &Props) -> Result<Option<Self>> {
        let options = DeadLetterConfig::parse(config)
            .map_err(|error| LettersError::Invalid(error.to_string()))?;
        Ok(options.is_enabled().then(|| Self {
            connector: connector.into(),
            topic: options.topic().into(),
            replication_factor: options.replication_factor(),
            config: config.clone(),
            worker: worker.clone(),
        }))
    }

    /// The queue's topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Topic that the connector's tasks read letters from.
    #[must_use]
    pub fn redrive_topic(&self) -> String {
        redrive_topic(&self.topic, &self.connector)
    }

    /// Topic that says what was redriven.
    pub(super) fn markers_topic(&self) -> String {
        format!("{}.redriven", self.topic)
    }

    /// Where a consumer of the connector begins that has committed nothing; none for the default.
    pub(super) fn offset_reset(&self) -> Option<String> {
        let settings = self.client(ClientKind::Consumer);
        settings.overrides.get("auto.offset.reset").map(|reset| reset.trim().to_ascii_lowercase())
    }

    /// Topics that the connector's configuration names.
    pub(super) async fn own_topics(&self, admin: &dyn Admin) -> Result<Vec<String>, BrokerError> {
        let pattern = self.config.get("topics.regex").map(str::trim).unwrap_or_default();
        if pattern.is_empty() {
            let topics = self.config.get("topics").unwrap_or_default();
            let topics = topics.split(',').map(str::trim).filter(|topic| !topic.is_empty());
            return Ok(topics.map(str::to_owned).collect());
        }
        let pattern = regex::Regex::new(&format!("^(?:{pattern})$"))
            .map_err(|error| BrokerError::Invalid(error.to_string()))?;
        let mut topics = admin.list_topics().await?;
        topics.retain(|topic| pattern.is_match(topic));
        Ok(topics)
    }

    fn client(&self, kind: ClientKind) -> ClientSettings {
        let client_id = format!("connector-letters-{}-{}", kind.name(), self.connector);
        ClientSettings::of_connector(client_id, kind, (&self.worker, &self.config))
    }

    pub(super) async fn admin(&self, broker: &Arc<dyn Broker>) -> Result<Arc<dyn Admin>> {
        let made = broker.admin(&self.client(ClientKind::Admin)).await;
        made.map_err(LettersError::during("make an admin client"))
    }

    /// A producer that fences off every older one of the queue.
    pub(super) async fn producer(&self, broker: &Arc<dyn Broker>) -> Result<Box<dyn Producer>> {
        let mut client = self.client(ClientKind::Producer);
        client.overrides.insert("enable.idempotence", "true");
        client.overrides.insert("acks", "all");
        let transactional_id = Some(format!("millrace-redrive-{}", self.topic));
        let made = broker.producer(&ProducerSettings { client, transactional_id }).await;
        made.map_err(LettersError::during(format!(
            "make a transactional producer for the letters of queue \"{}\"",
            self.topic
        )))
    }

    /// A reader of one partition of a topic, which sees what is committed.
    pub(super) async fn reader(
        &self,
        broker: &Arc<dyn Broker>,
        at: &TopicPartition,
        offset: i64,
    ) -> Result<Box<dyn TopicReader>, BrokerError> {
        let settings = ReaderSettings {
            client: self.client(ClientKind::Consumer),
            topic: at.topic.as_ref().to_owned(),
            from: ReadFrom::Offsets(BTreeMap::from([(at.partition, offset)])),
            is_read_committed: true,
        };
        broker.reader(&settings).await
    }

    /// Creates a topic beside the queue where it is missing.
    pub(super) async fn create_topic(
        &self,
        admin: &dyn Admin,
        (name, partitions): (&str, i32),
        settings: &[(&str, &str)],
    ) -> Result<TopicCreation, BrokerError> {
        let setting = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let topic = NewTopic {
            name: name.to_owned(),
            partitions: Some(partitions),
            replication_factor: Some(self.replication_factor),
            settings: settings.iter().map(setting).collect(),
        };
        admin.create_topic(&topic).await
    }
}

/// Partitions of a topic with where they begin and end; empty for a topic that is not there.
pub(super) async fn ends_of(
    admin: &dyn Admin,
    topic: &Arc<str>,
) -> Result<BTreeMap<TopicPartition, Watermarks>> {
    let asking = async {
        let Some(count) = partitions_of(admin, topic).await? else { return Ok(BTreeMap::new()) };
        let at = |partition| TopicPartition { topic: Arc::clone(topic), partition };
        admin.watermarks(&(0..count).map(at).collect::<Vec<_>>()).await
    };
    asking.await.map_err(LettersError::during(format!("find where topic \"{topic}\" ends")))
}

/// Number of partitions of a topic; none for one that is not there.
pub(super) async fn partitions_of(
    admin: &dyn Admin,
    topic: &str,
) -> Result<Option<i32>, BrokerError> {
    let found = admin.describe_topics(&[topic.to_owned()]).await?;
    Ok(found.get(topic).map(|topic| topic.partitions))
}
