//! Tasks against a server that speaks the REST API.

mod conformance;
mod delivery;
mod pressure;
mod rules;
mod server;

use std::sync::Arc;

use connect_api::{
    config::Props,
    error::ConnectorError,
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    sink::{ErrantRecordReporter, SinkConnector, SinkContext, SinkOffsets, SinkTask},
    value::{Map, Value},
};
use connect_testkit::{CollectingReporter, ManualClock, sink_context};

use self::server::{Fault, Server};
use crate::SearchSink;

/// 2024-03-05T10:00:00Z.
const TEN: i64 = 1_709_632_800_000;

/// A server and the settings of one connector.
struct Rig {
    server: Server,
    context: SinkContext,
    props: Props,
    connector: Box<dyn SinkConnector>,
}

impl Rig {
    async fn of(connector: impl SinkConnector + 'static, settings: &[(&str, &str)]) -> Self {
        let server = Server::start().await;
        let mut props = Props::from([
            ("connection.url", server.url.as_str()),
            ("schema.ignore", "true"),
            ("retry.backoff.ms", "1"),
            // However busy the machine is, no bulk is given up.
            ("read.timeout.ms", "60000"),
        ]);
        props.extend(settings.iter().copied());
        let context = sink_context(&ManualClock::at(TEN));
        Self { server, context, props, connector: Box::new(connector) }
    }

    async fn elasticsearch(settings: &[(&str, &str)]) -> Self {
        let mut rig = Self::of(SearchSink::ELASTICSEARCH, settings).await;
        // However busy the machine is, a commit has every answer.
        rig.props.insert("flush.synchronously", "true");
        rig
    }

    async fn opensearch(settings: &[(&str, &str)]) -> Self {
        Self::of(SearchSink::OPENSEARCH, settings).await
    }

    /// Tolerates bad records from now on.
    fn report(&mut self) -> Arc<CollectingReporter> {
        let reporter = Arc::new(CollectingReporter::default());
        self.context.reporter = Some(Arc::clone(&reporter) as Arc<dyn ErrantRecordReporter>);
        reporter
    }

    async fn task(&self) -> Box<dyn SinkTask> {
        let task = self.connector.start_task(&self.props, self.context.clone()).await;
        let mut task = task.unwrap_or_else(|error| panic!("{error}"));
        task.open(&[partition()]).await.unwrap();
        task
    }

    async fn start_error(&self) -> ConnectorError {
        match self.connector.start_task(&self.props, self.context.clone()).await {
            Ok(_) => panic!("the task started"),
            Err(error) => error,
        }
    }

    /// Brings records to a new task and commits; the safe offset.
    async fn deliver(&self, records: &[SinkRecord]) -> i64 {
        let mut task = self.task().await;
        task.put(records).await.unwrap();
        let safe = safe_offset(&mut *task, records.len()).await;
        task.put(&[]).await.unwrap();
        task.stop().await.unwrap();
        safe
    }

    /// The error that a task ends with that is brought these records.
    async fn failure(&self, records: &[SinkRecord]) -> ConnectorError {
        let mut task = self.task().await;
        if let Err(error) = task.put(records).await {
            return error;
        }
        safe_offset(&mut *task, records.len()).await;
        task.put(&[]).await.unwrap_err()
    }
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

async fn safe_offset(task: &mut dyn SinkTask, consumed: usize) -> i64 {
    let consumed = SinkOffsets::from([(partition(), i64::try_from(consumed).unwrap())]);
    task.pre_commit(&consumed).await.unwrap()[&partition()]
}

fn object(fields: &[(&str, Value)]) -> Value {
    let entries = fields.iter().map(|(name, value)| ((*name).into(), value.clone()));
    Value::Map(Map::new(entries.collect()))
}

fn record(offset: i64, key: &str, value: Value) -> SinkRecord {
    SinkRecord {
        topic: "t".into(),
        origin: partition(),
        offset,
        timestamp_ms: Some(TEN + offset),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::schemaless(key.into()),
        value: SchemaAndValue::schemaless(value),
        headers: Vec::new(),
    }
}

/// Records with so many keys in turn, each with its offset as field `n`.
fn numbered(count: i64, keys: i64) -> Vec<SinkRecord> {
    let one = |offset| {
        let key = format!("k{}", offset % keys);
        record(offset, &key, object(&[("n", Value::Int64(offset))]))
    };
    (0..count).map(one).collect()
}
