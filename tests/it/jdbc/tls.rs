//! TLS to PostgreSQL: rows go to a server that is trusted, and to no other.

use std::fs;

use serde_json::{Value as Json, json};

use super::{jdbc_url, properties};
use crate::{
    harness::{Worker, eventually},
    services::{
        self,
        identity::Identity,
        postgres::{Postgres, query},
    },
};

/// A sink that trusts who shows the certificate of this one.
fn sink(url: &str, trusted: &Identity) -> Json {
    let trusted = trusted.certificate();
    let options = format!("sslmode=verify-full&sslrootcert={}", trusted.display());
    json!({
        "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
        "topics": "lines",
        "connection.url": format!("{}?{options}", jdbc_url(url)),
        "connection.user": Postgres::USER,
        "connection.password": Postgres::PASSWORD,
        "auto.create": "true",
        "transforms": "hoist",
        "transforms.hoist.type": "org.apache.kafka.connect.transforms.HoistField$Value",
        "transforms.hoist.field": "line",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "true",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_go_to_a_postgresql_that_is_trusted_and_to_no_other() {
    let postgres = services::require!(postgres);
    let url = postgres.create_database("jdbc_tls").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.txt");
    fs::write(&file, "one\ntwo\n").unwrap();
    let worker = Worker::start(folder.path(), &properties(folder.path()), &[]).await;
    let source = json!({
        "connector.class": "FileStreamSource",
        "file": file,
        "topic": "lines",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "true",
    });
    worker.rest.create(&json!({"name": "lines", "config": source})).await;
    let stranger = Identity::create(folder.path());
    worker.rest.create(&json!({"name": "stranger", "config": sink(&url, &stranger)})).await;
    let told = eventually("the task to fail", async || {
        let status = worker.rest.get("/connectors/stranger/status").await;
        let task = &status["tasks"][0];
        (task["state"] == "FAILED").then(|| task["trace"].as_str().unwrap().to_owned())
    })
    .await;
    for part in ["Could not speak TLS with", "connection.sslrootcert", "invalid peer certificate"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let friend = sink(&url, postgres.identity());
    worker.rest.create(&json!({"name": "friend", "config": friend})).await;
    eventually("the rows", async || {
        let asked = query(&url, "select count(*) from lines").await;
        asked.ok().filter(|count| count == "2")
    })
    .await;
    let secured = "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) \
        where ssl and datname = 'jdbc_tls'";
    assert_ne!(query(&url, secured).await.unwrap(), "0");
    assert!(worker.stop().success());
}
