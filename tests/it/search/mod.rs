//! The search sinks on real servers: counts at the far end through a kill, deletions, bad documents.

use std::{fs, path::Path};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    harness::{RestClient, Worker, eventually},
    services::{
        self,
        identity::Identity,
        search::{SearchServer, System},
    },
};

const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";
const TOPIC: &str = "orders";
/// Documents, each written twice.
const DOCUMENTS: usize = 5000;
/// Documents that are deleted in the end.
const DELETED: usize = 50;
/// Documents whose number is none.
const BROKEN: usize = 7;

/// Starts a worker on an embedded log in the folder.
async fn start(folder: &Path) -> Worker {
    let properties = [
        ("bootstrap.servers", format!("embedded:{}", folder.join("log").display())),
        ("group.id", "search".to_owned()),
        ("config.storage.topic", "search-configs".to_owned()),
        ("offset.storage.topic", "search-offsets".to_owned()),
        ("status.storage.topic", "search-status".to_owned()),
        ("offset.flush.interval.ms", "500".to_owned()),
        ("key.converter", STRING.to_owned()),
        ("value.converter", STRING.to_owned()),
    ];
    Worker::start(folder, &properties, &[]).await
}

/// Lines of a file: the documents of ids, in their order; null deletes.
fn lines() -> String {
    let line = |id: String, document: Json| json!({"id": id, "doc": document}).to_string() + "\n";
    let documents = (0..2 * DOCUMENTS).map(|number| {
        line(format!("k{}", number % DOCUMENTS), json!({"n": number, "text": "some words"}))
    });
    let broken = (0..BROKEN).map(|number| line(format!("b{number}"), json!({"n": "no number"})));
    let deleted = (0..DELETED).map(|number| line(format!("k{number}"), Json::Null));
    documents.chain(broken).chain(deleted).collect()
}

/// What both classes share.
fn sink(server: &SearchServer, system: System) -> Json {
    let mut config = json!({
        "topics": TOPIC,
        "connection.url": server.url(),
        "schema.ignore": "true",
        "batch.size": "200",
        "behavior.on.null.values": "delete",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "transforms": "copy,key,value",
        "transforms.copy.type": "org.apache.kafka.connect.transforms.ValueToKey",
        "transforms.copy.fields": "id",
        "transforms.key.type": "org.apache.kafka.connect.transforms.ExtractField$Key",
        "transforms.key.field": "id",
        "transforms.value.type": "org.apache.kafka.connect.transforms.ExtractField$Value",
        "transforms.value.field": "doc",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "orders-dead",
        "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true",
        // A busy machine is no reason to send a bulk twice.
        "read.timeout.ms": "30000",
    });
    let class = match system {
        System::Elasticsearch => {
            config["connection.username"] = SearchServer::USER.into();
            config["connection.password"] = SearchServer::PASSWORD.into();
            "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector"
        }
        System::OpenSearch | System::OpenSearch3 => {
            "io.aiven.kafka.connect.opensearch.OpenSearchSinkConnector"
        }
    };
    config["connector.class"] = class.into();
    config
}

/// The trace of the only task of a connector, once it has failed.
async fn trace(rest: &RestClient, connector: &str) -> String {
    eventually("the task to fail", async || {
        let path = format!("/connectors/{connector}/status");
        let (_, body) = rest.send(Method::GET, &path, None).await;
        let task = &body["tasks"][0];
        (task["state"] == "FAILED").then(|| task["trace"].as_str().unwrap().to_owned())
    })
    .await
}

async fn everything_arrives_through_a_kill(server: &SearchServer, system: System) {
    let folder = tempfile::tempdir().unwrap();
    let mapping = json!({"mappings": {"properties": {"n": {"type": "long"}}}});
    assert_eq!(server.send(Method::PUT, "/orders", Some(&mapping)).await.0, 200);
    let file = folder.path().join("orders.txt");
    fs::write(&file, lines()).unwrap();
    let worker = start(folder.path()).await;
    let source = json!({"connector.class": "FileStreamSource", "file": file, "topic": TOPIC});
    worker.rest.create(&json!({"name": "orders-source", "config": source})).await;
    worker.rest.create(&json!({"name": "orders-sink", "config": sink(server, system)})).await;
    eventually("the middle", async || server.count(TOPIC).await.filter(|&count| count >= 400))
        .await;
    worker.kill();

    let worker = start(folder.path()).await;
    eventually("the sink to catch up", async || {
        let (_, lag) = worker.rest.send(Method::GET, "/connectors/orders-sink/lag", None).await;
        let expected = u64::try_from(DOCUMENTS - DELETED).unwrap();
        (lag["lag_records"] == 0 && server.count(TOPIC).await == Some(expected)).then_some(())
    })
    .await;
    the_last_record_of_each_key_counts(server).await;
    broken_ones_are_letters(&worker.rest).await;
    assert!(worker.stop().success());
}

