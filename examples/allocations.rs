//! Counts what a record costs on its way through the pipeline when nobody looks inside.
//!
//! `cargo run --release --example allocations` prints allocations and nanoseconds per record, for
//! both directions and for what passes as it is and what is parsed. It fails when text or bytes
//! that only pass take more than one allocation in a hundred records.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Result, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use bytestring::ByteString;
use connect_api::{
    config::Props,
    record::{SchemaAndValue, SourceRecord, TimestampType, TopicPartition},
    time::SystemClock,
    value::Value,
};
use millrace::{
    broker::{ConsumerRecord, PartitionRecords},
    convert::ConverterRegistry,
    metrics::{Metrics, Sampling},
    pipeline::{Converters, ErrorHandler, SinkPipeline, SourcePipeline},
    transform::Chain,
};
use tokio::time::Instant;

/// Records of a batch, and batches of a measurement.
const RECORDS: i64 = 10_000;
const BATCHES: u32 = 20;

/// Allocations in a hundred records that may still be called none.
const MOST_PER_HUNDRED: u64 = 1;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "an allocator that counts has no other way to be written")]
// SAFETY: every call goes to the system's allocator with the arguments as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One allocation holds all values of a batch, as when a broker's answer is read.
fn batch(value: &str) -> Vec<PartitionRecords> {
    let mut buffer = BytesMut::new();
    for _ in 0..RECORDS {
        buffer.put_slice(value.as_bytes());
    }
    let mut values = buffer.freeze();
    let record = |offset| ConsumerRecord {
        offset,
        timestamp_ms: Some(1),
        timestamp_type: TimestampType::CreateTime,
        key: None,
        value: Some(values.split_to(value.len())),
        headers: Vec::new(),
    };
    let records = (0..RECORDS).map(record).collect();
    vec![PartitionRecords { partition: TopicPartition::new("t", 0), records, next_offset: RECORDS }]
}

fn converters(class: &str) -> Result<Converters> {
    let worker = Props::from([
        ("key.converter", class),
        ("value.converter", class),
        ("value.converter.schemas.enable", "false"),
    ]);
    Ok(Converters::of(&ConverterRegistry::own(), &Props::new(), &worker)?)
}

/// What a measurement found, over all its records.
struct Cost {
    allocations: u64,
    nanoseconds: u128,
}

/// A handler that tolerates nothing, as a task has it.
fn errors() -> Result<Arc<ErrorHandler>> {
    let metrics = Metrics::new(Sampling::default(), Arc::new(SystemClock));
    let meter = Arc::clone(metrics.task(&"c".into(), 0).meter());
    Ok(Arc::new(ErrorHandler::new("c-0".to_owned(), &Props::new(), None, meter)?))
}

async fn sink(class: &str, value: &str) -> Result<Cost> {
    let pipeline = SinkPipeline::new(converters(class)?, Chain::default(), errors()?);
    let batch = batch(value);
    let (start, before) = (Instant::now(), ALLOCATIONS.load(Ordering::Relaxed));
    for _ in 0..BATCHES {
        drop(pipeline.convert(&batch).await?);
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    Ok(Cost { allocations, nanoseconds: start.elapsed().as_nanos() })
}

async fn source(class: &str, value: impl Fn(i64) -> Value) -> Result<Cost> {
    let mut pipeline = SourcePipeline::new(converters(class)?, Chain::default(), errors()?);
    let topic: Arc<str> = "t".into();
    let record = |number| {
        let data = SchemaAndValue { schema: None, value: value(number) };
        SourceRecord::new(Arc::clone(&topic), data)
    };
    let (mut allocations, mut nanoseconds) = (0, 0);
    for _ in 0..BATCHES {
        let records: Vec<_> = (0..RECORDS).map(&record).collect();
        let (start, before) = (Instant::now(), ALLOCATIONS.load(Ordering::Relaxed));
        drop(pipeline.convert(records).await?);
        allocations += ALLOCATIONS.load(Ordering::Relaxed) - before;
        nanoseconds += start.elapsed().as_nanos();
    }
    Ok(Cost { allocations, nanoseconds })
}

#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
fn report(name: &str, cost: &Cost) -> u64 {
    let records = u64::from(BATCHES) * RECORDS.unsigned_abs();
    let per_hundred = cost.allocations * 100 / records;
    let nanoseconds = cost.nanoseconds / u128::from(records);
    println!("{name:<28} {per_hundred:>6} allocations/100 records {nanoseconds:>6} ns/record");
    per_hundred
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    const LINE: &str = "2026-11-21T10:00:00Z INFO order 4711 accepted in 12 ms";
    const JSON: &str = r#"{"at":"2026-11-21T10:00:00Z","level":"INFO","order":4711,"ms":12.5}"#;
    // As a source gives lines: slices of the buffer it read.
    let bytes = Bytes::from(LINE.repeat(2)).split_off(LINE.len());
    let text = ByteString::try_from(bytes.clone())?;
    let passing = [
        ("sink, StringConverter", sink("StringConverter", LINE).await?),
        ("sink, ByteArrayConverter", sink("ByteArrayConverter", LINE).await?),
        (
            "source, StringConverter",
            source("StringConverter", |_| Value::String(text.clone())).await?,
        ),
        (
            "source, ByteArrayConverter",
            source("ByteArrayConverter", |_| Value::Bytes(bytes.clone())).await?,
        ),
    ];
    for (name, cost) in &passing {
        ensure!(report(name, cost) <= MOST_PER_HUNDRED, "{name}: a record costs allocations");
    }
    report("sink, JsonConverter", &sink("JsonConverter", JSON).await?);
    report("source, JsonConverter", &source("JsonConverter", Value::Int64).await?);
    Ok(())
}
