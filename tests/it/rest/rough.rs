//! Clients that are slow, large or half gone: clear codes, bounded memory, and nobody else waits.

use std::time::Duration;

use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use super::{start_embedded, wire};
use crate::harness::{Mode, Worker};

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

async fn get(worker: &Worker, path: &str) -> wire::Reply {
    wire::exchange(worker.port(), &wire::request("GET", path, &[], ""), false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_hold_up_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start_embedded(folder.path(), Mode::Distributed, &[]).await;
    let mut slow = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(("127.0.0.1", worker.port())).await.unwrap();
        let start = if number % 2 == 0 {
            "GET /connectors HTTP/1.1\r\nHost: w\r\nX-Slow: ".to_owned()
        } else {
            "PUT /connectors/c/config HTTP/1.1\r\nHost: w\r\nContent-Type: application/json\r\n\
             Content-Length: 1000\r\n\r\n{"
                .to_owned()
        };
        stream.write_all(start.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let answered = timeout(Duration::from_secs(10), async {
        for path in ["/connectors", "/connectors?expand=status", "/", "/health"] {
            assert_eq!(get(&worker, path).await.status, 200, "{path}");
        }
    });
    answered.await.expect("others are answered at once");
    // The worker does not wait for them either when it ends.
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_with_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start_embedded(folder.path(), Mode::Distributed, &[]).await;
    let long = "x".repeat(10_000);
    let headers = wire::request("GET", "/connectors", &[("X-Long", &long)], "");
    assert_eq!(wire::exchange(worker.port(), &headers, false).await.status, 431);

    let source = "org.apache.kafka.connect.file.FileStreamSourceConnector";
    let config = json!({"connector.class": source, "blob": "x".repeat(10 << 20)});
    let put = |body: &str| wire::request("PUT", "/connectors/c/config", &JSON, body);
    let reply = wire::exchange(worker.port(), &put(&config.to_string()), false).await;
    // It was read and understood: the topic is what is missing.
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains(r#"Missing required configuration \"topic\""#), "{}", reply.status);

    let reply = wire::exchange(worker.port(), &put(&" ".repeat(17 << 20)), false).await;
    assert_eq!((reply.status, &reply.json.unwrap()["error_code"]), (413, &json!(413)));
    assert_eq!(get(&worker, "/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closed_its_half_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start_embedded(folder.path(), Mode::Standalone, &[]).await;
    let mut stream = TcpStream::connect(("127.0.0.1", worker.port())).await.unwrap();
    stream.write_all(&wire::request("GET", "/", &[], "")).await.unwrap();
    stream.shutdown().await.unwrap();
    let reply = wire::converse(&mut stream, b"", false).await;
    assert_eq!(reply.status, 200);
    assert!(reply.json.unwrap()["version"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_paths_and_bodies_get_kafka_connects_kind_of_error() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start_embedded(folder.path(), Mode::Standalone, &[]).await;
    for (method, path, body, status) in [
        ("GET", "/connectors/%ff%fe", "", 400),
        ("GET", "/connectors/c/tasks/x/status", "", 404),
        ("PUT", "/connectors/c/config", "[1]", 500),
        ("PUT", "/connectors/c/config", "null", 500),
        ("POST", "/connectors/c/tasks", "[]", 500),
        ("PUT", "/connectors/c/fence", "", 500),
        ("DELETE", "/", "", 405),
    ] {
        let request = wire::request(method, path, &JSON, body);
        let reply = wire::exchange(worker.port(), &request, false).await;
        let told = reply.json.as_ref().map(|json| json["error_code"].clone());
        assert_eq!((reply.status, told), (status, Some(json!(status))), "{method} {path}");
    }
}
