//! Tasks against a server that speaks S3.

mod conformance;
mod containers;
mod delivery;
mod layouts;
mod objects;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use connect_api::{
    budget::MemoryBudget,
    config::Props,
    record::{Header, SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    schema::Schema,
    sink::{SinkConnector as _, SinkContext, SinkOffsets, SinkTask},
    value::Value,
};
use connect_testkit::{ManualClock, sink_context};

use super::{AivenS3Sink, config::FileCompression, pack::tests::unpacked};
use crate::task::tests::server::{BUCKET, Server};

/// 2024-03-05T10:00:00Z.
const TEN: i64 = 1_709_632_800_000;

/// A server, a clock and the settings of one connector.
struct Rig {
    server: Server,
    context: SinkContext,
    props: Props,
}

impl Rig {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let server = Server::start().await;
        let clock = ManualClock::at(TEN);
        let mut props = Props::from([
            ("aws.s3.bucket.name", BUCKET),
            ("aws.s3.endpoint", server.url.as_str()),
            ("aws.access.key.id", "key"),
            ("aws.secret.access.key", "secret"),
            ("aws.s3.backoff.delay.ms", "1"),
            ("aws.s3.backoff.max.delay.ms", "1"),
            ("aws.s3.backoff.max.retries", "1"),
            ("kafka.retry.backoff.ms", "0"),
            ("file.compression.type", "none"),
            ("format.output.type", "jsonl"),
        ]);
        props.extend(settings.iter().copied());
        Self { server, context: sink_context(&clock), props }
    }

    fn with_memory(mut self, bytes: usize) -> Self {
        self.context.budget = MemoryBudget::new(bytes);
        self
    }

    async fn task(&self) -> Box<dyn SinkTask> {
        AivenS3Sink.start_task(&self.props, self.context.clone()).await.unwrap()
    }

    /// Writes these records and flushes; the objects as texts by key.
    async fn written(&self, records: &[SinkRecord]) -> BTreeMap<String, String> {
        let mut task = self.task().await;
        task.put(records).await.unwrap();
        flush(&mut *task, 100).await.unwrap();
        task.stop().await.unwrap();
        self.server.texts()
    }

    fn unpacked(&self, compression: FileCompression) -> BTreeMap<String, Vec<u8>> {
        let objects = self.server.objects().into_iter();
        objects.map(|(key, bytes)| (key, unpacked(compression, &bytes))).collect()
    }
}

async fn flush(task: &mut dyn SinkTask, consumed: i64) -> connect_api::error::Result<i64> {
    let consumed = SinkOffsets::from([(partition(), consumed)]);
    task.pre_commit(&consumed).await.map(|safe| safe[&partition()])
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn record(offset: i64, value: SchemaAndValue) -> SinkRecord {
    SinkRecord {
        topic: "t".into(),
        origin: partition(),
        offset,
        timestamp_ms: Some(TEN + offset),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::new(Schema::optional_string(), Value::string(format!("k{offset}"))),
        value,
        headers: Vec::new(),
    }
}

/// A record whose value is its offset.
fn number(offset: i64) -> SinkRecord {
    record(offset, SchemaAndValue::schemaless(Value::Int64(offset)))
}

fn numbers(offsets: std::ops::Range<i64>) -> Vec<SinkRecord> {
    offsets.map(number).collect()
}

/// A record whose value is so many bytes that do not compress.
fn noise(offset: i64, length: usize) -> SinkRecord {
    let bytes: Vec<u8> = (0..length).map(|_| rand::random()).collect();
    record(offset, SchemaAndValue::new(Schema::optional_bytes(), Value::Bytes(Bytes::from(bytes))))
}

fn header(name: &str, schema: Option<Arc<Schema>>, value: Value) -> Header {
    Header { key: name.into(), data: SchemaAndValue { schema, value } }
}

fn texts<const N: usize>(expected: [(&str, &str); N]) -> BTreeMap<String, String> {
    expected.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect()
}
