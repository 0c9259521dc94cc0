//! Tasks against a name node in memory.

mod append;
mod check;
mod clock;
mod conformance;
mod crash;
mod files;
mod law;
mod outages;
mod server;

use std::{collections::BTreeMap, sync::Arc};

use connect_api::{
    config::Props,
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    sink::{SinkConnector as _, SinkContext, SinkTask},
    value::{Map, Value},
};
use connect_testkit::{ManualClock, sink_context};

use self::server::{Fault, Server};
use crate::HdfsSink;

/// 2024-03-05T09:30:00Z.
const MORNING: i64 = 1_709_631_000_000;

/// A record of partition 0 of `t`.
pub(crate) fn record(offset: i64, value: Value) -> SinkRecord {
    SinkRecord {
        topic: "t".into(),
        origin: TopicPartition::new("t", 0),
        offset,
        timestamp_ms: Some(MORNING + offset),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::NULL,
        value: SchemaAndValue::schemaless(value),
        headers: Vec::new(),
    }
}

/// A record whose folder is one of three, by fields.
fn numbered(offset: i64) -> SinkRecord {
    let entries = vec![
        ("n".into(), Value::Int64(offset)),
        ("lane".into(), Value::string(format!("l{}", offset % 3))),
    ];
    record(offset, Value::Map(Map::new(entries)))
}

/// A configuration for a server.
fn props(server: &Server, more: &[(&str, &str)]) -> Props {
    let urls = server.url.clone();
    let mut props = Props::from([
        ("hdfs.url", "hdfs://nn:8020"),
        ("webhdfs.url", urls.as_str()),
        ("hdfs.user", "tester"),
        ("format.class", "JsonFormat"),
        ("flush.size", "3"),
        ("retry.backoff.ms", "0"),
        ("hdfs.request.retries", "0"),
        ("hdfs.request.backoff.ms", "0"),
    ]);
    props.extend(more.iter().copied());
    props
}

/// A task with what the worker knows of it.
struct Run {
    task: Box<dyn SinkTask>,
    context: SinkContext,
    clock: Arc<ManualClock>,
    /// Offset of the record that is read next.
    position: i64,
}

impl Run {
    async fn start(server: &Server, more: &[(&str, &str)]) -> Self {
        Self::start_at(server, more, ManualClock::at(MORNING)).await
    }

    /// A task without a partition.
    async fn task(
        server: &Server,
        more: &[(&str, &str)],
        clock: &Arc<ManualClock>,
    ) -> (Box<dyn SinkTask>, SinkContext) {
        let context = sink_context(clock);
        let task = HdfsSink::HDFS2.start_task(&props(server, more), context.clone()).await;
        (task.unwrap(), context)
    }

    async fn start_at(server: &Server, more: &[(&str, &str)], clock: Arc<ManualClock>) -> Self {
        let (task, context) = Self::task(server, more, &clock).await;
        let mut run = Self { task, context, clock, position: 0 };
        run.task.open(&[TopicPartition::new("t", 0)]).await.unwrap();
        run.obey();
        run
    }

    /// Does what the task has asked for; whether it does not get on.
    fn obey(&mut self) -> Option<connect_api::sink::Progress> {
        let requests = self.context.requests.take();
        for (_, offset) in requests.seeks {
            self.position = offset;
        }
        requests.progress
    }

    /// Gives a task that waits the turns to claim its partition again.
    async fn wait_for_claim(&mut self) {
        for _turn in 0..3 {
            self.task.put(&[]).await.unwrap();
            self.obey();
        }
    }

    /// Brings the next records up to an offset, in batches.
    async fn bring(&mut self, end: i64, batch: usize) -> connect_api::error::Result<()> {
        for _turn in 0..200 {
            let records: Vec<_> = (self.position..end).take(batch).map(numbered).collect();
            self.position += i64::try_from(records.len()).unwrap();
            self.task.put(&records).await?;
            self.obey();
            if self.position >= end {
                return Ok(());
            }
        }
        panic!("The task stays at {}", self.position);
    }

    /// The offset that is safe.
    async fn safe(&mut self) -> i64 {
        let consumed = BTreeMap::from([(TopicPartition::new("t", 0), self.position)]);
        let safe = self.task.pre_commit(&consumed).await.unwrap();
        safe[&TopicPartition::new("t", 0)]
    }
}

/// Whether a file is there only until somebody deals with it.
fn is_odd(path: &str) -> bool {
    ["+tmp", "+open.", "+shut.", "+copied."].iter().any(|word| path.contains(word))
}

/// Numbers of the records in all committed JSON files, in the order of names.
fn numbers(server: &Server) -> Vec<i64> {
    let mut numbers: Vec<i64> = Vec::new();
    for (path, content) in server.committed() {
        let lines = String::from_utf8(content).unwrap();
        for line in lines.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            numbers.push(value["n"].as_i64().unwrap_or_else(|| panic!("{path}: {line}")));
        }
    }
    numbers.sort_unstable();
    numbers
}
