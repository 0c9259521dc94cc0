//! What `${provider:…}` references hide is used by connectors and shown to nobody.

use std::fs;

use reqwest::Method;
use serde_json::json;

use crate::harness::{Worker, eventually};

/// A part of the file's name that only the references know.
const HIDDEN: &str = "hidden-7d1f";

#[tokio::test(flavor = "multi_thread")]
async fn references_are_resolved_for_tasks_and_shown_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path(HIDDEN), "one line\n").unwrap();
    fs::write(path("names.properties"), format!("source={}\n", path(HIDDEN))).unwrap();
    fs::create_dir(path("names")).unwrap();
    fs::write(folder.path().join("names/topic"), HIDDEN).unwrap();
    let provider = "org.apache.kafka.common.config.provider";
    let properties = [
        ("bootstrap.servers", format!("embedded:{}", path("log"))),
        ("group.id", "references".to_owned()),
        ("config.storage.topic", "configs".to_owned()),
        ("offset.storage.topic", "offsets".to_owned()),
        ("status.storage.topic", "status".to_owned()),
        ("key.converter", "StringConverter".to_owned()),
        ("value.converter", "StringConverter".to_owned()),
        ("config.providers", "file,dir,env".to_owned()),
        ("config.providers.file.class", format!("{provider}.FileConfigProvider")),
        ("config.providers.dir.class", format!("{provider}.DirectoryConfigProvider")),
        ("config.providers.env.class", format!("{provider}.EnvVarConfigProvider")),
    ];
    let environment = [("REFERENCES_BATCH", "17".to_owned())];
    let worker = Worker::start(folder.path(), &properties, &environment).await;
    let config = json!({
        "connector.class": "FileStreamSource",
        "file": format!("${{file:{}:source}}", path("names.properties")),
        "topic": format!("${{dir:{}:topic}}", path("names")),
        "batch.size": "${env:REFERENCES_BATCH}",
        "name": "c",
    });
    worker.rest.create(&json!({"name": "c", "config": config})).await;
    // The topic has its line only if every reference meant something.
    eventually("the topic of the source", async || {
        let (_, topics) = worker.rest.send(Method::GET, "/connectors/c/topics", None).await;
        (topics["c"]["topics"] == json!([HIDDEN])).then_some(())
    })
    .await;
    let validate = "/connector-plugins/FileStreamSource/config/validate";
    for (method, path, body) in [
        (Method::GET, "/connectors/c", None),
        (Method::GET, "/connectors/c/config", None),
        (Method::GET, "/connectors/c/tasks", None),
        (Method::GET, "/connectors/c/status", None),
        (Method::GET, "/connectors?expand=info&expand=status", None),
        (Method::PUT, "/connectors/c/config", Some(&config)),
        (Method::PUT, validate, Some(&config)),
    ] {
        let (status, answer) = worker.rest.send(method, path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        assert!(!answer.to_string().contains(HIDDEN), "{path}: {answer}");
        if path != "/connectors/c/status" {
            assert!(answer.to_string().contains("${env:REFERENCES_BATCH}"), "{path}: {answer}");
        }
    }
    assert!(worker.stop().success());
}
