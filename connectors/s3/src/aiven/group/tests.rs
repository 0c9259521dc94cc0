//! Which records are in one object, and what it is called.

use std::{cell::RefCell, collections::BTreeMap};

use bytes::Bytes;
use connect_api::{
    config::{Config as _, Props},
    record::{SchemaAndValue, TimestampType},
};

use super::*;

const DAY_MS: i64 = 86_400_000;

fn record(topic: &str, partition: i32, offset: i64, key: Value) -> SinkRecord {
    SinkRecord {
        topic: topic.into(),
        origin: TopicPartition::new(topic, partition),
        offset,
        timestamp_ms: Some(offset * DAY_MS),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::schemaless(key),
        value: SchemaAndValue::NULL,
        headers: Vec::new(),
    }
}

fn grouper(settings: &[(&str, &str)]) -> Grouper {
    let mut props =
        Props::from([("aws.s3.bucket.name", "logs"), ("file.compression.type", "none")]);
    props.extend(settings.iter().copied());
    Grouper::new(&AivenConfig::parse(&props).unwrap()).unwrap()
}

/// Offsets of each group.
fn groups(settings: &[(&str, &str)], records: &[SinkRecord]) -> BTreeMap<String, Vec<i64>> {
    let mut grouper = grouper(settings);
    let groups = RefCell::new(BTreeMap::<String, Vec<i64>>::new());
    for record in records {
        let count = |name: &str| {
            groups.borrow().get(name).map(|offsets| u64::try_from(offsets.len()).unwrap())
        };
        let (name, start) = grouper.find(record, None, 0, count).unwrap();
        let name = grouper.key(&name, record, 0).unwrap();
        let mut groups = groups.borrow_mut();
        let offsets = groups.entry(name).or_default();
        offsets.push(record.offset);
        assert!(grouper.grouping.is_by_key() || offsets[0] >= start);
    }
    groups.into_inner()
}

fn named<const N: usize>(expected: [(&str, &[i64]); N]) -> BTreeMap<String, Vec<i64>> {
    expected.into_iter().map(|(name, offsets)| (name.to_owned(), offsets.to_vec())).collect()
}

fn log() -> Vec<SinkRecord> {
    let at = |partition, offset| record("topic0", partition, offset, Value::Null);
    vec![at(1, 10), at(0, 0), at(1, 11), at(0, 1), at(0, 2), at(1, 12), at(0, 3), at(0, 4)]
}

#[test]
fn records_are_grouped_by_their_partition() {
    assert_eq!(
        groups(&[], &log()),
        named([("topic0-0-0", &[0, 1, 2, 3, 4]), ("topic0-1-10", &[10, 11, 12])])
    );
}

#[test]
fn a_full_object_is_followed_by_another() {
    assert_eq!(
        groups(&[("file.max.records", "2")], &log()),
        named([
            ("topic0-0-0", &[0, 1]),
            ("topic0-0-2", &[2, 3]),
            ("topic0-0-4", &[4]),
            ("topic0-1-10", &[10, 11]),
            ("topic0-1-12", &[12]),
        ])
    );
}

#[test]
fn a_time_in_the_name_follows_the_record_and_the_offset_the_first_one() {
    let name = "{{topic}}-{{partition:padding=true}}-{{start_offset:padding=true}}-\
                {{timestamp:unit=yyyy}}{{timestamp:unit=MM}}{{timestamp:unit=dd}}";
    let settings = [("file.name.template", name), ("file.name.timestamp.source", "event")];
    let log: Vec<_> = (0..2).map(|offset| record("t", 3, offset, Value::Null)).collect();
    assert_eq!(
        groups(&settings, &log),
        named([
            ("t-0000000003-00000000000000000000-19700101", &[0]),
            ("t-0000000003-00000000000000000000-19700102", &[1]),
        ])
    );
    let limited = [settings[0], settings[1], ("file.max.records", "9")];
    assert_eq!(
        groups(&limited, &log),
        named([
            ("t-0000000003-00000000000000000000-19700101", &[0]),
            ("t-0000000003-00000000000000000001-19700102", &[1]),
        ])
    );
}

#[test]
fn keys_are_named_by_javas_text() {
    let keys = [
        (Value::Null, "null"),
        ("k".into(), "k"),
        (Value::Float64(1.0), "1.0"),
        (Value::Bytes(Bytes::from_static(b"raw")), "raw"),
        (Value::Bytes(Bytes::from_static(&[0xff, 0])), "ff00"),
    ];
    for (key, text) in keys {
        let one = [record("t", 0, 5, key)];
        let by_key = groups(&[("file.name.template", "k{{key}}")], &one);
        assert_eq!(by_key, named([(&format!("k{text}"), &[5])]));
        let both = "{{topic}}{{partition}}{{key}}{{start_offset}}";
        let by_both = groups(&[("file.name.template", both)], &one);
        assert_eq!(by_both, named([(&format!("t0{text}5"), &[5])]));
    }
}

#[test]
fn a_prefix_has_the_variables_of_a_name() {
    let settings = [("file.prefix.template", "{{topic}}/{{timestamp:unit=HH}}/")];
    assert_eq!(groups(&settings, &[log()[1].clone()]), named([("topic0/00/topic0-0-0", &[0])]));
}

#[test]
fn the_old_layout_begins_with_its_prefix() {
    let one = [record("t", 2, 7, Value::Null)];
    for (prefix, key) in [
        ("aiven--", "aiven--t-2-00000000000000000007"),
        ("{{ utc_date }}/", "1970-01-01/t-2-00000000000000000007"),
        (
            "{{timestamp:unit=YYYY}}/{{partition}}/{{start_offset}}/{{other}}",
            "1970/2/7/{{other}}t-2-00000000000000000007",
        ),
    ] {
        assert_eq!(groups(&[("aws_s3_prefix", prefix)], &one), named([(key, &[7])]));
    }
    let settings = [
        ("aws.s3.prefix", "{{timestamp:unit=dd}}/"),
        ("timestamp.source", "EVENT"),
        ("format.output.type", "avro"),
        ("file.compression.type", "zstd"),
    ];
    let key = "08/t-2-00000000000000000007.avro.zst";
    assert_eq!(groups(&settings, &one), named([(key, &[7])]));
}

#[test]
fn a_record_without_the_time_it_is_named_by_is_bad() {
    let name = "{{topic}}{{partition}}{{start_offset}}{{timestamp:unit=HH}}";
    let mut grouper =
        grouper(&[("file.name.template", name), ("file.name.timestamp.source", "EVENT")]);
    let mut one = record("t", 0, 0, Value::Null);
    one.timestamp_ms = None;
    assert!(grouper.find(&one, None, 0, |_| None).is_err());
}
