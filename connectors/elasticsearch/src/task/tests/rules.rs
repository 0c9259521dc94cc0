//! Indices, mappings, headers, bad documents, and who we are.

use connect_api::{
    error::ErrorClass,
    record::Header,
    schema::{Schema, Type},
    value::Struct,
};
use serde_json::json;

use super::*;

fn typed(offset: i64, key: &str) -> SinkRecord {
    let schema = Schema::new(Type::Struct)
        .field("name", Schema::optional_string())
        .field("count", Schema::new(Type::Int32).with_default(Value::Int32(7)));
    let schema = Arc::new(schema);
    let value = Struct::new(Arc::clone(&schema), vec!["a".into(), Value::Int32(1)]);
    let mut record = record(offset, key, Value::Null);
    record.value = SchemaAndValue::new(schema, Value::Struct(value));
    record
}

fn typed_mapping() -> serde_json::Value {
    json!({"properties": {
        "name": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
        "count": {"type": "integer", "null_value": 7},
    }})
}

#[tokio::test]
async fn a_schema_becomes_the_mapping_of_an_index_that_has_none() {
    let rig = Rig::elasticsearch(&[("schema.ignore", "false")]).await;
    rig.deliver(&[typed(0, "a")]).await;
    assert_eq!(rig.server.mappings("t"), typed_mapping());
    let rig = Rig::opensearch(&[("schema.ignore", "false")]).await;
    rig.server.create("t", json!({}));
    rig.deliver(&[typed(0, "a")]).await;
    assert_eq!(rig.server.mappings("t"), typed_mapping());
    let own = json!({"properties": {"count": {"type": "long"}}});
    let rig = Rig::elasticsearch(&[("schema.ignore", "false")]).await;
    rig.server.create("t", own.clone());
    rig.deliver(&[typed(0, "a"), typed(1, "b")]).await;
    assert_eq!(rig.server.mappings("t"), own, "what is there stays");
}

#[tokio::test]
async fn without_a_schema_there_is_no_mapping_to_make() {
    let rig = Rig::elasticsearch(&[("schema.ignore", "false")]).await;
    let error = rig.failure(&numbered(1, 1)).await;
    assert_eq!(error.class(), ErrorClass::Record);
    assert!(error.to_string().ends_with("Set schema.ignore=true to leave mappings to the server"));
}

#[tokio::test]
async fn a_malformed_document_fails_with_one_sentence_or_goes_to_the_queue() {
    let mut records = numbered(3, 3);
    records[1].value.value = object(&[("bad", Value::Int64(1))]);
    let mut rig = Rig::elasticsearch(&[]).await;
    let error = rig.failure(&records).await;
    assert_eq!(error.class(), ErrorClass::Record);
    let sentence = "Elasticsearch does not take record 1 of t-0 as document \"k1\" of \"t\" (400): \
                    mapper_parsing_exception: failed to parse field [bad]. Mend the record";
    assert!(error.to_string().starts_with(sentence), "{error}");

    let reporter = rig.report();
    assert_eq!(rig.deliver(&records).await, 3);
    let reported = reporter.take();
    assert_eq!((reported.len(), &reported[0].0), (1, &records[1]));
    assert!(reported[0].1.contains("failed to parse field [bad]"));

    for word in ["ignore", "warn"] {
        let rig = Rig::elasticsearch(&[("behavior.on.malformed.documents", word)]).await;
        assert_eq!(rig.deliver(&records).await, 3);
        assert_eq!(rig.server.documents("t").len(), 2);
    }
}

#[tokio::test]
async fn records_that_cannot_become_documents_are_dropped_on_request() {
    let mut records = numbered(3, 3);
    records[1].key = SchemaAndValue::NULL;
    let mut rig = Rig::elasticsearch(&[]).await;
    let error = rig.failure(&records).await.to_string();
    assert!(error.starts_with("Record 1 of t-0 cannot become a document: its key is the id"));
    rig.props.insert("drop.invalid.message", "true");
    assert_eq!(rig.deliver(&records).await, 3);
    assert_eq!(rig.server.documents("t").len(), 2);
}

#[tokio::test]
async fn ignored_records_without_value_are_reported_by_elasticsearch_only() {
    let records = [record(0, "a", Value::Null)];
    let mut rig = Rig::elasticsearch(&[("behavior.on.null.values", "ignore")]).await;
    let reporter = rig.report();
    assert_eq!((rig.deliver(&records).await, reporter.take().len()), (1, 1));
    let mut rig = Rig::opensearch(&[]).await;
    let reporter = rig.report();
    assert_eq!((rig.deliver(&records).await, reporter.take().len()), (1, 0));
    assert!(rig.server.seen().iter().all(|seen| !seen.line.starts_with("PUT")), "no index");
}

