//! The log of a web server, untouched in S3 and processed in OpenSearch, at once and from one topic.

use std::fs;

use millrace::generate::Lines;
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{
    Broker, Promise, far_end,
    world::{World, shipped},
};
use crate::{
    harness::{Generator, Worker, eventually},
    services::{
        self,
        s3::S3,
        search::{SearchServer, System},
    },
};

/// The story's configurations.
const FILES: [&str; 3] = ["b-web-logs", "b-web-logs-to-s3", "b-web-logs-to-opensearch"];
const LINES_PER_SECOND: f64 = 1000.0;
/// Documents that are there at least when the worker is killed.
const KILLS: [u64; 3] = [1, 2500, 5000];
const INDEX: &str = "processed.logs";

/// Bytes of the log, its files in the order of their days.
fn written(world: &World) -> Vec<u8> {
    let entries = fs::read_dir(world.path("logs")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| fs::read(file).unwrap()).collect()
}

async fn at_once_from_one_topic(name: &str, broker: Broker<'_>) {
    let s3 = services::require!(s3);
    let server = services::require!(search(System::OpenSearch));
    s3.create_bucket(name).await;
    let environment = vec![
        ("MILLRACE_S3_URL", s3.endpoint()),
        ("MILLRACE_S3_BUCKET", name.to_owned()),
        ("AWS_REGION", S3::REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", S3::ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", S3::SECRET_KEY.to_owned()),
        ("MILLRACE_OPENSEARCH_URL", server.url()),
    ];
    let world = World::begin(name, &broker, environment);
    let worker = world.start_worker().await;
    for file in FILES {
        worker.rest.create(&shipped(file, &[])).await;
    }
    let (worker, lines) = killed_while_the_log_grows(&world, worker, &server).await;
    eventually("every document", async || {
        server.count(INDEX).await.filter(|&count| count >= lines)
    })
    .await;
    everything_is_stored_as_it_was_written(&world, &worker, s3, name).await;
    each_line_is_a_document(&world, &server).await;
    fields_have_their_types(&server).await;
    what_is_delivered_again_doubles_nothing(&worker, &server).await;
    let letters = worker.rest.get("/connectors/web-logs-to-opensearch/dead-letters").await;
    assert_eq!(letters["letters"], json!([]), "{letters}");
    println!("{lines} lines, as they were in S3, and as many documents");
    assert!(worker.stop().success());
}

/// The worker that is alive in the end, and how many lines were written.
async fn killed_while_the_log_grows(
    world: &World,
    mut worker: Worker,
    server: &SearchServer,
) -> (Worker, u64) {
    let generator = Generator::of(Lines::Web, &world.path("logs"), LINES_PER_SECOND);
    for least in KILLS {
        eventually("documents", async || server.count(INDEX).await.filter(|&count| count >= least))
            .await;
        worker.kill();
        worker = world.start_worker().await;
    }
    (worker, generator.stop().await)
}

async fn everything_is_stored_as_it_was_written(
    world: &World,
    worker: &Worker,
    s3: &S3,
    bucket: &str,
) {
    let (written, raw) = (written(world), s3.bucket_dir(bucket).join("raw"));
    let stored = eventually("every line in S3", async || {
        worker.rest.try_send(Method::POST, "/connectors/web-logs-to-s3/flush", None).await?;
        Some(far_end::stored_bytes(&raw)).filter(|stored| stored.len() >= written.len())
    })
    .await;
    assert_eq!(stored.len(), written.len(), "bytes in S3 beside bytes of the log");
    assert!(stored == written, "other bytes in S3 than in the log");
}

/// Each document holds what its line did, and where that is in the topic; its id is that place.
async fn each_line_is_a_document(world: &World, server: &SearchServer) {
    let text = String::from_utf8(written(world)).unwrap();
    let mut documents = server.documents(INDEX).await;
    documents.sort_by_key(|document| document["_source"]["offset"].as_i64());
    assert_eq!(documents.len(), text.lines().count(), "documents beside lines of the log");
    for (document, line) in documents.iter().zip(text.lines()) {
        let offset = &document["_source"]["offset"];
        let mut expected: Json = serde_json::from_str(line).unwrap();
        expected["topic"] = "raw.logs".into();
        expected["partition"] = 0.into();
        expected["offset"] = offset.clone();
        assert_eq!(document["_source"], expected);
        assert_eq!(document["_id"], format!("raw.logs+0+{offset}"));
    }
}

async fn fields_have_their_types(server: &SearchServer) {
    let (_, mapping) = server.send(Method::GET, &format!("/{INDEX}/_mapping"), None).await;
    let fields = mapping[INDEX]["mappings"]["properties"].as_object().unwrap();
    let types: Vec<_> =
        fields.iter().map(|(name, field)| (&**name, field["type"].as_str().unwrap())).collect();
    let expected = [
        ("ip", "text"),
        ("method", "text"),
        ("offset", "long"),
        ("partition", "long"),
        ("status_code", "long"),
        ("timestamp", "date"),
        ("topic", "text"),
        ("url", "text"),
        ("user_agent", "text"),
    ];
    assert_eq!(types, expected);
}

/// Has the sink begin anew: each document is written once more, and no other one.
async fn what_is_delivered_again_doubles_nothing(worker: &Worker, server: &SearchServer) {
    let before = server.documents(INDEX).await;
    let last = before.iter().max_by_key(|hit| hit["_source"]["offset"].as_i64()).unwrap();
    let id = last["_id"].as_str().unwrap().replace('+', "%2B");
    let place = format!("/{INDEX}/_doc/{id}");
    let version = async || server.send(Method::GET, &place, None).await.1["_version"].as_u64();
    let first_version = version().await;
    let sink = "/connectors/web-logs-to-opensearch";
    worker.rest.send(Method::PUT, &format!("{sink}/stop"), None).await;
    eventually("new offsets", async || {
        let deleted = worker.rest.send(Method::DELETE, &format!("{sink}/offsets"), None).await;
        (deleted.0 == 200).then_some(())
    })
    .await;
    worker.rest.send(Method::PUT, &format!("{sink}/resume"), None).await;
    eventually("the last line once more", async || (version().await > first_version).then_some(()))
        .await;
    assert_eq!(server.count(INDEX).await, u64::try_from(before.len()).ok(), "documents");
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_to_s3_and_processed_to_opensearch_on_the_embedded_log() {
    at_once_from_one_topic("fan-out-embedded", Broker::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_to_s3_and_processed_to_opensearch_on_kafka() {
    let kafka = services::require!(kafka);
    let broker = Broker::Kafka(kafka, Promise::ExactlyOnce);
    at_once_from_one_topic("fan-out-kafka", broker).await;
}
