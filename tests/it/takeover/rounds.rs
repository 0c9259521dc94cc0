//! Distributed workers that take over from one another, ten times back and forth under load.

use std::{fs, time::Duration};

use rdkafka::{
    Message,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseProducer, BaseRecord, Producer},
    topic_partition_list::{Offset, TopicPartitionList},
};
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::files::{Arrivals, GrowingFile, RATE};
use crate::{
    harness::{Mode, RestClient, Worker, eventually},
    services::{self, connect::JvmWorker, kafka::KafkaNode, process::Signal},
};

const ROUNDS: u32 = 10;
/// Every so many rounds workers are killed instead of stopped.
const KILLS_EVERY: u32 = 5;
/// Seconds between two commits of offsets.
const FLUSH_SECONDS: u64 = 1;
/// Seconds a commit may take beyond that: two cores run everything.
const COMMIT_SECONDS: u64 = 3;

const CONFIGS: &str = "takeover-configs";
const CLASS: &str = "org.apache.kafka.connect.file.FileStream";
/// A class that neither worker has.
const MISSING: &str = "com.example.GoneConnector";

/// What both workers are told; the JVM's further properties stand in its own file.
fn properties() -> Vec<String> {
    let string = "org.apache.kafka.connect.storage.StringConverter";
    [
        ("group.id", "takeover".to_owned()),
        ("config.storage.topic", CONFIGS.to_owned()),
        ("offset.storage.topic", "takeover-offsets".to_owned()),
        ("status.storage.topic", "takeover-status".to_owned()),
        ("key.converter", string.to_owned()),
        ("value.converter", string.to_owned()),
        ("offset.flush.interval.ms", (FLUSH_SECONDS * 1000).to_string()),
        // A killed member is missed after this long; the broker allows no less.
        ("session.timeout.ms", "6000".to_owned()),
        ("heartbeat.interval.ms", "1000".to_owned()),
        ("consumer.session.timeout.ms", "6000".to_owned()),
        // Two cores run everything; a stop that is cut short is as good as a kill.
        ("task.shutdown.graceful.timeout.ms", "30000".to_owned()),
    ]
    .map(|(key, value)| format!("{key}={value}"))
    .into()
}

/// The two workers and what they work on.
struct Relay<'a> {
    kafka: &'a KafkaNode,
    folder: tempfile::TempDir,
    jvm: JvmWorker,
    source: GrowingFile,
    arrivals: Arrivals,
    /// How the worker before this one ended, and the lines doubled until then.
    before: (Signal, u64),
}