async fn the_last_record_of_each_key_counts(server: &SearchServer) {
    let last = DOCUMENTS + DELETED;
    let (_, document) = server.send(Method::GET, &format!("/orders/_doc/k{DELETED}"), None).await;
    assert_eq!(document["_source"]["n"], json!(last), "the last record of its key: {document}");
    assert_eq!(document["_version"], json!(last), "the offset is the version");
    let (status, _) = server.send(Method::GET, "/orders/_doc/k0", None).await;
    assert_eq!(status, 404, "deleted");
}

async fn broken_ones_are_letters(rest: &RestClient) {
    let letters = rest.get("/connectors/orders-sink/dead-letters?limit=1000").await;
    let letters = letters["letters"].as_array().unwrap();
    // A letter may be written twice where the kill came between it and the commit.
    assert!(letters.len() >= BROKEN, "{letters:?}");
    for letter in letters {
        let text = letter.to_string();
        assert!(text.contains("no number"), "{text}");
        assert!(text.contains("failed to parse field [n] of type [long]"), "{text}");
    }
}

/// Documents of a data stream, which come again from the beginning.
async fn a_data_stream_is_made_and_has_every_document_once(server: &SearchServer) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.txt");
    let lines = (0..DOCUMENTS).map(|n| format!("{{\"n\":{n}}}\n"));
    fs::write(&file, lines.collect::<String>()).unwrap();
    let worker = start(folder.path()).await;
    let source = json!({"connector.class": "FileStreamSource", "file": file, "topic": "events"});
    worker.rest.create(&json!({"name": "events-source", "config": source})).await;
    let sink = json!({
        "connector.class": "io.aiven.kafka.connect.opensearch.OpenSearchSinkConnector",
        "topics": "events",
        "connection.url": server.url(),
        "schema.ignore": "true",
        "key.ignore": "true",
        "data.stream.enabled": "true",
        "data.stream.prefix": "logs",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "read.timeout.ms": "30000",
    });
    for name in ["first", "again"] {
        worker.rest.create(&json!({"name": name, "config": sink})).await;
        eventually("every document", async || {
            let (_, lag) =
                worker.rest.send(Method::GET, &format!("/connectors/{name}/lag"), None).await;
            (lag["lag_records"] == 0 && server.count("logs-events").await? > 0).then_some(())
        })
        .await;
        let found = server.documents("logs-events").await;
        let mut numbers: Vec<_> = found.iter().map(|hit| hit["_source"]["n"].as_i64()).collect();
        numbers.sort_unstable();
        let expected = (0..i64::try_from(DOCUMENTS).unwrap()).map(Some);
        assert!(numbers.into_iter().eq(expected), "{name}: {} documents", found.len());
        assert!(found.iter().all(|hit| hit["_source"]["@timestamp"].is_number()), "{:?}", found[0]);
    }
    let (status, stream) = server.send(Method::GET, "/_data_stream/logs-events", None).await;
    assert_eq!((status, &stream["data_streams"][0]["name"]), (200, &json!("logs-events")));
    assert!(worker.stop().success());
}

