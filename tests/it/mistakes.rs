//! A mistake in a configuration is told twice in one clear sentence: by validation, before the connector is
//! made, and by the connector's status when it is made all the same.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    harness::{Worker, eventually},
    services::{self, postgres::Postgres, s3::S3},
};

/// A port of the loopback interface that nobody listens on.
const NOBODY: &str = "127.0.0.1:1";

async fn start(folder: &Path) -> Worker {
    start_with(folder, &[]).await
}

async fn start_with(folder: &Path, environment: &[(&str, String)]) -> Worker {
    let log = format!("embedded:{}", folder.join("log").display());
    let string = "org.apache.kafka.connect.storage.StringConverter".to_owned();
    let properties = [
        ("bootstrap.servers", log),
        ("group.id", "mistakes".to_owned()),
        ("config.storage.topic", "mistakes-configs".to_owned()),
        ("offset.storage.topic", "mistakes-offsets".to_owned()),
        ("status.storage.topic", "mistakes-status".to_owned()),
        ("key.converter", string.clone()),
        ("value.converter", string),
    ];
    Worker::start(folder, &properties, environment).await
}

/// A configuration with some keys set otherwise.
fn with(config: &Json, changes: &[(&str, &str)]) -> Json {
    let mut config = config.clone();
    for (key, value) in changes {
        config[*key] = json!(value);
    }
    config
}

/// Makes a connector that is wrong, and expects the same sentence of validation and of its status.
async fn is_told(worker: &Worker, name: &str, config: Json, sentence: &str) {
    let mut named = config.clone();
    named["name"] = json!(name);
    let problems = worker.rest.problems(&named).await;
    let is_clear = matches!(&problems[..], [problem] if problem.contains(sentence));
    assert!(is_clear, "{name}: \"{sentence}\" is not all of {problems:?}");
    worker.rest.create(&json!({"name": name, "config": named})).await;
    let path = format!("/connectors/{name}/status");
    let what = format!("{name} to say \"{sentence}\"");
    let told = eventually(&what, async || {
        let (_, status) = worker.rest.send(Method::GET, &path, None).await;
        let trace = status["tasks"][0]["trace"].as_str().unwrap_or_default().to_owned();
        trace.contains(sentence).then_some(trace)
    })
    .await;
    for secret in ["wrongsecret", S3::SECRET_KEY, Postgres::PASSWORD] {
        assert!(!told.contains(secret) && !problems[0].contains(secret), "{name}: {told}");
    }
}

/// Nothing is wrong with a configuration.
async fn is_right(worker: &Worker, config: &Json) {
    assert_eq!(worker.rest.problems(config).await, [""; 0], "{config}");
}

