//! What is accepted, what is refused, and in which words.

use connect_api::config::{Props, validate};

use super::*;

/// Zeros.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn props(more: &[(&str, &str)]) -> Props {
    let mut props = Props::from([
        ("s3.bucket.name", "b"),
        ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
        ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
        ("flush.size", "3"),
    ]);
    props.extend(more.iter().copied());
    props
}

/// Keys with problems, and the problems.
fn problems(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let values = validate::<S3SinkConfig>(&props(more));
    values
        .into_iter()
        .flat_map(|v| v.errors.into_iter().map(move |e| (v.name.clone(), e)))
        .collect()
}

#[test]
fn the_example_configuration_is_right() {
    let text = include_str!("../../../../configs/s3_conn_config.json");
    let example: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(example["name"], "s3-raw-logs");
    let props: Props = serde_json::from_value(example["config"].clone()).unwrap();
    let errors: Vec<_> =
        validate::<S3SinkConfig>(&props).into_iter().flat_map(|value| value.errors).collect();
    assert_eq!(errors, Vec::<String>::new());
    let config = S3SinkConfig::parse(&props).unwrap();
    assert_eq!(config.bucket.region, "ap-northeast-2");
    assert_eq!(config.connector.flush_size, 10);
    assert_eq!(
        config.storage.time_pattern(),
        ("'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH", 3_600_000)
    );
    assert!(!config.storage.is_by_clock());
}

#[test]
fn the_least_configuration_has_the_defaults_of_the_original() {
    let config = S3SinkConfig::parse(&props(&[])).unwrap();
    assert_eq!(config.bucket.region, "us-west-2");
    assert_eq!(config.bucket.part_size, 26_214_400);
    assert_eq!(config.bucket.bytes_separator, "\n");
    assert_eq!(config.storage.topics_dir, "topics");
    assert_eq!(config.connector.filename_offset_zero_pad_width, 10);
    assert!(config.bucket.path_style && config.connector.enable_conditional_writes);
}

#[test]
fn every_option_has_a_manual_and_a_default_that_passes_its_own_check() {
    for key in S3SinkConfig::def().keys() {
        assert!(!key.documentation.is_empty() && key.group.is_some(), "{}", key.name);
    }
    assert_eq!(problems(&[]), []);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (key, value, reason) in [
        ("avro.codec", "zstandard", "bzip2"),
        ("parquet.codec", "zip", "lz4_raw"),
        ("format.class", "com.example.Mine", "JsonFormat"),
        ("partitioner.class", "com.example.Mine", "HourlyPartitioner"),
        ("timestamp.extractor", "com.example.Mine", "RecordField"),
        ("s3.credentials.provider.class", "com.example.Mine", "DefaultAWSCredentialsProviderChain"),
        ("s3.sse.customer.key", "c2hvcnQ=", "32 bytes"),
        ("flush.size", "0", "at least 1"),
        ("timezone", "Mars/Olympus", "Europe/Berlin"),
        ("store.url", "ftp://x", "http"),
        ("s3.acl.canned", "everybody", "bucket-owner-full-control"),
        ("s3.object.tagging.key.value.pairs", "a", "name:value"),
        ("s3.part.size", "1048576", "5242880"),
        ("s3.compression.type", "zip", "gzip"),
    ] {
        let found = problems(&[(key, value)]);
        let is_told = found.iter().any(|(name, text)| name == key && text.contains(reason));
        assert!(is_told, "{key}={value}: {found:?}");
    }
}

