//! What is accepted, what is refused, and in which words.

use connect_api::config::validate;

use super::*;

fn props(more: &[(&str, &str)]) -> Props {
    let mut props = Props::from([("aws.s3.bucket.name", "audit")]);
    props.extend(more.iter().copied());
    props
}

/// Keys with problems, and the problems.
fn problems(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let values = validate::<AivenConfig>(&props(more));
    let pairs = values.into_iter().map(|value| (value.name, value.errors));
    pairs.flat_map(|(name, errors)| errors.into_iter().map(move |e| (name.clone(), e))).collect()
}

/// A configuration as users have them, with an endpoint and a name of its own.
const AUDIT: [(&str, &str); 13] = [
    ("connector.class", "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector"),
    ("aws.access.key.id", "key"),
    ("aws.secret.access.key", "s3cret"),
    ("aws.s3.region", "eu-north-1"),
    ("aws.s3.endpoint", "http://minio:9000"),
    (
        "file.name.template",
        "audit/{{topic}}/{{timestamp:unit=yyyy}}/{{timestamp:unit=MM}}/{{timestamp:unit=dd}}/\
         {{partition}}-{{start_offset:padding=true}}.jsonl.gz",
    ),
    ("file.name.timestamp.timezone", "UTC"),
    ("file.name.timestamp.source", "EVENT"),
    ("file.compression.type", "gzip"),
    ("file.max.records", "5000"),
    ("format.output.type", "jsonl"),
    ("format.output.fields", "key,value,offset,timestamp,headers"),
    ("format.output.fields.value.encoding", "none"),
];

#[test]
fn a_configuration_of_the_original_is_right() {
    assert_eq!(problems(&AUDIT), []);
    let config = AivenConfig::parse(&props(&AUDIT)).unwrap();
    assert_eq!(config.template().unwrap().1, Grouping::Partition);
    let (keys, tuning) = config.bucket().unwrap();
    assert_eq!((keys.region.as_str(), keys.path_style), ("eu-north-1", true));
    assert_eq!(keys.store_url.as_deref(), Some("http://minio:9000"));
    assert_eq!(keys.credentials, CredentialsClass::DefaultChain);
    assert_eq!((keys.retries, keys.retry_backoff), (3, Duration::from_millis(100)));
    assert_eq!(tuning.longest_backoff, Duration::from_secs(20));
    assert!(!format!("{config:?} {keys:?}").contains("s3cret"));
}

