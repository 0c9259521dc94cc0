//! Web events: the page, and what a killed worker may not lose.

mod browser;
mod kill;

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::harness::{Worker, eventually};

/// A worker on the embedded log in a folder.
async fn worker(folder: &Path) -> Worker {
    let properties = [
        ("bootstrap.servers", "embedded:log"),
        ("group.id", "web"),
        ("config.storage.topic", "configs"),
        ("offset.storage.topic", "offsets"),
        ("status.storage.topic", "status"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
    ];
    Worker::start(folder, &properties, &[]).await
}

/// A file connector that writes the values of a topic as JSON lines.
fn to_file(topic: &str) -> Json {
    json!({"name": "file", "config": {
        "connector.class": "FileStreamSink",
        "topics": topic,
        "file": "out.txt",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter"
    }})
}

/// Waits until a connector's task runs.
async fn running(worker: &Worker, connector: &str) {
    let path = format!("/connectors/{connector}/status");
    eventually("the task", async || {
        let (_, status) = worker.rest.try_send(reqwest::Method::GET, &path, None).await?;
        (status["tasks"][0]["state"] == "RUNNING").then_some(())
    })
    .await;
}

/// Lines that the file connector wrote.
fn lines(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("out.txt")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
