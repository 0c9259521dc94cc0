//! The HDFS sinks on a real name node and data node: counts at the far end through kills of the worker and
//! of HDFS, every format, and what users get wrong.

mod nodes;

use std::{collections::BTreeMap, fs, ops::Range, path::Path};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    harness::{RestClient, Worker, eventually},
    services::{
        self,
        hdfs::{Hdfs, Shape},
    },
};

const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";
const TOPIC: &str = "events";
/// User that growing files are written as.
const GROWER: &str = "grower";
/// File that the records come from.
const FILE: &str = "events.txt";
/// Records of a run.
const RECORDS: usize = 3000;
/// Folders that they are shared out to.
const LANES: usize = 3;

/// Starts a worker on an embedded log in the folder.
async fn start(folder: &Path) -> Worker {
    let properties = [
        ("bootstrap.servers", format!("embedded:{}", folder.join("log").display())),
        ("group.id", "hdfs".to_owned()),
        ("config.storage.topic", "hdfs-configs".to_owned()),
        ("offset.storage.topic", "hdfs-offsets".to_owned()),
        ("status.storage.topic", "hdfs-status".to_owned()),
        ("offset.flush.interval.ms", "500".to_owned()),
        ("key.converter", STRING.to_owned()),
        ("value.converter", STRING.to_owned()),
    ];
    Worker::start(folder, &properties, &[]).await
}

fn lines(range: Range<usize>) -> String {
    let line = |n: usize| json!({"n": n, "lane": format!("l{}", n % LANES)}).to_string() + "\n";
    range.map(line).collect()
}

/// A sink whose files are below a folder, with a folder for each lane.
fn sink(hdfs: &Hdfs, folder: &str) -> Json {
    json!({
        "connector.class": "io.confluent.connect.hdfs3.Hdfs3SinkConnector",
        "topics": TOPIC,
        "hdfs.url": "hdfs://localhost:8020",
        "webhdfs.url": hdfs.url(),
        "topics.dir": format!("{folder}/topics"),
        "logs.dir": format!("{folder}/logs"),
        "format.class": "io.confluent.connect.hdfs3.json.JsonFormat",
        "partitioner.class": "FieldPartitioner",
        "partition.field.name": "lane",
        "flush.size": "70",
        "retry.backoff.ms": "200",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    })
}

/// Brings the records of a file into the topic.
async fn fill(rest: &RestClient, folder: &Path) {
    fs::write(folder.join(FILE), lines(0..RECORDS)).unwrap();
    follow(rest, folder).await;
}

/// Has the file read into the topic, as far as it is there and as it grows.
async fn follow(rest: &RestClient, folder: &Path) {
    let file = folder.join(FILE);
    let source = json!({"connector.class": "FileStreamSource", "file": file, "topic": TOPIC});
    rest.create(&json!({"name": "events-source", "config": source})).await;
}

/// Committed files of a folder, by path.
async fn committed(hdfs: &Hdfs, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = hdfs.files(&format!("{folder}/topics/{TOPIC}")).await;
    files.retain(|path, _| !path.contains("+tmp"));
    files
}

