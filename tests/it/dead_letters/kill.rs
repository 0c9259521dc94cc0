//! The worker killed with -9 in the middle of a redrive, and what the sink has counted in the end.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::{catches_up, end_of, feed, letters, reconfigure, redrive, start, with_queue};
use crate::{
    harness::{RestClient, Worker, eventually},
    services::{self, kafka::KafkaNode},
};

const RECORDS: usize = 20_000;
/// One record of so many has no time that the sink could read.
const BROKEN: usize = 10;

fn line(number: usize) -> String {
    let time = if number % BROKEN == 3 { "\"soon\"" } else { "1795000000000" };
    format!(r#"{{"k":{},"ts":{time}}}"#, number % 7)
}

/// A sink that rejects the records whose time it cannot read.
fn sink_config(topic: &str, folder: &Path) -> Json {
    let store = format!("sqlite:{}", folder.join("aggregates.db").display());
    with_queue(
        topic,
        json!({
            "connector.class": "millrace.AggregateSinkConnector", "aggregate.name": topic,
            "group.by": "k", "window.ms": "60000", "store.url": store, "timestamp.field": "ts",
        }),
    )
}

async fn counted(rest: &RestClient, topic: &str, count: usize) {
    let count = u64::try_from(count).unwrap();
    eventually("the records to be counted", async || {
        rest.counted(topic).await.filter(|&found| found >= count)
    })
    .await;
}

async fn good_records_are_counted(rest: &RestClient, topic: &str, sink: &str) {
    counted(rest, topic, RECORDS - RECORDS / BROKEN).await;
    catches_up(rest, sink).await;
    let found = letters(rest, sink).await;
    assert_eq!(found.len(), RECORDS / BROKEN);
    assert!(found.iter().all(|letter| letter["stage"] == "TASK_PUT"), "{}", found[0]);
}

/// Begins a redrive, and kills the worker when so many letters are back.
async fn kill_in_the_middle(worker: Worker, sink: &str, request: &Json, letters: u64) {
    let path = redrive(&worker.rest, sink, request).await;
    eventually("the middle of the redrive", async || {
        let progress = worker.rest.get(&path).await;
        let before = progress["skipped"]["already_redriven"].as_u64().unwrap();
        assert_eq!(progress["state"], "RUNNING", "{progress}");
        (before + progress["sent"].as_u64().unwrap() >= letters).then_some(())
    })
    .await;
    worker.kill();
}

/// Letters that bear a mark after a kill, when so many at least were back.
async fn marked(rest: &RestClient, sink: &str, at_least: u64) -> usize {
    let known = rest.get(&format!("/connectors/{sink}/dead-letters/redrives")).await;
    assert_eq!(known, json!([]));
    let found = letters(rest, sink).await;
    let marked = found.iter().filter(|letter| !letter["redriven"].is_null()).count();
    assert!(marked >= usize::try_from(at_least).unwrap() && marked < RECORDS / BROKEN);
    marked
}

/// Redrives what is left; nothing that bears a mark goes again.
async fn the_rest_is_redriven(rest: &RestClient, sink: &str, request: &Json, marked: usize) {
    let path = redrive(rest, sink, request).await;
    let end = end_of(rest, &path).await;
    let skipped = &end["skipped"]["already_redriven"];
    assert_eq!((&end["state"], skipped), (&json!("DONE"), &json!(marked)), "{end}");
    assert_eq!(end["sent"], json!(RECORDS / BROKEN - marked));
}

async fn killed(topic: &str, kafka: Option<&KafkaNode>) {
    let folder = tempfile::tempdir().unwrap();
    let sink = format!("{topic}-sink");
    let mut worker = start(folder.path(), topic, kafka).await;
    feed(&worker.rest, folder.path(), topic, (0..RECORDS).map(line)).await;
    let mut config = sink_config(topic, folder.path());
    worker.rest.create(&json!({"name": sink, "config": config})).await;
    good_records_are_counted(&worker.rest, topic, &sink).await;

    // The time of the record itself will do.
    config.as_object_mut().unwrap().remove("timestamp.field");
    reconfigure(&worker.rest, &sink, &config).await;
    let mut request = json!({"select": {"stage": "TASK_PUT"}, "to": "connector", "rate": 2000});
    let mut sent = 0;
    for letters in [600, 1200] {
        kill_in_the_middle(worker, &sink, &request, letters).await;
        worker = start(folder.path(), topic, kafka).await;
        sent = marked(&worker.rest, &sink, letters).await;
    }
    request.as_object_mut().unwrap().remove("rate");
    the_rest_is_redriven(&worker.rest, &sink, &request, sent).await;
    all_are_counted_once(&worker.rest, topic, &sink).await;
    assert!(worker.stop().success());
}

async fn all_are_counted_once(rest: &RestClient, topic: &str, sink: &str) {
    counted(rest, topic, RECORDS).await;
    catches_up(rest, sink).await;
    let lag = rest.get(&format!("/connectors/{sink}/lag")).await;
    assert_eq!(rest.counted(topic).await, Some(u64::try_from(RECORDS).unwrap()), "{lag}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_that_is_killed_loses_and_doubles_nothing_on_the_embedded_log() {
    killed("killed-embedded", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_that_is_killed_loses_and_doubles_nothing_on_kafka() {
    let kafka = services::require!(kafka);
    killed("killed-kafka", Some(kafka)).await;
}
