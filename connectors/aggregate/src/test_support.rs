//! What the tests of several modules start from.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use connect_api::{
    config::{self, Config, ConfigDef, ConfigValue, Props},
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    sink::{SinkConnector, SinkContext, SinkTask},
    value::Value,
};
use connect_testkit::sink::{Fault, Handling, SinkFixture};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::{
    AggregateSink, LiveAggregates,
    config::AggregateConfig,
    definition::Definition,
    store::{Access, Claim, PartitionWrite, Store, StoredRows, StoredTotals},
    task::AggregateTask,
};

/// The definition of an aggregate `a` with windows of a minute.
pub(crate) fn definition(group_by: &str, measures: &str) -> Definition {
    let props = Props::from([("group.by", group_by), ("measures", measures)]);
    AggregateConfig::parse(&props).unwrap().definition("a")
}

/// All windows there can be.
pub(crate) const EVERY_WINDOW: std::ops::Range<i64> = i64::MIN..i64::MAX;

/// An aggregate sink over a store of its own; its errors come when the test says so.
#[derive(Debug)]
pub(crate) struct Aggregate {
    pub(crate) props: Props,
    fault: Arc<Mutex<Option<Fault>>>,
    _dir: TempDir,
}

impl Aggregate {
    /// On SQLite in a directory of its own.
    pub(crate) fn on_sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("rows.db").display());
        Self::on(dir, url)
    }

    /// On a PostgreSQL database, under a name of its own; none when the tests were given none.
    pub(crate) fn on_postgres() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "whoever runs the tests names the database")]
        let url = std::env::var("MILLRACE_TEST_POSTGRES_URL").ok()?;
        Some(Self::on(tempfile::tempdir().unwrap(), url))
    }

    fn on(dir: TempDir, url: String) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{}-{number}", std::process::id());
        let props = Props::from_iter([
            ("aggregate.name".to_owned(), name),
            ("group.by".to_owned(), "id".to_owned()),
            ("measures".to_owned(), "count,sum:n".to_owned()),
            ("store.url".to_owned(), url),
        ]);
        Self { props, fault: Arc::default(), _dir: dir }
    }

    /// With another value of a key.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.props.insert(key, value);
        self
    }

    pub(crate) fn config(&self) -> AggregateConfig {
        AggregateConfig::parse(&self.props).unwrap()
    }

    pub(crate) fn definition(&self) -> Definition {
        self.config().definition("test")
    }

    pub(crate) fn store(&self, access: Access) -> Box<dyn Store> {
        self.config().store_url().open(access, Duration::from_secs(10))
    }

    /// Rows of the store as `window groups count`, sorted.
    pub(crate) async fn rows(&self) -> Vec<String> {
        let stored = self.store(Access::Read).read(&self.definition(), EVERY_WINDOW).await.unwrap();
        let mut rows: Vec<_> = stored
            .rows
            .iter()
            .map(|row| format!("{} {} {}", row.window, row.groups, row.cell.count()))
            .collect();
        rows.sort();
        rows
    }
}

impl SinkFixture for Aggregate {
    async fn start() -> Self {
        Self::on_sqlite()
    }

    fn connector(&self) -> Box<dyn SinkConnector> {
        Box::new(FaultySink { fault: Arc::clone(&self.fault) })
    }

    fn props(&self) -> Props {
        self.props.clone()
    }

    fn lost(&self) -> &'static [(&'static str, &'static str)] {
        &[("store.url", "sqlite:/nowhere/rows.db")]
    }

    async fn arrived(&self) -> Vec<String> {
        let stored = self.store(Access::Read).read(&self.definition(), EVERY_WINDOW).await.unwrap();
        let ids = stored.rows.iter().flat_map(|row| {
            let groups: Vec<Json> = serde_json::from_str(&row.groups).unwrap();
            let id = groups[0].as_str().unwrap().to_owned();
            std::iter::repeat_n(id, row.cell.count().try_into().unwrap())
        });
        ids.collect()
    }

    fn tombstones(&self) -> Handling {
        Handling::Skipped
    }

    fn bad_record(&self, origin: &TopicPartition, offset: i64) -> Option<SinkRecord> {
        let mut record = self.record(origin, offset, "bad");
        if let Value::Map(map) = &mut record.value.value {
            map.set("n", "many".into());
        }
        Some(record)
    }

    fn fail_next(&self, fault: Fault) -> bool {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        true
    }
}

/// The sink, over a store that fails when told to.
#[derive(Debug)]
struct FaultySink {
    fault: Arc<Mutex<Option<Fault>>>,
}

#[async_trait]
impl SinkConnector for FaultySink {
    fn class(&self) -> &'static str {
        AggregateSink.class()
    }

    fn version(&self) -> &'static str {
        AggregateSink.version()
    }

    fn config_def(&self) -> ConfigDef {
        AggregateSink.config_def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        config::validate::<AggregateConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        AggregateSink.system_key()
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        AggregateSink.check_system(props).await
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = AggregateConfig::parse(props)?;
        let inner = config.store_url().open(Access::Write, config.store_timeout());
        let store = Box::new(FaultyStore { inner, fault: Arc::clone(&self.fault) });
        Ok(Box::new(AggregateTask::new(&config, context, store, LiveAggregates::of_process())))
    }
}

/// A store that loses a claim, a write, or the answer to one.
struct FaultyStore {
    inner: Box<dyn Store>,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl FaultyStore {
    fn fault(&self) -> MutexGuard<'_, Option<Fault>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn claim(
        &mut self,
        definition: &Definition,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Claim>> {
        if self.fault().take_if(|fault| *fault == Fault::BeforeWrite).is_some() {
            return Err(ConnectorError::retriable("The store is away"));
        }
        self.inner.claim(definition, partitions).await
    }

    async fn write(
        &mut self,
        definition: &Definition,
        writes: &[PartitionWrite],
        delete_before: Option<i64>,
    ) -> Result<Vec<TopicPartition>> {
        let fault = self.fault().take();
        let lost = || ConnectorError::retriable("The store is away");
        match fault {
            None => self.inner.write(definition, writes, delete_before).await,
            Some(Fault::BeforeWrite) => Err(lost()),
            Some(Fault::AfterWrite) => {
                self.inner.write(definition, writes, delete_before).await?;
                Err(lost())
            }
        }
    }

    async fn read(
        &mut self,
        definition: &Definition,
        windows: std::ops::Range<i64>,
    ) -> Result<StoredRows> {
        self.inner.read(definition, windows).await
    }

    async fn totals(&mut self, definition: &Definition) -> Result<StoredTotals> {
        self.inner.totals(definition).await
    }
}