/// What users get wrong, each in one sentence.
async fn mistakes_are_told(server: &SearchServer, system: System) {
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path()).await;
    let name = match system {
        System::Elasticsearch => "Elasticsearch",
        System::OpenSearch | System::OpenSearch3 => "OpenSearch",
    };
    let mut missing = sink(server, system);
    let (usage, mapping) = match system {
        System::Elasticsearch => ("external.resource.usage", "topic.to.external.resource.mapping"),
        System::OpenSearch | System::OpenSearch3 => {
            ("existing.resource.type", "topic.to.existing.resource.mapping")
        }
    };
    missing[usage] = "index".into();
    missing[mapping] = "orders:nowhere".into();
    let mut tls = sink(server, system);
    tls["connection.url"] = server.url().replace("http:", "https:").into();
    let mut mistakes = vec![
        (
            "missing",
            missing,
            format!("The index \"nowhere\" that topic \"orders\" is mapped to is not in {name}"),
        ),
        ("tls", tls, "does not speak TLS. Write http:// in connection.url".to_owned()),
    ];
    if system == System::Elasticsearch {
        let mut password = sink(server, system);
        password["connection.password"] = "wrong".into();
        let sentence = "does not let the user and password in (401)".to_owned();
        mistakes.push(("password", password, sentence));
    }
    for (connector, config, sentence) in mistakes {
        let mut named = config.clone();
        named["name"] = connector.into();
        let problems = worker.rest.problems(&named).await;
        assert!(problems.concat().contains(&sentence), "{connector}: {problems:?}");
        worker.rest.create(&json!({"name": connector, "config": config})).await;
        let trace = trace(&worker.rest, connector).await;
        assert!(trace.contains(&sentence), "{connector}: {trace}");
    }
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_has_every_document_once() {
    let server = services::require!(search(System::Elasticsearch));
    everything_arrives_through_a_kill(&server, System::Elasticsearch).await;
    mistakes_are_told(&server, System::Elasticsearch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opensearch_has_every_document_once() {
    let server = services::require!(search(System::OpenSearch));
    everything_arrives_through_a_kill(&server, System::OpenSearch).await;
    mistakes_are_told(&server, System::OpenSearch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opensearch_3_has_every_document_once() {
    let server = services::require!(search(System::OpenSearch3));
    everything_arrives_through_a_kill(&server, System::OpenSearch3).await;
    mistakes_are_told(&server, System::OpenSearch3).await;
    a_data_stream_is_made_and_has_every_document_once(&server).await;
}

/// Waits until an index has so many documents.
async fn arrive(server: &SearchServer, index: &str, count: u64) {
    eventually("the documents", async || server.count(index).await.filter(|&it| it == count)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_go_to_an_elasticsearch_that_is_trusted_and_to_no_other() {
    let server = services::require!(secure_elasticsearch);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.txt");
    fs::write(&file, lines()).unwrap();
    let worker = start(folder.path()).await;
    let source = json!({"connector.class": "FileStreamSource", "file": file, "topic": TOPIC});
    worker.rest.create(&json!({"name": "orders-source", "config": source})).await;
    let mut config = sink(&server, System::Elasticsearch);
    config["elastic.security.protocol"] = "SSL".into();
    config["elastic.https.ssl.truststore.type"] = "PEM".into();
    let stranger = Identity::create(folder.path());
    config["elastic.https.ssl.truststore.location"] = json!(stranger.certificate());
    worker.rest.create(&json!({"name": "stranger", "config": config})).await;
    let told = trace(&worker.rest, "stranger").await;
    assert!(told.contains("elastic.https.ssl.truststore"), "{told}");
    config["elastic.https.ssl.truststore.location"] =
        json!(server.identity().unwrap().certificate());
    worker.rest.create(&json!({"name": "friend", "config": config})).await;
    arrive(&server, TOPIC, u64::try_from(DOCUMENTS - DELETED).unwrap()).await;
    let mut plain = config.clone();
    plain["connection.url"] = server.url().replace("https:", "http:").into();
    plain["elastic.security.protocol"] = "PLAINTEXT".into();
    for key in ["type", "location"] {
        plain[&format!("elastic.https.ssl.truststore.{key}")] = Json::Null;
    }
    plain.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    worker.rest.create(&json!({"name": "plain", "config": plain})).await;
    let held = eventually("the status to say why", async || {
        let (_, status) = worker.rest.send(Method::GET, "/connectors/plain/status", None).await;
        status["tasks"][0]["trace"].as_str().map(str::to_owned)
    })
    .await;
    assert!(held.contains("Write https:// in connection.url"), "{held}");
    assert!(worker.stop().success());
}
