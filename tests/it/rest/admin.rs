//! Loggers, listeners and headers of a running worker.

use serde_json::json;

use super::{start_embedded, wire};
use crate::harness::{Mode, eventually, free_port};

async fn get(port: u16, path: &str) -> wire::Reply {
    wire::exchange(port, &wire::request("GET", path, &[], ""), false).await
}

async fn set_level(port: u16, path: &str, level: &str) -> wire::Reply {
    let body = json!({ "level": level }).to_string();
    let headers = [("Content-Type", "application/json")];
    wire::exchange(port, &wire::request("PUT", path, &headers, &body), false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_changes_what_a_running_worker_logs() {
    for mode in [Mode::Distributed, Mode::Standalone] {
        let folder = tempfile::tempdir().unwrap();
        let worker = start_embedded(folder.path(), mode, &[]).await;
        let port = worker.port();
        get(port, "/connectors?before").await;
        assert!(!worker.log().contains("GET /connectors"));

        let java = "/admin/loggers/org.apache.kafka.connect.runtime.rest";
        let reply = set_level(port, java, "debug").await;
        assert_eq!(reply.status, 200);
        let expected = json!(["millrace.rest", "org.apache.kafka.connect.runtime.rest"]);
        assert_eq!(reply.json, Some(expected));
        get(port, "/connectors").await;
        eventually("a request in the log", async || {
            worker.log().contains("GET /connectors").then_some(())
        })
        .await;

        let reply = set_level(port, "/admin/loggers/millrace?scope=cluster", "ERROR").await;
        assert_eq!((reply.status, reply.text.as_str()), (204, ""));
        let reply = get(port, "/admin/loggers/millrace.rest").await.json.unwrap();
        assert_eq!(reply["level"], "ERROR");
        assert!(reply["last_modified"].is_i64());
        let lines = worker.log().lines().count();
        get(port, "/connectors").await;
        assert_eq!(worker.log().lines().count(), lines);
        assert!(worker.stop().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_listeners_serve_the_loggers_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let own = free_port();
    let listener = format!("http://127.0.0.1:{own}");
    let more = [("admin.listeners", &*listener)];
    let worker = start_embedded(folder.path(), Mode::Standalone, &more).await;
    assert_eq!(get(own, "/admin/loggers").await.status, 200);
    assert_eq!(get(own, "/connectors").await.status, 404);
    assert_eq!(get(worker.port(), "/admin/loggers").await.status, 404);
    assert_eq!(get(worker.port(), "/connectors").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_headers_are_on_every_answer_and_the_advertised_address_is_the_worker_id() {
    let folder = tempfile::tempdir().unwrap();
    let more = [
        ("response.http.headers.config", "set X-Frame-Options: DENY, setDate Expires: 0"),
        ("rest.advertised.host.name", "worker.example"),
        ("rest.advertised.port", "18083"),
    ];
    let worker = start_embedded(folder.path(), Mode::Standalone, &more).await;
    for (path, status) in [("/", 200), ("/connectors/none", 404), ("/nowhere", 404)] {
        let reply = get(worker.port(), path).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("x-frame-options").as_deref(), Some("DENY"));
        assert!(reply.header("expires").is_some_and(|date| date.ends_with(" GMT")));
    }
    let source = "org.apache.kafka.connect.file.FileStreamSourceConnector";
    let config = json!({"connector.class": source, "topic": "t", "file": "/no/such/file"});
    let body = json!({"name": "c", "config": config}).to_string();
    let headers = [("Content-Type", "application/json")];
    let create = wire::request("POST", "/connectors", &headers, &body);
    assert_eq!(wire::exchange(worker.port(), &create, false).await.status, 201);
    let status = get(worker.port(), "/connectors/c/status").await.json.unwrap();
    assert_eq!(status["connector"]["worker_id"], "worker.example:18083");
}
