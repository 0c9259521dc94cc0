//! The same deliveries on each S3 server: every format, uploads in parts, conditional writes, both
//! classes, each record counted.

use std::{fs, path::Path};

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{
    JSON,
    server::{Object, Server, keys, objects},
    source,
    world::ask,
};
use crate::{
    harness::{Mode, RestClient, Worker, eventually},
    services::{self, s3s::S3sFs},
};

/// Records in the topic of small ones, and in each of its objects.
const RECORDS: i64 = 25;
const FLUSH_SIZE: i64 = 5;
/// Records in the topic of large ones: twelve megabytes, three parts.
const LARGE: usize = 40;
const LARGE_BYTES: usize = 300_000;

/// One server's delivery.
struct Delivery {
    server: Server,
    bucket: String,
    worker: Worker,
}

impl Delivery {
    fn sink(&self, name: &str, topic: &str, options: &[(&str, &str)]) -> Json {
        let mut sink = self.server.confluent(name, &self.server.url(), &self.bucket);
        sink["config"]["topics"] = topic.into();
        for (key, value) in options {
            sink["config"][*key] = (*value).into();
        }
        sink
    }

    /// Waits until there are so many objects below a prefix.
    async fn arrive(&self, prefix: &str, count: usize) -> Vec<Object> {
        let client = self.server.client();
        eventually(&format!("{count} objects of {prefix}"), async || {
            (keys(&client, &self.bucket, prefix).await.len() >= count).then_some(())
        })
        .await;
        let found = objects(&client, &self.bucket, prefix).await;
        assert_eq!(found.len(), count, "{found:?}");
        found
    }

    /// Every object of one format is there, is named as it should be, and tells the truth.
    async fn format(&self, name: &str, class: &str, extension: &str) -> Vec<Object> {
        let class = format!("io.confluent.connect.s3.format.{class}");
        let raw = "org.apache.kafka.connect.converters.ByteArrayConverter";
        let converter = if name == "raw" { raw } else { JSON };
        let size = FLUSH_SIZE.to_string();
        let options =
            [("format.class", &*class), ("flush.size", &*size), ("value.converter", converter)];
        self.worker.rest.create(&self.sink(name, "lines", &options)).await;
        let found = self.arrive(&format!("{name}/"), 5).await;
        for (object, first) in found.iter().zip((0..RECORDS).step_by(5)) {
            let key = format!("{name}/lines/partition=0/lines+0+{first:010}{extension}");
            assert_eq!(object.key, key);
            object.assert_true(first, first + FLUSH_SIZE - 1, 5);
        }
        found
    }

    async fn formats(&self) {
        let json = self.format("json", "json.JsonFormat", ".json").await;
        let texts: Vec<_> = json.iter().map(Object::text).collect();
        let expected = (0..RECORDS).map(|n| format!("{{\"line\":\"line {n}\"}}"));
        assert!(texts.concat().lines().eq(expected), "{texts:?}");
        let raw = self.format("raw", "bytearray.ByteArrayFormat", ".bin").await;
        assert!(raw.iter().all(|object| object.text().lines().count() == 5));
        for object in self.format("avro", "avro.AvroFormat", ".avro").await {
            assert!(object.body.starts_with(b"Obj\x01"), "{}", object.key);
        }
        for object in self.format("parquet", "parquet.ParquetFormat", ".snappy.parquet").await {
            assert!(object.body.starts_with(b"PAR1") && object.body.ends_with(b"PAR1"));
        }
    }

    /// One object of twelve megabytes, uploaded in three parts.
    async fn parts(&self, expected: &str) {
        let size = LARGE.to_string();
        let options = [
            ("format.class", "io.confluent.connect.s3.format.bytearray.ByteArrayFormat"),
            ("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter"),
            ("s3.part.size", "5242880"),
            ("flush.size", &*size),
        ];
        self.worker.rest.create(&self.sink("parts", "large", &options)).await;
        let found = self.arrive("parts/", 1).await;
        let object = &found[0];
        assert!(object.text() == expected, "{} bytes", object.body.len());
        // What is known before the end is.
        assert_eq!(object.number("kafka-first-offset"), Some(0));
        assert_eq!(object.number("kafka-last-offset"), None);
        if !matches!(self.server, Server::S3sFs(_)) {
            let request = self.server.client().list_multipart_uploads().bucket(&self.bucket);
            assert!(Box::pin(request.send()).await.unwrap().uploads().is_empty());
        }
    }

    /// Everything read again changes nothing.
    async fn nothing_is_overwritten(&self, rest: &RestClient) {
        let client = self.server.client();
        for sink in ["json", "parquet", "parts"] {
            let prefix = format!("{sink}/");
            let before = objects(&client, &self.bucket, &prefix).await;
            ask(rest, Method::PUT, &format!("/connectors/{sink}/stop")).await;
            eventually("the sink to stop", async || {
                let status = rest.get(&format!("/connectors/{sink}/status")).await;
                (status["connector"]["state"] == "STOPPED" && status["tasks"] == json!([]))
                    .then_some(())
            })
            .await;
            ask(rest, Method::DELETE, &format!("/connectors/{sink}/offsets")).await;
            ask(rest, Method::PUT, &format!("/connectors/{sink}/resume")).await;
            eventually("the sink to read everything again", async || {
                let lag = rest.get(&format!("/connectors/{sink}/lag")).await;
                let committed = &lag["partitions"][0]["committed_offset"];
                (lag["lag_records"] == 0 && committed.is_i64()).then_some(())
            })
            .await;
            assert!(objects(&client, &self.bucket, &prefix).await == before, "{sink}");
        }
    }

