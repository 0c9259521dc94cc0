//! Kafka's quickstart line by line, and a standalone worker's offset file handed to and fro.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rdkafka::{
    Message,
    consumer::{BaseConsumer, Consumer},
};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    harness::{Mode, RestClient, Worker, eventually, free_port},
    services::{self, kafka::KafkaNode, process::Signal},
};

/// Files of the quickstart, as they are shipped.
const FILES: [&str; 3] = [
    "connect-standalone.properties",
    "connect-file-source.properties",
    "connect-file-sink.properties",
];

struct Quickstart {
    topic: &'static str,
    folder: tempfile::TempDir,
    port: u16,
}

impl Quickstart {
    /// Lays out the shipped files; only what a test must have for itself is changed.
    fn begin(bootstrap: &str, topic: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let offsets = folder.path().join("connect.offsets").display().to_string();
        for name in FILES {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs").join(name);
            let mut text = fs::read_to_string(path)
                .unwrap()
                .replace("localhost:9092", bootstrap)
                .replace("/tmp/connect.offsets", &offsets)
                .replace("offset.flush.interval.ms=10000", "offset.flush.interval.ms=500")
                .replace("connect-test", topic)
                .replace("name=local-", &format!("name={topic}-"));
            if name == FILES[0] {
                // The walk-through adds the first of these.
                text += "plugin.path=libs/connect-file-4.3.1.jar\n";
                text += &format!("listeners=http://127.0.0.1:{port}\n");
            }
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self { topic, folder, port }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Names files by where they are, for workers that run elsewhere.
    fn use_full_paths(&self) {
        for name in &FILES[1..] {
            let text = fs::read_to_string(self.path(name)).unwrap();
            let prefix = format!("file={}/", self.folder.path().display());
            fs::write(self.path(name), text.replace("file=", &prefix)).unwrap();
        }
    }

    async fn start(&self) -> Worker {
        let arguments: Vec<_> = std::iter::once("standalone").chain(FILES).collect();
        Worker::run(self.folder.path(), &arguments, self.port).await
    }

    fn echo(&self, line: &str) {
        let mut file =
            File::options().create(true).append(true).open(self.path("test.txt")).unwrap();
        writeln!(file, "{line}").unwrap();
    }

    /// Waits until the sink's file holds exactly these lines.
    async fn arrives(&self, lines: &[&str]) {
        let expected: String = lines.iter().map(|line| format!("{line}\n")).collect();
        eventually(&format!("{lines:?} in test.sink.txt"), async || {
            let text = fs::read_to_string(self.path("test.sink.txt")).ok()?;
            assert!(expected.starts_with(&text), "test.sink.txt: {text}");
            (text == expected).then_some(())
        })
        .await;
    }

    /// What the console consumer shows of the topic from its beginning.
    fn consume(&self, kafka: &KafkaNode, count: usize) -> Vec<String> {
        let mut config = kafka.client_config();
        config.set("group.id", "quickstart-console").set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer = config.create().unwrap();
        consumer.subscribe(&[self.topic]).unwrap();
        let mut shown = Vec::new();
        while shown.len() < count {
            let Some(record) = consumer.poll(Duration::from_secs(30)) else { continue };
            shown.push(record.unwrap().payload_view::<str>().unwrap().unwrap().to_owned());
        }
        shown
    }

    async fn foo_and_bar(&self) -> Worker {
        self.echo("foo");
        self.echo("bar");
        let worker = self.start().await;
        self.arrives(&["foo", "bar"]).await;
        worker
    }

    /// Kills the worker once it has noted where it is; the one that follows goes on from there.
    async fn another_line_after_a_kill(&self, worker: Worker) -> Worker {
        for (connector, field, place) in
            [("file-source", "position", 8), ("file-sink", "kafka_offset", 2)]
        {
            let path = format!("/connectors/{}-{connector}/offsets", self.topic);
            eventually("the commit of two lines", async || {
                let stored = worker.rest.send(Method::GET, &path, None).await.1;
                (stored["offsets"][0]["offset"][field] == place).then_some(())
            })
            .await;
        }
        worker.kill();
        let worker = self.start().await;
        self.echo("Another line");
        self.arrives(&["foo", "bar", "Another line"]).await;
        worker
    }

    /// The two connectors as a JVM worker is given them over REST.
    async fn create_on(&self, rest: &RestClient) {
        for file in &FILES[1..] {
            let text = fs::read_to_string(self.path(file)).unwrap();
            let config: serde_json::Map<String, Json> = text
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect();
            rest.create(&json!({"name": config["name"].clone(), "config": config})).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quickstart_works_line_by_line() {
    let kafka = services::require!(kafka);
    let quickstart = Quickstart::begin(kafka.bootstrap(), "quickstart");
    let worker = quickstart.foo_and_bar().await;
    let shown = |text: &str| {
        format!(r#"{{"schema":{{"type":"string","optional":false}},"payload":"{text}"}}"#)
    };
    assert_eq!(quickstart.consume(kafka, 2), [shown("foo"), shown("bar")]);
    let worker = quickstart.another_line_after_a_kill(worker).await;
    let notices: Vec<_> = worker
        .log()
        .lines()
        .filter(|line| line.contains("do nothing here"))
        .map(str::to_owned)
        .collect();
    // Once by each of the two workers.
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(notices[0].ends_with("do nothing here: plugin.path"), "{notices:?}");
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quickstart_works_without_kafka() {
    let quickstart = Quickstart::begin("embedded:log", "quickstart");
    let worker = quickstart.foo_and_bar().await;
    let worker = quickstart.another_line_after_a_kill(worker).await;
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn standalone_workers_hand_over_their_offset_file() {
    let kafka = services::require!(kafka);
    let quickstart = Quickstart::begin(kafka.bootstrap(), "handover");
    quickstart.use_full_paths();
    let offsets = quickstart.path("connect.offsets").display().to_string();
    let offsets = format!("offset.storage.file.filename={offsets}");
    let overrides = [offsets.as_str(), "offset.flush.interval.ms=500"];
    quickstart.echo("one");
    let mut jvm = services::require!(private_connect(Mode::Standalone, &overrides));
    quickstart.create_on(&RestClient::new(jvm.port())).await;
    quickstart.arrives(&["one"]).await;
    tokio::task::block_in_place(|| jvm.stop(Signal::Term));

    quickstart.echo("two");
    let worker = quickstart.start().await;
    quickstart.arrives(&["one", "two"]).await;
    let path = "/connectors/handover-file-source/offsets";
    eventually("the commit of two lines", async || {
        let stored = worker.rest.send(Method::GET, path, None).await.1;
        (stored["offsets"][0]["offset"]["position"] == 8).then_some(())
    })
    .await;
    assert!(worker.stop().success());

    quickstart.echo("three");
    tokio::task::block_in_place(|| jvm.restart());
    quickstart.create_on(&RestClient::new(jvm.port())).await;
    quickstart.arrives(&["one", "two", "three"]).await;
}
