//! What is told of an answer byte by byte. Whole exchanges are replayed over real connections by
//! `tests/it/rest`.

use axum::{
    body::Body,
    http::{HeaderMap, Request, Response, header},
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Extensions, Manners, ResponseHeaders, Router, Surface, mannered, router};
use crate::{
    config::{CrossOrigin, Mode},
    herder::double::{Double, SINK, SOURCE},
};

/// A worker and its resources.
struct Worker {
    double: Double,
    router: Router,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Self { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl Worker {
    async fn start(mode: Mode) -> Self {
        let double = Double::start(mode).await;
        let router = router(double.handle.clone(), Extensions::default(), Surface::Everything);
        Self { double, router }
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "worker:8083")
            .header(header::CONTENT_TYPE, "application/json")
            .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) });
        Reply::of(self.router.clone().oneshot(request.unwrap()).await.unwrap()).await
    }

    async fn validate(&self, config: Value) -> Reply {
        let path = format!("/connector-plugins/{}/config/validate", config["connector.class"]);
        self.send("PUT", &path.replace('"', ""), config).await
    }
}

/// The listed value of a key, with its definition.
fn listed(infos: &Value, key: &str) -> Value {
    let configs = infos["configs"].as_array().unwrap();
    configs.iter().find(|info| info["value"]["name"] == key).cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_in_kafka_connects_order() {
    let worker = Worker::start(Mode::Standalone).await;
    let config = json!({"connector.class": SOURCE, "topic": "t"});
    let reply = worker.send("POST", "/connectors", json!({"name": "c", "config": config})).await;
    let stored = format!(r#"{{"connector.class":"{SOURCE}","name":"c","topic":"t"}}"#);
    let tasks = r#"[{"connector":"c","task":0}]"#;
    assert_eq!(
        reply.text,
        format!(r#"{{"name":"c","config":{stored},"tasks":{tasks},"type":"source"}}"#)
    );
    assert_eq!(reply.headers["location"], "http://worker:8083/connectors/c");
    let missing = worker.send("GET", "/connectors/x/status", Value::Null).await;
    assert_eq!(missing.text, r#"{"error_code":404,"message":"No status found for connector x"}"#);
    let root = worker.send("GET", "/admin/loggers/root", Value::Null).await;
    assert_eq!(root.text, r#"{"level":"INFO","last_modified":null}"#);
    worker.double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_without_a_body_is_missed_only_where_there_is_a_connector() {
    let worker = Worker::start(Mode::Standalone).await;
    let config = json!({"connector.class": SOURCE, "topic": "t"});
    worker.send("POST", "/connectors", json!({"name": "c", "config": config})).await;
    for (name, code, message) in [
        ("c", 500, "The request needs a body, and it has none"),
        ("x", 404, "Connector x not found"),
    ] {
        let path = format!("/connectors/{name}/config");
        let reply = worker.send("PATCH", &path, Value::Null).await;
        assert_eq!(reply.json(), json!({"error_code": code, "message": message}));
    }
    worker.double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_files_are_ended_task_by_task_and_of_sinks_only() {
    let worker = Worker::start(Mode::Standalone).await;
    for (name, class) in [("in", SOURCE), ("out", SINK)] {
        let config = json!({"connector.class": class, "topic": "t", "topics": "t"});
        worker.send("POST", "/connectors", json!({"name": name, "config": config})).await;
    }
    while worker.double.running.lock().unwrap().len() < 2 {
        worker.double.handle.changed().await;
    }
    for (name, expected) in [
        ("out", json!({"name": "out", "tasks": [{"id": 0, "flushed": true}]})),
        (
            "in",
            json!({
                "error_code": 400,
                "message": "Connector in is not a sink, and only sinks have files to flush",
            }),
        ),
        ("x", json!({"error_code": 404, "message": "Connector x not found"})),
    ] {
        let reply = worker.send("POST", &format!("/connectors/{name}/flush"), Value::Null).await;
        assert_eq!(reply.json(), expected);
    }
    worker.double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_has_stopped_says_so() {
    let Worker { double, router } = Worker::start(Mode::Standalone).await;
    let handle = double.handle.clone();
    double.stop().await;
    let request = Request::put("/connectors/c/pause").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(handle.delete("c").await.unwrap_err().to_string() == "Worker is shutting down");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slip_is_a_warning_and_no_error() {
    let worker = Worker::start(Mode::Distributed).await;
    let config = json!({
        "connector.class": SOURCE, "name": "c", "topic": "t", "errors.tolerence": "all",
        "my.own": "1", "producer.override.linger_ms": "5", "value.converter.schemas.enable": "false"
    });
    let reply = worker.validate(config).await;
    let infos = reply.json();
    assert_eq!(infos["error_count"], 0);
    let slip = listed(&infos, "errors.tolerence");
    assert_eq!(slip["definition"], Value::Null);
    assert_eq!(slip["value"]["recommended_values"], json!(["errors.tolerance"]));
    assert_eq!(listed(&infos, "my.own"), Value::Null);
    let warnings: Vec<_> = reply.headers.get_all(header::WARNING).iter().collect();
    assert_eq!(
        warnings,
        [
            "299 millrace \"'errors.tolerence' is read by nobody: did you mean \
             'errors.tolerance'?\"",
            "299 millrace \"'producer.override.linger_ms' is read by nobody: did you mean \
             'producer.override.linger.ms'?\"",
            "299 millrace \"'my.own' is read by nobody here and passed over\"",
            "299 millrace \"'value.converter.schemas.enable' is passed over: it counts only beside \
             'value.converter'\"",
        ]
    );
    worker.double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_are_listed_with_their_definitions() {
    let worker = Worker::start(Mode::Distributed).await;
    let config = json!({
        "connector.class": SINK, "name": "c", "topics": "t",
        "consumer.override.max.poll.records": "10", "consumer.override.sasl.jaas.config": "s3cret",
        "producer.override.acks": "all"
    });
    let reply = worker.validate(config).await;
    let infos = reply.json();
    let records = listed(&infos, "consumer.override.max.poll.records");
    assert_eq!(records["definition"]["name"], "consumer.override.max.poll.records");
    let facts = ["type", "default_value", "group", "width", "order_in_group"];
    let facts: Vec<_> = facts.iter().map(|fact| records["definition"][fact].clone()).collect();
    assert_eq!(json!(facts), json!(["INT", "500", null, "NONE", -1]));
    // A sink without a dead letter queue has no producer.
    assert_eq!(listed(&infos, "producer.override.acks"), Value::Null);
    assert!(!reply.text.contains("s3cret"));
    worker.double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_class_says_what_to_use_instead() {
    let worker = Worker::start(Mode::Distributed).await;
    let class = "org.apache.kafka.connect.mirror.MirrorSourceConnector";
    let body = json!({"name": "c", "config": {"connector.class": class}});
    let reply = worker.send("POST", "/connectors", body).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains(&format!("{class} is not part of Millrace; ")), "{}", reply.text);
    worker.double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_named_origins_are_granted_and_told_the_methods() {
    let worker = Worker::start(Mode::Standalone).await;
    let cross = CrossOrigin {
        origins: vec!["http://bar.com".to_owned()],
        methods: vec!["GET".to_owned(), "PUT".to_owned()],
    };
    let clock = connect_testkit::ManualClock::at(0);
    let headers = ResponseHeaders::parse("", clock).unwrap();
    let manners = Manners { cross_origin: Some(cross), headers };
    let router = mannered(worker.router.clone(), &manners);
    for (method, origin, asked, granted) in [
        ("GET", "http://bar.com", None, true),
        ("GET", "http://evil.example", None, false),
        ("OPTIONS", "http://bar.com", Some("PUT"), true),
        ("OPTIONS", "http://bar.com", Some("DELETE"), true),
        ("OPTIONS", "http://evil.example", Some("PUT"), false),
    ] {
        let mut request =
            Request::builder().method(method).uri("/connectors").header(header::ORIGIN, origin);
        if let Some(asked) = asked {
            request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, asked);
        }
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let reply = Reply::of(response).await;
        assert_eq!(reply.status, 200);
        let found = reply.headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(found.is_some(), granted, "{method} {origin} {asked:?}");
        assert_eq!(reply.headers[header::VARY], "Origin");
        let methods = reply.headers.get(header::ACCESS_CONTROL_ALLOW_METHODS);
        let told = methods.map(|methods| methods.to_str().unwrap());
        assert_eq!(told, (granted && asked.is_some()).then_some("GET,PUT"));
    }
    worker.double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connector_is_explained() {
    let worker = Worker::start(Mode::Standalone).await;
    for (name, class) in [("in", SOURCE), ("out", SINK)] {
        let config = json!({"connector.class": class, "topic": "t", "topics": "t, u"});
        worker.send("POST", "/connectors", json!({"name": name, "config": config})).await;
    }
    let of_sink = worker.send("GET", "/connectors/out/explain", Value::Null).await.json();
    for (key, expected) in [
        ("name", json!("out")),
        ("type", json!("sink")),
        ("class", json!(SINK)),
        ("topics", json!(["t", "u"])),
        ("errors", json!({"tolerance": "none"})),
        ("memory", json!({"budget_bytes": 1 << 20, "used_bytes": 0})),
        ("advice", json!([])),
    ] {
        assert_eq!(of_sink[key], expected, "{key}: {of_sink}");
    }
    assert_eq!(of_sink["delivery"]["promise"], "at least once");
    assert!(of_sink["notes"][0].as_str().unwrap().contains("?records_per_day="), "{of_sink}");
    let path = "/connectors/out/explain?records_per_day=1e6";
    let note = worker.send("GET", path, Value::Null).await.json()["notes"][0].to_string();
    assert!(note.contains("does not say what a load costs"), "{note}");
    let of_source = worker.send("GET", "/connectors/in/explain", Value::Null).await.json();
    assert_eq!(of_source["delivery"]["given_up_by"], json!([]), "{of_source}");
    for (path, code) in [("/connectors/out/explain?x=1", 400), ("/connectors/x/explain", 404)] {
        assert_eq!(worker.send("GET", path, Value::Null).await.status, code, "{path}");
    }
    worker.double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_asked_of_sinks_that_can_tell() {
    let worker = Worker::start(Mode::Standalone).await;
    for (name, class) in [("in", SOURCE), ("out", SINK)] {
        let config = json!({"connector.class": class, "topic": "t", "topics": "t"});
        worker.send("POST", "/connectors", json!({"name": name, "config": config})).await;
    }
    for (path, code, part) in [
        ("in/objects", 400, "only sinks write objects"),
        ("out/objects", 400, "does not say"),
        ("out/objects?offset=1", 400, "needs \\\"partition\\\""),
        ("x/objects", 404, "not found"),
    ] {
        let reply = worker.send("GET", &format!("/connectors/{path}"), Value::Null).await;
        assert_eq!(reply.status, code, "{}", reply.text);
        assert!(reply.text.contains(part), "{}", reply.text);
    }
    let openapi = worker.send("GET", "/openapi.json", Value::Null).await.json();
    assert!(openapi["paths"]["/connectors/{connector}/objects"]["get"].is_object());
    worker.double.stop().await;
}