    /// An object of somebody else is not touched.
    async fn nothing_of_others_is_overwritten(&self, rest: &RestClient) {
        let client = self.server.client();
        let key = "foreign/lines/partition=0/lines+0+0000000000.json";
        let theirs = aws_sdk_s3::primitives::ByteStream::from_static(b"theirs");
        let request = client.put_object().bucket(&self.bucket).key(key).body(theirs);
        Box::pin(request.send()).await.unwrap();
        let options = [("flush.size", "5"), ("value.converter", JSON)];
        rest.create(&self.sink("foreign", "lines", &options)).await;
        let trace = eventually("the sink to refuse", async || {
            let status = rest.get("/connectors/foreign/status").await;
            let is_failed = status["tasks"][0]["state"] == "FAILED";
            is_failed.then(|| status["tasks"][0]["trace"].as_str().unwrap().to_owned())
        })
        .await;
        assert!(trace.contains(key), "{trace}");
        let found = objects(&client, &self.bucket, "foreign/").await;
        let bodies: Vec<_> = found.iter().map(|object| &*object.body).collect();
        assert_eq!(bodies, [b"theirs"]);
    }

    /// Aiven's class: every record once, in objects named by where they begin.
    async fn aiven(&self, rest: &RestClient) {
        let mut sink = self.server.aiven("aiven", &self.server.url(), &self.bucket);
        sink["config"]["topics"] = "lines".into();
        sink["config"]["value.converter"] = JSON.into();
        rest.create(&sink).await;
        let client = self.server.client();
        let rows = eventually("Aiven's objects", async || {
            let found = objects(&client, &self.bucket, "aiven/").await;
            let rows: Vec<_> = found.iter().flat_map(lines_of).collect();
            (rows.len() >= usize::try_from(RECORDS).unwrap()).then_some(rows)
        })
        .await;
        let mut numbers: Vec<_> = rows.iter().map(|row| row["offset"].as_i64().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..RECORDS).collect::<Vec<_>>());
        for row in &rows {
            assert_eq!(row["value"]["line"], format!("line {}", row["offset"]));
        }
    }
}

/// Records of an object of Aiven's class; the first is the one that names it.
fn lines_of(object: &Object) -> Vec<Json> {
    let text = object.text();
    let rows: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first = &rows[0]["offset"];
    assert!(object.key.ends_with(&format!("-0-{first}")), "{} begins at {first}", object.key);
    rows
}

/// Starts a worker with the topics `lines` and `large`; gives what the object of large ones holds.
async fn begin(folder: &Path, server: Server, bucket: &str) -> (Delivery, String) {
    server.create_bucket(bucket).await;
    let properties = [
        ("bootstrap.servers", "embedded:log"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("offset.storage.file.filename", "offsets"),
        ("offset.flush.interval.ms", "500"),
    ];
    let worker = Worker::start_as(Mode::Standalone, folder, &properties).await;
    let lines: String = (0..RECORDS).map(|n| format!("line {n}\n")).collect();
    fs::write(folder.join("in.txt"), lines).unwrap();
    worker.rest.create(&source(folder)).await;
    let large: String = (0..LARGE).map(|n| format!("{n}{}\n", "x".repeat(LARGE_BYTES))).collect();
    fs::write(folder.join("large.txt"), &large).unwrap();
    let config = json!({
        "connector.class": "FileStreamSource", "file": folder.join("large.txt"), "topic": "large"
    });
    worker.rest.create(&json!({"name": "large", "config": config})).await;
    (Delivery { server, bucket: bucket.to_owned(), worker }, large)
}

async fn delivers(server: Server, bucket: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (delivery, large) = begin(folder.path(), server, bucket).await;
    delivery.formats().await;
    delivery.parts(&large).await;
    delivery.aiven(&delivery.worker.rest).await;
    delivery.nothing_is_overwritten(&delivery.worker.rest).await;
    delivery.nothing_of_others_is_overwritten(&delivery.worker.rest).await;
    assert!(delivery.worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_and_both_classes_are_delivered_to_versitygw() {
    let s3 = services::require!(s3);
    Box::pin(delivers(Server::Versity(s3), "delivery")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_and_both_classes_are_delivered_to_s3proxy() {
    let s3proxy = services::require!(s3proxy);
    Box::pin(delivers(Server::S3Proxy(s3proxy), "delivery")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_and_both_classes_are_delivered_to_s3s_fs() {
    let server = Server::S3sFs(S3sFs::start().await);
    Box::pin(delivers(server, "delivery")).await;
}
