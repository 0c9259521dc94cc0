//! Records as a worker of Apache Kafka 4.3.1 has written them, read and written again.
//!
//! The files of `tests/golden/store` are the topics of a distributed JVM worker with exactly-once
//! support, read with `kcat`: key, tab, value, one record a line, `NULL` for a tombstone, by rising
//! offset in each partition. Connectors were created in every state, restarted, stopped, deleted,
//! and had offsets altered.

use connect_api::record::{SourceOffset, SourcePartition};
use serde_json::{Value as Json, json};

use super::*;

const CONFIGS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/store/configs.tsv"));
const OFFSETS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/store/offsets.tsv"));
const STATUSES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/store/status.tsv"));

fn records(text: &'static str) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    text.lines().map(|line| {
        let (key, value) = line.split_once('\t').unwrap();
        (key, (value != "NULL").then_some(value))
    })
}

/// Reads a record and checks that it is written as it was read; Java's maps have no order.
fn read<R: LogRecord>((key, value): (&str, Option<&str>)) -> R {
    let record = R::decode(key.as_bytes(), value.map(str::as_bytes))
        .unwrap_or_else(|reason| panic!("{key}: {reason}"));
    assert_eq!(record.key(), key);
    let written = record.value();
    let written = written.as_deref().map(|bytes| std::str::from_utf8(bytes).unwrap());
    if value.is_some_and(|value| value.starts_with("{\"properties\"")) {
        let json = |text: Option<&str>| serde_json::from_str::<Json>(text.unwrap()).unwrap();
        assert_eq!(json(written), json(value), "{key}");
    } else {
        assert_eq!(written, value, "{key}");
    }
    record
}

#[test]
fn every_config_record_of_the_jvm_is_read_and_written_alike() {
    let mut state = ConfigState::default();
    for record in records(CONFIGS) {
        state.apply(read(record));
    }
    let names: Vec<_> = state.names().map(AsRef::as_ref).collect();
    assert_eq!(names, ["a-sink", "bad", "halted", "held", "source"]);
    let targets = names.iter().map(|name| state.target(name));
    let (started, paused, stopped) =
        (TargetState::Started, TargetState::Paused, TargetState::Stopped);
    assert_eq!(targets.collect::<Vec<_>>(), [started, started, stopped, paused, started]);
    let tasks: Vec<_> = names.iter().map(|name| state.tasks(name).len()).collect();
    assert_eq!(tasks, [2, 1, 0, 0, 1]);
    assert!(names.iter().all(|name| !state.is_inconsistent(name)));
    assert_eq!(state.applied_config("source"), state.config("source"));
    assert_eq!(state.fenced_tasks("source"), Some(1));
    assert_eq!(state.session_key().unwrap().algorithm, "HmacSHA256");
    assert_eq!(state.loggers()["org.apache.kafka.connect.file"], "WARN");
}

#[test]
fn every_status_record_of_the_jvm_is_read_and_written_alike() {
    let mut state = StatusState::default();
    for record in records(STATUSES) {
        state.apply(read(record));
    }
    let names: Vec<_> = state.names().map(AsRef::as_ref).collect();
    assert_eq!(names, ["a-sink", "bad", "halted", "held", "source"]);
    assert_eq!(state.get("a-sink").unwrap().tasks.len(), 2);
    assert_eq!(state.get("source").unwrap().topics.first().unwrap(), "lines");
    assert_eq!(state.last_generation(), 15);
}

#[test]
fn every_offset_record_of_the_jvm_is_read_and_written_alike() {
    let mut state = OffsetState::default();
    for (key, value) in records(OFFSETS) {
        state.apply(key.as_bytes(), value.map(str::as_bytes)).unwrap();
        let (connector, partition): (String, SourcePartition) = {
            let key: Json = serde_json::from_str(key).unwrap();
            let partition = key[1].as_object().unwrap().clone();
            (key[0].as_str().unwrap().to_owned(), SourcePartition(partition))
        };
        let offset: Option<SourceOffset> =
            value.map(|value| SourceOffset(serde_json::from_str(value).unwrap()));
        let written = OffsetState::default().encode(&connector, &partition, offset.as_ref());
        assert_eq!(written.0, key);
        assert_eq!(written.1.as_deref(), value.map(str::as_bytes));
    }
    assert!(state.committed("halted").is_empty());
    let left = state.committed("source");
    assert_eq!(Json::Object(left[0].1.0.clone()), json!({"position": 8}));
}
