//! A compacted topic as a log of records, on either broker.

use std::{collections::BTreeMap, fmt, marker::PhantomData, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use connect_api::config::Props;
use connect_api::error::chain;
use tokio::{sync::Mutex, time::Instant};
use tracing::{info, warn};

use super::{
    error::{Result, StoreError},
    log::{LogRecord, RecordLog},
};
use crate::broker::{
    Admin, Broker, BrokerError, ClientSettings, ConsumerRecord, NewTopic, Producer, ProducerRecord,
    ProducerSettings, ReadFrom, ReaderSettings, TopicReader,
};

/// How long the creation of a topic is tried again, while brokers are still starting.
const CREATION_PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks for a topic that was made.
const KNOWN_PAUSE: Duration = Duration::from_millis(20);
/// Wait between two tries.
const CREATION_PAUSE: Duration = Duration::from_secs(1);

/// What a worker's own topic is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicUse {
    /// Configurations of connectors and tasks.
    Config,
    /// Offsets of sources.
    Offsets,
    /// Offsets of one source that has a topic of its own.
    OwnOffsets,
    /// States of connectors and tasks.
    Status,
}

impl TopicUse {
    const fn property(self) -> &'static str {
        match self {
            Self::Config => "config.storage.topic",
            Self::Offsets => "offset.storage.topic",
            Self::OwnOffsets => "offsets.storage.topic",
            Self::Status => "status.storage.topic",
        }
    }

    const fn content(self) -> &'static str {
        match self {
            Self::Config => "connector configurations",
            Self::Offsets | Self::OwnOffsets => "source connector offsets",
            Self::Status => "connector and task statuses",
        }
    }

    const fn client_suffix(self) -> &'static str {
        match self {
            Self::Config => "configs",
            Self::Offsets | Self::OwnOffsets => "offsets",
            Self::Status => "statuses",
        }
    }
}

/// A worker's own topic.
#[derive(Clone, Debug)]
pub struct TopicSettings {
    /// What it is used for.
    pub usage: TopicUse,
    /// Its name.
    pub name: String,
    /// Partitions it is created with; none leaves them to the broker. The config topic has one.
    pub partitions: Option<i32>,
    /// Copies of each partition it is created with; none leaves them to the broker.
    pub replication_factor: Option<i16>,
    /// Further settings it is created with.
    pub settings: BTreeMap<String, String>,
    /// What its clients are called before the `-configs`, `-offsets` or `-statuses`.
    pub client_prefix: String,
    /// Servers of the cluster, for the commands that repair a topic; none on the embedded log.
    pub bootstrap_servers: Option<String>,
}

impl TopicSettings {
    /// How an error ends that a command repairs; Kafka's own commands do not reach the embedded log.
    fn repair(&self, tool: &str, arguments: &str) -> String {
        let Some(servers) = &self.bootstrap_servers else { return String::new() };
        format!(", or repair this one with: {tool} --bootstrap-server {servers} {arguments}")
    }
}

/// Bytes of a compacted topic: written with acknowledgement, read to the end.
pub(super) struct CompactedTopic {
    name: Arc<str>,
    reader: Mutex<Box<dyn TopicReader>>,
    producer: Mutex<Box<dyn Producer>>,
}

impl CompactedTopic {
    /// Creates the topic if it is absent, checks it, and connects to it.
    pub(super) async fn open(broker: &Arc<dyn Broker>, topic: &TopicSettings) -> Result<Self> {
        let prepare = |source| StoreError::Prepare {
            topic: topic.name.clone(),
            property: topic.usage.property(),
            source,
        };
        let client = ClientSettings {
            client_id: format!("{}-{}", topic.client_prefix, topic.usage.client_suffix()),
            ..ClientSettings::default()
        };
        let admin = broker.admin(&client).await.map_err(prepare)?;
        ensure(admin.as_ref(), topic).await?;
        let reader = ReaderSettings {
            client: client.clone(),
            topic: topic.name.clone(),
            from: ReadFrom::Beginning,
            is_read_committed: true,
        };
        // Source: apache/kafka `KafkaConfigBackingStore.java`. Records of a compacted topic may be
        // stored twice, and an idempotent producer would have to wait for its number first.
        let overrides = Props::from([
            ("enable.idempotence", "false"),
            ("max.in.flight.requests.per.connection", "1"),
        ]);
        let client = ClientSettings { overrides, ..client };
        let producer = ProducerSettings { client, transactional_id: None };
        Ok(Self {
            name: topic.name.as_str().into(),
            reader: Mutex::new(broker.reader(&reader).await.map_err(prepare)?),
            producer: Mutex::new(broker.producer(&producer).await.map_err(prepare)?),
        })
    }

    pub(super) const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Everything since the last call, by rising offset in each partition.
    pub(super) async fn read(&self) -> Result<Vec<ConsumerRecord>> {
        let read = self.reader.lock().await.read_to_end().await;
        let parts = read
            .map_err(|source| StoreError::Read { topic: self.name.as_ref().to_owned(), source })?;
        Ok(parts.into_iter().flat_map(|part| part.records).collect())
    }

    /// Writes records and waits until every one is acknowledged.
    pub(super) async fn write(&self, records: Vec<ProducerRecord>) -> Result<()> {
        let failed = |source| StoreError::Write { topic: self.name.as_ref().to_owned(), source };
        let delivery = self.producer.lock().await.send(records).await.map_err(failed)?;
        let report = delivery.await.map_err(failed)?;
        report.failed.into_iter().next().map_or(Ok(()), |(_, source)| Err(failed(source)))
    }

    /// A record of this topic.
    pub(super) fn record(&self, key: Bytes, value: Option<Bytes>) -> ProducerRecord {
        ProducerRecord {
            topic: Arc::clone(&self.name),
            partition: None,
            key: Some(key),
            value,
            timestamp_ms: None,
            headers: Vec::new(),
        }
    }
}

