//! Opens what the worker keeps about itself: topics, or memory and a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use connect_api::config::Props;

use super::Result;
use crate::{
    broker::Broker,
    config::{BrokerChoice, Mode, WorkerConfig},
    store::{
        ConfigRecord, FileOffsets, MemoryLog, RecordLog, SourceOffsets, StatusRecord, StoreError,
        TopicLog, TopicOffsets, TopicSettings, TopicUse, WorkerOffsets,
    },
};

/// Offset topic of a standalone worker on the embedded log, where offsets share a transaction with
/// records.
const STANDALONE_OFFSETS: &str = "connect-offsets";

pub(super) struct Stores {
    pub(super) configs: Arc<dyn RecordLog<ConfigRecord>>,
    pub(super) statuses: Arc<dyn RecordLog<StatusRecord>>,
    pub(super) offsets: Arc<dyn SourceOffsets>,
    /// Topics that all this is kept in.
    pub(super) topics: BTreeSet<String>,
}

impl Stores {
    pub(super) async fn open(
        config: &WorkerConfig,
        props: &Props,
        mode: Mode,
        broker: &Arc<dyn Broker>,
    ) -> Result<Self> {
        let stores = match mode {
            Mode::Standalone => Self::open_standalone(config, props, broker).await?,
            Mode::Distributed => Self::open_topics(config, props, broker).await?,
        };
        let topic = topic(config, props, TopicUse::Offsets);
        let offsets = WorkerOffsets::new(stores.offsets, Arc::clone(broker), topic);
        Ok(Self { offsets: Arc::new(offsets), ..stores })
    }

    async fn open_standalone(
        config: &WorkerConfig,
        props: &Props,
        broker: &Arc<dyn Broker>,
    ) -> Result<Self> {
        let mut topics = BTreeSet::new();
        let offsets: Arc<dyn SourceOffsets> = match config.broker() {
            BrokerChoice::Embedded(_) => {
                let topic = topic(config, props, TopicUse::Offsets);
                let topic = TopicSettings { name: STANDALONE_OFFSETS.to_owned(), ..topic };
                topics.insert(topic.name.clone());
                Arc::new(TopicOffsets::open(broker, &topic).await?)
            }
            BrokerChoice::Kafka(_) => {
                let path = config.offset_storage_file_filename.clone().unwrap_or_default();
                Arc::new(tokio::task::block_in_place(|| FileOffsets::load(path))?)
            }
        };
        Ok(Self {
            configs: Arc::new(MemoryLog::default()),
            statuses: Arc::new(MemoryLog::default()),
            offsets,
            topics,
        })
    }

    async fn open_topics(
        config: &WorkerConfig,
        props: &Props,
        broker: &Arc<dyn Broker>,
    ) -> Result<Self> {
        let [configs, statuses, offsets] = [TopicUse::Config, TopicUse::Status, TopicUse::Offsets]
            .map(|usage| topic(config, props, usage));
        let topics = [&configs, &statuses, &offsets].map(|topic| topic.name.clone()).into();
        let (configs, statuses, offsets) = tokio::try_join!(
            TopicLog::open(broker, &configs),
            TopicLog::open(broker, &statuses),
            TopicOffsets::open(broker, &offsets),
        )
        .map_err(|error: StoreError| error)?;
        Ok(Self {
            configs: Arc::new(configs),
            statuses: Arc::new(statuses),
            offsets: Arc::new(offsets),
            topics,
        })
    }
}

fn topic(config: &WorkerConfig, props: &Props, usage: TopicUse) -> TopicSettings {
    let (name, prefix, partitions, copies) = match usage {
        TopicUse::Config => (
            &config.config_storage_topic,
            "config.storage.",
            Some(1),
            config.config_storage_replication_factor,
        ),
        TopicUse::Offsets | TopicUse::OwnOffsets => (
            &config.offset_storage_topic,
            "offset.storage.",
            Some(config.offset_storage_partitions),
            config.offset_storage_replication_factor,
        ),
        TopicUse::Status => (
            &config.status_storage_topic,
            "status.storage.",
            Some(config.status_storage_partitions),
            config.status_storage_replication_factor,
        ),
    };
    TopicSettings {
        usage,
        name: name.clone().unwrap_or_default(),
        partitions: partitions.filter(|&count| count != -1),
        replication_factor: Some(copies).filter(|&count| count != -1),
        settings: further_settings(props, prefix),
        client_prefix: client_prefix(config, props),
        bootstrap_servers: match config.broker() {
            BrokerChoice::Kafka(servers) => Some(servers),
            BrokerChoice::Embedded(_) => None,
        },
    }
}

/// Settings of the topic itself; the keys that mean something to us, and the policy, which is
/// always `compact`, are not among them.
fn further_settings(props: &Props, prefix: &str) -> BTreeMap<String, String> {
    const OURS: [&str; 5] =
        ["topic", "partitions", "replication.factor", "cleanup.policy", "file.filename"];
    let own = props.with_prefix(prefix);
    own.into_iter().filter(|(key, _)| !OURS.contains(&key.as_str())).collect()
}

/// `GROUP` or `GROUP-CLIENTID`. Source: apache/kafka `DistributedConfig`.
fn client_prefix(config: &WorkerConfig, props: &Props) -> String {
    let group = config.group_id.as_deref().unwrap_or("connect-standalone");
    match props.get("client.id").map(str::trim) {
        Some(id) if !id.is_empty() => format!("{group}-{id}"),
        _ => group.to_owned(),
    }
}
