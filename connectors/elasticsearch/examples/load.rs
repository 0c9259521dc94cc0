//! Loads documents into a real server, by a raw loop of `_bulk` requests and by the sink, and says what
//! each of them took.
//!
//! ```text
//! cargo run --release -p connect-elasticsearch --example load -- http://127.0.0.1:9200 200000 3
//! ```
//!
//! The numbers are documents and rounds. Both have five bulks of 2000 documents on their way; the bodies
//! of the raw loop are made before its clock starts. No user is needed.

use std::{error::Error, io::Write as _, sync::Arc, time::Duration};

use bytes::Bytes;
use connect_api::{
    budget::MemoryBudget,
    config::Props,
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    sink::{SinkConnector as _, SinkOffsets},
    value::{Map, Value},
};
use connect_elasticsearch::SearchSink;
use connect_testkit::{ManualClock, sink_context};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value as Json;
use tokio::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;
type Http = Client<HttpConnector, Full<Bytes>>;

/// Documents of one bulk.
const BULK: i64 = 2000;
/// Bulks on their way at once.
const IN_FLIGHT: usize = 5;
/// Records of one batch, as the worker brings them.
const BATCH: usize = 500;

fn document(number: i64) -> String {
    format!(
        r#"{{"n":{number},"level":"INFO","user":{},"ms":{},"message":"line {number:09} of a log that is neither short nor long"}}"#,
        number % 1000,
        number % 977
    )
}

async fn ask(http: &Http, method: Method, url: String, body: Bytes) -> Outcome<Json> {
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("content-type", "application/json")
        .body(Full::new(body))?;
    let body = http.request(request).await?.into_body().collect().await?.to_bytes();
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

/// Begins an index of this name anew.
async fn begin(http: &Http, url: &str, index: &str) -> Outcome<()> {
    let path = format!("{url}/{index}");
    ask(http, Method::DELETE, path.clone(), Bytes::new()).await?;
    let settings = r#"{"settings":{"number_of_shards":1,"number_of_replicas":0}}"#;
    ask(http, Method::PUT, path, settings.into()).await.map(drop)
}

async fn count(http: &Http, url: &str, index: &str) -> Outcome<i64> {
    ask(http, Method::POST, format!("{url}/{index}/_refresh"), Bytes::new()).await?;
    let answer = ask(http, Method::GET, format!("{url}/{index}/_count"), Bytes::new()).await?;
    Ok(answer.get("count").and_then(serde_json::Value::as_i64).unwrap_or(-1))
}

/// Sends bodies that were made before.
async fn raw(http: &Http, url: &str, documents: i64) -> Outcome<Duration> {
    begin(http, url, "load-raw").await?;
    let mut bodies = Vec::new();
    let mut body = String::new();
    for number in 0..documents {
        body.push_str(&format!(
            "{{\"index\":{{\"_index\":\"load-raw\",\"_id\":\"t+0+{number}\"}}}}\n"
        ));
        body.push_str(&document(number));
        body.push('\n');
        if (number + 1) % BULK == 0 || number + 1 == documents {
            bodies.push(Bytes::from(std::mem::take(&mut body)));
        }
    }
    let begun = Instant::now();
    let answers =
        bodies.into_iter().map(|body| ask(http, Method::POST, format!("{url}/_bulk"), body));
    let answers: Vec<Json> =
        stream::iter(answers).buffer_unordered(IN_FLIGHT).try_collect().await?;
    let took = begun.elapsed();
    if answers.iter().any(|answer| answer["errors"] != false) {
        return Err("the raw loop met an error".into());
    }
    Ok(took)
}

/// Writes the same documents by the sink.
async fn sink(http: &Http, url: &str, documents: i64) -> Outcome<Duration> {
    begin(http, url, "load-sink").await?;
    let props = Props::from([
        ("connection.url", url),
        ("key.ignore", "true"),
        ("schema.ignore", "true"),
        ("flush.synchronously", "true"),
        ("read.timeout.ms", "60000"),
    ]);
    let mut context = sink_context(&ManualClock::at(0));
    context.budget = MemoryBudget::new(256 << 20);
    let origin = TopicPartition::new("load-sink", 0);
    let record = |offset: i64| {
        let map = Map::of_json(&document(offset).into()).unwrap_or_default();
        SinkRecord {
            topic: Arc::clone(&origin.topic),
            origin: origin.clone(),
            offset,
            timestamp_ms: Some(0),
            timestamp_type: TimestampType::CreateTime,
            key: SchemaAndValue::NULL,
            value: SchemaAndValue::schemaless(Value::Map(map)),
            headers: Vec::new(),
        }
    };
    let records: Vec<_> = (0..documents).map(record).collect();
    let mut task = SearchSink::ELASTICSEARCH.start_task(&props, context).await?;
    task.open(std::slice::from_ref(&origin)).await?;
    let begun = Instant::now();
    for batch in records.chunks(BATCH) {
        task.put(batch).await?;
    }
    let safe = task.pre_commit(&SinkOffsets::from([(origin.clone(), documents)])).await?;
    let took = begun.elapsed();
    task.put(&[]).await?;
    task.stop().await?;
    if safe.get(&origin) != Some(&documents) {
        return Err(format!("only {safe:?} is safe").into());
    }
    Ok(took)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("the address of a server is missing")?;
    let documents: i64 = arguments.next().unwrap_or_else(|| "200000".to_owned()).parse()?;
    let rounds: usize = arguments.next().unwrap_or_else(|| "3".to_owned()).parse()?;
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let mut out = std::io::stdout();
    for round in 0..=rounds {
        let first = raw(&http, &url, documents).await?;
        let ours = sink(&http, &url, documents).await?;
        let again = raw(&http, &url, documents).await?;
        let found = count(&http, &url, "load-sink").await?;
        if found != documents {
            return Err(format!("the sink wrote {found} documents of {documents}").into());
        }
        if round == 0 {
            continue; // to warm up
        }
        let ratio = (first + again).as_secs_f64() / 2.0 / ours.as_secs_f64();
        writeln!(out, "raw {first:.2?}, sink {ours:.2?}, raw again {again:.2?}: {ratio:.2}x")?;
    }
    Ok(())
}
