//! A herder on the embedded log whose tasks only say what they are told to do.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use connect_api::{
    budget::MemoryBudget,
    config::{self, Config, ConfigDef, ConfigValue, Props},
    error::{ConnectorError, ErrorClass, Result},
    record::{SourceOffset, SourcePartition},
    sink::{SinkConnector, SinkContext, SinkTask},
    source::{SourceConnector, SourceContext, SourceTask},
};
use connect_testkit::ManualClock;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    FlushAnswer, HerderHandle, HerderParts, HerderSettings, Plugin, Plugins, PreviewSpec,
    PreviewedRecord, TaskControl, TaskEvent, TaskEventKind, TaskId, TaskSpec, TaskStarter,
    TaskTarget, TopicTracking, start,
};
use crate::{
    broker::{Broker, BrokerError, embedded::EmbeddedBroker},
    config::{ClientOverrides, ExactlyOnceSource, Mode},
    loggers::Loggers,
    metrics::{Metrics, Sampling},
    store::{
        ConfigRecord, LogRecord, RecordLog, StatusRecord, StoreError, TopicLog, TopicOffsets,
        TopicSettings, TopicUse,
    },
    tasks::TaskGroup,
};

pub(crate) const SOURCE: &str = "org.apache.kafka.connect.file.FileStreamSourceConnector";
pub(crate) const SINK: &str = "org.apache.kafka.connect.file.FileStreamSinkConnector";

/// Options of the source.
#[derive(Config, Debug)]
struct SourceConfig {
    /// File to read.
    file: Option<String>,
    /// Topic to write.
    #[config(importance = High)]
    topic: String,
    /// Lines in a batch.
    #[config(key = "batch.size", default = 2000, importance = Low, check = at_least(1))]
    batch_size: u32,
}

/// Options of the sink.
#[derive(Config, Debug)]
struct SinkConfig {
    /// File to write.
    file: Option<String>,
}

/// Options of a plug-in.
#[derive(Config, Debug)]
struct PartConfig {
    /// Field to add.
    #[config(key = "static.field")]
    static_field: Option<String>,
    /// Pattern to match.
    pattern: Option<String>,
}

#[derive(Debug)]
struct Source;

#[async_trait]
impl SourceConnector for Source {
    fn class(&self) -> &'static str {
        SOURCE
    }
    fn version(&self) -> &'static str {
        "1.0"
    }
    fn config_def(&self) -> ConfigDef {
        SourceConfig::def()
    }
    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        config::validate::<SourceConfig>(props)
    }
    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        let SourceConfig { file, topic, batch_size } = SourceConfig::parse(props)?;
        let _used = (file, topic, batch_size);
        let count = match props.get("generate") {
            Some("too many") => max_tasks + 1,
            Some("panic") => panic!("generation panicked"),
            _ => 1,
        };
        Ok(vec![props.clone(); count])
    }
    async fn start_task(&self, _: &Props, _: SourceContext) -> Result<Box<dyn SourceTask>> {
        Err(ConnectorError::internal("The double has no tasks"))
    }
    fn alter_offsets(
        &self,
        _props: &Props,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<bool> {
        for (partition, offset) in offsets {
            let position = offset.as_ref().and_then(|offset| offset.0.get("position"));
            if position.is_some_and(|position| !position.is_i64()) {
                return Err(ConnectorError::invalid(
                    "The value for the 'position' key in the offset is expected to be a Long value",
                ));
            }
            if !partition.0.contains_key("filename") {
                return Err(ConnectorError::invalid(
                    "Partition objects should contain the key 'filename'",
                ));
            }
        }
        Ok(true)
    }
}

#[derive(Debug)]
struct Sink;

#[async_trait]
impl SinkConnector for Sink {
    fn class(&self) -> &'static str {
        SINK
    }
    fn version(&self) -> &'static str {
        "1.0"
    }
    fn config_def(&self) -> ConfigDef {
        SinkConfig::def()
    }
    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        let _parsed = SinkConfig::parse(props).map(|config| config.file);
        config::validate::<SinkConfig>(props)
    }
    async fn start_task(&self, _: &Props, _: SinkContext) -> Result<Box<dyn SinkTask>> {
        Err(ConnectorError::internal("The double has no tasks"))
    }
}

