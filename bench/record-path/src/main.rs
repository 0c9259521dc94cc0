//! Converters and transformations on records in memory, beside `RecordPath.java`, which does the
//! same with Kafka Connect's own classes.
//!
//! `record-path CASE RECORDS` warms up with a quarter of the records and prints one line of JSON:
//! records, seconds and CPU seconds of the rest.

use std::{env, fs, hint::black_box, sync::Arc, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use connect_api::{
    config::Props,
    convert::Converter,
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
};
use millrace::{convert::ConverterRegistry, transform::Chain};
use serde_json::json;

/// Documents that are gone through again and again.
const DOCUMENTS: usize = 1000;
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
         \"checkout\",\"message\":\"user {} bought item {} \\u00e9\",\"duration\":{}.5,\"ok\":true,\
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
fn convert(case: &str, records: usize) -> Result<()> {
    let converter = converter(if case == "json" { "false" } else { "true" })?;
    let documents = documents(case);
    let mut buffer = BytesMut::with_capacity(64 << 10);
    for document in documents.iter().cycle().take(records) {
        let data = converter.to_connect("topic", &[], Some(document))?;
        black_box(converter.from_connect("topic", &data, &mut buffer)?);
    }
    Ok(())
}

/// Sends records with a schema through five transformations.
fn transform(records: usize) -> Result<()> {
    let chain = Chain::of(&TRANSFORMS.into_iter().collect())?;
    let converter = converter("true")?;
    let read = |document: &Bytes| converter.to_connect("lines-raw", &[], Some(document));
    let data: Vec<SchemaAndValue> =
        documents("json-schema").iter().map(read).collect::<Result<_, _>>()?;
    let origin = TopicPartition::new("lines-raw", 0);
    let mut out = Vec::new();
    for value in data.iter().cycle().take(records) {
        let record = SinkRecord {
            topic: Arc::clone(&origin.topic),
            origin: origin.clone(),
            offset: 0,
            timestamp_ms: Some(0),
            timestamp_type: TimestampType::CreateTime,
            key: SchemaAndValue::NULL,
            value: value.clone(),
            headers: Vec::new(),
        };
        let passed = chain.apply(record, &mut out);
        passed.map_err(|(class, error)| anyhow::anyhow!("{class}: {error}"))?;
        let record = out.pop().context("the record was dropped")?;
        ensure!(&*record.topic == "lines-clean", "the record was not routed");
        black_box(record);
    }
    Ok(())
}

fn run(case: &str, records: usize) -> Result<()> {
    match case {
        "json" | "json-schema" => convert(case, records),
        "transforms" => transform(records),
        other => bail!("{other} is no case: json, json-schema, transforms"),
    }
}

/// CPU seconds of this process, from its ticks of 10 ms.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat has no name in it")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(f64::from(ticks.sum::<Result<u32, _>>()?) / 100.0)
}

#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that is printed"
)]
fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let case = arguments.next().context("usage: record-path CASE RECORDS")?;
    let records = arguments.next().context("usage: record-path CASE RECORDS")?.parse::<usize>()?;
    run(&case, records / 4)?;
    let (begun, cpu) = (Instant::now(), cpu_seconds()?);
    run(&case, records)?;
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    println!("{}", json!({ "records": records, "seconds": seconds, "cpu_seconds": cpu }));
    Ok(())
}