/// Numbers of the records in committed files, in order, each as often as it is there.
async fn numbers(hdfs: &Hdfs, folder: &str) -> Vec<u64> {
    let files = committed(hdfs, folder).await;
    let texts = files.into_values().map(|content| String::from_utf8(content).unwrap());
    let text: String = texts.collect();
    let values = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let mut numbers: Vec<_> = values.map(|value| value["n"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

/// Asks for a flush until all that was read is committed, and compares.
async fn everything_is_there_once(rest: &RestClient, hdfs: &Hdfs, folder: &str) {
    all_are_there_once(rest, "events-sink", (hdfs, folder), RECORDS).await;
}

/// The same for so many records of a sink.
async fn all_are_there_once(
    rest: &RestClient,
    sink: &str,
    (hdfs, folder): (&Hdfs, &str),
    count: usize,
) {
    eventually(&format!("{sink} to catch up"), async || {
        rest.send(Method::POST, &format!("/connectors/{sink}/flush"), None).await;
        let (_, lag) = rest.send(Method::GET, &format!("/connectors/{sink}/lag"), None).await;
        let has_all = lag["lag_records"] == 0;
        (has_all && numbers(hdfs, folder).await.len() >= count).then_some(())
    })
    .await;
    let expected: Vec<_> = (0..u64::try_from(count).unwrap()).collect();
    assert_eq!(numbers(hdfs, folder).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn hdfs_has_every_record_once_through_kills_of_the_worker() {
    let hdfs = services::require!(hdfs);
    let (folder, target) = (tempfile::tempdir().unwrap(), "/open/kills");
    let mut worker = start(folder.path()).await;
    fill(&worker.rest, folder.path()).await;
    let config = json!({"name": "events-sink", "config": sink(hdfs, target)});
    worker.rest.create(&config).await;
    for least in [200, 800, 1600] {
        let has = async || (numbers(hdfs, target).await.len() >= least).then_some(());
        eventually("the middle", has).await;
        worker.kill();
        worker = start(folder.path()).await;
    }
    everything_is_there_once(&worker.rest, hdfs, target).await;
    let files = committed(hdfs, target).await;
    let name = files.keys().next().unwrap();
    let expected = format!("{target}/topics/{TOPIC}/lane=l0/{TOPIC}+0+0000000000+");
    assert!(name.starts_with(&expected), "{name}");
    assert!(worker.stop().success());
    let temporary = hdfs.files(&format!("{target}/topics/+tmp")).await;
    assert!(temporary.is_empty(), "{:?}", temporary.keys());
}

/// Lines of committed files, of which the last may be half a line as long as they grow.
async fn lines_by_file(hdfs: &Hdfs, folder: &str) -> BTreeMap<String, usize> {
    let files = committed(hdfs, folder).await.into_iter();
    let count = |content: Vec<u8>| content.iter().filter(|byte| **byte == b'\n').count();
    files.map(|(path, content)| (path, count(content))).collect()
}

/// Waits until so many lines are there.
async fn has_lines(hdfs: &Hdfs, folder: &str, least: usize) {
    let has = async || {
        let lines: usize = lines_by_file(hdfs, folder).await.into_values().sum();
        (lines >= least).then_some(())
    };
    eventually("the middle", has).await;
}

/// The sink with files that grow.
fn growing_sink(hdfs: &Hdfs, folder: &str) -> Json {
    let mut config = sink(hdfs, folder);
    config["hdfs.append"] = true.into();
    config["hdfs.user"] = GROWER.into();
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn growing_files_have_every_record_once_through_kills_of_the_worker() {
    let hdfs = services::require!(hdfs);
    let (folder, target) = (tempfile::tempdir().unwrap(), "/open/growing");
    let mut worker = start(folder.path()).await;
    fill(&worker.rest, folder.path()).await;
    let mut config = growing_sink(hdfs, target);
    config["file.size.bytes.max"] = "12000".into();
    worker.rest.create(&json!({"name": "events-sink", "config": config})).await;
    for least in [200, 800, 1600, 2200] {
        has_lines(hdfs, target, least).await;
        worker.kill();
        worker = start(folder.path()).await;
    }
    everything_is_there_once(&worker.rest, hdfs, target).await;
    assert!(worker.stop().success());
    let files = lines_by_file(hdfs, target).await;
    let odd: Vec<_> =
        files.keys().filter(|it| it.contains("+open.") || it.contains("+shut.")).collect();
    assert!(odd.is_empty(), "{odd:?}");
    // One append brings a third of 70 lines to a file.
    assert!(files.values().any(|lines| *lines > 100), "{files:?}");
    let temporary = hdfs.files(&format!("{target}/topics/+tmp")).await;
    assert!(temporary.is_empty(), "{:?}", temporary.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_file_whose_writer_does_not_go_is_not_waited_for_for_ever() {
    let hdfs = services::require!(hdfs);
    let (folder, target) = (tempfile::tempdir().unwrap(), "/open/held");
    let worker = start(folder.path()).await;
    fill(&worker.rest, folder.path()).await;
    let mut config = growing_sink(hdfs, target);
    config["hdfs.lease.timeout.ms"] = "5000".into();
    worker.rest.create(&json!({"name": "events-sink", "config": config})).await;
    has_lines(hdfs, target, 500).await;
    worker.kill();
    let files = committed(hdfs, target).await;
    let path = files.keys().find(|path| path.contains("+open.")).unwrap();
    let writer = hdfs.begin_append(GROWER, path).await;
    let worker = start(folder.path()).await;
    let reason = eventually("the reason in the status", async || {
        let (_, status) =
            worker.rest.send(Method::GET, "/connectors/events-sink/status", None).await;
        // Files that nobody holds are shortened meanwhile, which is a reason of its own.
        let reason = status["tasks"][0]["trace"].as_str();
        reason.filter(|it| it.contains("takes the file back")).map(str::to_owned)
    })
    .await;
    assert!(reason.contains("+shut."), "{reason}");
    everything_is_there_once(&worker.rest, hdfs, target).await;
    writer.finish().await;
    everything_is_there_once(&worker.rest, hdfs, target).await;
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_node_that_goes_away_is_waited_for() {
    let mut hdfs = services::require!(private_hdfs(Shape::SINGLE));
    let (folder, target) = (tempfile::tempdir().unwrap(), "/open/outage");
    let worker = start(folder.path()).await;
    fill(&worker.rest, folder.path()).await;
    let config = json!({"name": "events-sink", "config": sink(&hdfs, target)});
    worker.rest.create(&config).await;
    let has_some = async || (numbers(&hdfs, target).await.len() >= 200).then_some(());
    eventually("the middle", has_some).await;
    hdfs.stop();
    worker.rest.send(Method::POST, "/connectors/events-sink/flush", None).await;
    let path = "/connectors/events-sink/status";
    let reason = eventually("the reason in the status", async || {
        let (_, status) = worker.rest.send(Method::GET, path, None).await;
        let task = &status["tasks"][0];
        assert_eq!(task["state"], "RUNNING");
        task["trace"].as_str().map(str::to_owned)
    });
    let reason = reason.await;
    assert!(reason.contains("cannot be reached"), "{reason}");
    hdfs.start_again();
    everything_is_there_once(&worker.rest, &hdfs, target).await;
    let (_, status) = worker.rest.send(Method::GET, path, None).await;
    assert_eq!(status["tasks"][0]["trace"], Json::Null);
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_arrives_in_its_file() {
    let hdfs = services::require!(hdfs);
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path()).await;
    fill(&worker.rest, folder.path()).await;
    for (format, extension, magic) in [
        ("StringFormat", ".txt", "{\"n\":0"),
        ("AvroFormat", ".avro", "Obj\u{1}"),
        ("ParquetFormat", ".parquet", "PAR1"),
    ] {
        let target = format!("/open/{format}");
        let mut config = sink(hdfs, &target);
        config["format.class"] = format.into();
        config["partitioner.class"] = "DefaultPartitioner".into();
        config["flush.size"] = "1000".into();
        config["value.converter"] = STRING.into();
        if format != "StringFormat" {
            config["transforms"] = "row".into();
            config["transforms.row.type"] =
                "org.apache.kafka.connect.transforms.HoistField$Value".into();
            config["transforms.row.field"] = "line".into();
        }
        let name = format!("{format}-sink");
        worker.rest.create(&json!({"name": name, "config": config})).await;
        let files = eventually("three files", async || {
            let files = committed(hdfs, &target).await;
            (files.len() == RECORDS / 1000).then_some(files)
        })
        .await;
        for (place, (path, content)) in files.iter().enumerate() {
            let (first, last) = (place * 1000, place * 1000 + 999);
            let name = format!("{TOPIC}+0+{first:010}+{last:010}{extension}");
            assert!(path.ends_with(&name), "{path}");
            assert!(place > 0 || content.starts_with(magic.as_bytes()), "{path}");
        }
    }
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_in_one_sentence() {
    let hdfs = services::require!(hdfs);
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path()).await;
    fill(&worker.rest, folder.path()).await;
    let mut user = sink(hdfs, "/closed");
    user["hdfs.user"] = Hdfs::STRANGER.into();
    let mut tls = sink(hdfs, "/open/tls");
    tls["webhdfs.url"] = hdfs.url().replace("http:", "https:").into();
    for (connector, config, sentence) in [
        ("user", user, "Permission denied: user=mallory, access=WRITE"),
        (
            "tls",
            tls,
            "does not speak TLS. Write http:// in store.url and webhdfs.url, or hdfs:// in store.url",
        ),
    ] {
        worker.rest.create(&json!({"name": connector, "config": config})).await;
        let trace = eventually("the task to fail", async || {
            let path = format!("/connectors/{connector}/status");
            let (_, body) = worker.rest.send(Method::GET, &path, None).await;
            let task = &body["tasks"][0];
            (task["state"] == "FAILED").then(|| task["trace"].as_str().unwrap().to_owned())
        })
        .await;
        assert!(trace.contains(sentence), "{connector}: {trace}");
    }
    assert!(worker.stop().success());
}