impl Relay<'_> {
    /// Starts ours on the very file of the JVM's worker, under another name.
    async fn start_ours(&self) -> Worker {
        let file = self.folder.path().join("ours.properties");
        let text = self.jvm.properties() + "rest.advertised.host.name=localhost\n";
        fs::write(&file, text).unwrap();
        let arguments = ["distributed", "ours.properties"];
        Worker::run(self.folder.path(), &arguments, self.jvm.port()).await
    }

    fn rest(&self) -> RestClient {
        RestClient::new(self.jvm.port())
    }

    /// Lets a worker show that it goes on from where the one before it has left off; one that is to
    /// be killed also commits.
    async fn works(&mut self, end: Signal) {
        let more = match end {
            Signal::Term => RATE / 2,
            Signal::Kill => RATE * FLUSH_SECONDS * 2,
        };
        self.arrivals.keep_up(&self.source, more).await;
        let doubled = self.arrivals.doubled();
        let explained = match self.before.0 {
            Signal::Term => 0,
            // Source and sink each repeat what they had done since their last commit.
            Signal::Kill => 2 * (FLUSH_SECONDS + COMMIT_SECONDS) * RATE,
        };
        let here = doubled - self.before.1;
        assert!(here <= explained, "{here} lines doubled after {:?}", self.before);
        self.before = (end, doubled);
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Creates what the rounds run on, and connectors in every state.
    async fn create_connectors(&self) {
        let rest = self.rest();
        let source = |name: &str, file: &str| {
            json!({"name": name, "config": {
                "connector.class": format!("{CLASS}SourceConnector"),
                "tasks.max": "1", "file": self.path(file), "topic": "takeover-lines",
            }})
        };
        rest.create(&source("takeover-source", "in.txt")).await;
        let sink = json!({"name": "takeover-sink", "config": {
            "connector.class": format!("{CLASS}SinkConnector"),
            "tasks.max": "1", "file": self.path("out.txt"), "topics": "takeover-lines",
        }});
        rest.create(&sink).await;
        fs::write(self.folder.path().join("idle.txt"), "").unwrap();
        for name in ["takeover-held", "takeover-halted", "takeover-deleted"] {
            rest.create(&source(name, "idle.txt")).await;
        }
        put(&rest, "/connectors/takeover-held/pause").await;
        put(&rest, "/connectors/takeover-halted/stop").await;
        let deleted = rest.send(Method::DELETE, "/connectors/takeover-deleted", None).await;
        assert_eq!(deleted.0, 204, "{}", deleted.1);
    }

    /// Puts a connector into the store that only another worker could run.
    fn leave_a_strange_connector(&self) {
        let producer: BaseProducer = self.kafka.client_config().create().unwrap();
        for (key, value) in strange_records() {
            let record = BaseRecord::<str, str>::to(CONFIGS).partition(0).key(key).payload(&value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(Duration::from_secs(30)).unwrap();
    }

    /// What the config topic holds about the strange connector, first to last.
    fn stored_about_it(&self) -> Vec<(String, String)> {
        let consumer: BaseConsumer =
            self.kafka.client_config().set("group.id", "takeover-check").create().unwrap();
        let mut all = TopicPartitionList::new();
        all.add_partition_offset(CONFIGS, 0, Offset::Beginning).unwrap();
        consumer.assign(&all).unwrap();
        let (_, end) = consumer.fetch_watermarks(CONFIGS, 0, Duration::from_secs(30)).unwrap();
        let mut found = Vec::new();
        loop {
            let record = consumer.poll(Duration::from_secs(30)).unwrap().unwrap();
            let key = record.key_view::<str>().unwrap().unwrap().to_owned();
            let value = record.payload_view::<str>().map(|value| value.unwrap().to_owned());
            if key.contains("takeover-gone") {
                found.push((key, value.unwrap_or_default()));
            }
            if record.offset() + 1 >= end {
                return found;
            }
        }
    }
}

fn strange_records() -> [(&'static str, String); 3] {
    let config = json!({"properties": {
        "connector.class": MISSING, "name": "takeover-gone", "tasks.max": "1"}});
    let task = json!({"properties": {"task.class": "com.example.GoneTask"}});
    [
        ("connector-takeover-gone", config.to_string()),
        ("task-takeover-gone-0", task.to_string()),
        ("commit-takeover-gone", r#"{"tasks":1}"#.to_owned()),
    ]
}

async fn put(rest: &RestClient, path: &str) {
    let (status, body) = rest.send(Method::PUT, path, None).await;
    assert!([202, 204].contains(&status), "{path}: {status} {body}");
}

async fn get(rest: &RestClient, path: &str) -> Json {
    rest.send(Method::GET, path, None).await.1
}

/// Waits until a connector and all its tasks are in a state.
async fn is_in(rest: &RestClient, name: &str, state: &str) {
    let path = format!("/connectors/{name}/status");
    eventually(&format!("{name} {state}"), async || {
        let status = get(rest, &path).await;
        let is_there = |part: &Json| part["state"] == state;
        let tasks = status["tasks"].as_array()?;
        (is_there(&status["connector"]) && tasks.iter().all(is_there)).then_some(())
    })
    .await;
}

/// Ours shows what the JVM's has left, and leaves something else.
async fn take_over_states(ours: &RestClient) {
    is_in(ours, "takeover-held", "PAUSED").await;
    is_in(ours, "takeover-halted", "STOPPED").await;
    let (status, _) = ours.send(Method::GET, "/connectors/takeover-deleted", None).await;
    assert_eq!(status, 404);
    let position = json!({"offsets": [{
        "partition": {"filename": "elsewhere.txt"}, "offset": {"position": 41}}]});
    let path = "/connectors/takeover-halted/offsets";
    let (status, body) = ours.send(Method::PATCH, path, Some(&position)).await;
    assert_eq!(status, 200, "{body}");
    put(ours, "/connectors/takeover-held/stop").await;
    is_in(ours, "takeover-held", "STOPPED").await;
    put(ours, "/connectors/takeover-halted/resume").await;
    is_in(ours, "takeover-halted", "RUNNING").await;
}

/// The JVM's worker shows what ours has left.
async fn take_back_states(jvm: &RestClient) {
    is_in(jvm, "takeover-held", "STOPPED").await;
    is_in(jvm, "takeover-halted", "RUNNING").await;
    let offsets = get(jvm, "/connectors/takeover-halted/offsets").await;
    let kept = json!({"partition": {"filename": "elsewhere.txt"}, "offset": {"position": 41}});
    assert!(offsets["offsets"].as_array().unwrap().contains(&kept), "{offsets}");
}

/// The strange connector has failed for want of its class, and nothing else became of it.
async fn names_the_missing_class(ours: &RestClient) {
    is_in(ours, "takeover-gone", "FAILED").await;
    let status = get(ours, "/connectors/takeover-gone/status").await;
    assert_eq!(status["type"], "unknown");
    for part in [&status["connector"], &status["tasks"][0]] {
        assert_eq!(part["state"], "FAILED", "{status}");
        assert!(part["trace"].as_str().unwrap().contains(MISSING), "{status}");
        assert!(part["worker_id"].as_str().unwrap().starts_with("localhost:"), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_rounds_under_load_lose_nothing_and_double_only_what_a_kill_explains() {
    let kafka = services::require!(kafka);
    let properties = properties();
    let properties: Vec<_> = properties.iter().map(String::as_str).collect();
    let jvm = services::require!(private_connect(Mode::Distributed, &properties));
    let folder = tempfile::tempdir().unwrap();
    let source = GrowingFile::start(&folder.path().join("in.txt"));
    let arrivals = Arrivals(folder.path().join("out.txt"));
    let before = (Signal::Term, 0);
    let mut relay = Relay { kafka, folder, jvm, source, arrivals, before };
    relay.create_connectors().await;
    relay.leave_a_strange_connector();
    for round in 1..=ROUNDS {
        let is_kill = round.is_multiple_of(KILLS_EVERY);
        let end = if is_kill { Signal::Kill } else { Signal::Term };
        relay.works(end).await;
        if round == 2 {
            take_back_states(&relay.rest()).await;
        }
        // The JVM's worker is not always through with stopping in its time; then it is killed.
        relay.before.0 = tokio::task::block_in_place(|| relay.jvm.stop(end));
        let ours = relay.start_ours().await;
        relay.works(end).await;
        names_the_missing_class(&ours.rest).await;
        if round == 1 {
            take_over_states(&ours.rest).await;
        }
        if is_kill {
            ours.kill();
        } else {
            assert!(ours.stop().success());
        }
        tokio::task::block_in_place(|| relay.jvm.restart());
    }
    relay.works(Signal::Term).await;
    let written = relay.source.stop().await;
    relay.arrivals.reach(written).await;
    assert_eq!(
        relay.stored_about_it(),
        strange_records().map(|(key, value)| (key.to_owned(), value))
    );
    let config = relay.rest().send(Method::GET, "/connectors/takeover-gone/config", None).await.1;
    assert_eq!(config["connector.class"], MISSING);
    let arrived = relay.arrivals.count().len();
    assert_eq!(u64::try_from(arrived).unwrap(), written, "lines that arrived");
    eprintln!("{written} lines in {ROUNDS} rounds, {} doubled by kills", relay.arrivals.doubled());
}
