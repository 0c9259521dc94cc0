//! Thirty thousand places looked up at a service that fails, stalls, breaks off and is not to be asked
//! too fast, by a worker that is killed three times.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use connect_api::time::SystemClock;
use connect_testkit::geocoder::{Geocoder, GeocoderServer, Mischief, Visit};
use millrace::{
    broker::{
        Broker, ClientSettings, ConsumerRecord, ReadFrom, ReaderSettings, embedded::EmbeddedBroker,
    },
    tasks::TaskGroup,
};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::harness::{Worker, eventually};

const ROWS: usize = 30_000;
const PER_SECOND: u32 = 1000;

fn connectors(folder: &Path, service: &str) -> [Json; 2] {
    let source = json!({"name": "rows", "config": {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "file": folder.join("rows.json").display().to_string(),
        "topic": "points",
    }});
    let sink = json!({"name": "addresses", "config": {
        "connector.class": "io.confluent.connect.http.HttpSinkConnector",
        "topics": "points",
        "http.api.url": format!("{service}/address?id=${{id}}&x=${{x}}&y=${{y}}"),
        "request.method": "GET",
        "http.request.timeout.ms": 5000,
        "max.requests.per.second": PER_SECOND,
        "max.in.flight": 32,
        "max.retries": 20,
        "retry.backoff.ms": 20,
        "reporter.result.topic.name": "addresses",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": false,
    }});
    [source, sink]
}

async fn start(folder: &Path) -> Worker {
    let properties = [
        ("bootstrap.servers", "embedded:log"),
        ("group.id", "addresses"),
        ("config.storage.topic", "configs"),
        ("offset.storage.topic", "offsets"),
        ("status.storage.topic", "status"),
        ("offset.flush.interval.ms", "500"),
        ("key.converter", "StringConverter"),
        ("value.converter", "StringConverter"),
    ];
    Worker::start(folder, &properties, &[]).await
}

/// Offset that the sink has committed, which is how many rows it has done.
async fn done(worker: &Worker) -> Option<usize> {
    let answer = worker.rest.try_send(Method::GET, "/connectors/addresses/offsets", None).await;
    let (_, body) = answer?;
    let offset = body["offsets"][0]["offset"]["kafka_offset"].as_u64()?;
    usize::try_from(offset).ok()
}

/// The records of answers, read from the log that the worker has left.
async fn answers(log: &Path) -> Vec<ConsumerRecord> {
    let tasks = TaskGroup::new();
    let broker = EmbeddedBroker::open(log, Arc::new(SystemClock), &tasks).unwrap();
    let settings = ReaderSettings {
        client: ClientSettings::default(),
        topic: "addresses".to_owned(),
        from: ReadFrom::Beginning,
        is_read_committed: true,
    };
    let parts = broker.reader(&settings).await.unwrap().read_to_end().await.unwrap();
    broker.close().await;
    parts.into_iter().flat_map(|part| part.records).collect()
}

fn offset_of(record: &ConsumerRecord) -> usize {
    let header = record.headers.iter().find(|(name, _)| &**name == "input_record_offset");
    let text = header.unwrap().1.clone().unwrap();
    std::str::from_utf8(&text).unwrap().parse().unwrap()
}

fn assert_none_was_asked_again(visits: &[Visit], answers: &[ConsumerRecord]) {
    let recorded: BTreeMap<String, i64> = answers
        .iter()
        .map(|record| (offset_of(record).to_string(), record.timestamp_ms.unwrap()))
        .collect();
    let again = visits.iter().filter(|visit| visit.at_ms > recorded[&visit.id]);
    let again: Vec<_> = again.take(5).collect();
    assert!(again.is_empty(), "asked after their success was recorded: {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "how long it takes is shown")]
async fn thirty_thousand_rows_are_looked_up_once_through_three_kills() {
    let folder = tempfile::tempdir().unwrap();
    let rows = (0..ROWS).map(|id| format!("{{\"id\":{id},\"x\":{id},\"y\":{}}}\n", id * 2));
    fs::write(folder.path().join("rows.json"), rows.collect::<String>()).unwrap();
    let mischief = Mischief {
        fails_percent: 5,
        stalls_percent: 1,
        stall: Duration::from_millis(200),
        drops_percent: 1,
        limit: Some(3000),
        takes: Duration::from_millis(2),
        nothing_below: None,
    };
    let service = GeocoderServer::start(Geocoder::new(3, mischief)).await.unwrap();
    let mut worker = start(folder.path()).await;
    for connector in connectors(folder.path(), &service.url()) {
        worker.rest.create(&connector).await;
    }
    let begun = Instant::now();
    for part in [1, 2, 3] {
        eventually("a quarter of the rows", async || {
            done(&worker).await.filter(|done| *done >= ROWS * part / 4)
        })
        .await;
        worker.kill();
        worker = start(folder.path()).await;
    }
    eventually("every row", async || done(&worker).await.filter(|done| *done == ROWS)).await;
    let took = begun.elapsed();
    assert!(worker.stop().success());
    let answers = answers(&folder.path().join("log")).await;
    let offsets: Vec<_> = answers.iter().map(offset_of).collect();
    assert_eq!(offsets, (0..ROWS).collect::<Vec<_>>(), "each answer once, in the order of rows");
    for record in &answers {
        let row = offset_of(record);
        let expected = format!("{{\"address\":\"{row} {} Street\"}}", row * 2);
        assert_eq!(record.value.as_deref(), Some(expected.as_bytes()));
    }
    let visits = service.geocoder.visits();
    assert_none_was_asked_again(&visits, &answers);
    let requests = visits.len() + service.geocoder.put_off();
    let dictated = Duration::from_secs(1) * u32::try_from(requests).unwrap() / PER_SECOND;
    println!(
        "{requests} requests for {ROWS} rows in {took:.1?}; the limit dictates {dictated:.1?}"
    );
}