#[tokio::test]
async fn a_header_can_say_the_version() {
    let rig = Rig::elasticsearch(&[("external.version.header", "v")]).await;
    let with = |offset: i64, version: Value| {
        let mut record = numbered(offset + 1, 1).pop().unwrap();
        let data = SchemaAndValue::schemaless(version);
        record.headers.push(Header { key: "v".into(), data });
        record
    };
    assert_eq!(rig.deliver(&[with(0, Value::Int64(90)), with(1, "30".into())]).await, 2);
    let document = &rig.server.documents("t")["k0"];
    assert_eq!((document.version, &document.source["n"]), (90, &json!(0)));
    let error = rig.failure(&[with(2, "soon".into())]).await.to_string();
    assert!(error.contains("header \"v\" is no whole number"), "{error}");
    let error = rig.failure(&numbered(1, 1)).await.to_string();
    assert!(error.contains("has no header \"v\""), "{error}");
}

#[tokio::test]
async fn data_streams_are_created_and_documents_have_a_time() {
    let rig = Rig::elasticsearch(&[
        ("data.stream.type", "LOGS"),
        ("data.stream.dataset", "app"),
        ("key.ignore", "true"),
    ])
    .await;
    rig.deliver(&numbered(2, 2)).await;
    assert_eq!(rig.server.streams(), ["logs-app-t"]);
    let document = &rig.server.documents("logs-app-t")["t+0+1"];
    assert_eq!(document.source, json!({"n": 1, "@timestamp": TEN + 1}));

    let rig =
        Rig::opensearch(&[("data.stream.enabled", "true"), ("data.stream.prefix", "p")]).await;
    rig.deliver(&numbered(2, 2)).await;
    assert_eq!(rig.server.streams(), ["p-t"]);
    let seen = rig.server.seen();
    let template = seen.iter().find(|seen| seen.line.starts_with("PUT /_index_template")).unwrap();
    assert_eq!(template.line, "PUT /_index_template/p-t-connector-data-stream-template");
    let body: serde_json::Value = serde_json::from_str(&template.body).unwrap();
    assert_eq!((&body["priority"], &body["index_patterns"]), (&json!(200), &json!(["p-t"])));
}

#[tokio::test]
async fn what_topics_are_mapped_to_must_be_there() {
    let mapping =
        [("external.resource.usage", "INDEX"), ("topic.to.external.resource.mapping", "t:orders")];
    let rig = Rig::elasticsearch(&mapping).await;
    let error = rig.start_error().await;
    assert_eq!(error.class(), ErrorClass::NotFound);
    assert!(
        error.to_string().contains("The index \"orders\" that topic \"t\" is mapped to is not")
    );
    rig.server.create("orders", json!({}));
    rig.deliver(&numbered(2, 2)).await;
    assert_eq!(rig.server.documents("orders").len(), 2);
    let mut other = numbered(1, 1);
    other[0].topic = "else".into();
    let error = rig.failure(&other).await.to_string();
    assert!(error.starts_with("Topic \"else\" is not mapped to anything"), "{error}");
}

#[tokio::test]
async fn an_index_that_may_not_be_created_is_told_in_one_sentence() {
    let rig = Rig::elasticsearch(&[]).await;
    rig.server.forbid_creation();
    let error = rig.failure(&numbered(1, 1)).await;
    assert_eq!(error.class(), ErrorClass::Forbidden);
    let text = error.to_string();
    assert!(text.contains("does not allow it (403): security_exception: action is"), "{text}");
}

#[tokio::test]
async fn the_server_learns_who_we_are() {
    for (settings, header) in [
        (vec![("connection.username", "u"), ("connection.password", "p")], "Basic dTpw"),
        (vec![("connection.api.key", "c2VjcmV0")], "ApiKey c2VjcmV0"),
        (
            vec![
                ("aws.region", "eu-west-1"),
                ("aws.access_key_id", "AKID"),
                ("aws.secret_access_key", "secret"),
            ],
            "AWS4-HMAC-SHA256 Credential=AKID/20240305/eu-west-1/es/aws4_request",
        ),
    ] {
        let mut rig = Rig::opensearch(&settings).await;
        rig.props.insert("connection.compression", "true");
        rig.deliver(&numbered(50, 50)).await;
        let seen = rig.server.seen();
        assert!(seen.iter().all(|seen| seen.headers["authorization"].starts_with(header)));
        let bulk = seen.iter().find(|seen| seen.line.starts_with("POST")).unwrap();
        assert_eq!(bulk.headers["content-encoding"], "gzip");
        assert_eq!(bulk.headers["content-type"], "application/x-ndjson");
        assert_eq!(rig.server.documents("t").len(), 50);
    }
}

