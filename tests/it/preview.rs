//! What a configuration would do, shown on real records.

use std::fs;

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::harness::{Mode, Worker, eventually};

const LINES: [&str; 4] = ["{\"a\":1}", "{\"a\":2}", "broken", "{\"a\":4}"];

async fn preview(worker: &Worker, class: &str, query: &str, config: &Json) -> (u16, Json) {
    let path = format!("/connector-plugins/{class}/config/preview{query}");
    worker.rest.send(Method::PUT, &path, Some(config)).await
}

/// Names of the stages of a record.
fn stages(record: &Json) -> Vec<&str> {
    let stages = record["stages"].as_array().unwrap().iter();
    stages.map(|stage| stage["stage"].as_str().unwrap()).collect()
}

async fn source_is_shown(worker: &Worker, source: &Json) {
    let (status, shown) = preview(worker, "FileStreamSource", "?records=2", source).await;
    assert_eq!((status, &shown["type"]), (200, &json!("source")), "{shown}");
    let records = shown["records"].as_array().unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(stages(&records[0]), ["raw", "transformed", "converted"]);
    assert_eq!(records[0]["stages"][0]["record"]["topic"], "lines");
    let converted = &records[1]["stages"][2]["record"];
    assert_eq!((&converted["topic"], &converted["key"]), (&json!("routed"), &Json::Null));
    assert_eq!(converted["value"], json!({"text": LINES[1]}));
}

async fn bad_requests_are_refused(worker: &Worker, sink: &Json) {
    let nothing = json!({"file": "x"});
    for (query, config) in
        [("?records=0", sink), ("?records=many", sink), ("?from=middle", sink), ("", &nothing)]
    {
        let (status, refusal) = preview(worker, "FileStreamSink", query, config).await;
        assert_eq!(status, 400, "{query}: {refusal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_is_shown_and_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let properties = [
        ("bootstrap.servers", "embedded:log.db"),
        ("group.id", "preview"),
        ("config.storage.topic", "configs"),
        ("offset.storage.topic", "offsets"),
        ("status.storage.topic", "status"),
        ("key.converter", "StringConverter"),
        ("value.converter", "StringConverter"),
    ];
    let worker = Worker::start_as(Mode::Distributed, folder.path(), &properties).await;
    let input = folder.path().join("in.txt");
    fs::write(&input, LINES.join("\n") + "\n").unwrap();

    let source = json!({
        "file": input, "topic": "lines", "value.converter": "StringConverter",
        "key.converter": "StringConverter",
        "transforms": "route", "transforms.route.type": "RegexRouter",
        "transforms.route.regex": "lines", "transforms.route.replacement": "routed",
    });
    source_is_shown(&worker, &source).await;

    let mut created = source.clone();
    created["connector.class"] = "FileStreamSource".into();
    worker.rest.create(&json!({"name": "lines", "config": created})).await;
    let sink = json!({
        "topics": "routed", "file": folder.path().join("out.txt"),
        "value.converter": "JsonConverter", "value.converter.schemas.enable": "false",
        "transforms": "lift,drop",
        "transforms.lift.type": "HoistField$Value", "transforms.lift.field": "h",
        "transforms.drop.type": "Filter", "transforms.drop.predicate": "named",
        "predicates": "named", "predicates.named.type": "HasHeaderKey",
        "predicates.named.name": "none",
    });
    let shown = eventually("every record", async || {
        let query = "?records=4&from=beginning";
        let (status, shown) = preview(&worker, "FileStreamSink", query, &sink).await;
        assert_eq!(status, 200, "{shown}");
        (shown["records"].as_array().unwrap().len() == LINES.len()).then_some(shown)
    })
    .await;
    let records = shown["records"].as_array().unwrap();
    let first = &records[0];
    assert_eq!(stages(first), ["raw", "converted", "transformed", "transformed", "written"]);
    let raw = &first["stages"][0]["record"];
    assert_eq!((&raw["offset"], &raw["value"]), (&json!(0), &json!({"text": LINES[0]})));
    let lifted = &first["stages"][2];
    assert_eq!((&lifted["transform"], &lifted["applied"]), (&json!("lift"), &json!(true)));
    assert_eq!(lifted["record"]["value"], json!({"schema": null, "payload": {"h": {"a": 1}}}));
    assert_eq!(first["stages"][3]["applied"], false);
    assert_eq!(first["stages"][4]["record"]["content"], json!({"text": "{h={a=1}}\n"}));
    let broken = &records[2];
    assert_eq!(stages(broken), ["raw"]);
    assert_eq!(broken["error"]["stage"], "VALUE_CONVERTER");
    assert_eq!(broken["error"]["exception"], "org.apache.kafka.connect.errors.DataException");

    assert!(!folder.path().join("out.txt").exists());
    let (_, names) = worker.rest.send(Method::GET, "/connectors", None).await;
    assert_eq!(names, json!(["lines"]));

    bad_requests_are_refused(&worker, &sink).await;
    assert!(worker.stop().success());
}
