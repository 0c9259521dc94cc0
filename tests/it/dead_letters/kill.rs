//! The worker killed with -9 in the middle of a redrive, and what the sink has counted in the end.

use serde_json::{Value as Json, json};

use super::{catches_up, end_of, feed, get, letters, reconfigure, redrive, start, with_queue};
use crate::{
    harness::eventually,
    services::{self, kafka::KafkaNode},
};

const RECORDS: usize = 20_000;
/// One record of so many has no time that the sink could read.
const BROKEN: usize = 10;

fn line(number: usize) -> String {
    let time = if number % BROKEN == 3 { "\"soon\"" } else { "1795000000000" };
    format!(r#"{{"k":{},"ts":{time}}}"#, number % 7)
}

async fn killed(topic: &str, kafka: Option<&KafkaNode>) {
    let folder = tempfile::tempdir().unwrap();
    let sink = format!("{topic}-sink");
    let mut worker = start(folder.path(), topic, kafka).await;
    feed(&worker.rest, folder.path(), topic, (0..RECORDS).map(line)).await;
    let store = format!("sqlite:{}", folder.path().join("aggregates.db").display());
    let mut config = with_queue(
        topic,
        json!({
            "connector.class": "millrace.AggregateSinkConnector", "aggregate.name": topic,
            "group.by": "k", "window.ms": "60000", "store.url": store, "timestamp.field": "ts",
        }),
    );
    worker.rest.create(&json!({"name": sink, "config": config})).await;
    let letters_count = RECORDS / BROKEN;
    let counted = async |rest: &crate::harness::RestClient, count: usize| {
        eventually("the records to be counted", async || {
            rest.counted(topic).await.filter(|&found| found >= u64::try_from(count).unwrap())
        })
        .await
    };
    counted(&worker.rest, RECORDS - letters_count).await;
    catches_up(&worker.rest, &sink).await;
    let found = letters(&worker.rest, &sink).await;
    assert_eq!(found.len(), letters_count);
    assert!(found.iter().all(|letter| letter["stage"] == "TASK_PUT"), "{}", found[0]);

    // The time of the record itself will do.
    config.as_object_mut().unwrap().remove("timestamp.field");
    reconfigure(&worker.rest, &sink, &config).await;
    let (mut request, mut sent) =
        (json!({"select": {"stage": "TASK_PUT"}, "to": "connector", "rate": 2000}), 0);
    for life in 1..=2_u64 {
        let path = redrive(&worker.rest, &sink, &request).await;
        let in_the_middle = life * 600;
        eventually("the middle of the redrive", async || {
            let progress = get(&worker.rest, &path).await;
            let before = progress["skipped"]["already_redriven"].as_u64().unwrap();
            assert_eq!(progress["state"], "RUNNING", "{progress}");
            (before + progress["sent"].as_u64().unwrap() >= in_the_middle).then_some(())
        })
        .await;
        worker.kill();
        worker = start(folder.path(), topic, kafka).await;
        let known = get(&worker.rest, &format!("/connectors/{sink}/dead-letters/redrives")).await;
        assert_eq!(known, json!([]));
        let marked = letters(&worker.rest, &sink).await;
        let marked = marked.iter().filter(|letter| !letter["redriven"].is_null()).count();
        assert!(marked >= usize::try_from(in_the_middle).unwrap() && marked < letters_count);
        sent = marked;
    }
    request.as_object_mut().unwrap().remove("rate");
    let path = redrive(&worker.rest, &sink, &request).await;
    let end = end_of(&worker.rest, &path).await;
    let skipped = &end["skipped"]["already_redriven"];
    assert_eq!((&end["state"], skipped), (&json!("DONE"), &json!(sent)), "{end}");
    assert_eq!(end["sent"], json!(letters_count - sent));
    counted(&worker.rest, RECORDS).await;
    catches_up(&worker.rest, &sink).await;
    let lag: Json = get(&worker.rest, &format!("/connectors/{sink}/lag")).await;
    assert_eq!(worker.rest.counted(topic).await, Some(u64::try_from(RECORDS).unwrap()), "{lag}");
    assert!(worker.stop().success());
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
