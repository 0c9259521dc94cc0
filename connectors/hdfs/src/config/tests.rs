//! What is accepted and what is refused.

use connect_api::config::{Config as _, Props, validate};

use super::*;

fn props(more: &[(&str, &str)]) -> Props {
    let mut props = Props::from([("hdfs.url", "hdfs://nn:8020"), ("flush.size", "3")]);
    props.extend(more.iter().copied());
    props
}

fn problems(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let values = validate::<HdfsSinkConfig>(&props(more)).into_iter();
    let of = |value: connect_api::config::ConfigValue| {
        let name = value.name.clone();
        value.errors.into_iter().map(move |error| (name.clone(), error)).collect::<Vec<_>>()
    };
    values.flat_map(of).collect()
}

#[test]
fn defaults_are_those_of_the_original() {
    let config = HdfsSinkConfig::parse(&props(&[])).unwrap();
    assert_eq!(config.connector.format_class, FormatClass::Avro);
    assert_eq!((&*config.storage.topics_dir, &*config.cluster.logs_dir), ("topics", "logs"));
    assert_eq!(config.connector.rotate_interval_ms, -1);
    assert_eq!(config.connector.filename_offset_zero_pad_width, 10);
    assert_eq!(problems(&[]), []);
}

#[test]
fn an_address_that_is_empty_hides_none() {
    let config = HdfsSinkConfig::parse(&props(&[("store.url", "")])).unwrap();
    assert_eq!(config.cluster.url(), Some("hdfs://nn:8020"));
    let found = problems(&[("store.url", ""), ("hdfs.url", "s3a://bucket")]);
    assert!(found.iter().any(|(key, _)| key == "hdfs.url"), "{found:?}");
}

#[test]
fn every_option_has_a_manual() {
    for key in HdfsSinkConfig::def().keys() {
        assert!(!key.documentation.is_empty(), "{}", key.name);
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (key, value, reason) in [
        ("hdfs.authentication.kerberos", "true", "hdfs.delegation.token"),
        ("hive.integration", "true", "external table"),
        ("format.class", "io.confluent.connect.hdfs.orc.OrcFormat", "ORC is not supported"),
        ("format.class", "com.example.Mine", "JsonFormat"),
        ("store.kafka.keys", "true", "values only"),
        ("store.kafka.headers", "true", "values only"),
        ("behavior.on.null.values", "write", "ignore"),
        ("hdfs.append", "true", "An Avro file has one schema"),
        ("hdfs.append", "yes", "true"),
        ("hdfs.lease.timeout.ms", "-1", "at least 0"),
        ("flush.size", "0", "at least 1"),
        ("rotate.schedule.interval.ms", "1000", ""),
        ("hdfs.url", "s3a://bucket", "hdfs://namenode:8020"),
        ("hdfs.url", "http://u:p@nn", "hdfs.user"),
        ("webhdfs.url", "ftp://nn", "http://namenode:9870"),
        ("hdfs.datanode.hosts", "a", "name=host"),
        ("topic.capture.groups.regex", "(", "unclosed"),
        ("partitioner.class", "com.example.Mine", "HourlyPartitioner"),
    ] {
        let found = problems(&[(key, value)]);
        let name = if key.starts_with("rotate") { "timezone" } else { key };
        let is_told = found.iter().any(|(own, text)| own == name && text.contains(reason));
        assert!(is_told, "{key}={value}: {found:?}");
    }
    let found = problems(&[("hdfs.url", "")]);
    assert!(found.iter().any(|(key, _)| key == "store.url"), "{found:?}");
}

#[test]
fn only_files_of_lines_can_grow() {
    for (format, refusal) in [
        ("JsonFormat", None),
        ("StringFormat", None),
        ("AvroFormat", Some("one mark")),
        ("ParquetFormat", Some("read from its end")),
    ] {
        let found = problems(&[("hdfs.append", "true"), ("format.class", format)]);
        let told = found.iter().find(|(key, _)| key == "hdfs.append").map(|(_, text)| text);
        assert_eq!(told.is_some(), refusal.is_some(), "{format}: {found:?}");
        assert!(told.is_none_or(|text| text.contains(refusal.unwrap_or_default())), "{told:?}");
    }
}

#[test]
fn classes_answer_to_the_packages_of_both_connectors() {
    for (key, value) in [
        ("format.class", "io.confluent.connect.hdfs3.json.JsonFormat"),
        ("format.class", "StringFormat"),
        ("storage.class", "io.confluent.connect.hdfs3.storage.HdfsStorage"),
        ("partitioner.class", "io.confluent.connect.hdfs.partitioner.DefaultPartitioner"),
        ("hive.integration", "false"),
        ("store.url", "webhdfs://nn"),
    ] {
        assert_eq!(problems(&[(key, value)]), [], "{key}={value}");
    }
}

#[test]
fn a_configuration_of_the_original_is_taken_as_it_is() {
    let wild = [
        ("hdfs.url", "hdfs://namenode:8020"),
        ("hadoop.conf.dir", "hadoop-conf"),
        ("topics.dir", "warehouse/raw"),
        ("logs.dir", "warehouse/wal"),
        ("flush.size", "5000"),
        ("rotate.interval.ms", "600000"),
        ("format.class", "io.confluent.connect.hdfs.avro.AvroFormat"),
        ("partitioner.class", "io.confluent.connect.hdfs.partitioner.DailyPartitioner"),
        ("locale", "en"),
        ("timezone", "Europe/Paris"),
        ("timestamp.extractor", "Record"),
        ("schema.compatibility", "BACKWARD"),
        ("hive.integration", "false"),
        ("hdfs.authentication.kerberos", "false"),
    ];
    assert_eq!(problems(&wild), []);
    let config = HdfsSinkConfig::parse(&props(&wild)).unwrap();
    assert!(config.rotates_by_records());
    let (nodes, base) = name_nodes(&config.cluster).unwrap();
    assert_eq!((nodes, &*base), (vec!["http://namenode:9870".to_owned()], ""));
}

#[test]
fn keys_without_meaning_are_named() {
    let props = props(&[("hive.database", "x"), ("file.delim", "-"), ("hadoop.home", "")]);
    assert_eq!(without_meaning(&props), ["hive.database", "file.delim"]);
}

#[test]
fn secrets_are_never_shown() {
    let props = props(&[("hdfs.delegation.token", "s3cret")]);
    let config = HdfsSinkConfig::parse(&props).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    assert!(!format!("{:?}", validate::<HdfsSinkConfig>(&props)).contains("s3cret"));
}