fn plugins() -> Plugins {
    fn def() -> ConfigDef {
        let _used = |part: PartConfig| (part.static_field, part.pattern);
        PartConfig::def()
    }
    let part =
        |class: &str| Plugin { class: class.to_owned(), version: "1".to_owned(), def, build: None };
    Plugins {
        sources: vec![Arc::new(Source)],
        sinks: vec![Arc::new(Sink)],
        converters: vec![part("org.apache.kafka.connect.json.JsonConverter")],
        header_converters: vec![part("org.apache.kafka.connect.storage.SimpleHeaderConverter")],
        transforms: vec![
            part("org.apache.kafka.connect.transforms.Filter"),
            part("org.apache.kafka.connect.transforms.InsertField$Value"),
        ],
        predicates: vec![
            part("org.apache.kafka.connect.transforms.predicates.RecordIsTombstone"),
            part("org.apache.kafka.connect.transforms.predicates.TopicNameMatches"),
        ],
    }
}

/// What the doubles of tasks do now, by name; more than one of a name is a mistake.
pub(crate) type Running = Arc<Mutex<HashMap<String, (u64, TaskTarget)>>>;

/// Starts tasks that report at once what they are told to do.
#[derive(Debug)]
struct Starter {
    events: mpsc::Sender<TaskEvent>,
    running: Running,
    /// Starts to come that find the system away.
    starts_away: Mutex<u32>,
    group: TaskGroup,
}

#[derive(Debug)]
struct Control {
    id: TaskId,
    instance: u64,
    commands: mpsc::Sender<TaskTarget>,
    done: JoinHandle<()>,
    running: Running,
}

const fn said(target: TaskTarget) -> TaskEventKind {
    match target {
        TaskTarget::Started => TaskEventKind::Running,
        TaskTarget::Paused => TaskEventKind::Paused,
    }
}

impl Starter {
    /// How this start of a task fails, if it does.
    fn failure_of(&self, spec: &TaskSpec) -> Option<TaskEventKind> {
        let (class, trace) = match spec.task_config.get("file")? {
            file if file.contains("/no/such/dir") => (
                ErrorClass::Invalid,
                "org.apache.kafka.connect.errors.ConnectException: Couldn't find or create file\n\t\
                 at double",
            ),
            "away for two starts" => {
                let mut left = self.starts_away.lock().unwrap();
                *left = left.checked_sub(1)?;
                (ErrorClass::Retriable, "the system is away")
            }
            _ => return None,
        };
        Some(TaskEventKind::Failed { class, trace: trace.to_owned() })
    }
}

#[async_trait]
impl TaskStarter for Starter {
    async fn preview(&self, _spec: PreviewSpec) -> Result<(Vec<PreviewedRecord>, Option<String>)> {
        Ok((Vec::new(), None))
    }

    fn budget(&self) -> MemoryBudget {
        MemoryBudget::new(1 << 20)
    }

    fn start(&self, spec: TaskSpec) -> Box<dyn TaskControl> {
        let (commands, mut inbox) = mpsc::channel(64);
        let (id, instance) = (spec.id.clone(), spec.instance);
        let before = self.running.lock().unwrap().insert(id.to_string(), (instance, spec.target));
        assert!(before.is_none(), "two runs of {id} at once");
        let failure = self.failure_of(&spec);
        let (events, name) = (self.events.clone(), id.clone());
        let done = self.group.spawn(format!("double of {id}"), async move {
            if let Some(kind) = failure {
                drop(events.send(TaskEvent { id: name, instance, kind }).await);
                while inbox.recv().await.is_some() {}
                return;
            }
            let mut target = Some(spec.target);
            while let Some(told) = target {
                let kind = said(told);
                drop(events.send(TaskEvent { id: name.clone(), instance, kind }).await);
                target = inbox.recv().await;
            }
        });
        let running = Arc::clone(&self.running);
        Box::new(Control { id, instance, commands, done, running })
    }
}

#[async_trait]
impl TaskControl for Control {
    fn set_target(&self, target: TaskTarget) {
        let mut running = self.running.lock().unwrap();
        running.insert(self.id.to_string(), (self.instance, target));
        self.commands.try_send(target).unwrap();
    }

    fn flush(&self) -> Option<FlushAnswer> {
        let (reply, answer) = oneshot::channel();
        reply.send(Ok(())).unwrap();
        Some(answer)
    }

    async fn stop(self: Box<Self>, _deadline: Duration) -> bool {
        let Self { id, commands, done, running, .. } = *self;
        drop(commands);
        drop(done.await);
        running.lock().unwrap().remove(&id.to_string());
        true
    }
}