#[test]
fn the_example_configuration_is_right() {
    let text = include_str!("../../../../../configs/aiven-s3-sink.json");
    let example: serde_json::Value = serde_json::from_str(text).unwrap();
    let props: Props = serde_json::from_value(example["config"].clone()).unwrap();
    let errors: Vec<_> =
        validate::<AivenConfig>(&props).into_iter().flat_map(|value| value.errors).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn the_least_configuration_has_the_defaults_of_the_original() {
    let config = AivenConfig::parse(&props(&[])).unwrap();
    let (keys, _) = config.bucket().unwrap();
    assert_eq!((keys.region.as_str(), keys.path_style), ("us-east-1", false));
    assert_eq!(config.compression(), FileCompression::Gzip);
    assert_eq!((config.fields(), config.extension().as_str()), (&[OutputField::Value][..], ".gz"));
    assert_eq!((config.part_bytes(), config.file.max_records), (5_242_880, 0));
    assert_eq!(config.format.kind, OutputType::Csv);
}

#[test]
fn old_names_mean_what_they_meant() {
    let old = [
        ("aws_s3_bucket", "old-bucket"),
        ("aws_access_key_id", "key"),
        ("aws_secret_access_key", "secret"),
        ("aws_s3_endpoint", "minio:9000"),
        ("aws_s3_region", "us-west-2"),
        ("aws_s3_prefix", "aiven--"),
        ("output_compression", "none"),
        ("output_fields", "value,key,timestamp"),
        ("timestamp.timezone", "Europe/Berlin"),
        ("timestamp.source", "EVENT"),
    ];
    let config = AivenConfig::parse(&Props::from(old)).unwrap();
    let (keys, _) = config.bucket().unwrap();
    assert_eq!((keys.name.as_str(), keys.region.as_str()), ("old-bucket", "us-west-2"));
    assert_eq!(keys.store_url.as_deref(), Some("minio:9000"));
    assert_eq!(config.file.old_prefix.as_deref(), Some("aiven--"));
    assert_eq!(config.compression(), FileCompression::None);
    assert_eq!(config.fields().len(), 3);
    let new = [("file.compression.type", "zstd"), ("format.output.fields", "key, VALUE")];
    let mut both = Props::from(old);
    both.extend(new);
    let config = AivenConfig::parse(&both).unwrap();
    assert_eq!(config.compression(), FileCompression::Zstd);
    assert_eq!(config.fields(), [OutputField::Key, OutputField::Value]);
}

#[test]
fn encryption_is_that_of_the_option() {
    let config = AivenConfig::parse(&props(&[("aws.s3.sse.algorithm", "aws:kms")])).unwrap();
    assert_eq!(config.bucket().unwrap().0.encryption, "aws:kms");
}

#[test]
fn a_role_is_assumed_when_it_has_a_session() {
    let role = [
        ("aws.sts.role.arn", "arn:aws:iam::1:role/sink"),
        ("aws.sts.role.session.name", "sink"),
        ("aws.sts.role.session.duration", "900"),
        ("aws.s3.region", "eu-north-1"),
        ("aws.sts.config.endpoint", "https://sts.eu-north-1.amazonaws.com"),
    ];
    assert_eq!(problems(&role), []);
    let (keys, tuning) = AivenConfig::parse(&props(&role)).unwrap().bucket().unwrap();
    assert_eq!(keys.credentials, CredentialsClass::AssumeRole);
    assert_eq!(keys.role_external_id, None);
    assert_eq!(tuning.role_lasts, Some(Duration::from_mins(15)));
    assert_eq!(tuning.role_url.as_deref(), Some("https://sts.eu-north-1.amazonaws.com"));
    let (keys, tuning) = AivenConfig::parse(&props(&role[..1])).unwrap().bucket().unwrap();
    assert_eq!((keys.credentials, tuning.role_url), (CredentialsClass::DefaultChain, None));
    let lost = [role[0], role[1], role[4]];
    assert_eq!(problems(&lost)[0].0, "aws.s3.region");
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    for (key, value, reason) in [
        ("aws.s3.bucket.name", "ab", "between 3 and 63 characters long"),
        ("aws.s3.bucket.name", "BUCKET-NAME", "not contain uppercase characters"),
        ("aws.s3.bucket.name", "bucket_name", "not contain '_'"),
        ("aws.s3.bucket.name", "bucket-", "not begin or end"),
        ("aws.s3.part.size.bytes", "0", "Part size must be greater than 0"),
        ("aws.s3.part.size.bytes", "2000000001", "Part size must be no more: 2000000000"),
        ("aws.s3.prefix", "", "non-empty"),
        ("aws.s3.endpoint", "ftp://x", "http"),
        ("aws.s3.region", "", "non-empty"),
        ("aws.s3.backoff.max.retries", "31", "30"),
        ("aws.sts.role.session.duration", "899", "900"),
        ("aws.credentials.provider", "com.example.Mine", "DefaultAWSCredentialsProviderChain"),
        ("aws.credentials.provider", "AwsAssumeRoleCredentialsProvider", "aws.sts.role.arn"),
        ("kafka.retry.backoff.ms", "86400001", "86400000"),
        ("file.compression.type", "lz4", "zstd"),
        ("file.max.records", "-1", "0"),
        ("file.name.timestamp.timezone", "Mars/Olympus", "Mars/Olympus"),
        ("file.name.timestamp.source", "PROCESS", "WALLCLOCK"),
        ("file.name.template", "{{topic}}", "supported sets are"),
        ("file.prefix.template", "{{timestamp}}/", "unit"),
        ("format.output.type", "xml", "jsonl"),
        ("format.output.fields", "value,topic", "headers"),
        ("format.output.fields", "value,value", "Duplicate"),
        ("format.output.fields.value.encoding", "hex", "base64"),
        ("avro.codec", "xz", "bzip2"),
    ] {
        let found = problems(&[(key, value)]);
        let is_told = found.iter().any(|(name, text)| name == key && text.contains(reason));
        assert!(is_told, "{key}={value}: {found:?}");
    }
}

#[test]
fn rules_across_options_name_the_key_to_change() {
    for (settings, key) in [
        (vec![("aws.access.key.id", "key")], "aws.secret.access.key"),
        (vec![("aws.secret.access.key", "key")], "aws.access.key.id"),
        (vec![("format.output.envelope", "false")], "format.output.envelope"),
        (
            vec![("format.output.envelope", "false"), ("format.output.fields", "key,value")],
            "format.output.envelope",
        ),
        (vec![("file.name.template", "{{key}}"), ("file.max.records", "2")], "file.max.records"),
        (vec![("aws.s3.prefix", "{{timestamp}}")], "aws.s3.prefix"),
    ] {
        let found: Vec<_> = problems(&settings).into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, [key], "{settings:?}");
    }
    for settings in [
        vec![("file.name.template", "{{key}}"), ("file.max.records", "1")],
        vec![("format.output.envelope", "false"), ("format.output.fields", "value")],
        vec![("file.name.timestamp.timezone", "Z")],
        vec![("aws.s3.part.size.bytes", "1")],
    ] {
        assert_eq!(problems(&settings), [], "{settings:?}");
    }
}
