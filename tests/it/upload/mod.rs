//! A file that is uploaded, through a topic, into a workbook, with the worker killed on the way.

mod browser;

use std::{collections::HashSet, path::Path};

use calamine::{Reader as _, Xlsx, open_workbook_from_rs};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::harness::{Worker, eventually};

/// Rows of the file.
const ROWS: u64 = 20_000;

fn properties(folder: &Path) -> Vec<(&'static str, String)> {
    let json = "org.apache.kafka.connect.json.JsonConverter";
    vec![
        ("bootstrap.servers", format!("embedded:{}", folder.join("log").display())),
        ("group.id", "upload".to_owned()),
        ("config.storage.topic", "upload-configs".to_owned()),
        ("offset.storage.topic", "upload-offsets".to_owned()),
        ("status.storage.topic", "upload-status".to_owned()),
        ("offset.flush.interval.ms", "200".to_owned()),
        ("key.converter", json.to_owned()),
        ("value.converter", json.to_owned()),
        ("key.converter.schemas.enable", "false".to_owned()),
        ("value.converter.schemas.enable", "false".to_owned()),
    ]
}

async fn register(worker: &Worker, folder: &Path) {
    for name in ["in", "done", "bad"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    let path = |name: &str| folder.join(name).display().to_string();
    worker
        .rest
        .create(&json!({"name": "points", "config": {
            "connector.class": "SpoolDirCsvSource",
            "topic": "points",
            "input.path": path("in"),
            "finished.path": path("done"),
            "error.path": path("bad"),
            "input.file.pattern": r".*\.csv",
            "csv.first.row.as.header": "true",
            "schema.generation.enabled": "true",
            "schema.generation.types": "inferred",
            // Many batches, so that a kill meets the file in its middle.
            "batch.size": "20",
            "empty.poll.wait.ms": "50",
        }}))
        .await;
    worker
        .rest
        .create(&json!({"name": "book", "config": {
            "connector.class": "ExcelSink",
            "topics": "points",
            "file": path("book.xlsx"),
            "render.interval.ms": "500",
        }}))
        .await;
}

async fn upload(worker: &Worker) {
    let rows = (0..ROWS).map(|row| format!("{row},{}.5,\"row {row}\"\n", row % 90));
    let text: String = std::iter::once("id,x,name\n".to_owned()).chain(rows).collect();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let place = format!("http://127.0.0.1:{}/uploads/points?name=points.csv", worker.port());
    let sent = eventually("the connector's task", async || {
        let reply = http.post(&place).body(text.clone()).send().await.unwrap();
        let status = reply.status().as_u16();
        assert!(status == 201 || status == 409, "{status}: {}", reply.text().await.unwrap());
        (status == 201).then_some(())
    });
    sent.await;
}

/// How far the file is; none while nobody can tell.
async fn progress(worker: &Worker) -> Option<Json> {
    let asked = worker.rest.try_send(Method::GET, "/uploads/points/points.csv", None).await;
    asked.filter(|(status, _)| *status == 200).map(|(_, body)| body)
}

/// What is in the workbook; none while there is none.
async fn workbook_ids(worker: &Worker) -> Option<Vec<u64>> {
    let place = format!("http://127.0.0.1:{}/connectors/book/workbook", worker.port());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let reply = http.get(&place).send().await.unwrap();
    if reply.status() != 200 {
        return None;
    }
    let bytes = reply.bytes().await.unwrap();
    let mut book: Xlsx<_> = open_workbook_from_rs(std::io::Cursor::new(bytes)).unwrap();
    let range = book.worksheet_range("points").ok()?;
    let header: Vec<_> = range.rows().next()?.iter().map(ToString::to_string).collect();
    assert_eq!(header, ["id", "x", "name"]);
    let rows = range.rows().skip(1);
    Some(rows.map(|row| row[0].to_string().parse().unwrap()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_file_is_in_the_workbook_once_though_the_worker_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let properties = properties(folder.path());
    let mut worker = Worker::start(folder.path(), &properties, &[]).await;
    register(&worker, folder.path()).await;
    upload(&worker).await;
    for part in [ROWS / 10, ROWS / 2] {
        let rows = eventually("a part of the rows", async || {
            let rows = progress(&worker).await?["rows"]["delivered"].as_u64()?;
            (rows >= part).then_some(rows)
        })
        .await;
        assert!(rows < ROWS, "the kill came too late to meet the file in its middle");
        worker.kill();
        worker = Worker::start(folder.path(), &properties, &[]).await;
    }
    let finished = eventually("the end of the file", async || {
        progress(&worker).await.filter(|file| file["state"] == "finished")
    })
    .await;
    assert_eq!(finished["rows"]["read"], ROWS, "{finished}");
    assert_eq!(finished["rows"]["delivered"], ROWS, "{finished}");
    assert_eq!((&finished["rows"]["failed"], &finished["rows"]["left"]), (&0.into(), &0.into()));
    let lag = eventually("the sink's last commit", async || {
        let asked = worker.rest.try_send(Method::GET, "/connectors/book/lag", None).await;
        let lag = asked.filter(|(status, _)| *status == 200)?.1;
        let partitions = lag["partitions"].as_array()?;
        let end: u64 = partitions.iter().filter_map(|part| part["end_offset"].as_u64()).sum();
        (lag["lag_records"] == 0 && end >= ROWS).then_some(end)
    })
    .await;
    assert_eq!(lag, ROWS, "records in the topic");
    let (status, reply) = worker.rest.send(Method::POST, "/connectors/book/flush", None).await;
    assert_eq!(status / 100, 2, "{reply}");
    let ids = workbook_ids(&worker).await.expect("a workbook");
    assert_eq!(ids.len() as u64, ROWS, "rows in the workbook");
    let distinct: HashSet<_> = ids.iter().copied().collect();
    assert_eq!(distinct, (0..ROWS).collect());
    let names = |name: &str| std::fs::read_dir(folder.path().join(name)).unwrap().count();
    assert_eq!((names("in"), names("done"), names("bad")), (0, 1, 0));
    assert!(worker.stop().success());
}
