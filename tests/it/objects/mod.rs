//! The S3 sinks in a whole worker: every format on several servers, read by libraries that others
//! wrote, and what becomes of records when things go wrong.

mod chaos;
mod delivery;
mod outage;
mod renamed;
mod server;
mod world;

mod trace;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};

use crate::{
    harness::{Mode, Worker, eventually},
    services::{self, s3::S3},
};

const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";

fn source(folder: &Path) -> Json {
    json!({"name": "lines", "config": {
        "connector.class": "FileStreamSource",
        "file": folder.join("in.txt"),
        "topic": "lines",
        "transforms": "h",
        "transforms.h.type": "org.apache.kafka.connect.transforms.HoistField$Value",
        "transforms.h.field": "line",
        "value.converter": JSON
    }})
}

fn sink(format: &str, codec: &str, s3: &S3, bucket: &str) -> Json {
    let (class, key) = match format {
        "avro" => ("io.confluent.connect.s3.format.avro.AvroFormat", "avro.codec"),
        _ => ("io.confluent.connect.s3.format.parquet.ParquetFormat", "parquet.codec"),
    };
    let mut sink = json!({"name": format!("{format}-{codec}"), "config": {
        "connector.class": "io.confluent.connect.s3.S3SinkConnector",
        "topics": "lines",
        "topics.dir": format!("{format}-{codec}"),
        "flush.size": "2",
        "format.class": class,
        "storage.class": "io.confluent.connect.s3.storage.S3Storage",
        "s3.bucket.name": bucket,
        "s3.region": S3::REGION,
        "store.url": s3.endpoint(),
        "aws.access.key.id": S3::ACCESS_KEY,
        "aws.secret.access.key": S3::SECRET_KEY,
        "transforms": "i",
        "transforms.i.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.i.offset.field": "offset",
        "transforms.i.timestamp.field": "at",
        "value.converter": JSON
    }});
    sink["config"][key] = json!(codec);
    sink
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_read_by_fastavro_pyarrow_and_duckdb() {
    let (s3, clients) = (services::require!(s3), services::require!(clients));
    let bucket = "objects-read";
    s3.create_bucket(bucket).await;
    let folder = tempfile::tempdir().unwrap();
    let properties = [
        ("bootstrap.servers", "embedded:log"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("offset.storage.file.filename", "offsets"),
        ("offset.flush.interval.ms", "500"),
    ];
    let worker = Worker::start_as(Mode::Standalone, folder.path(), &properties).await;
    fs::write(folder.path().join("in.txt"), "one\nzwö\n").unwrap();
    worker.rest.create(&source(folder.path())).await;
    let kinds = [
        ("avro", "deflate", ".avro"),
        ("avro", "snappy", ".avro"),
        ("avro", "bzip2", ".avro"),
        ("parquet", "snappy", ".snappy.parquet"),
        ("parquet", "gzip", ".gz.parquet"),
        ("parquet", "zstd", ".zstd.parquet"),
        ("parquet", "brotli", ".br.parquet"),
        ("parquet", "lz4", ".lz4hadoop.parquet"),
        ("parquet", "lz4_raw", ".lz4raw.parquet"),
    ];
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/objects/read.py");
    for (format, codec, extension) in kinds {
        worker.rest.create(&sink(format, codec, s3, bucket)).await;
        let name = format!("{format}-{codec}/lines/partition=0/lines+0+0000000000{extension}");
        let object = s3.bucket_dir(bucket).join(name);
        eventually("the object", async || object.exists().then_some(())).await;
        let read =
            tokio::task::block_in_place(|| clients.run(&script, &[object.to_str().unwrap()]));
        assert!(read.status.success(), "{codec}: {}", String::from_utf8_lossy(&read.stderr));
        let expected = if format == "avro" { fast() } else { columnar() };
        assert_eq!(String::from_utf8(read.stdout).unwrap(), expected, "{codec}");
    }
    assert!(worker.stop().success());
}

fn fast() -> String {
    shown("fastavro")
}

fn columnar() -> String {
    let duck = "[\"duckdb\", \"one\", 0, true]\n[\"duckdb\", \"zw\\u00f6\", 1, true]\n";
    shown("pyarrow") + duck
}

fn shown(reader: &str) -> String {
    [("one", 0), ("zw\\u00f6", 1)]
        .map(|(line, offset)| format!("[\"{reader}\", \"{line}\", {offset}, \"UTC\", true]\n"))
        .concat()
}
