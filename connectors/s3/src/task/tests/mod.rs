//! Tasks against a server that speaks S3.

mod complaints;
mod conformance;
pub(crate) mod containers;
mod crash;
mod failures;
mod formats;
mod insight;
mod log;
mod objects;
mod outages;
mod projected;
mod rotation;
pub(crate) mod server;
mod sides;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use connect_api::{
    config::Props,
    error::Result,
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    sink::{SinkConnector, SinkContext, SinkOffsets, SinkTask},
    value::{Map, Value},
};
use connect_testkit::{ManualClock, sink_context};

use self::server::{BUCKET, Server};
use crate::S3Sink;

/// 2024-03-05T10:00:00Z.
const TEN: i64 = 1_709_632_800_000;
const MINUTE: i64 = 60_000;

/// A server, a clock and the settings of one connector.
struct Rig {
    server: Server,
    clock: Arc<ManualClock>,
    context: SinkContext,
    props: Props,
}

impl Rig {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let server = Server::start().await;
        let clock = ManualClock::at(TEN);
        let mut props = Props::from([
            ("s3.bucket.name", BUCKET),
            ("store.url", server.url.as_str()),
            ("aws.access.key.id", "key"),
            ("aws.secret.access.key", "secret"),
            ("storage.class", "S3Storage"),
            ("format.class", "JsonFormat"),
            ("flush.size", "1000"),
            ("retry.backoff.ms", "0"),
            ("s3.part.retries", "0"),
            ("s3.retry.backoff.ms", "1"),
            ("locale", "en"),
            ("timezone", "UTC"),
        ]);
        props.extend(settings.iter().copied());
        Self { server, context: sink_context(&clock), clock, props }
    }

    async fn task(&self) -> Box<dyn SinkTask> {
        drop(self.context.requests.take());
        S3Sink.start_task(&self.props, self.context.clone()).await.unwrap()
    }

    /// Runs a task until its log ends, or the server has made so many objects and says no more: to
    /// the task a crash.
    async fn run_until_silent(
        &self,
        objects: i64,
        reader: &mut Reader<'_>,
        task: &mut dyn SinkTask,
    ) {
        self.server.silence_after(objects);
        tokio::select! {
            done = reader.run(task, &self.context) => done.unwrap(),
            () = self.server.silence() => {}
        }
        self.server.speak_again();
    }

    async fn start_error(&self) -> connect_api::error::ConnectorError {
        match S3Sink.start_task(&self.props, self.context.clone()).await {
            Ok(_) => panic!("the task started"),
            Err(error) => error,
        }
    }
}

pub(crate) fn record(offset: i64, timestamp_ms: i64, value: Value) -> SinkRecord {
    SinkRecord {
        topic: "t".into(),
        origin: TopicPartition::new("t", 0),
        offset,
        timestamp_ms: Some(timestamp_ms),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::NULL,
        value: SchemaAndValue::schemaless(value),
        headers: Vec::new(),
    }
}

/// A record whose value is its offset.
fn number(offset: i64, timestamp_ms: i64) -> SinkRecord {
    record(offset, timestamp_ms, Value::Int64(offset))
}

/// A record with a field to partition by.
fn regional(offset: i64, region: &str) -> SinkRecord {
    let entries = vec![("id".into(), Value::Int64(offset)), ("region".into(), region.into())];
    record(offset, TEN + offset, Value::Map(Map::new(entries)))
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

async fn safe_offset(task: &mut dyn SinkTask, consumed: i64) -> i64 {
    let consumed = SinkOffsets::from([(partition(), consumed)]);
    task.pre_commit(&consumed).await.unwrap()[&partition()]
}

/// Reads one partition as the worker does: obeys seeks and pauses, commits now and then.
struct Reader<'a> {
    log: &'a [SinkRecord],
    position: i64,
    committed: i64,
    batch: usize,
    paused: BTreeSet<TopicPartition>,
    /// What passes with each batch.
    tick: Option<(Arc<ManualClock>, i64)>,
}

impl<'a> Reader<'a> {
    fn new(log: &'a [SinkRecord], batch: usize) -> Self {
        Self { log, position: 0, committed: 0, batch, paused: BTreeSet::new(), tick: None }
    }

    /// What is left after a crash: the committed offset.
    fn crash(&mut self) {
        self.position = self.committed;
        self.paused.clear();
    }

    /// Brings everything, until the task asks for nothing more.
    async fn run(&mut self, task: &mut dyn SinkTask, context: &SinkContext) -> Result<()> {
        for _ in 0..10_000 {
            self.obey(context);
            let next: Vec<_> = self.next_batch().cloned().collect();
            if next.is_empty() && self.paused.is_empty() {
                task.put(&[]).await?;
                self.obey(context);
                if self.next_batch().next().is_none() && self.paused.is_empty() {
                    return self.commit(task).await;
                }
                continue;
            }
            task.put(&next).await?;
            if let Some((clock, tick_ms)) = &self.tick {
                clock.advance_ms(*tick_ms);
            }
            if let Some(last) = next.last() {
                self.position = last.offset + 1;
            }
            // As the worker does: requests first, then the commit.
            self.obey(context);
            self.commit(task).await?;
        }
        panic!("the task never came to an end");
    }

    fn next_batch(&self) -> impl Iterator<Item = &'a SinkRecord> + use<'a> {
        let count = if self.paused.is_empty() { self.batch } else { 0 };
        let position = self.position;
        self.log.iter().filter(move |record| record.offset >= position).take(count)
    }

    fn obey(&mut self, context: &SinkContext) {
        let requests = context.requests.take();
        for (_, offset) in requests.seeks {
            self.position = offset;
        }
        for (partition, is_paused) in requests.pauses {
            if is_paused {
                self.paused.insert(partition);
            } else {
                self.paused.remove(&partition);
            }
        }
    }

    async fn commit(&mut self, task: &mut dyn SinkTask) -> Result<()> {
        let consumed = SinkOffsets::from([(partition(), self.position)]);
        self.committed = task.pre_commit(&consumed).await?[&partition()];
        assert!(self.committed <= self.position, "an offset beyond what was read");
        Ok(())
    }
}
