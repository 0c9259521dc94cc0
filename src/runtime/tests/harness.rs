//! A runtime on an embedded log in a directory of its own, and what tests ask of it.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use connect_api::{budget::MemoryBudget, config::Props, record::TopicPartition, time::SystemClock};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{
    broker::{
        Broker, ClientSettings, ProducerRecord, ProducerSettings, ReadFrom, ReaderSettings,
        embedded::EmbeddedBroker,
    },
    convert::ConverterRegistry,
    metrics::{Metrics, Sampling},
    runtime::{
        ConnectorPlugin, Runtime, RuntimeSettings, TaskEvent, TaskEventKind, TaskHandle, TaskId,
        TaskSpec, TaskTarget,
    },
    store::{SourceOffsets, TopicOffsets, TopicSettings, TopicUse},
    tasks::TaskGroup,
};

/// Longest wait for anything that is to happen at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Harness {
    pub(super) broker: Arc<EmbeddedBroker>,
    pub(super) offsets: Arc<dyn SourceOffsets>,
    pub(super) runtime: Runtime,
    pub(super) events: mpsc::Receiver<TaskEvent>,
    pub(super) tasks: TaskGroup,
    directory: Option<TempDir>,
}

impl Harness {
    pub(super) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut harness = Self::open(directory.path(), |_| {}).await;
        harness.directory = Some(directory);
        harness
    }

    pub(super) async fn open(directory: &Path, change: impl FnOnce(&mut RuntimeSettings)) -> Self {
        let tasks = TaskGroup::new();
        let clock = Arc::new(SystemClock);
        let broker =
            EmbeddedBroker::open(directory, Arc::<SystemClock>::clone(&clock), &tasks).unwrap();
        let topic = TopicSettings {
            usage: TopicUse::Offsets,
            name: "offsets".to_owned(),
            partitions: Some(1),
            replication_factor: Some(1),
            settings: Default::default(),
            client_prefix: "test".to_owned(),
            bootstrap_servers: None,
        };
        let shared: Arc<dyn Broker> = Arc::<EmbeddedBroker>::clone(&broker);
        let offsets: Arc<dyn SourceOffsets> =
            Arc::new(TopicOffsets::open(&shared, &topic).await.unwrap());
        let worker = Props::from([
            ("key.converter", "StringConverter"),
            ("value.converter", "StringConverter"),
        ]);
        let mut settings = RuntimeSettings {
            broker: shared,
            offsets: Arc::clone(&offsets),
            own_topics: Arc::new(["offsets".to_owned()].into()),
            clock,
            budget: MemoryBudget::new(64 << 20),
            tasks: tasks.child(),
            metrics: Metrics::new(Sampling::default(), Arc::new(SystemClock)),
            converters: ConverterRegistry::own(),
            worker,
            group_id: "group".to_owned(),
            offset_flush_interval: Duration::from_millis(100),
            offset_flush_timeout: Duration::from_secs(5),
            topic_creation: true,
            exactly_once_source: false,
        };
        change(&mut settings);
        let (sender, events) = mpsc::channel(1000);
        let runtime = Runtime::new(settings, sender);
        Self { broker, offsets, runtime, events, tasks, directory: None }
    }

    pub(super) fn start_task(
        &self,
        plugin: ConnectorPlugin,
        config: &[(&str, &str)],
    ) -> TaskHandle {
        self.start_as(plugin, config, TaskTarget::Started)
    }

    pub(super) fn start_as(
        &self,
        plugin: ConnectorPlugin,
        config: &[(&str, &str)],
        target: TaskTarget,
    ) -> TaskHandle {
        let config: Props = config.iter().copied().collect();
        self.runtime.start(TaskSpec {
            id: TaskId { connector: "conn".into(), task: 0 },
            instance: 7,
            plugin,
            connector_config: config.clone(),
            task_config: config,
            target,
        })
    }

    /// The next event but for topics.
    pub(super) async fn event(&mut self) -> TaskEventKind {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
            let event = event.expect("an event in time").expect("the runtime is there");
            assert_eq!((event.id.to_string().as_str(), event.instance), ("conn-0", 7));
            if !matches!(event.kind, TaskEventKind::TopicSeen(_)) {
                return event.kind;
            }
        }
    }

    pub(super) async fn trace(&mut self) -> String {
        loop {
            if let TaskEventKind::Failed { trace, .. } = self.event().await {
                return trace;
            }
        }
    }

    /// Values of a topic, per partition in their order.
    pub(super) async fn values(&self, topic: &str) -> Vec<String> {
        let settings = ReaderSettings {
            client: ClientSettings::default(),
            topic: topic.to_owned(),
            from: ReadFrom::Beginning,
            is_read_committed: true,
        };
        let Ok(mut reader) = self.broker.reader(&settings).await else { return Vec::new() };
        let parts = reader.read_to_end().await.unwrap();
        let records = parts.into_iter().flat_map(|part| part.records);
        let text = |bytes: Option<Bytes>| {
            bytes.map_or("null".to_owned(), |bytes| String::from_utf8(bytes.to_vec()).unwrap())
        };
        records.map(|record| text(record.value)).collect()
    }

    /// Waits until the topic holds this many records.
    pub(super) async fn wait_for(&self, topic: &str, count: usize) -> Vec<String> {
        let wait = async {
            loop {
                let values = self.values(topic).await;
                if values.len() >= count {
                    return values;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the records in time")
    }

    pub(super) async fn produce(&self, topic: &str, values: impl IntoIterator<Item = String>) {
        let mut producer = self.broker.producer(&ProducerSettings::default()).await.unwrap();
        let record = |value: String| ProducerRecord {
            topic: topic.into(),
            partition: Some(0),
            key: None,
            value: Some(value.into()),
            timestamp_ms: Some(5),
            headers: vec![("h".into(), Some(Bytes::from_static(b"x")))],
        };
        let delivery = producer.send(values.into_iter().map(record).collect()).await.unwrap();
        assert!(delivery.await.unwrap().failed.is_empty());
    }

    pub(super) async fn committed(&self, topic: &str) -> Option<i64> {
        let admin = self.broker.admin(&ClientSettings::default()).await.unwrap();
        let offsets = admin.committed_offsets("connect-conn").await.unwrap();
        offsets.get(&TopicPartition::new(topic, 0)).copied()
    }

    /// Waits until the sink's group has committed this offset.
    pub(super) async fn wait_for_commit(&self, topic: &str, offset: i64) {
        let wait = async {
            while self.committed(topic).await != Some(offset) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the commit in time");
    }

    pub(super) async fn end(self) {
        self.tasks.stop(PATIENCE).await.unwrap();
        self.broker.close().await;
    }
}
