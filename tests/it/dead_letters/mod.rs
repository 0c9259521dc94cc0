//! Dead letters and their way back, on the real binary over HTTP.

mod kill;
mod poison;

use std::{fs, path::Path};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    harness::{RestClient, Worker, eventually},
    services::kafka::KafkaNode,
};

const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";

/// Starts a worker of a group of its own on Kafka, or on an embedded log in the folder.
async fn start(folder: &Path, group: &str, kafka: Option<&KafkaNode>) -> Worker {
    let embedded = format!("embedded:{}", folder.join("log").display());
    let servers = kafka.map_or(embedded, |kafka| kafka.bootstrap().to_owned());
    let properties = [
        ("bootstrap.servers", servers),
        ("group.id", group.to_owned()),
        ("config.storage.topic", format!("{group}-configs")),
        ("offset.storage.topic", format!("{group}-offsets")),
        ("status.storage.topic", format!("{group}-status")),
        ("config.storage.replication.factor", "1".to_owned()),
        ("offset.storage.replication.factor", "1".to_owned()),
        ("status.storage.replication.factor", "1".to_owned()),
        ("offset.flush.interval.ms", "500".to_owned()),
        ("key.converter", STRING.to_owned()),
        ("value.converter", STRING.to_owned()),
        ("consumer.session.timeout.ms", "6000".to_owned()),
    ];
    Worker::start(folder, &properties, &[]).await
}

/// Writes lines into a file, and creates a source that brings them into a topic named like it.
async fn feed(rest: &RestClient, folder: &Path, topic: &str, lines: impl Iterator<Item = String>) {
    let file = folder.join(topic);
    fs::write(&file, lines.map(|line| line + "\n").collect::<String>()).unwrap();
    let config = json!({"connector.class": "FileStreamSource", "file": file, "topic": topic});
    rest.create(&json!({"name": format!("{topic}-source"), "config": config})).await;
}

/// Options of a sink with a dead letter queue named after its topic, over others.
fn with_queue(topic: &str, mut config: Json) -> Json {
    for (key, value) in [
        ("topics", topic),
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", &format!("{topic}-dead")),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
        ("errors.deadletterqueue.context.headers.enable", "true"),
    ] {
        config[key] = value.into();
    }
    config
}

async fn reconfigure(rest: &RestClient, sink: &str, config: &Json) {
    let path = format!("/connectors/{sink}/config");
    let (status, body) = rest.send(Method::PUT, &path, Some(config)).await;
    assert_eq!(status, 200, "PUT {path}: {body}");
}

/// Every letter of a sink, page after page.
async fn letters(rest: &RestClient, sink: &str) -> Vec<Json> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = rest.get(&format!("/connectors/{sink}/dead-letters?limit=1000{after}")).await;
        all.extend(page["letters"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

/// Asks for a redrive; its path.
async fn redrive(rest: &RestClient, sink: &str, request: &Json) -> String {
    let path = format!("/connectors/{sink}/dead-letters");
    let (status, body) = rest.send(Method::POST, &format!("{path}/redrive"), Some(request)).await;
    assert_eq!(status, 202, "{request}: {body}");
    format!("{path}/redrives/{}", body["id"].as_str().unwrap())
}

/// How a redrive ended.
async fn end_of(rest: &RestClient, redrive: &str) -> Json {
    eventually("the end of the redrive", async || {
        Some(rest.get(redrive).await).filter(|progress| progress["state"] != "RUNNING")
    })
    .await
}

/// Waits until a sink has committed everything there is in its topics.
async fn catches_up(rest: &RestClient, sink: &str) -> Json {
    eventually("the sink to catch up", async || {
        let lag = rest.get(&format!("/connectors/{sink}/lag")).await;
        Some(lag).filter(|lag| lag["lag_records"] == 0)
    })
    .await
}
