//! How many records a second the embedded log takes and gives: `cargo run --profile demo
//! --example embedded_throughput [DIRECTORY]`. The directory should be on the disk that matters.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a measurement prints what real time it took"
)]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use connect_api::time::SystemClock;
use millrace::{
    broker::{
        Broker, ClientSettings, ConsumerEvent, ConsumerSettings, Delivery, NewTopic, Producer,
        ProducerRecord, ProducerSettings, Subscription, embedded::EmbeddedBroker,
    },
    tasks::TaskGroup,
};

/// Records in a batch.
const BATCH: usize = 5_000;
/// Bytes of a record: a line of a small access log.
const RECORD_BYTES: usize = 79;
/// Batches in all.
const BATCHES: usize = 800;
/// Batches on their way at once, as a source task has them.
const IN_FLIGHT: usize = 4;
/// Single records for the trickle.
const SINGLES: usize = 5_000;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = parent.join(format!("embedded-throughput-{}", std::process::id()));
    let outcome = Box::pin(measure(&directory)).await;
    std::fs::remove_dir_all(&directory).context("Could not remove the log that was measured")?;
    outcome
}

async fn measure(directory: &Path) -> Result<()> {
    let log = EmbeddedBroker::open(directory, Arc::new(SystemClock), &TaskGroup::new())?;
    let admin = log.admin(&ClientSettings::default()).await?;
    for (name, partitions) in [("lines", 1), ("shared", 4), ("singles", 1), ("echo", 1)] {
        let settings = std::collections::BTreeMap::new();
        let (name, partitions) = (name.to_owned(), Some(partitions));
        let topic = NewTopic { name, partitions, replication_factor: None, settings };
        admin.create_topic(&topic).await?;
    }
    for topic in ["lines", "shared"] {
        report(&format!("produce to {topic}"), BATCHES * BATCH, produce(&log, topic).await?);
        report(&format!("consume {topic}"), BATCHES * BATCH, consume(&log, topic).await?);
    }
    report("single records, each awaited", SINGLES, sequential(&log).await?);
    report("single records, 100 at a time", SINGLES, pipelined(&log).await?);
    echo(&log).await?;
    log.close().await;
    Ok(())
}

fn report(what: &str, records: usize, seconds: f64) {
    println!("{what:32} {:>10.0} records/s", records as f64 / seconds);
}

fn records(topic: &str, count: usize) -> Vec<ProducerRecord> {
    let topic: Arc<str> = Arc::from(topic);
    let value = Bytes::from(vec![b'x'; RECORD_BYTES]);
    let record = ProducerRecord {
        topic,
        partition: None,
        key: None,
        value: Some(value),
        timestamp_ms: None,
        headers: Vec::new(),
    };
    vec![record; count]
}

async fn settle(delivery: Delivery) -> Result<()> {
    if let Some((_, error)) = delivery.await?.failed.into_iter().next() {
        return Err(error.into());
    }
    Ok(())
}

async fn produce(log: &EmbeddedBroker, topic: &str) -> Result<f64> {
    let mut producer = log.producer(&ProducerSettings::default()).await?;
    let batch = records(topic, BATCH);
    let start = Instant::now();
    send_all(&mut producer, &batch, BATCHES, IN_FLIGHT).await?;
    Ok(start.elapsed().as_secs_f64())
}

async fn send_all(
    producer: &mut Box<dyn Producer>,
    batch: &[ProducerRecord],
    times: usize,
    in_flight: usize,
) -> Result<()> {
    let mut deliveries = std::collections::VecDeque::new();
    for _ in 0..times {
        deliveries.push_back(producer.send(batch.to_vec()).await?);
        if deliveries.len() >= in_flight
            && let Some(oldest) = deliveries.pop_front()
        {
            settle(oldest).await?;
        }
    }
    for delivery in deliveries {
        settle(delivery).await?;
    }
    Ok(())
}

async fn sequential(log: &EmbeddedBroker) -> Result<f64> {
    let mut producer = log.producer(&ProducerSettings::default()).await?;
    let start = Instant::now();
    send_all(&mut producer, &records("singles", 1), SINGLES, 1).await?;
    Ok(start.elapsed().as_secs_f64())
}

async fn pipelined(log: &EmbeddedBroker) -> Result<f64> {
    let mut producer = log.producer(&ProducerSettings::default()).await?;
    let start = Instant::now();
    send_all(&mut producer, &records("singles", 1), SINGLES, 100).await?;
    Ok(start.elapsed().as_secs_f64())
}

fn consumer_settings(topic: &str) -> ConsumerSettings {
    ConsumerSettings {
        client: ClientSettings::default(),
        group_id: topic.to_owned(),
        subscription: Subscription::Topics(vec![topic.to_owned()]),
        offset_metadata: String::new(),
    }
}

async fn consume(log: &EmbeddedBroker, topic: &str) -> Result<f64> {
    let start = Instant::now();
    let mut consumer = log.consumer(&consumer_settings(topic)).await?;
    let mut read = 0;
    while read < BATCHES * BATCH {
        match consumer.next().await {
            Some(ConsumerEvent::Records(parts)) => {
                read += parts.iter().map(|part| part.records.len()).sum::<usize>();
            }
            Some(ConsumerEvent::Failed(error)) => return Err(error.into()),
            Some(_other) => {}
            None => bail!("The consumer ended"),
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

/// Time from sending a record until a consumer has it, its `fsync` included.
async fn echo(log: &EmbeddedBroker) -> Result<()> {
    let mut producer = log.producer(&ProducerSettings::default()).await?;
    let mut consumer = log.consumer(&consumer_settings("echo")).await?;
    let mut micros = Vec::new();
    while micros.len() < 1000 {
        let start = Instant::now();
        let delivery = producer.send(records("echo", 1)).await?;
        while !matches!(consumer.next().await, Some(ConsumerEvent::Records(_)) | None) {}
        micros.push(start.elapsed().as_micros());
        settle(delivery).await?;
    }
    micros.sort_unstable();
    let at = |percent: usize| micros.get(micros.len() * percent / 100).copied().unwrap_or_default();
    println!("send to receive: median {} us, 99 of 100 within {} us", at(50), at(99));
    Ok(())
}