/// Kind of config record, by the start of its key, that cannot be written now.
pub(crate) type Refusing = Arc<Mutex<Option<&'static str>>>;

#[derive(Debug)]
struct FaultyLog {
    log: TopicLog<ConfigRecord>,
    refusing: Refusing,
}

#[async_trait]
impl RecordLog<ConfigRecord> for FaultyLog {
    async fn read(&self) -> std::result::Result<Vec<ConfigRecord>, StoreError> {
        self.log.read().await
    }

    async fn write(&self, records: &[ConfigRecord]) -> std::result::Result<(), StoreError> {
        let refused = *self.refusing.lock().unwrap();
        if refused.is_some_and(|kind| records.iter().any(|record| record.key().starts_with(kind))) {
            let source = BrokerError::Closed;
            return Err(StoreError::Write { topic: "configs".to_owned(), source });
        }
        self.log.write(records).await
    }
}

/// A herder with everything below it.
pub(crate) struct Double {
    pub(crate) handle: HerderHandle,
    pub(crate) running: Running,
    pub(crate) refusing: Refusing,
    herder: JoinHandle<std::result::Result<(), StoreError>>,
    group: TaskGroup,
    broker: Arc<EmbeddedBroker>,
    directory: tempfile::TempDir,
}

fn topic(usage: TopicUse, name: &str) -> TopicSettings {
    TopicSettings {
        usage,
        name: name.to_owned(),
        partitions: Some(1),
        replication_factor: Some(1),
        settings: Default::default(),
        client_prefix: "g".to_owned(),
        bootstrap_servers: None,
    }
}

impl Double {
    pub(crate) async fn start(mode: Mode) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), mode).await
    }

    pub(crate) async fn start_in(directory: tempfile::TempDir, mode: Mode) -> Self {
        let group = TaskGroup::new();
        let clock = ManualClock::at(1_000);
        let broker =
            EmbeddedBroker::open(&directory.path().join("log"), Arc::clone(&clock) as _, &group)
                .unwrap();
        let shared: Arc<dyn Broker> = Arc::clone(&broker) as Arc<dyn Broker>;
        let configs = TopicLog::open(&shared, &topic(TopicUse::Config, "configs")).await.unwrap();
        let refusing = Refusing::default();
        let configs: Arc<dyn RecordLog<ConfigRecord>> =
            Arc::new(FaultyLog { log: configs, refusing: Arc::clone(&refusing) });
        let statuses: Arc<dyn RecordLog<StatusRecord>> =
            Arc::new(TopicLog::open(&shared, &topic(TopicUse::Status, "statuses")).await.unwrap());
        let offsets =
            TopicOffsets::open(&shared, &topic(TopicUse::Offsets, "offsets")).await.unwrap();
        let (sender, events) = mpsc::channel(64);
        let running = Running::default();
        let starter = Starter {
            events: sender,
            running: Arc::clone(&running),
            starts_away: Mutex::new(2),
            group: group.clone(),
        };
        let parts = HerderParts {
            plugins: Arc::new(plugins()),
            configs,
            statuses,
            offsets: Arc::new(offsets),
            broker: shared,
            starter: Arc::new(starter),
            resolve: Arc::new(|props: &Props| Ok(props.clone())),
            loggers: Loggers::default(),
            metrics: Metrics::new(Sampling::default(), Arc::<ManualClock>::clone(&clock)),
            clock,
        };
        let settings = HerderSettings {
            worker_id: "127.0.0.1:8083".to_owned(),
            mode,
            group_id: Some("connect-cluster".to_owned()),
            version: "4.3.0".to_owned(),
            commit: "abc".to_owned(),
            task_shutdown_timeout: Duration::from_secs(5),
            topic_tracking: TopicTracking::On,
            override_policy: ClientOverrides::All,
            exactly_once_sources: ExactlyOnceSource::Disabled,
            worker: Props::new(),
        };
        let (handle, herder) = start(settings, parts, events, &group);
        Self { handle, running, refusing, herder, group, broker, directory }
    }

    /// Stops the worker and hands back its directory.
    pub(crate) async fn stop(self) -> tempfile::TempDir {
        self.handle.stop().await;
        self.herder.await.unwrap().unwrap();
        assert!(self.running.lock().unwrap().is_empty(), "a task outlived the herder");
        self.broker.close().await;
        self.group.stop(Duration::from_secs(5)).await.unwrap();
        self.directory
    }
}
