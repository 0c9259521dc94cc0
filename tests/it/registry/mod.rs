//! Converters with a schema registry: through a worker, and against clients that others wrote.

mod formats;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};

use crate::{
    harness::{Mode, Worker, eventually},
    services,
};

const AVRO: &str = "io.confluent.connect.avro.AvroConverter";

/// The schema that a hoisted line is registered with, in Java's text.
const LINE: &str = concat!(
    r#"{"type":"record","name":"ConnectDefault","namespace":"io.confluent.connect.avro","#,
    r#""fields":[{"name":"line","type":"string"}]}"#
);

async fn worker(folder: &Path, bootstrap: &str) -> Worker {
    let properties = [
        ("bootstrap.servers", bootstrap),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("offset.storage.file.filename", "offsets"),
        ("offset.flush.interval.ms", "500"),
    ];
    Worker::start_as(Mode::Standalone, folder, &properties).await
}

/// A source that reads lines of a file into the field of a struct.
fn source(name: &str, folder: &Path, registry: &str) -> Json {
    json!({"name": name, "config": {
        "connector.class": "FileStreamSource",
        "file": folder.join("in.txt"),
        "topic": name,
        "transforms": "h",
        "transforms.h.type": "org.apache.kafka.connect.transforms.HoistField$Value",
        "transforms.h.field": "line",
        "value.converter": AVRO,
        "value.converter.schema.registry.url": registry,
        "value.converter.max.retries": "0",
        "value.converter.http.connect.timeout.ms": "2000",
        "errors.retry.timeout": "-1",
        "errors.retry.delay.max.ms": "300"
    }})
}

fn sink(name: &str, topic: &str, folder: &Path, registry: &str) -> Json {
    json!({"name": name, "config": {
        "connector.class": "FileStreamSink",
        "file": folder.join("out.txt"),
        "topics": topic,
        "value.converter": AVRO,
        "value.converter.schema.registry.url": registry,
        "value.converter.max.retries": "0"
    }})
}

/// Waits until the sink has written so many lines.
async fn lines(folder: &Path, count: usize) -> Vec<String> {
    eventually("the sink's lines", async || {
        let text = fs::read_to_string(folder.join("out.txt")).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count).then_some(lines)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_through_avro_and_the_registry_and_come_back() {
    let registry = services::require!(registry);
    let folder = tempfile::tempdir().unwrap();
    let worker = worker(folder.path(), "embedded:log").await;
    let (status, plugins) = worker
        .rest
        .send(reqwest::Method::GET, "/connector-plugins?connectorsOnly=false", None)
        .await;
    let is_listed = plugins.as_array().unwrap().iter().any(|plugin| plugin["class"] == AVRO);
    assert!(status == 200 && is_listed, "{plugins}");
    fs::write(folder.path().join("in.txt"), "one\ntwo\n").unwrap();
    worker.rest.create(&source("avro-round", folder.path(), &registry.url())).await;
    worker.rest.create(&sink("avro-sink", "avro-round", folder.path(), &registry.url())).await;
    assert_eq!(lines(folder.path(), 2).await, ["Struct{line=one}", "Struct{line=two}"]);
    let schema = registry.latest("avro-round-value").await;
    assert_eq!(schema["schema"], LINE);
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_away_holds_records_up_until_it_is_back() {
    let mut registry = services::require!(private_registry);
    registry.stop();
    let folder = tempfile::tempdir().unwrap();
    let worker = worker(folder.path(), "embedded:log").await;
    fs::write(folder.path().join("in.txt"), "late\n").unwrap();
    worker.rest.create(&source("avro-away", folder.path(), &registry.url())).await;
    worker.rest.create(&sink("away-sink", "avro-away", folder.path(), &registry.url())).await;
    let tried = regex::Regex::new(
        r#"kafka_connect_task_error_total_retries\{[^}]*connector="avro-away"[^}]*\} [1-9]"#,
    )
    .unwrap();
    let http = crate::harness::http_client();
    eventually("a retry", async || {
        let url = format!("http://127.0.0.1:{}/metrics", worker.port());
        let text = http.get(url).send().await.ok()?.text().await.ok()?;
        tried.is_match(&text).then_some(())
    })
    .await;
    let path = "/connectors/avro-away/status";
    let (_, status) = worker.rest.send(reqwest::Method::GET, path, None).await;
    assert_eq!(status["tasks"][0]["state"], "RUNNING", "{status}");
    assert!(fs::read_to_string(folder.path().join("out.txt")).unwrap_or_default().is_empty());
    registry.restart();
    assert_eq!(lines(folder.path(), 1).await, ["Struct{line=late}"]);
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn confluents_python_client_reads_ours_and_we_read_its() {
    let (registry, kafka) = (services::require!(registry), services::require!(kafka));
    let clients = services::require!(clients);
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/registry/avro.py");
    let run = |arguments: &[&str]| {
        let output = tokio::task::block_in_place(|| clients.run(&script, arguments));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let url = registry.url();
    let folder = tempfile::tempdir().unwrap();
    let worker = worker(folder.path(), kafka.bootstrap()).await;

    run(&["write", kafka.bootstrap(), &url, "avro-theirs"]);
    worker.rest.create(&sink("theirs-sink", "avro-theirs", folder.path(), &url)).await;
    assert_eq!(
        lines(folder.path(), 2).await,
        [
            "Struct{id=1,name=ä,price=12.50,tags=[a, b],extra={k=1},kind=B,either=Struct{string=s}}",
            "Struct{id=-9223372036854775808,price=-0.01,tags=[],extra={},kind=A,either=Struct{long=7}}",
        ]
    );

    fs::write(folder.path().join("in.txt"), "one\ntwo\n").unwrap();
    worker.rest.create(&source("avro-ours", folder.path(), &url)).await;
    assert_eq!(
        run(&["read", kafka.bootstrap(), &url, "avro-ours", "2"]),
        "{\"line\": \"one\"}\n{\"line\": \"two\"}\n"
    );
    assert!(worker.stop().success());
}