impl fmt::Debug for CompactedTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompactedTopic({})", self.name)
    }
}

/// A compacted topic that holds records of one kind.
#[derive(Debug)]
pub struct TopicLog<R> {
    topic: CompactedTopic,
    kind: PhantomData<fn() -> R>,
}

impl<R: LogRecord> TopicLog<R> {
    /// Creates the topic if it is absent, checks it, and connects to it.
    ///
    /// # Errors
    /// `Prepare` when the broker does not let us; `TooManyPartitions` and `WrongPolicy` for a
    /// topic that would not keep the records.
    pub async fn open(broker: &Arc<dyn Broker>, topic: &TopicSettings) -> Result<Self> {
        Ok(Self { topic: CompactedTopic::open(broker, topic).await?, kind: PhantomData })
    }
}

#[async_trait]
impl<R: LogRecord> RecordLog<R> for TopicLog<R> {
    async fn read(&self) -> Result<Vec<R>> {
        let mut records = Vec::new();
        for read in self.topic.read().await? {
            let Some(key) = read.key else { continue };
            match R::decode(&key, read.value.as_deref()) {
                Ok(record) => records.push(record),
                Err(reason) => warn!(
                    topic = %self.topic.name(),
                    offset = read.offset,
                    "Passed over record \"{}\" of topic \"{}\": {reason}",
                    String::from_utf8_lossy(&key),
                    self.topic.name(),
                ),
            }
        }
        Ok(records)
    }

    async fn write(&self, records: &[R]) -> Result<()> {
        let bytes = |record: &R| self.topic.record(record.key().into(), record.value());
        self.topic.write(records.iter().map(bytes).collect()).await
    }
}

/// Creates the topic, or checks the one that is there.
async fn ensure(admin: &dyn Admin, topic: &TopicSettings) -> Result<()> {
    let prepare = |source| StoreError::Prepare {
        topic: topic.name.clone(),
        property: topic.usage.property(),
        source,
    };
    let names = [topic.name.clone()];
    let described = admin.describe_topics(&names).await.map_err(prepare)?;
    if let Some(found) = described.get(&topic.name) {
        return check(admin, topic, found.partitions).await;
    }
    create(admin, topic).await.map_err(prepare)?;
    wait_until_known(admin, &names).await.map_err(prepare)?;
    info!(topic = %topic.name, "Created topic \"{}\" for {}", topic.name, topic.usage.content());
    Ok(())
}

/// Waits until the broker that is asked has heard of a topic that the controller has made.
async fn wait_until_known(admin: &dyn Admin, names: &[String; 1]) -> Result<(), BrokerError> {
    let [name] = names;
    let patience_ends = Instant::now() + CREATION_PATIENCE;
    while !admin.describe_topics(names).await?.contains_key(name) {
        if Instant::now() >= patience_ends {
            return Err(BrokerError::UnknownTopic(name.clone()));
        }
        tokio::time::sleep(KNOWN_PAUSE).await;
    }
    Ok(())
}

async fn create(admin: &dyn Admin, topic: &TopicSettings) -> Result<(), BrokerError> {
    let mut settings = topic.settings.clone();
    settings.insert("cleanup.policy".to_owned(), "compact".to_owned());
    let is_config = topic.usage == TopicUse::Config;
    let wanted = NewTopic {
        name: topic.name.clone(),
        partitions: if is_config { Some(1) } else { topic.partitions },
        replication_factor: topic.replication_factor,
        settings,
    };
    let patience_ends = Instant::now() + CREATION_PATIENCE;
    loop {
        match admin.create_topic(&wanted).await {
            Ok(_) => return Ok(()),
            Err(error) if !is_worth_waiting(&error) || Instant::now() >= patience_ends => {
                return Err(error);
            }
            Err(error) => {
                warn!(topic = %topic.name, "Trying again soon to create the topic: {}", chain(&error));
            }
        }
        tokio::time::sleep(CREATION_PAUSE).await;
    }
}

/// Brokers that are still starting are missed in the replication factor.
fn is_worth_waiting(error: &BrokerError) -> bool {
    let is_about_replicas = || chain(error).to_ascii_lowercase().contains("replication");
    matches!(error, BrokerError::Unavailable { .. })
        || matches!(error, BrokerError::Rejected { .. }) && is_about_replicas()
}

async fn check(admin: &dyn Admin, topic: &TopicSettings, partitions: i32) -> Result<()> {
    if topic.usage == TopicUse::Config && partitions != 1 {
        return Err(StoreError::TooManyPartitions {
            topic: topic.name.clone(),
            property: topic.usage.property(),
            found: partitions,
            // Partitions cannot be taken away. The worker makes the topic anew.
            repair: topic.repair(
                "kafka-topics.sh",
                &format!("--delete --topic {} (which deletes what is in it)", topic.name),
            ),
        });
    }
    let settings = match admin.topic_settings(&topic.name).await {
        Ok(settings) => settings,
        Err(error) => {
            warn!(
                topic = %topic.name,
                "Could not check that 'cleanup.policy' of topic \"{}\" is 'compact': {}",
                topic.name,
                chain(&error),
            );
            return Ok(());
        }
    };
    match settings.get("cleanup.policy") {
        Some(policy) if policy != "compact" => Err(StoreError::WrongPolicy {
            topic: topic.name.clone(),
            property: topic.usage.property(),
            content: topic.usage.content(),
            found: policy.clone(),
            repair: topic.repair(
                "kafka-configs.sh",
                &format!(
                    "--alter --entity-type topics --entity-name {} --add-config \
                     cleanup.policy=compact",
                    topic.name
                ),
            ),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
