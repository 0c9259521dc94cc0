//! A disk that is full: whoever keeps something on it says so, waits, and loses and doubles nothing.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Cursor, Write as _},
    path::Path,
};

use calamine::{Data, Reader as _, Xlsx, open_workbook_from_rs};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    harness::{Worker, eventually, free_port, http_client},
    services::{self, disk::Disk},
};

/// Lines before the disk is full, and in the end. What comes in between does not fit on what a file system
/// has left in pages that are begun.
const FEW: usize = 300;
const ALL: usize = 6_000;

const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";

async fn start(disk: &Disk, folder: &Path) -> Worker {
    let log = format!("embedded:{}", folder.join("log").display());
    let properties = [
        ("bootstrap.servers", log.as_str()),
        ("group.id", "disk"),
        ("config.storage.topic", "disk-configs"),
        ("offset.storage.topic", "disk-offsets"),
        ("status.storage.topic", "disk-status"),
        ("offset.flush.interval.ms", "300"),
        ("key.converter", STRING),
        ("value.converter", STRING),
    ];
    Worker::start_on(disk, folder, &properties).await
}

fn line(number: usize) -> String {
    format!("{number:06} {}", "x".repeat(200))
}

fn append(folder: &Path, numbers: std::ops::Range<usize>) {
    let text: String = numbers.map(|number| line(number) + "\n").collect();
    let path = folder.join("lines.log");
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// What is kept on the disk, each with the sentence of validation and of the status.
fn sinks(disk: &Disk) -> [(&'static str, Json); 3] {
    let lifted = json!({
        "topics": "lines",
        "retry.backoff.ms": "100",
        "transforms": "lift",
        "transforms.lift.type": "org.apache.kafka.connect.transforms.HoistField$Value",
        "transforms.lift.field": "line",
    });
    let sink = |class: &str, more: Json| {
        let mut config = lifted.clone();
        config["connector.class"] = class.into();
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    let rows = format!("jdbc:sqlite:{}", disk.path("rows.db").display());
    let counts = format!("sqlite:{}", disk.path("counts.db").display());
    [
        (
            "workbook",
            sink(
                "millrace.ExcelSinkConnector",
                json!({"file": disk.path("book.xlsx"), "render.interval.ms": "100"}),
            ),
        ),
        (
            "rows",
            sink(
                "io.confluent.connect.jdbc.JdbcSinkConnector",
                json!({"connection.url": rows, "auto.create": "true"}),
            ),
        ),
        (
            "counts",
            sink(
                "millrace.AggregateSinkConnector",
                json!({"store.url": counts, "aggregate.name": "counts", "group.by": "line",
                    "window.ms": "86400000"}),
            ),
        ),
    ]
}

/// The lines of the workbook's sheet.
async fn workbook(worker: &Worker) -> Vec<String> {
    let place = format!("http://127.0.0.1:{}/connectors/workbook/workbook", worker.port());
    let reply = http_client().get(&place).send().await.unwrap();
    if reply.status() != 200 {
        return Vec::new();
    }
    let mut book: Xlsx<_> =
        open_workbook_from_rs(Cursor::new(reply.bytes().await.unwrap().to_vec())).unwrap();
    let Ok(range) = book.worksheet_range("lines") else { return Vec::new() };
    range.rows().skip(1).map(|row| row.iter().map(Data::to_string).collect()).collect()
}

/// Rows of the database, of which a copy is read: SQLite follows the path to a place on our own disk.
fn rows(disk: &Disk) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for file in ["rows.db", "rows.db-wal"] {
        // What is not there yet has no rows.
        let _copied = fs::copy(disk.seen(file), folder.path().join(file));
    }
    let database = rusqlite::Connection::open(folder.path().join("rows.db")).unwrap();
    let Ok(mut query) = database.prepare("select line from lines") else { return Vec::new() };
    let rows = query.query_map([], |row| row.get(0)).unwrap();
    rows.filter_map(Result::ok).collect()
}

/// Each line is in each of the three once.
async fn everything_is_there(disk: &Disk, worker: &Worker, lines: usize) {
    let once = |found: &[String]| {
        found.len() == lines && found.iter().collect::<BTreeSet<_>>().len() == lines
    };
    eventually("the rows", async || once(&rows(disk)).then_some(())).await;
    eventually("the counts", async || {
        worker.rest.counted("counts").await.filter(|&count| count == lines as u64)
    })
    .await;
    eventually("the workbook", async || once(&workbook(worker).await).then_some(())).await;
}

/// Every sink says that the disk is full, and so does validation.
async fn everybody_tells(disk: &Disk, worker: &Worker) {
    for (name, config) in sinks(disk) {
        let sentence = "Make room on the disk";
        eventually(&format!("{name} to tell"), async || {
            let path = format!("/connectors/{name}/status");
            let (_, status) = worker.rest.send(Method::GET, &path, None).await;
            let task = &status["tasks"][0];
            let is_told = task["trace"].as_str().is_some_and(|trace| trace.contains(sentence));
            assert_ne!(task["state"], "FAILED", "{name}: {task}");
            is_told.then_some(())
        })
        .await;
        let mut config = config;
        config["name"] = name.into();
        let problems = worker.rest.problems(&config).await.concat();
        assert!(problems.contains(sentence), "{name}: {problems}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_on_a_full_disk_waits_for_room() {
    let disk = services::require!(disk);
    let folder = tempfile::tempdir().unwrap();
    append(folder.path(), 0..FEW);
    let worker = start(&disk, folder.path()).await;
    let source = json!({"connector.class": "millrace.LogFileSourceConnector", "topic": "lines",
        "path": folder.path().join("lines.log"), "poll.interval.ms": "50"});
    worker.rest.create(&json!({"name": "lines", "config": source})).await;
    for (name, config) in sinks(&disk) {
        worker.rest.create(&json!({"name": name, "config": config})).await;
    }
    everything_is_there(&disk, &worker, FEW).await;
    disk.fill();
    append(folder.path(), FEW..ALL);
    everybody_tells(&disk, &worker).await;
    worker.kill();
    let worker = start(&disk, folder.path()).await;
    everybody_tells(&disk, &worker).await;
    disk.make_room();
    everything_is_there(&disk, &worker, ALL).await;
    assert!(worker.stop().success());
}

/// Sends an event; whether it is confirmed. Otherwise the client is told when to come again.
async fn is_confirmed(http: &reqwest::Client, url: &str, event: &str) -> bool {
    let Ok(answer) = http.post(url).body(event.to_owned()).send().await else {
        // Nobody listens yet.
        return false;
    };
    let has_time = answer.headers().contains_key("Retry-After");
    match answer.status().as_u16() {
        200 => true,
        503 if has_time => false,
        status => panic!("{event} is answered with {status}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_confirmed_only_while_the_disk_of_the_buffer_has_room() {
    let disk = services::require!(disk);
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let web = json!({"connector.class": "WebEventSource", "listen": format!("127.0.0.1:{port}"),
        "topic": "events", "routes": r#"[{"path": "/hook", "body": "text"}]"#, "acks": "1",
        "buffer.path": disk.path("buffer")});
    let url = format!("http://127.0.0.1:{port}/hook");
    let (http, mut confirmed) = (http_client(), BTreeSet::new());
    let worker = start(&disk, folder.path()).await;
    worker.rest.create(&json!({"name": "web", "config": web})).await;
    let wait_for_room = async |event: &'static str| {
        let what = format!("{event} to be confirmed");
        eventually(&what, async || is_confirmed(&http, &url, event).await.then_some(())).await;
        event.to_owned()
    };
    confirmed.insert(wait_for_room("first").await);
    disk.fill();
    // Some fit into pages that are begun.
    for number in 0..1000 {
        let event = format!("{number} {}", "x".repeat(1000));
        if is_confirmed(&http, &url, &event).await {
            confirmed.insert(event);
        }
    }
    assert!(confirmed.len() < 1000, "the disk takes whatever comes");
    worker.kill();
    let worker = start(&disk, folder.path()).await;
    disk.make_room();
    confirmed.insert(wait_for_room("last").await);
    let out = folder.path().join("out.txt");
    let sink = json!({"connector.class": "FileStreamSink", "topics": "events", "file": out});
    worker.rest.create(&json!({"name": "file", "config": sink})).await;
    let found = eventually("every confirmed event", async || {
        let text = fs::read_to_string(&out).unwrap_or_default();
        let found: Vec<_> = text.lines().map(str::to_owned).collect();
        confirmed.iter().all(|event| found.contains(event)).then_some(found)
    })
    .await;
    assert_eq!(found.len(), found.iter().collect::<BTreeSet<_>>().len(), "an event came twice");
    assert!(worker.stop().success());
}
