//! What the tests start from: a database of their own, which fails when told to.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use connect_api::{
    config::{Config as _, ConfigDef, ConfigValue, Props},
    error::{ConnectorError, Result},
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    schema::{Schema, Type},
    sink::{SinkConnector, SinkContext, SinkTask},
    value::{Struct, Value},
};
use connect_testkit::sink::{Handling, SinkFixture};
use tempfile::TempDir;

use super::server;
use crate::{
    JdbcSink,
    config::JdbcSinkConfig,
    database::{self, Claims, Database, Defined, Job, Moves, Table, Usage, Written},
    layout::TableName,
    sql::Dialect,
    task::JdbcSinkTask,
};

/// Where the rows are.
#[derive(Debug)]
enum Place {
    Sqlite(TempDir),
    Postgres { port: u16, schema: String },
}

/// When a call of the database fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Before anything has happened.
    Before,
    /// After it has happened; only the answer is lost.
    After,
}

/// A failure to come.
#[derive(Clone, Copy, Debug)]
struct Planned {
    /// Calls until it comes.
    calls: usize,
    when: When,
    /// Whether only writes count.
    of_writes: bool,
    /// Whether the task may try again.
    is_retriable: bool,
}

type Plan = Arc<Mutex<Option<Planned>>>;

/// A database of the test's own.
#[derive(Debug)]
pub(super) struct Far {
    place: Place,
    props: Props,
    plan: Plan,
}

impl Far {
    /// SQLite in a directory of its own.
    pub(super) fn on_sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("jdbc:sqlite:{}", dir.path().join("rows.db").display());
        Self::on(Place::Sqlite(dir), &url)
    }

    /// A schema of its own in PostgreSQL; none when there is no server.
    pub(super) async fn on_postgres() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let port = server::port()?;
        let schema = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server::query(port, &format!("CREATE SCHEMA {schema}")).await.unwrap();
        let url =
            format!("jdbc:postgresql://127.0.0.1:{port}/postgres?currentSchema={schema},public");
        Some(Self::on(Place::Postgres { port, schema }, &url))
    }

    /// SQLite, and PostgreSQL where there is one.
    pub(super) async fn everywhere() -> Vec<Self> {
        let mut found = vec![Self::on_sqlite()];
        found.extend(Self::on_postgres().await);
        found
    }

    fn on(place: Place, url: &str) -> Self {
        let props = Props::from([
            ("connection.url", url),
            ("connection.user", server::USER),
            ("connection.password", server::PASSWORD),
            ("table.name.format", "rows"),
            ("auto.create", "true"),
        ]);
        Self { place, props, plan: Arc::default() }
    }

    /// With another value of a key.
    pub(super) fn with(mut self, key: &str, value: &str) -> Self {
        self.props.insert(key, value);
        self
    }

    /// With rows named by keys in column `k`, and with deletions.
    pub(super) fn keyed(self) -> Self {
        self.with("insert.mode", "upsert")
            .with("pk.mode", "record_key")
            .with("pk.fields", "k")
            .with("delete.enabled", "true")
            .with("auto.evolve", "true")
    }

    pub(super) fn props(&self) -> Props {
        self.props.clone()
    }

    pub(super) const fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Postgres { .. })
    }

    /// Runs statements and returns the first column of the rows.
    pub(super) async fn query(&self, statements: &str) -> Result<Vec<String>, String> {
        match &self.place {
            Place::Postgres { port, schema } => {
                let statements = format!("SET search_path TO {schema}, public; {statements}");
                let asked = server::query(*port, &statements).await;
                asked.map_err(|error| {
                    error.as_db_error().map_or(error.to_string(), |e| e.message().to_owned())
                })
            }
            Place::Sqlite(dir) => {
                let connection = rusqlite::Connection::open(dir.path().join("rows.db")).unwrap();
                connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
                let run = || -> Result<Vec<String>, rusqlite::Error> {
                    let Some((first, last)) = statements.rsplit_once(';') else {
                        return rows(&connection, statements);
                    };
                    connection.execute_batch(first)?;
                    if last.trim().is_empty() { Ok(Vec::new()) } else { rows(&connection, last) }
                };
                run().map_err(|error| error.to_string())
            }
        }
    }

    /// One column of the table, sorted; empty when there is no table.
    pub(super) async fn column(&self, name: &str) -> Vec<String> {
        let asked = self.query(&format!("SELECT {name} FROM rows")).await;
        let mut found = match asked {
            Ok(found) => found,
            Err(text) if text.contains("no such table") || text.contains("does not exist") => {
                Vec::new()
            }
            Err(text) => panic!("{text}"),
        };
        found.sort();
        found
    }

    /// Rows by their key, with what is not null in them.
    pub(super) async fn by_key(&self, columns: &[&str]) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for column in columns {
            let select = format!("k || ' {column}=' || coalesce({column}, -1)");
            let Ok(texts) = self.query(&format!("SELECT {select} FROM rows")).await else {
                continue;
            };
            for text in texts {
                let (key, value) = text.split_once(' ').unwrap();
                let row: &mut String = found.entry(key.to_owned()).or_default();
                if !value.ends_with("=-1") {
                    row.push_str(value);
                    row.push(' ');
                }
            }
        }
        found
    }

    /// Makes the next write fail once; the task may try again.
    pub(super) fn fail_next_write(&self, when: When) {
        self.plan_failure(Planned { calls: 0, when, of_writes: true, is_retriable: true });
    }

    /// Makes the claim fail that follows the start of the next task; it may try again.
    pub(super) fn fail_next_claim(&self) {
        let when = When::Before;
        self.plan_failure(Planned { calls: 1, when, of_writes: false, is_retriable: true });
    }

    /// Ends the task at one of the calls to come.
    pub(super) fn end_at(&self, calls: usize, when: When) {
        self.plan_failure(Planned { calls, when, of_writes: false, is_retriable: false });
    }

    /// Whether a failure is still to come; it is dropped then.
    pub(super) fn is_pending(&self) -> bool {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }

    fn plan_failure(&self, planned: Planned) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some(planned);
    }

    /// The sink, over this database.
    pub(super) fn sink(&self) -> FaultySink {
        FaultySink { plan: Arc::clone(&self.plan) }
    }
}

