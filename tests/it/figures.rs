//! What is measured and told: `/metrics`, the lag of sinks, the history of a connector.

use std::{collections::BTreeMap, fs, path::Path};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::{
    harness::{Mode, Worker, eventually},
    services,
};

const LINES: usize = 1234;

/// Figures by name and labels, as Prometheus would read them; fails on what it could not read.
fn parse(page: &str) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    let mut family = String::new();
    for line in page.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            let (keyword, name) = (words.next().unwrap(), words.next().unwrap());
            match keyword {
                "HELP" => name.clone_into(&mut family),
                "TYPE" => {
                    let expected = if name.ends_with("_total") { "counter" } else { "gauge" };
                    assert_eq!((name, words.next()), (&*family, Some(expected)));
                }
                other => panic!("{other} is no keyword: {line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert_eq!(series.split('{').next().unwrap(), family, "{line}");
        let value = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(figures.insert(series.to_owned(), value).is_none(), "twice: {line}");
    }
    figures
}

async fn figures(worker: &Worker) -> BTreeMap<String, f64> {
    let url = format!("http://127.0.0.1:{}/metrics", worker.port());
    let client = crate::harness::http_client();
    let answer = client.get(url).header("Accept", "text/plain;version=0.0.4").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    parse(&answer.text().await.unwrap())
}

async fn task_reaches(worker: &Worker, connector: &str, state: &str) {
    eventually(state, async || {
        let status = worker.rest.get(&format!("{connector}/status")).await;
        (status["tasks"][0]["state"] == state).then_some(())
    })
    .await;
}

/// A source of lines, a sink that keeps up, and one that was paused before there was anything.
async fn run_pipeline(worker: &Worker, folder: &Path, prefix: &str) {
    let lines: String = (0..LINES).map(|number| format!("line {number}\n")).collect();
    fs::write(folder.join("in.txt"), lines).unwrap();
    let topic = format!("{prefix}-topic");
    for name in ["behind", "sink"] {
        let config = json!({
            "connector.class": "FileStreamSink", "file": folder.join(name), "topics": topic,
        });
        let name = format!("{prefix}-{name}");
        worker.rest.create(&json!({"name": name, "config": config})).await;
    }
    let behind = format!("/connectors/{prefix}-behind");
    task_reaches(worker, &behind, "RUNNING").await;
    worker.rest.send(Method::PUT, &format!("{behind}/pause"), None).await;
    task_reaches(worker, &behind, "PAUSED").await;
    let config = json!({
        "connector.class": "FileStreamSource", "file": folder.join("in.txt"), "topic": topic,
    });
    let name = format!("{prefix}-source");
    worker.rest.create(&json!({"name": name, "config": config})).await;
    eventually("every line at the sink", async || {
        let text = fs::read_to_string(folder.join("sink")).unwrap_or_default();
        (text.lines().count() == LINES).then_some(())
    })
    .await;
}

async fn lags_are_told(worker: &Worker, prefix: &str) {
    let lag = eventually("the sink's last commit", async || {
        let lag = worker.rest.get(&format!("/connectors/{prefix}-sink/lag")).await;
        (lag["lag_records"] == 0).then_some(lag)
    })
    .await;
    assert_eq!(lag["group_id"], format!("connect-{prefix}-sink"));
    assert_eq!(lag["lag_seconds"], Json::Null);
    let behind = worker.rest.get(&format!("/connectors/{prefix}-behind/lag")).await;
    let lines = i64::try_from(LINES).unwrap();
    assert!(behind["lag_records"].as_i64().unwrap() >= lines, "{behind}");
    assert_eq!(behind["partitions"][0]["committed_offset"], Json::Null);
    assert!(behind["lag_seconds"].as_f64().unwrap() > 0.0, "{behind}");
    let of_source = format!("/connectors/{prefix}-source/lag");
    assert_eq!(worker.rest.send(Method::GET, &of_source, None).await.0, 400);
}

