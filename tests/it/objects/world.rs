//! A worker, its folder, and the log that it reads.

use std::{fs::File, io::Write as _};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    harness::{RestClient, Worker, eventually},
    services::kafka::KafkaNode,
};

const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";

/// A worker's world, on an embedded log or on Kafka: one topic, named like it.
pub(super) struct World {
    folder: tempfile::TempDir,
    pub(super) name: String,
    properties: Vec<(&'static str, String)>,
    /// Lines in the log.
    pub(super) lines: i64,
}

impl World {
    pub(super) fn new(name: &str, kafka: Option<&KafkaNode>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let embedded = format!("embedded:{}", folder.path().join("log").display());
        let properties = vec![
            ("bootstrap.servers", kafka.map_or(embedded, |kafka| kafka.bootstrap().to_owned())),
            ("group.id", name.to_owned()),
            ("config.storage.topic", format!("{name}-configs")),
            ("offset.storage.topic", format!("{name}-offsets")),
            ("status.storage.topic", format!("{name}-status")),
            ("config.storage.replication.factor", "1".to_owned()),
            ("offset.storage.replication.factor", "1".to_owned()),
            ("status.storage.replication.factor", "1".to_owned()),
            ("offset.flush.interval.ms", "300".to_owned()),
            ("scheduled.rebalance.max.delay.ms", "0".to_owned()),
            ("key.converter", STRING.to_owned()),
            ("value.converter", JSON.to_owned()),
            ("value.converter.schemas.enable", "false".to_owned()),
            // A member that does not poll for longer is thrown out of its group.
            ("consumer.max.poll.interval.ms", "8000".to_owned()),
            ("consumer.session.timeout.ms", "6000".to_owned()),
        ];
        Self { folder, name: name.to_owned(), properties, lines: 0 }
    }

    /// Has sources write each record once, and with transactions if need be.
    pub(super) fn with_exactly_once_sources(mut self) -> Self {
        self.properties.push(("exactly.once.source.support", "enabled".to_owned()));
        self.properties.push(("consumer.isolation.level", "read_committed".to_owned()));
        self
    }

    pub(super) async fn start(&self) -> Worker {
        Worker::start(self.folder.path(), &self.properties, &[]).await
    }

    /// The source that follows the log, with a topic of so many partitions.
    pub(super) async fn follow_log(&mut self, rest: &RestClient, partitions: u32) {
        self.append(0, |_| String::new());
        let config = json!({
            "connector.class": "millrace.LogFileSourceConnector",
            "path": self.folder.path().join("in.log"),
            "topic": self.name,
            "parse": "json",
            "key.field": "key",
            "poll.interval.ms": "50",
            "topic.creation.default.partitions": partitions.to_string(),
            "topic.creation.default.replication.factor": "1"
        });
        rest.create(&json!({"name": format!("{}-source", self.name), "config": config})).await;
    }

    /// Adds lines to the log; each has a number of its own, and further fields (`,"a":1`).
    pub(super) fn append(&mut self, count: i64, mut more: impl FnMut(i64) -> String) {
        let path = self.folder.path().join("in.log");
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        let numbers = self.lines..self.lines + count;
        let lines = numbers.map(|n| format!("{{\"n\":{n},\"key\":\"k{}\"{}}}\n", n % 7, more(n)));
        file.write_all(lines.collect::<String>().as_bytes()).unwrap();
        self.lines += count;
    }

    /// Has a sink read the topic, and its records say where they came from.
    pub(super) fn reads(&self, mut sink: Json) -> Json {
        for (key, value) in [
            ("topics", &*self.name),
            ("transforms", "place"),
            ("transforms.place.type", "org.apache.kafka.connect.transforms.InsertField$Value"),
            ("transforms.place.offset.field", "offset"),
            ("transforms.place.partition.field", "partition"),
            ("transforms.place.timestamp.field", "at"),
        ] {
            sink["config"][key] = value.into();
        }
        sink
    }
}

/// Sends a request without a body that must succeed.
pub(super) async fn ask(rest: &RestClient, method: Method, path: &str) {
    let (status, body) = rest.send(method.clone(), path, None).await;
    assert!((200..300).contains(&status), "{method} {path}: {status} {body}");
}

/// Waits until the task runs and its status says that this holds it back.
pub(super) async fn is_held(rest: &RestClient, sink: &str, by: &str) {
    let status = eventually(&format!("{sink} to be held by {by}"), async || {
        let status = rest.get(&format!("/connectors/{sink}/status")).await;
        let task = &status["tasks"][0];
        task["trace"].as_str().is_some_and(|trace| trace.contains(by)).then_some(status)
    })
    .await;
    assert_eq!(status["tasks"][0]["state"], "RUNNING", "{status}");
}

/// Waits until every task runs and nothing holds it back.
pub(super) async fn gets_on(rest: &RestClient, sink: &str) {
    eventually(&format!("{sink} to get on"), async || {
        let status = rest.get(&format!("/connectors/{sink}/status")).await;
        let tasks = status["tasks"].as_array().unwrap();
        let gets_on = |task: &Json| task["state"] == "RUNNING" && task["trace"].is_null();
        (!tasks.is_empty() && tasks.iter().all(gets_on)).then_some(())
    })
    .await;
}

/// Closes the files of a sink early, and says how far behind it is; none while nobody answers.
pub(super) async fn flushed(rest: &RestClient, sink: &str) -> Option<Json> {
    // It may be held back at the moment.
    let _told = rest.try_send(Method::POST, &format!("/connectors/{sink}/flush"), None).await;
    let (_, lag) = rest.try_send(Method::GET, &format!("/connectors/{sink}/lag"), None).await?;
    Some(lag)
}

/// Waits until a sink has stored and committed so many records, closing its files early.
pub(super) async fn is_through(rest: &RestClient, sink: &str, records: i64) {
    eventually(&format!("{sink} to be through {records} records"), async || {
        let lag = flushed(rest, sink).await?;
        let parts = lag["partitions"].as_array()?;
        let brought: i64 = parts.iter().filter_map(|part| part["end_offset"].as_i64()).sum();
        (brought == records && lag["lag_records"] == 0).then_some(())
    })
    .await;
}