fn rows(
    connection: &rusqlite::Connection,
    statement: &str,
) -> Result<Vec<String>, rusqlite::Error> {
    let mut statement = connection.prepare(statement)?;
    let found = statement.query_map([], |row| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Null => "NULL".to_owned(),
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Real(number) => number.to_string(),
            rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            rusqlite::types::ValueRef::Blob(bytes) => format!("{bytes:?}"),
        })
    })?;
    found.collect()
}

/// The sink, over a database that fails when told to.
#[derive(Debug)]
pub(super) struct FaultySink {
    plan: Plan,
}

#[async_trait]
impl SinkConnector for FaultySink {
    fn class(&self) -> &'static str {
        JdbcSink::CONFLUENT.class()
    }

    fn version(&self) -> &'static str {
        JdbcSink::CONFLUENT.version()
    }

    fn config_def(&self) -> ConfigDef {
        JdbcSink::CONFLUENT.config_def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        JdbcSink::CONFLUENT.validate(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        JdbcSink::CONFLUENT.system_key()
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        JdbcSink::CONFLUENT.check_system(props).await
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = JdbcSinkConfig::parse(props)?;
        let usage = Usage::new(&config, &context.connector)?;
        let inner = database::open(config.access(props)?, usage)?;
        let database = Box::new(FaultyDatabase { inner, plan: Arc::clone(&self.plan) });
        Ok(Box::new(JdbcSinkTask::start(config, context, database, props).await?))
    }
}

/// A database that loses a call, or the answer to one.
struct FaultyDatabase {
    inner: Box<dyn Database>,
    plan: Plan,
}

impl FaultyDatabase {
    /// When this call is to fail, and by what.
    fn fault(&self, is_write: bool) -> Option<(When, ConnectorError)> {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let planned = plan.as_mut().filter(|planned| is_write || !planned.of_writes)?;
        if planned.calls > 0 {
            planned.calls -= 1;
            return None;
        }
        let planned = plan.take()?;
        let error = match planned.is_retriable {
            true => ConnectorError::retriable("The database is away"),
            false => ConnectorError::internal("The task is killed here"),
        };
        Some((planned.when, error))
    }
}

/// Calls the database inside, unless the call is to fail.
macro_rules! call {
    ($self:ident, $is_write:literal, $call:expr) => {
        match $self.fault($is_write) {
            None => $call.await,
            Some((When::Before, error)) => Err(error),
            Some((When::After, error)) => {
                $call.await?;
                Err(error)
            }
        }
    };
}

#[async_trait]
impl Database for FaultyDatabase {
    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }

    async fn connect(&mut self) -> Result<()> {
        self.inner.connect().await
    }

    async fn claim(&mut self, partitions: &[TopicPartition]) -> Result<Claims> {
        call!(self, false, self.inner.claim(partitions))
    }

    async fn move_claims(&mut self, offsets: Option<&Moves>) -> Result<()> {
        call!(self, false, self.inner.move_claims(offsets))
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<Table>> {
        call!(self, false, self.inner.describe(table))
    }

    async fn define(&mut self, statements: &[String]) -> Result<Defined> {
        call!(self, false, self.inner.define(statements))
    }

    async fn write(&mut self, job: &Job<'_>) -> Result<Written> {
        call!(self, true, self.inner.write(job))
    }
}

/// A field and its value, for [`record`].
pub(super) type Member<'a> = (&'a str, Schema, Value);

/// A struct with its schema.
pub(super) fn structure(members: Vec<Member<'_>>) -> SchemaAndValue {
    let mut schema = Schema::new(Type::Struct);
    let mut values = Vec::new();
    for (name, of, value) in members {
        schema = schema.field(name, of);
        values.push(value);
    }
    let schema = Arc::new(schema);
    SchemaAndValue::new(Arc::clone(&schema), Value::Struct(Struct::new(schema, values)))
}

/// A record with a text as key.
pub(super) fn record(
    origin: &TopicPartition,
    offset: i64,
    key: &str,
    value: SchemaAndValue,
) -> SinkRecord {
    SinkRecord {
        topic: Arc::clone(&origin.topic),
        origin: origin.clone(),
        offset,
        timestamp_ms: Some(1_795_255_200_000 + offset),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::new(Schema::optional_string(), key.into()),
        value,
        headers: Vec::new(),
    }
}

/// A value with an id.
pub(super) fn with_id(id: &str) -> SchemaAndValue {
    structure(vec![("id", Schema::new(Type::String), id.into())])
}

/// A database as [`SinkDriver`](connect_testkit::sink::SinkDriver) takes it.
pub(super) struct Rows<'f>(pub(super) &'f Far);

impl SinkFixture for Rows<'_> {
    /// No case of the suite runs on it: tests make it themselves.
    async fn start() -> Self {
        std::future::pending().await
    }

    fn connector(&self) -> Box<dyn SinkConnector> {
        Box::new(self.0.sink())
    }

    fn props(&self) -> Props {
        self.0.props()
    }

    fn lost(&self) -> &'static [(&'static str, &'static str)] {
        &[("connection.url", "jdbc:sqlite:/nowhere/rows.db")]
    }

    async fn arrived(&self) -> Vec<String> {
        Vec::new()
    }

    fn tombstones(&self) -> Handling {
        Handling::Rejected
    }
}