fn bucket_sink(server: &S3) -> Json {
    json!({
        "name": "right",
        "connector.class": "io.confluent.connect.s3.S3SinkConnector",
        "storage.class": "io.confluent.connect.s3.storage.S3Storage",
        "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
        "topics": "t",
        "flush.size": "3",
        "s3.bucket.name": "mistakes",
        "s3.region": S3::REGION,
        "store.url": server.endpoint(),
        "aws.access.key.id": S3::ACCESS_KEY,
        "aws.secret.access.key": S3::SECRET_KEY,
        "s3.part.retries": "1",
        "s3.retry.backoff.ms": "20",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_bucket() {
    let server = services::require!(s3);
    server.create_bucket("mistakes").await;
    let sink = bucket_sink(server);
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path()).await;
    is_right(&worker, &sink).await;
    let (nobody, tls) = (format!("http://{NOBODY}"), server.endpoint().replace("http:", "https:"));
    for (name, key, value, sentence) in [
        ("s3-host", "store.url", &*nobody, "Could not reach bucket \"mistakes\""),
        ("s3-tls", "store.url", &tls, "Nothing there seems to speak TLS"),
        ("s3-bucket", "s3.bucket.name", "nowhere", "Non-existent S3 bucket: nowhere"),
        ("s3-secret", "aws.secret.access.key", "wrongsecret", "aws.secret.access.key"),
    ] {
        is_told(&worker, name, with(&sink, &[(key, value)]), sentence).await;
    }
    assert!(worker.stop().success());
}

/// Whom S3 is trusted to be is the machine's affair, or that of a variable that the error names.
#[tokio::test(flavor = "multi_thread")]
async fn of_the_certificate_of_a_bucket() {
    let server = services::require!(secure_s3);
    std::fs::create_dir(server.bucket_dir("mistakes")).unwrap();
    let sink = bucket_sink(&server);
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path()).await;
    is_told(&worker, "stranger", sink.clone(), "SSL_CERT_FILE").await;
    assert!(worker.stop().success());
    let trusted = server.identity().unwrap().certificate().display().to_string();
    let worker = start_with(folder.path(), &[("SSL_CERT_FILE", trusted)]).await;
    is_right(&worker, &sink).await;
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_database() {
    let postgres = services::require!(postgres);
    let url = super::jdbc::jdbc_url(&postgres.create_database("mistakes").await);
    let sink = json!({
        "name": "right",
        "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
        "topics": "t",
        "connection.url": url,
        "connection.user": Postgres::USER,
        "connection.password": Postgres::PASSWORD,
        "auto.create": "true",
    });
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path()).await;
    is_right(&worker, &sink).await;
    let database = url.rsplit_once('/').unwrap().1;
    let nobody = format!("jdbc:postgresql://{NOBODY}/{database}");
    let absent = url.replace(database, "nowhere");
    let tls = format!("{url}?sslmode=verify-full");
    for (name, key, value, sentence) in [
        ("jdbc-host", "connection.url", &*nobody, "Check \"connection.url\""),
        ("jdbc-database", "connection.url", &absent, "database \"nowhere\" does not exist"),
        ("jdbc-tls", "connection.url", &tls, "Could not speak TLS with"),
        ("jdbc-password", "connection.password", "wrongsecret", "\"connection.password\""),
    ] {
        is_told(&worker, name, with(&sink, &[(key, value)]), sentence).await;
    }
    let sentence = "the table does not exist, and \"auto.create\" is false. Create \"t\"";
    let without_table = with(&sink, &[("auto.create", "false")]);
    assert!(worker.rest.problems(&without_table).await[0].contains(sentence));
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_store_of_aggregates() {
    let postgres = services::require!(postgres);
    let url = postgres.create_database("mistakes_aggregates").await;
    let sink = json!({
        "name": "right",
        "connector.class": "millrace.AggregateSinkConnector",
        "topics": "t",
        "store.url": postgres.secured(&url),
    });
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path()).await;
    is_right(&worker, &sink).await;
    let nobody = format!("postgres://{NOBODY}/mistakes_aggregates");
    let absent = url.replace("mistakes_aggregates", "nowhere");
    let password = url.replace(Postgres::PASSWORD, "wrongsecret");
    let strange = format!("{url}?sslmode=verify-full");
    for (name, value, sentence) in [
        ("store-host", &nobody, "Check \"store.url\""),
        ("store-database", &absent, "database \"nowhere\" does not exist"),
        ("store-password", &password, "Look at the user and the password in \"store.url\""),
        ("store-tls", &strange, "\"sslrootcert\" in \"store.url\""),
    ] {
        is_told(&worker, name, with(&sink, &[("store.url", value)]), sentence).await;
    }
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_file_system() {
    let hdfs = services::require!(hdfs);
    let sink = json!({
        "name": "right",
        "connector.class": "io.confluent.connect.hdfs3.Hdfs3SinkConnector",
        "topics": "t",
        "hdfs.url": "hdfs://localhost:8020",
        "webhdfs.url": hdfs.url(),
        "format.class": "io.confluent.connect.hdfs3.json.JsonFormat",
        "flush.size": "3",
        "hdfs.request.backoff.ms": "10",
    });
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path()).await;
    is_right(&worker, &sink).await;
    let (nobody, tls) = (format!("http://{NOBODY}"), hdfs.url().replace("http:", "https:"));
    for (name, value, sentence) in
        [("hdfs-host", nobody, "cannot be reached"), ("hdfs-tls", tls, "TLS")]
    {
        is_told(&worker, name, with(&sink, &[("webhdfs.url", &value)]), sentence).await;
    }
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_schema_registry() {
    let registry = services::require!(registry);
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path()).await;
    let file = folder.path().join("in.txt");
    std::fs::write(&file, "a line\n").unwrap();
    let url = registry.url();
    let source = json!({
        "name": "right",
        "connector.class": "FileStreamSource",
        "file": file,
        "topic": "t",
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": url,
        "value.converter.max.retries": "0",
    });
    is_right(&worker, &source).await;
    let (nobody, tls) = (format!("http://{NOBODY}"), url.replace("http:", "https:"));
    let path = url.replace("/apis/", "/other/");
    for (name, value, sentence) in [
        ("registry-host", nobody, "Check schema.registry.url, and that the registry is up"),
        ("registry-tls", tls, "It does not speak TLS: write http:// in schema.registry.url"),
        ("registry-path", path, "Could not find resource"),
    ] {
        let wrong = with(&source, &[("value.converter.schema.registry.url", &value)]);
        is_told(&worker, name, wrong, sentence).await;
    }
    assert!(worker.stop().success());
}

/// A key of a configuration that is right with one value and wrong with another.
struct Slip<'a> {
    name: &'a str,
    config: Json,
    key: &'a str,
    right: String,
    wrong: String,
    sentence: &'a str,
}

