//! Many records, some of them broken in several ways, redriven once the configuration is mended.

use std::{collections::BTreeMap, fs, path::Path};

use regex::Regex;
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{catches_up, end_of, feed, letters, reconfigure, redrive, start, with_queue};
use crate::{
    harness::{RestClient, eventually},
    services::{self, kafka::KafkaNode},
};

/// Records of a run that is one of many.
const RECORDS: usize = 100_000;
/// One record of so many is broken.
const BROKEN: usize = 100;
const KEYS: usize = 50;
/// Ways of breaking one.
const WAYS: usize = 10;

/// Records of the run on the embedded log: a million where `MILLRACE_POISON_RECORDS` says so.
fn records() -> usize {
    let wanted = std::env::var_os("MILLRACE_POISON_RECORDS");
    wanted.map_or(RECORDS, |text| text.to_str().unwrap().parse().unwrap())
}

/// A line with a key and a number, which no way of breaking takes away.
fn line(number: usize) -> String {
    let key = number % KEYS;
    if number % BROKEN != 7 {
        return format!(r#"{{"k":{key},"n":{number}}}"#);
    }
    match number / BROKEN % WAYS {
        // None of these can be converted, but for two.
        0 => format!(r#"{{"k":{key},"n":{number}"#),
        1 => format!("k={key} n={number} says the old system"),
        2 => format!(r#"{{"k":{key},"n":{number},}}"#),
        // JSON without fields, which the transformation needs.
        3 => format!(r#""k={key} n={number}""#),
        4 => format!("{{k:{key},n:{number}}}"),
        5 => format!(r#"{{"k":{key} "n":{number}}}"#),
        6 => format!(r#"["k={key} n={number}"]"#),
        7 => format!(r#"{{{{"k":{key},"n":{number}}}}}"#),
        8 => format!("{{\"k\":{key},\"t\":\"\u{1}\",\"n\":{number}}}"),
        _ => format!("\\\"k={key} n={number}"),
    }
}

/// Key and number of every line that the sink wrote.
fn written(file: &Path) -> Vec<(usize, usize)> {
    let pattern = Regex::new(r#"k"?[=:](\d+).*n"?[=:](\d+)"#).unwrap();
    let text = fs::read_to_string(file).unwrap_or_default();
    let number = |captures: &regex::Captures<'_>, at: usize| captures[at].parse::<usize>().unwrap();
    let pair = |line: &str| {
        let captures = pattern.captures(line).unwrap_or_else(|| panic!("{line}"));
        (number(&captures, 1), number(&captures, 2))
    };
    text.lines().map(pair).collect()
}

fn sink_config(topic: &str, file: &Path) -> Json {
    with_queue(
        topic,
        json!({
            "connector.class": "FileStreamSink", "file": file,
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false",
            "transforms": "mark", "transforms.mark.type": "InsertField$Value",
            "transforms.mark.static.field": "mark", "transforms.mark.static.value": "m",
        }),
    )
}

/// Paths and sentences for what cannot be asked.
async fn refusals(rest: &RestClient, topic: &str, sink: &str) {
    let plain = json!({"connector.class": "FileStreamSink", "topics": topic});
    rest.create(&json!({"name": format!("{topic}-plain"), "config": plain})).await;
    for (connector, status, sentence) in [
        ("nobody".to_owned(), 404, "not found"),
        (format!("{topic}-source"), 400, "is not a sink"),
        (format!("{topic}-plain"), 400, "errors.deadletterqueue.topic.name"),
    ] {
        let path = format!("/connectors/{connector}/dead-letters");
        let all = json!({"select": {}, "to": "topic"});
        let listed = rest.send(Method::GET, &path, None).await;
        let redriven = rest.send(Method::POST, &format!("{path}/redrive"), Some(&all)).await;
        for (found, body) in [listed, redriven] {
            assert_eq!(found, status, "{body}");
            assert!(body["message"].as_str().unwrap().contains(sentence), "{body}");
        }
    }
    let path = format!("/connectors/{sink}/dead-letters?limit=1001");
    let (status, body) = rest.send(Method::GET, &path, None).await;
    assert_eq!((status, &body["message"]), (400, &json!("\"limit\" must be between 1 and 1000")));
}

/// Nothing of what was broken is missing, doubled, or out of the order of its key.
fn check(written: &[(usize, usize)], records: usize) {
    assert_eq!(written.len(), records, "records of the sink");
    let mut numbers: Vec<_> = written.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..records), "every record once");
    let mut last = BTreeMap::new();
    let is_broken = |number: usize| number % BROKEN == 7;
    for (key, number) in written {
        let before = last.insert((key, is_broken(*number)), number);
        assert!(before.is_none_or(|before| before < number), "{before:?} before {number}");
    }
}

async fn poison_is_listed(rest: &RestClient, topic: &str, sink: &str, broken: usize) {
    let found = letters(rest, sink).await;
    assert_eq!(found.len(), broken);
    let stages: Vec<_> = found.iter().take(WAYS).map(|letter| &letter["stage"]).collect();
    let (convert, transform) = ("VALUE_CONVERTER", "TRANSFORMATION");
    let mut expected = [convert; WAYS];
    (expected[3], expected[6]) = (transform, transform);
    assert_eq!(stages, expected);
    assert_eq!(found[1]["origin"], json!({"topic": topic, "partition": 0, "offset": 107}));
    assert!(found.iter().all(|letter| letter["redriven"].is_null()));
}

/// Mends the configuration, brings the letters back, and gives the lag afterwards.
async fn the_rest_is_redriven(
    rest: &RestClient,
    (topic, sink): (&str, &str),
    file: &Path,
    records: usize,
) -> Json {
    let mut mended = with_queue(topic, json!({"connector.class": "FileStreamSink", "file": file}));
    mended["value.converter"] = super::STRING.into();
    reconfigure(rest, sink, &mended).await;
    let redriven = redrive(rest, sink, &json!({"select": {}, "to": "connector"})).await;
    let end = end_of(rest, &redriven).await;
    assert_eq!((&end["state"], &end["sent"]), (&json!("DONE"), &json!(records / BROKEN)), "{end}");
    eventually("the letters in the sink", async || (written(file).len() >= records).then_some(()))
        .await;
    let lag = catches_up(rest, sink).await;
    check(&written(file), records);
    lag
}

async fn nothing_is_redriven_again(rest: &RestClient, sink: &str, broken: usize) {
    let again = redrive(rest, sink, &json!({"select": {}, "to": "connector"})).await;
    let end = end_of(rest, &again).await;
    assert_eq!((&end["sent"], &end["skipped"]["already_redriven"]), (&json!(0), &json!(broken)));
    let found = letters(rest, sink).await;
    assert!(found.iter().all(|letter| letter["redriven"]["to"] == "connector"));
}

/// The lag shows the topic of the redrive, the account of topics does not.
async fn topics_are_told(rest: &RestClient, topic: &str, sink: &str, lag: &Json) {
    let parts = lag["partitions"].as_array().unwrap().iter();
    let topics: Vec<_> = parts.map(|part| &part["topic"]).collect();
    assert!(topics.contains(&&json!(format!("{topic}-dead.redrive.{sink}"))), "{topics:?}");
    let used = rest.get(&format!("/connectors/{sink}/topics")).await;
    assert_eq!(used[sink]["topics"], json!([topic]));
}

async fn poisoned(topic: &str, records: usize, kafka: Option<&KafkaNode>) {
    let folder = tempfile::tempdir().unwrap();
    let (file, sink) = (folder.path().join("out"), format!("{topic}-sink"));
    let worker = start(folder.path(), topic, kafka).await;
    let rest = &worker.rest;
    feed(rest, folder.path(), topic, (0..records).map(line)).await;
    rest.create(&json!({"name": sink, "config": sink_config(topic, &file)})).await;
    let broken = records / BROKEN;
    eventually("the good records", async || {
        let text = fs::read(&file).unwrap_or_default();
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        (lines == records - broken).then_some(())
    })
    .await;
    catches_up(rest, &sink).await;
    poison_is_listed(rest, topic, &sink, broken).await;
    refusals(rest, topic, &sink).await;

    let lag = the_rest_is_redriven(rest, (topic, &sink), &file, records).await;
    nothing_is_redriven_again(rest, &sink, broken).await;
    topics_are_told(rest, topic, &sink, &lag).await;
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_redriven_on_the_embedded_log() {
    poisoned("poison-embedded", records(), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_redriven_on_kafka() {
    let kafka = services::require!(kafka);
    poisoned("poison-kafka", 20_000, Some(kafka)).await;
}
