//! Clients that others have written for Kafka Connect, pointed at a worker of ours.
//!
//! Without Python or `curl` these tests fail and say what to install: nothing else shows that what
//! people already use goes on working.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::{
    harness::{Mode, Worker, eventually},
    rest::start_embedded,
    services::{self, clients::Clients},
};

/// The package of the connectors that read and write files.
const PACKAGE: &str = "org.apache.kafka.connect.file";

fn clients() -> Clients {
    services::clients().unwrap_or_else(|missing| panic!("{missing}"))
}

fn assert_done(output: &Output) {
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
}

/// A sink that writes into a folder, which may not be there.
fn sink(name: &str, folder: &Path) -> Value {
    json!({"name": name, "config": {
        "connector.class": format!("{PACKAGE}.FileStreamSinkConnector"),
        "tasks.max": "1", "topics": "clients", "file": folder.join("out.txt"),
    }})
}

/// Waits until the only task of a connector is in a state.
async fn task_is(worker: &Worker, name: &str, state: &str) {
    let path = format!("/connectors/{name}/tasks/0/status");
    eventually(&format!("a task {state}"), async || {
        let (_, status) = worker.rest.send(reqwest::Method::GET, &path, None).await;
        (status["state"] == state).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_tells_running_from_failed() {
    let clients = clients();
    let folder = tempfile::tempdir().unwrap();
    let worker = start_embedded(folder.path(), Mode::Distributed, &[]).await;
    let check = tokio::task::block_in_place(|| clients.check_health(worker.port()));
    let (status, verdict) = check.verdict().await;
    assert_eq!((status, &verdict["healthy"]), (200, &json!(true)), "{verdict}");

    worker.rest.create(&sink("well", folder.path())).await;
    task_is(&worker, "well", "RUNNING").await;
    let (status, verdict) = check.verdict().await;
    assert_eq!((status, &verdict["failures"]), (200, &json!([])), "{verdict}");

    worker.rest.create(&sink("ill", &folder.path().join("none"))).await;
    task_is(&worker, "ill", "FAILED").await;
    let (status, verdict) = check.verdict().await;
    assert_eq!((status, &verdict["healthy"]), (503, &json!(false)), "{verdict}");
    let failures = verdict["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{verdict}");
    let failure = &failures[0];
    assert_eq!(failure["type"], "task");
    assert_eq!((&failure["connector"], &failure["id"]), (&json!("ill"), &json!(0)));
    assert!(failure["trace"].as_str().unwrap().contains("out.txt"), "{failure}");

    fs::create_dir(folder.path().join("none")).unwrap();
    let path = "/connectors/ill/restart?includeTasks=true&onlyFailed=true";
    let (status, body) = worker.rest.send(reqwest::Method::POST, path, None).await;
    assert_eq!(status, 202, "{body}");
    task_is(&worker, "ill", "RUNNING").await;
    let (status, verdict) = check.verdict().await;
    assert_eq!((status, &verdict["healthy"]), (200, &json!(true)), "{verdict}");
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_leads_a_connector_through_its_life() {
    let clients = clients();
    for mode in [Mode::Distributed, Mode::Standalone] {
        let folder = tempfile::tempdir().unwrap();
        let worker = start_embedded(folder.path(), mode, &[]).await;
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients/life.py");
        let url = format!("http://127.0.0.1:{}", worker.port());
        let place = folder.path().display().to_string();
        assert_done(&tokio::task::block_in_place(|| clients.run(&script, &[&url, &place])));
        assert!(worker.stop().success());
    }
}

/// Runs `curl`; the status and the body of the answer.
fn curl(arguments: &[&str]) -> (String, Value) {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--noproxy", "*", "--write-out", "\n%{http_code}"])
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("curl is missing: install Debian's curl ({error})"));
    assert_done(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() };
    (status.to_owned(), body)
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_creates_lists_and_deletes() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start_embedded(folder.path(), Mode::Distributed, &[]).await;
    let all = format!("http://127.0.0.1:{}/connectors", worker.port());
    let one = format!("{all}/by-curl");
    let connector = sink("by-curl", folder.path());
    let file = folder.path().join("connector.json");
    fs::write(&file, connector.to_string()).unwrap();
    let data = format!("@{}", file.display());
    let json = "Content-Type: application/json";

    let (status, body) = curl(&["-X", "POST", "-H", json, "--data", &data, &all]);
    assert_eq!((&*status, &body["name"]), ("201", &json!("by-curl")), "{body}");
    // Curl's own kind of content is a form.
    let (status, body) = curl(&["-X", "POST", "--data", &data, &all]);
    assert_eq!((&*status, &body["error_code"]), ("415", &json!(415)), "{body}");
    assert_eq!(curl(&[&all]), ("200".to_owned(), json!(["by-curl"])));
    let (status, body) = curl(&[&one]);
    assert_eq!((&*status, &body["config"]["topics"]), ("200", &json!("clients")), "{body}");
    assert_eq!(curl(&["-X", "DELETE", &one]), ("204".to_owned(), Value::Null));
    assert_eq!(curl(&[&all]), ("200".to_owned(), json!([])));
    let (status, body) = curl(&["-X", "DELETE", &one]);
    assert_eq!((&*status, &body["message"]), ("404", &json!("Connector by-curl not found")));
    assert!(worker.stop().success());
}