impl Slip<'_> {
    async fn told(self, worker: &Worker) {
        let Self { name, config, key, right, wrong, sentence } = self;
        is_right(worker, &with(&config, &[("name", "right"), (key, &right)])).await;
        let slipped = with(&config, &[("name", name), (key, &wrong)]);
        let problems = worker.rest.problems(&slipped).await;
        assert!(problems.iter().all(|problem| problem.starts_with(key)), "{key}: {problems:?}");
        is_told(worker, name, slipped, sentence).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_directories() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path()).await;
    let place = |name: &str| folder.path().join(name).display().to_string();
    for name in ["there", "done"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let excel = Slip {
        name: "excel",
        config: json!({"connector.class": "millrace.ExcelSinkConnector", "topics": "t"}),
        key: "file",
        right: place("there/book.xlsx"),
        wrong: place("gone/book.xlsx"),
        sentence: "of 'file' does not exist",
    };
    let spool = Slip {
        name: "spool",
        config: json!({
            "connector.class":
                "com.github.jcustenborder.kafka.connect.spooldir.SpoolDirCsvSourceConnector",
            "topic": "t",
            "input.path": place("there"),
            "error.path": place("done"),
            "input.file.pattern": ".*csv",
            "schema.generation.enabled": "true",
            "csv.first.row.as.header": "true",
        }),
        key: "finished.path",
        right: place("done"),
        wrong: place("gone"),
        sentence: "of 'finished.path' does not exist",
    };
    let aggregate = Slip {
        name: "aggregate",
        config: json!({
            "connector.class": "millrace.AggregateSinkConnector",
            "topics": "t",
            "aggregate.name": "a",
            "window.ms": "1000",
        }),
        key: "store.url",
        right: format!("sqlite:{}", place("there/rows.db")),
        wrong: format!("sqlite:{}", place("gone/rows.db")),
        sentence: "store.url",
    };
    for slip in [excel, spool, aggregate] {
        slip.told(&worker).await;
    }
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path()).await;
    // The worker's own API is a service as good as any.
    let service = format!("127.0.0.1:{}", worker.port());
    let http = json!({
        "connector.class": "io.confluent.connect.http.HttpSinkConnector",
        "topics": "t",
        "reporter.bootstrap.servers": "unused",
    });
    let tls = with(&http, &[("name", "tls"), ("http.api.url", &format!("https://{service}/"))]);
    let web = json!({"connector.class": "millrace.WebEventSourceConnector", "topic": "t",
        "routes": r#"[{"path": "/hook"}]"#, "acks": "all"});
    let http = Slip {
        name: "http",
        config: http,
        key: "http.api.url",
        right: format!("http://{service}/hook"),
        wrong: format!("http://{NOBODY}/hook"),
        sentence: "Could not reach",
    };
    let web = Slip {
        name: "web",
        config: web,
        key: "listen",
        right: "127.0.0.1:0".to_owned(),
        wrong: "192.0.2.1:8088".to_owned(),
        sentence: "Could not listen on",
    };
    for slip in [http, web] {
        slip.told(&worker).await;
    }
    // A task sees it only when it has something to send.
    let told = worker.rest.problems(&tls).await;
    assert!(told[0].contains("Nothing there seems to speak TLS"), "{told:?}");
    assert!(worker.stop().success());
}
