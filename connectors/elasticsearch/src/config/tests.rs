//! What is accepted, what is refused, and in which words.

use connect_api::config::{Config as _, ConfigKind, Props, validate};

use super::*;

fn problems<C: connect_api::config::Config>(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut props = Props::from([("connection.url", "http://localhost:9200")]);
    props.extend(more.iter().copied());
    let values = validate::<C>(&props).into_iter();
    values.flat_map(|v| v.errors.into_iter().map(move |e| (v.name.clone(), e))).collect()
}

fn keys<C: connect_api::config::Config>(more: &[(&str, &str)]) -> Vec<String> {
    let mut found: Vec<_> = problems::<C>(more).into_iter().map(|(key, _)| key).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn the_defaults_are_those_of_the_originals() {
    let props = Props::from([("connection.url", "http://localhost:9200")]);
    let config = ElasticsearchSinkConfig::parse(&props).unwrap();
    assert_eq!(config.flush_timeout.as_secs(), 180);
    assert_eq!((config.cluster.batch_size, config.cluster.max_buffered), (2000, 20_000));
    assert_eq!((config.nulls, config.malformed), (NullBehavior::Fail, MalformedBehavior::Fail));
    let config = OpenSearchSinkConfig::parse(&props).unwrap();
    assert_eq!(config.flush_timeout.as_secs(), 10);
    assert_eq!((config.nulls, config.conflicts), (NullBehavior::Ignore, Behavior::Fail));
    let def = ElasticsearchSinkConfig::def();
    let kinds = ["max.connection.idle.time.ms", "connection.timeout.ms", "read.timeout.ms"]
        .map(|key| def.get(key).unwrap().kind);
    assert_eq!(kinds, [ConfigKind::Int; 3]);
}

#[test]
fn a_mapping_without_a_type_counts_for_nothing() {
    let props = |kind| {
        Props::from([
            ("connection.url", "http://localhost:9200"),
            ("topic.to.existing.resource.mapping", "a:x"),
            ("existing.resource.type", kind),
        ])
    };
    let is_idle = |kind| OpenSearchSinkConfig::parse(&props(kind)).unwrap().has_idle_mapping();
    assert!(is_idle("none") && !is_idle("index"));
}

#[test]
fn the_examples_are_right() {
    let examples = [
        include_str!("../../../../configs/elasticsearch-sink.json"),
        include_str!("../../../../configs/opensearch-sink.json"),
    ];
    for (number, text) in examples.into_iter().enumerate() {
        let example: serde_json::Value = serde_json::from_str(text).unwrap();
        let props: Props = serde_json::from_value(example["config"].clone()).unwrap();
        let values = match number {
            0 => validate::<ElasticsearchSinkConfig>(&props),
            _ => validate::<OpenSearchSinkConfig>(&props),
        };
        let errors: Vec<_> = values.into_iter().flat_map(|value| value.errors).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}

#[test]
fn rules_across_options_of_elasticsearch_name_the_keys() {
    for (settings, expected) in [
        (vec![], vec![]),
        (vec![("connection.username", "u")], vec!["connection.password", "connection.username"]),
        (
            vec![
                ("connection.username", "u"),
                ("connection.password", "p"),
                ("connection.api.key", "k"),
            ],
            vec!["connection.api.key"],
        ),
        (vec![("connection.url", "ftp://x")], vec!["connection.url"]),
        (vec![("connection.url", "http://u:p@x:9200")], vec!["connection.url"]),
        (vec![("max.buffered.records", "10")], vec!["max.buffered.records"]),
        (vec![("linger.ms", "2000"), ("flush.timeout.ms", "1000")], vec!["linger.ms"]),
        (vec![("data.stream.type", "logs")], vec!["data.stream.dataset", "data.stream.type"]),
        (vec![("data.stream.dataset", "A b")], vec!["data.stream.dataset"]),
        (vec![("data.stream.timestamp.field", "a")], vec!["data.stream.timestamp.field"]),
        (
            vec![
                ("data.stream.type", "LOGS"),
                ("data.stream.dataset", "a"),
                ("write.method", "upsert"),
                ("behavior.on.null.values", "DELETE"),
            ],
            vec!["behavior.on.null.values", "write.method"],
        ),
        (
            vec![("key.ignore", "true"), ("topic.key.ignore", "a")],
            vec!["key.ignore", "topic.key.ignore"],
        ),
        (vec![("proxy.username", "u")], vec!["proxy.username"]),
        (vec![("kerberos.user.principal", "u@X")], vec!["kerberos.user.principal"]),
        (
            vec![("behavior.on.malformed.documents", "report")],
            vec!["behavior.on.malformed.documents"],
        ),
    ] {
        assert_eq!(keys::<ElasticsearchSinkConfig>(&settings), expected, "{settings:?}");
    }
}

#[test]
fn mappings_and_keys_of_tls_are_checked_against_the_rest() {
    for (settings, expected) in [
        (vec![("external.resource.usage", "index")], vec!["topic.to.external.resource.mapping"]),
        (
            vec![
                ("external.resource.usage", "index"),
                ("topic.to.external.resource.mapping", "a:x,a:y"),
            ],
            vec!["topic.to.external.resource.mapping"],
        ),
        (
            vec![
                ("topics", "a,b"),
                ("external.resource.usage", "index"),
                ("topic.to.external.resource.mapping", "a:x"),
            ],
            vec!["topic.to.external.resource.mapping"],
        ),
        (
            vec![
                ("topics", "a"),
                ("external.resource.usage", "index"),
                ("topic.to.external.resource.mapping", "a:x,b:y"),
            ],
            vec!["topic.to.external.resource.mapping"],
        ),
        (
            vec![("elastic.https.ssl.truststore.location", "/none.pem")],
            vec!["elastic.security.protocol"],
        ),
        (
            vec![("elastic.https.ssl.endpoint.identification.algorithm", "")],
            vec!["elastic.security.protocol"],
        ),
        (vec![("elastic.security.protocol", "SSL")], vec!["elastic.security.protocol"]),
    ] {
        assert_eq!(keys::<ElasticsearchSinkConfig>(&settings), expected, "{settings:?}");
    }
}

#[test]
fn rules_across_options_of_opensearch_name_the_keys() {
    let aws = [("aws.access_key_id", "a"), ("aws.secret_access_key", "s")];
    for (settings, expected) in [
        (vec![], vec![]),
        (vec![("routing.type", "value")], vec!["routing.type.record.value.path"]),
        (vec![("routing.type.record.value.path", "a")], vec!["routing.type.record.value.path"]),
        (
            vec![("data.stream.enabled", "true"), ("index.write.method", "upsert")],
            vec!["index.write.method"],
        ),
        (
            vec![("key.ignore", "true"), ("index.write.method", "upsert")],
            vec!["key.ignore.id.strategy"],
        ),
        (vec![("linger.ms", "20000")], vec!["linger.ms"]),
        (vec![("behavior.on.version.conflict", "report")], vec!["behavior.on.version.conflict"]),
        (
            vec![
                ("behavior.on.malformed.documents", "report"),
                ("errors.deadletterqueue.topic.name", "q"),
            ],
            vec![],
        ),
        (
            vec![
                ("topics", "a"),
                ("existing.resource.type", "index"),
                ("topic.to.existing.resource.mapping", "b:x"),
            ],
            vec!["topic.to.existing.resource.mapping"],
        ),
        (aws.to_vec(), vec!["aws.region"]),
        (vec![aws[0]], vec!["aws.secret_access_key"]),
        (
            vec![
                aws[0],
                aws[1],
                ("aws.region", "r"),
                ("connection.username", "u"),
                ("connection.password", "p"),
            ],
            vec!["connection.username"],
        ),
        (
            vec![("existing.resource.type", "index_alias")],
            vec!["topic.to.existing.resource.mapping"],
        ),
    ] {
        assert_eq!(keys::<OpenSearchSinkConfig>(&settings), expected, "{settings:?}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let secrets = [
        ("connection.password", "s3cret"),
        ("connection.username", "u"),
        ("connection.api.key", "s3cret"),
        ("proxy.password", "s3cret"),
        ("aws.secret_access_key", "s3cret"),
        ("connection.url", "http://u:s3cret@host:9200"),
    ];
    let shown = format!("{:?}", problems::<OpenSearchSinkConfig>(&secrets));
    assert!(!shown.contains("s3cret"), "{shown}");
}
