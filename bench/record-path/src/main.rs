//! Converters and transformations on records in memory, beside `RecordPath.java`, which does the
//! same with Kafka Connect's own classes.
//!
//! `record-path CASE RECORDS` warms up with a quarter of the records and prints one line of JSON:
//! records, seconds and CPU seconds of the rest.

use std::{
    env,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use connect_api::{
    config::{Config as _, Props},
    convert::Converter,
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
};
use connect_avro::{AvroDataConfig, AvroReader, AvroWriter, avro_schema};
use millrace::{convert::ConverterRegistry, transform::Chain};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// Documents that are gone through again and again.
const DOCUMENTS: usize = 1000;
/// Records made before they are transformed: as few as stay at hand, since a task transforms each
/// right after it was read.
const BATCH: usize = 50;
const SCHEMA: &str = r#"{"type":"struct","optional":false,"name":"Line","fields":[{"type":"int64","optional":false,"field":"id"},{"type":"string","optional":false,"field":"time"},{"type":"string","optional":true,"field":"level"},{"type":"string","optional":true,"field":"service"},{"type":"string","optional":true,"field":"message"},{"type":"double","optional":true,"field":"duration"},{"type":"boolean","optional":true,"field":"ok"},{"type":"int32","optional":true,"field":"status"}]}"#;
const TRANSFORMS: [(&str, &str); 15] = [
    ("transforms", "insert,replace,cast,mask,route"),
    ("transforms.insert.type", "org.apache.kafka.connect.transforms.InsertField$Value"),
    ("transforms.insert.static.field", "site"),
    ("transforms.insert.static.value", "berlin"),
    ("transforms.replace.type", "org.apache.kafka.connect.transforms.ReplaceField$Value"),
    ("transforms.replace.exclude", "ok"),
    ("transforms.replace.renames", "level:severity"),
    ("transforms.cast.type", "org.apache.kafka.connect.transforms.Cast$Value"),
    ("transforms.cast.spec", "status:string,duration:float32"),
    ("transforms.mask.type", "org.apache.kafka.connect.transforms.MaskField$Value"),
    ("transforms.mask.fields", "message"),
    ("transforms.mask.replacement", "hidden"),
    ("transforms.route.type", "org.apache.kafka.connect.transforms.RegexRouter"),
    ("transforms.route.regex", "(.*)-raw"),
    ("transforms.route.replacement", "$1-clean"),
];

fn payload(number: usize) -> String {
    format!(
        "{{\"id\":{number},\"time\":\"2026-11-21T10:00:00.{:03}Z\",\"level\":\"INFO\",\"service\":\
         \"checkout\",\"message\":\"user {} bought item {} é\",\"duration\":{}.5,\"ok\":true,\
         \"status\":200}}",
        number % 1000,
        number % 77,
        number % 991,
        number % 50,
    )
}

fn documents(case: &str) -> Vec<Bytes> {
    let document = |number| match case {
        "json" => payload(number).into(),
        _ => format!("{{\"schema\":{SCHEMA},\"payload\":{}}}", payload(number)).into(),
    };
    (0..DOCUMENTS).map(document).collect()
}

fn converter(has_schemas: &'static str) -> Result<Arc<dyn Converter>> {
    let props = Props::from([("schemas.enable", has_schemas)]);
    Ok(ConverterRegistry::own().converter("JsonConverter", &props, false)?)
}

/// Reads and writes every document.
fn convert(case: &str, records: usize, measured: &mut Measured) -> Result<()> {
    let converter = converter(if case == "json" { "false" } else { "true" })?;
    let documents = documents(case);
    let mut buffer = BytesMut::with_capacity(64 << 10);
    measured.time(|| {
        for document in documents.iter().cycle().take(records) {
            let data = converter.to_connect("topic", &[], Some(document))?;
            black_box(converter.from_connect("topic", &data, &mut buffer)?);
        }
        Ok(())
    })
}

/// The documents as data with a schema.
fn connect_data() -> Result<Vec<SchemaAndValue>> {
    let converter = converter("true")?;
    let read = |document: &Bytes| converter.to_connect("lines-raw", &[], Some(document));
    Ok(documents("json-schema").iter().map(read).collect::<Result<_, _>>()?)
}

/// Sends records with a schema through five transformations, in batches that were made before.
fn transform(records: usize, measured: &mut Measured) -> Result<()> {
    let chain = Chain::of(&TRANSFORMS.into_iter().collect())?;
    let origin = TopicPartition::new("lines-raw", 0);
    let record = |value: &SchemaAndValue| SinkRecord {
        topic: Arc::clone(&origin.topic),
        origin: origin.clone(),
        offset: 0,
        timestamp_ms: Some(0),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::NULL,
        value: value.clone(),
        headers: Vec::new(),
    };
    let made: Vec<_> = connect_data()?.iter().map(record).collect();
    let mut out = Vec::new();
    for batch in made.chunks(BATCH).cycle().take(records.div_ceil(BATCH)) {
        let batch = batch.to_vec();
        measured.time(|| {
            for record in batch {
                let passed = chain.apply(record, &mut out);
                passed.map_err(|(class, error)| anyhow::anyhow!("{class}: {error}"))?;
                let record = out.pop().context("the record was dropped")?;
                ensure!(&*record.topic == "lines-clean", "the record was not routed");
                black_box(record);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Reads and writes every record, as the Avro converter does once a registry has told the schema.
fn avro(records: usize, measured: &mut Measured) -> Result<()> {
    let told = anyhow::Error::msg;
    let data: Vec<SchemaAndValue> = connect_data()?;
    let schema = data.first().and_then(|data| data.schema.clone()).context("no schema")?;
    let config = AvroDataConfig::parse(&Props::new())?;
    let avro = avro_schema(&config, &schema).map_err(told)?;
    let reader = AvroReader::new(&avro, &schema).map_err(told)?;
    let writer = AvroWriter::new(&config, &avro, &schema).map_err(told)?;
    let mut messages = Vec::new();
    for data in &data {
        let mut message = BytesMut::new();
        writer.write_message(&data.value, &mut message).map_err(told)?;
        messages.push(message.freeze());
    }
    let mut buffer = BytesMut::with_capacity(64 << 10);
    measured.time(|| {
        for message in messages.iter().cycle().take(records) {
            let value = reader.read_message(message.clone()).map_err(told)?;
            writer.write_message(&value, &mut buffer).map_err(told)?;
            black_box(buffer.split().freeze());
        }
        Ok(())
    })
}

fn run(case: &str, records: usize, measured: &mut Measured) -> Result<()> {
    match case {
        "avro" => avro(records, measured),
        "json" | "json-schema" => convert(case, records, measured),
        "transforms" => transform(records, measured),
        other => bail!("{other} is no case: avro, json, json-schema, transforms"),
    }
}

/// Time and CPU time of what was measured.
#[derive(Default)]
struct Measured {
    elapsed: Duration,
    cpu: Duration,
}

impl Measured {
    /// Does the work and adds what it took.
    #[expect(clippy::disallowed_methods, reason = "the clock is what is read here")]
    fn time(&mut self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let (begun, cpu) = (Instant::now(), thread_cpu());
        work()?;
        self.cpu += thread_cpu().saturating_sub(cpu);
        self.elapsed += begun.elapsed();
        Ok(())
    }
}

/// CPU time of this thread, the only one.
fn thread_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "a measurement that is printed")]
fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let case = arguments.next().context("usage: record-path CASE RECORDS")?;
    let records = arguments.next().context("usage: record-path CASE RECORDS")?.parse::<usize>()?;
    run(&case, records / 4, &mut Measured::default())?;
    let mut measured = Measured::default();
    run(&case, records, &mut measured)?;
    let Measured { elapsed, cpu } = measured;
    let figures = json!({
        "records": records,
        "seconds": elapsed.as_secs_f64(),
        "cpu_seconds": cpu.as_secs_f64(),
    });
    println!("{figures}");
    Ok(())
}