#[test]
fn rules_across_options_name_the_key_to_change() {
    let time = ("partitioner.class", "TimeBasedPartitioner");
    let zone = [("locale", "en"), ("timezone", "UTC")];
    for (settings, keys) in [
        (vec![("rotate.schedule.interval.ms", "1000")], vec!["timezone"]),
        (vec![("s3.wan.mode", "true")], vec!["s3.wan.mode"]),
        (
            vec![("format.class", "AvroFormat"), ("s3.compression.type", "gzip")],
            vec!["s3.compression.type"],
        ),
        (vec![("format.class", "ParquetFormat"), ("parquet.codec", "lzo")], vec!["parquet.codec"]),
        (vec![("partitioner.class", "FieldPartitioner")], vec!["partition.field.name"]),
        (vec![time], vec!["partition.duration.ms", "path.format", "locale", "timezone"]),
        (vec![("partitioner.class", "DailyPartitioner")], vec!["locale", "timezone"]),
        (
            vec![
                time,
                zone[0],
                zone[1],
                ("path.format", "year=YYYY"),
                ("partition.duration.ms", "1"),
            ],
            vec!["path.format"],
        ),
        (
            vec![time, zone[0], zone[1], ("path.format", "/"), ("partition.duration.ms", "0")],
            vec!["partition.duration.ms", "path.format"],
        ),
        (vec![("behavior.on.null.values", "write")], vec!["behavior.on.null.values"]),
        (vec![("behavior.on.null.values", "write"), ("store.kafka.keys", "true")], vec![]),
        (vec![("s3.sse.customer.key", KEY)], vec!["s3.sse.customer.key"]),
        (vec![("s3.sse.customer.key", KEY), ("s3.ssea.name", "AES256")], vec![]),
        (vec![("s3.send.digest", "true")], vec![]),
        (
            vec![("store.kafka.headers", "true"), ("headers.format.class", "ByteArrayFormat")],
            vec!["headers.format.class"],
        ),
        (
            vec![("store.kafka.keys", "true"), ("s3.compression.type", "gzip")],
            vec!["s3.compression.type"],
        ),
        (
            vec![("s3.credentials.provider.class", "AwsAssumeRoleCredentialsProvider")],
            vec![
                "s3.credentials.provider.sts.role.arn",
                "s3.credentials.provider.sts.role.session.name",
                "s3.credentials.provider.sts.role.external.id",
            ],
        ),
        (vec![("partitioner.class", "HourlyPartitioner"), zone[0], zone[1]], vec![]),
    ] {
        let mut found: Vec<_> = problems(&settings).into_iter().map(|(key, _)| key).collect();
        found.dedup();
        let mut keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        found.sort();
        keys.sort();
        assert_eq!(found, keys, "{settings:?}");
    }
}

#[test]
fn classes_answer_to_either_family_of_names() {
    for (key, value) in [
        ("format.class", "JsonFormat"),
        ("format.class", "io.confluent.connect.s3.format.avro.AvroFormat"),
        ("format.class", "io.confluent.connect.s3.format.parquet.ParquetFormat"),
        ("parquet.codec", "lzo"),
        ("timestamp.extractor", "Record"),
        (
            "timestamp.extractor",
            "io.confluent.connect.storage.partitioner.TimeBasedPartitioner$RecordTimestampExtractor",
        ),
        (
            "s3.credentials.provider.class",
            "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider",
        ),
        ("s3.proxy.url", "http://egress-proxy:3128"),
        ("schema.compatibility", "whatever"),
        ("schema.compatibility", "BACKWARD"),
    ] {
        assert_eq!(problems(&[(key, value)]), [], "{key}={value}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let secrets = [
        ("aws.secret.access.key", "s3cret"),
        ("s3.proxy.password", "s3cret"),
        ("s3.sse.customer.key", "s3cret"),
        ("s3.credentials.provider.sts.aws.secret.key.id", "s3cret"),
    ];
    let config = S3SinkConfig::parse(&props(&secrets[..2])).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    let values = format!("{:?}", validate::<S3SinkConfig>(&props(&secrets)));
    assert!(!values.contains("s3cret"), "{values}");
}

#[test]
fn the_address_gets_a_scheme_and_loses_its_slash() {
    assert_eq!(endpoint("http://minio:9000/"), "http://minio:9000");
    assert_eq!(endpoint("minio:9000"), "https://minio:9000");
}