#[tokio::test]
async fn create_keeps_the_document_that_is_there() {
    let rig = Rig::elasticsearch(&[("write.method", "create")]).await;
    assert_eq!(rig.deliver(&numbered(4, 2)).await, 4);
    assert_eq!(rig.server.documents("t")["k1"].source["n"], 1);
}

#[tokio::test]
async fn opensearch_reports_what_it_is_told_to_report() {
    let mut records = numbered(2, 2);
    records[0].value.value = object(&[("bad", Value::Int64(1))]);
    for (word, reported) in [("fail", 1), ("report", 1), ("ignore", 0), ("warn", 0)] {
        let settings =
            [("behavior.on.malformed.documents", word), ("errors.deadletterqueue.topic.name", "q")];
        let mut rig = Rig::opensearch(&settings).await;
        let reporter = rig.report();
        assert_eq!((rig.deliver(&records).await, reporter.take().len()), (2, reported), "{word}");
    }
}

#[tokio::test]
async fn a_conflict_with_somebody_else_is_one_and_with_ourselves_is_none() {
    for word in ["ignore", "warn", "report"] {
        let settings =
            [("behavior.on.version.conflict", word), ("errors.deadletterqueue.topic.name", "q")];
        let mut rig = Rig::opensearch(&settings).await;
        let reporter = rig.report();
        rig.deliver(&numbered(3, 3)).await;
        assert_eq!((rig.deliver(&numbered(3, 3)).await, reporter.take().len()), (3, 0), "replayed");
        // The first one is put off, and the second one of its key is there when it comes again.
        rig.server.fail([Fault::PutOff(vec![0])]);
        let mut next = numbered(5, 1);
        next.drain(..3);
        assert_eq!((rig.deliver(&next).await, reporter.take().len()), (2, 0), "repeated");
        let others = [record(1, "k0", object(&[("n", Value::Int64(9))]))];
        let reported = usize::from(word == "report");
        assert_eq!((rig.deliver(&others).await, reporter.take().len()), (1, reported), "{word}");
    }
}

#[tokio::test]
async fn another_document_of_a_key_is_a_conflict_in_a_data_stream() {
    let mut rig = Rig::opensearch(&[("data.stream.enabled", "true")]).await;
    rig.deliver(&numbered(2, 2)).await;
    let error = rig.failure(&numbered(3, 2)).await.to_string();
    assert!(error.contains("record 2 of t-0 as document \"k0\" of \"t\" (409)"), "{error}");
    let reporter = rig.report();
    assert_eq!((rig.deliver(&numbered(3, 2)).await, reporter.take().len()), (3, 1));
}

#[tokio::test]
async fn a_document_that_is_too_large_alone_is_a_bad_record() {
    let mut rig = Rig::elasticsearch(&[("max.in.flight.requests", "1")]).await;
    rig.server.fail([Fault::TooLargeAbove(0)]);
    let error = rig.failure(&numbered(1, 1)).await;
    assert_eq!(error.class(), ErrorClass::Record);
    assert!(error.to_string().contains("Raise http.max_content_length"), "{error}");
    let reporter = rig.report();
    assert_eq!((rig.deliver(&numbered(2, 2)).await, reporter.take().len()), (2, 2));
}

#[tokio::test]
async fn who_may_only_write_writes() {
    let rig = Rig::opensearch(&[]).await;
    rig.server.forbid_asking();
    rig.connector.check_system(&rig.props).await.unwrap();
    assert_eq!(rig.deliver(&numbered(2, 2)).await, 2);
}

#[tokio::test]
async fn a_timeout_of_zero_is_none() {
    let settings = [("connection.timeout.ms", "0"), ("read.timeout.ms", "0")];
    let rig = Rig::opensearch(&settings).await;
    rig.server.take_time(20);
    assert_eq!(rig.deliver(&numbered(2, 2)).await, 2);
    assert_eq!(rig.server.bulks(), [2]);
}
