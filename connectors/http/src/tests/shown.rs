//! What is shown before anything is sent.

use connect_api::{
    config::{Config as _, Props},
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    sink::SinkConnector,
    value::{Map, Value},
};

use crate::{
    HttpSink,
    config::{confluent::ConfluentConfig, idle_reporting},
};

fn record(value: Value) -> SinkRecord {
    SinkRecord {
        topic: "t".into(),
        origin: TopicPartition::new("t", 0),
        offset: 3,
        timestamp_ms: None,
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::schemaless(Value::Int64(7)),
        value: SchemaAndValue::schemaless(value),
        headers: Vec::new(),
    }
}

fn point() -> Value {
    let inner = Map::new(vec![("y".into(), Value::Float64(1.5))]);
    Value::Map(Map::new(vec![("x".into(), "a&b".into()), ("p".into(), Value::Map(inner))]))
}

#[test]
fn a_preview_is_method_address_and_body() {
    let props = Props::from([
        ("http.api.url", "http://h/${topic}/${key}?x=${x}&y=${p.y}"),
        ("regex.patterns", r#""(x)"~1\.5"#),
        ("regex.replacements", r#""$1$1"~2"#),
    ]);
    let records = [record(point()), record(Value::Null), record("text".into())];
    let shown = HttpSink::CONFLUENT.preview(&props, &records, 0).unwrap().unwrap();
    let first = shown[0].as_ref().unwrap().as_ref().unwrap();
    assert_eq!(first.place, "POST http://h/t/7?x=a%26b&y=1.5");
    assert_eq!(&first.content[..], br#"{"xx":"a&b","p":{"y":2}}"#);
    assert_eq!(shown[1].as_ref().unwrap(), &None);
    assert!(shown[2].as_ref().unwrap_err().to_string().contains("offset 3 of t-0 has no \"x\""));
}

fn problems(connector: &dyn SinkConnector, props: &Props) -> Vec<(String, String)> {
    let values = connector.validate(props).into_iter();
    values.flat_map(|v| v.errors.clone().into_iter().map(move |e| (v.name.clone(), e))).collect()
}

#[test]
fn every_wrong_key_is_found_at_once() {
    let props = Props::from([
        ("http.api.url", "ftp://h"),
        ("request.method", "BREW"),
        ("headers", "no colon"),
        ("auth.type", "OAUTH2"),
        ("retry.on.status.codes", "4xx"),
        ("regex.patterns", "("),
        ("max.in.flight", "0"),
        ("max.requests.per.second", "NaN"),
        ("http.proxy.host", "proxy"),
        ("batch.max.size", "0"),
    ]);
    let found = problems(&HttpSink::CONFLUENT, &props);
    let keys: std::collections::BTreeSet<_> = found.iter().map(|(key, _)| key.as_str()).collect();
    for key in [
        "http.api.url",
        "request.method",
        "retry.on.status.codes",
        "max.in.flight",
        "max.requests.per.second",
        "batch.max.size",
    ] {
        assert!(keys.contains(key), "{key} is not among {found:?}");
    }
    let mut props = Props::from([("http.api.url", "http://h"), ("auth.type", "OAUTH2")]);
    props.insert("headers", "no colon");
    props.insert("regex.patterns", "(");
    props.insert("http.proxy.host", "proxy");
    let found = problems(&HttpSink::CONFLUENT, &props);
    let keys: std::collections::BTreeSet<_> = found.iter().map(|(key, _)| key.as_str()).collect();
    let expected = [
        "headers",
        "http.proxy.port",
        "oauth2.client.id",
        "oauth2.client.secret",
        "oauth2.token.url",
        "regex.patterns",
    ];
    for key in expected {
        assert!(keys.contains(key), "{key} is not among {found:?}");
    }
}

#[test]
fn a_header_that_cannot_be_read_is_named_by_its_place() {
    for wrong in ["Bearer s3cret", "Bearer s3cret:1", ": s3cret", "Authorization:s3cret\u{7f}"] {
        let headers = format!("X-A:1|{wrong}");
        let props = Props::from([("http.api.url", "http://h"), ("headers", headers.as_str())]);
        let found = problems(&HttpSink::CONFLUENT, &props);
        assert_eq!((found.len(), found[0].0.as_str()), (1, "headers"), "{found:?}");
        assert!(found[0].1.contains("Entry 2 ") && !found[0].1.contains("s3cret"), "{found:?}");
        let headers = headers.replace('|', ",");
        let props = Props::from([
            ("http.url", "http://h"),
            ("http.authorization.type", "none"),
            ("http.headers.additional", headers.as_str()),
        ]);
        let found = problems(&HttpSink::AIVEN, &props);
        assert_eq!((found.len(), found[0].0.as_str()), (1, "http.headers.additional"), "{found:?}");
        assert!(found[0].1.contains("Entry 2 ") && !found[0].1.contains("s3cret"), "{found:?}");
    }
}

#[test]
fn aivens_class_asks_for_what_its_authorization_needs() {
    let found = problems(&HttpSink::AIVEN, &Props::from([("http.url", "http://h")]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "http.authorization.type");
    let props = Props::from([("http.url", "http://h"), ("http.authorization.type", "static")]);
    let found = problems(&HttpSink::AIVEN, &props);
    assert_eq!(found[0].0, "http.headers.authorization");
}

#[test]
fn patterns_that_look_around_or_back_are_refused() {
    for pattern in ["(?<=a)b", "a(?=b)", "(?!a)b", r"(a)\1"] {
        let props = Props::from([("http.api.url", "http://h"), ("regex.patterns", pattern)]);
        let found = problems(&HttpSink::CONFLUENT, &props);
        assert_eq!((found.len(), found[0].0.as_str()), (1, "regex.patterns"), "{found:?}");
        assert!(found[0].1.contains("not supported"), "{found:?}");
    }
}

#[test]
fn keys_of_reporting_that_do_not_turn_it_on_are_known() {
    let more = ["report.errors.as", "reporter.error.topic.partitions", "reporter.admin.x"];
    for (key, expected) in [
        ("reporter.bootstrap.servers", 0),
        ("reporter.result.topic.name", 0),
        ("reporter.error.topic.name", 0),
        ("headers", 3),
    ] {
        let mut props = Props::from([("http.api.url", "http://h")]);
        for (key, value) in more.iter().zip(["error_string", "2", "x"]) {
            props.insert(*key, value);
        }
        props.insert(key, "a:b");
        let settings = ConfluentConfig::parse(&props).unwrap().settings();
        assert_eq!(idle_reporting(&props, &settings).len(), expected, "{key}");
    }
}

#[test]
fn tasks_share_the_requests_per_second() {
    let props = Props::from([("http.api.url", "http://h"), ("max.requests.per.second", "90")]);
    let rates: Vec<_> = HttpSink::CONFLUENT
        .task_configs(&props, 3)
        .unwrap()
        .iter()
        .map(|task| task.get("max.requests.per.second").unwrap().to_owned())
        .collect();
    assert_eq!(rates, ["30", "30", "30"]);
}
