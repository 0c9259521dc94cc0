//! From a line of a file to an object, and back again.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    harness::{Mode, Worker, eventually},
    services::{self, s3::S3},
};

const LINES: [&str; 5] = ["first", "second, zwei", "third", "fourth", "fifth"];
const BUCKET: &str = "objects-trace";

fn source(folder: &Path) -> Json {
    json!({"name": "lines", "config": {
        "connector.class": "millrace.LogFileSourceConnector",
        "path": folder.join("logs/*.log"),
        "topic": "lines",
        "headers.provenance": "true",
    }})
}

fn sink(s3: &S3) -> Json {
    json!({"name": "objects", "config": {
        "connector.class": "io.confluent.connect.s3.S3SinkConnector",
        "topics": "lines",
        "flush.size": "2",
        "format.class": "io.confluent.connect.s3.format.bytearray.ByteArrayFormat",
        "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        "storage.class": "io.confluent.connect.s3.storage.S3Storage",
        "s3.bucket.name": BUCKET,
        "s3.region": S3::REGION,
        "store.url": s3.endpoint(),
        "aws.access.key.id": S3::ACCESS_KEY,
        "aws.secret.access.key": S3::SECRET_KEY,
    }})
}

fn trace(place: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.arg("trace").arg(place).args(arguments).output().unwrap()
}

/// The object's lines are the bytes of the file that it names.
fn assert_of_file(s3: &S3, object: &Json, lines: &[&str]) {
    let place = object["place"].as_str().unwrap();
    let key = place.strip_prefix(&format!("s3://{BUCKET}/")).unwrap();
    let content = fs::read(s3.bucket_dir(BUCKET).join(key)).unwrap();
    let [source] = object["sources"].as_array().unwrap().as_slice() else { panic!("{object}") };
    let at = |name: &str| usize::try_from(source[name].as_u64().unwrap()).unwrap();
    let file = fs::read(source["file"].as_str().unwrap()).unwrap();
    assert_eq!(content, file[at("start")..at("next")], "{object}");
    assert_eq!(
        content,
        lines.join("\n").into_bytes().into_iter().chain(*b"\n").collect::<Vec<_>>()
    );
    assert_eq!(source["records"], lines.len());
}

async fn figures_are_told(worker: &Worker) {
    let url = format!("http://127.0.0.1:{}/metrics", worker.port());
    let client = crate::harness::http_client();
    let page = client.get(url).send().await.unwrap().text().await.unwrap();
    for line in [
        "millrace_s3_sink_objects_total{connector=\"objects\",task=\"0\"} 3",
        "millrace_s3_sink_uploaded_bytes_total{connector=\"objects\",task=\"0\"} 38",
        "millrace_s3_sink_rotations_total{connector=\"objects\",task=\"0\",reason=\"flush_size\"} 2",
        "millrace_s3_sink_rotations_total{connector=\"objects\",task=\"0\",reason=\"request\"} 1",
        "millrace_s3_sink_rotations_total{connector=\"objects\",task=\"0\",reason=\"memory\"} 0",
    ] {
        assert!(page.lines().any(|known| known == line), "{line}\n{page}");
    }
}

async fn the_connector_is_explained(worker: &Worker) {
    let path = "/connectors/objects/explain?records_per_day=864000&record_bytes=100&partitions=1";
    let explained = worker.rest.get(path).await;
    assert_eq!(explained["delivery"]["promise"], "exactly once", "{explained}");
    assert_eq!(explained["estimate"]["files_per_day"], 432_000.0);
    assert_eq!(explained["estimate"]["file_bytes"], 200.0);
    let key = format!("s3://{BUCKET}/topics/lines/partition=0/lines+0+0000012345.bin");
    assert_eq!(explained["example"]["place"], key);
    let advice = explained["advice"][0].as_str().unwrap();
    assert!(advice.starts_with("432,000 objects a day of 200 bytes"), "{advice}");
}

async fn objects_are_found(worker: &Worker, s3: &S3) -> String {
    let objects = "/connectors/objects/objects?topic=lines&partition=0";
    let found = worker.rest.get(&format!("{objects}&offset=3")).await;
    let [object] = found["objects"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert_of_file(s3, object, &LINES[2..4]);
    let missing = worker.rest.get(&format!("{objects}&offset=99")).await;
    assert_eq!(missing["objects"], json!([]));
    let note = missing["notes"][0].as_str().unwrap();
    assert!(note.contains("ends with offset 4"), "{note}");
    let page = worker.rest.get(&format!("{objects}&limit=2")).await;
    assert_eq!(page["objects"].as_array().unwrap().len(), 2, "{page}");
    let next = page["next"].as_str().unwrap().replace('+', "%2B");
    let rest = worker.rest.get(&format!("{objects}&after={next}")).await;
    let [last] = rest["objects"].as_array().unwrap().as_slice() else { panic!("{rest}") };
    assert_of_file(s3, last, &LINES[4..]);
    assert_eq!(rest["next"], Json::Null);
    object["place"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_leads_back_to_the_bytes_of_a_file() {
    let s3 = services::require!(s3);
    s3.create_bucket(BUCKET).await;
    let folder = tempfile::tempdir().unwrap();
    let properties = [
        ("bootstrap.servers", "embedded:log"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("offset.storage.file.filename", "offsets"),
        ("offset.flush.interval.ms", "500"),
    ];
    let worker = Worker::start_as(Mode::Standalone, folder.path(), &properties).await;
    fs::create_dir(folder.path().join("logs")).unwrap();
    let file = folder.path().join("logs/ä 1.log");
    fs::write(&file, LINES.map(|line| format!("{line}\n")).concat()).unwrap();
    worker.rest.create(&source(folder.path())).await;
    worker.rest.create(&sink(s3)).await;
    let objects = s3.bucket_dir(BUCKET).join("topics/lines/partition=0");
    eventually("the second object", async || {
        objects.join("lines+0+0000000002.bin").exists().then_some(())
    })
    .await;
    eventually("the fifth line in an object", async || {
        let (status, _) = worker.rest.send(Method::POST, "/connectors/objects/flush", None).await;
        assert_eq!(status, 200);
        objects.join("lines+0+0000000004.bin").exists().then_some(())
    })
    .await;

    let place = objects_are_found(&worker, s3).await;
    figures_are_told(&worker).await;
    the_connector_is_explained(&worker).await;

    let url = format!("http://127.0.0.1:{}", worker.port());
    let asked = trace(&place, &["--url", &url, "--connector", "objects"]);
    assert!(worker.stop().success());
    let config = folder.path().join("sink.json");
    fs::write(&config, sink(s3).to_string()).unwrap();
    let alone = trace(&place, &["--config", config.to_str().unwrap()]);
    for output in [asked, alone] {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let expected = format!("from     {} bytes 19 to 32 (13 bytes), 2 records", file.display());
        assert!(text.contains(&expected), "{expected}\n{text}");
        assert!(text.contains("topic    lines partition 0, offsets 2 to 3"), "{text}");
    }
    let nowhere = trace(&format!("{place}x"), &["--config", config.to_str().unwrap()]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("There is no object"));
}