async fn pipelines_are_measured(bootstrap: &str, prefix: &str) {
    let folder = tempfile::tempdir().unwrap();
    let named = |part: &str| format!("{prefix}-{part}");
    let properties = [
        ("bootstrap.servers", bootstrap.to_owned()),
        ("group.id", named("workers")),
        ("config.storage.topic", named("configs")),
        ("offset.storage.topic", named("offsets")),
        ("status.storage.topic", named("status")),
        ("config.storage.replication.factor", "1".to_owned()),
        ("offset.storage.replication.factor", "1".to_owned()),
        ("status.storage.replication.factor", "1".to_owned()),
        ("offset.flush.interval.ms", "100".to_owned()),
        ("key.converter", "StringConverter".to_owned()),
        ("value.converter", "StringConverter".to_owned()),
    ];
    let worker = Worker::start_as(Mode::Distributed, folder.path(), &properties).await;
    run_pipeline(&worker, folder.path(), prefix).await;

    lags_are_told(&worker, prefix).await;

    // Tasks learn what is acknowledged and committed after the broker does.
    let figures = eventually("the last acknowledgements", async || {
        let figures = figures(&worker).await;
        let is_settled = ["source_task_source", "sink_task_sink"].iter().all(|part| {
            let name = format!("kafka_connect_{part}_record_active_count{{");
            let mut of_kind = figures.iter().filter(|(series, _)| series.starts_with(&name));
            of_kind.all(|(_, active)| *active == 0.0)
        });
        is_settled.then_some(figures)
    })
    .await;
    check(&figures, prefix);

    let history = worker.rest.get(&format!("/connectors/{prefix}-sink/history")).await;
    let states: Vec<_> = history["events"].as_array().unwrap().iter().collect();
    assert!(states.iter().any(|event| event["task"] == 0 && event["state"] == "RUNNING"));
    assert_eq!(history["dropped"], 0);
    assert!(worker.stop().success());
}

fn check(figures: &BTreeMap<String, f64>, prefix: &str) {
    let of_task = |name: &str, connector: &str| {
        let series = format!("{name}{{connector=\"{prefix}-{connector}\",task=\"0\"}}");
        *figures.get(&series).unwrap_or_else(|| panic!("no {series}"))
    };
    let lines = f64::from(u32::try_from(LINES).unwrap());
    for (name, connector, expected) in [
        ("kafka_connect_source_task_source_record_poll_total", "source", lines),
        ("kafka_connect_source_task_source_record_write_total", "source", lines),
        ("kafka_connect_sink_task_sink_record_read_total", "sink", lines),
        ("kafka_connect_sink_task_sink_record_send_total", "sink", lines),
        ("kafka_connect_sink_task_partition_count", "sink", 1.0),
        ("kafka_connect_sink_task_sink_record_send_total", "behind", 0.0),
        ("kafka_connect_task_error_total_record_failures", "sink", 0.0),
    ] {
        assert_eq!(of_task(name, connector), expected, "{name} of {connector}");
    }
    assert!(of_task("kafka_connect_connector_task_running_ratio", "sink") > 0.0);
    assert!(of_task("kafka_connect_connector_task_pause_ratio", "behind") > 0.0);
    assert!(of_task("kafka_connect_sink_task_offset_commit_completion_total", "sink") > 0.0);
    assert!(of_task("kafka_connect_sink_task_put_batch_avg_time_ms", "sink") > 0.0);
    let labelled = |name: &str, labels: &str| figures.get(&format!("{name}{{{labels}}}")).copied();
    let state = format!("connector=\"{prefix}-behind\",status=\"paused\"");
    assert_eq!(labelled("kafka_connect_connector_status", &state), Some(1.0));
    let partition = |sink: &str| {
        format!("connector=\"{prefix}-{sink}\",topic=\"{prefix}-topic\",partition=\"0\"")
    };
    assert_eq!(labelled("millrace_sink_lag_records", &partition("sink")), Some(0.0));
    assert!(labelled("millrace_sink_lag_records", &partition("behind")).unwrap() >= lines);
    assert!(labelled("millrace_sink_lag_seconds", &partition("behind")).unwrap() > 0.0);
    for (name, expected) in [
        ("kafka_connect_worker_connector_count", 3.0),
        ("kafka_connect_worker_task_count", 3.0),
        ("kafka_connect_worker_task_startup_failure_total", 0.0),
        ("kafka_connect_worker_rebalance_rebalancing", 0.0),
    ] {
        assert_eq!(figures.get(name).copied(), Some(expected), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_on_the_embedded_log_are_measured() {
    let log = tempfile::tempdir().unwrap();
    let bootstrap = format!("embedded:{}", log.path().display());
    pipelines_are_measured(&bootstrap, "figures-embedded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_on_kafka_are_measured() {
    let kafka = services::require!(kafka);
    pipelines_are_measured(kafka.bootstrap(), "figures-kafka").await;
}
