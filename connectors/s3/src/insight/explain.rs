//! What a configuration of Confluent's class means.

use std::sync::Arc;

use connect_api::{
    config::Props,
    insight::{Delivery, Example, Explanation, Load, Promise},
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    schema::Schema,
    value::{Map, Value},
};

use connect_storage::words::{Compatibility, ExtractorClass};

use super::{
    advice,
    estimate::{After, MemoryOf, Shape, Trigger, costs},
    words::{float, seconds, span},
};
use crate::{
    config::{Compression, FormatClass, S3SinkConfig},
    naming::Naming,
};

/// Offset of the made-up record.
const EXAMPLE_OFFSET: i64 = 12_345;
/// Memory of a compressor beside its output.
const COMPRESSOR_BYTES: f64 = 320e3;
/// Content of a row group of Parquet, at most.
const GROUP_BYTES: f64 = 134_217_728.0;
/// What an open file keeps in memory of what waits on disk.
const SPILLED_BYTES: f64 = 16_384.0;
/// Files that are written at once when they have waited on disk.
const WRITTEN_AT_ONCE: f64 = 8.0;

/// Explains a configuration at this time.
pub(crate) fn explain(
    config: &S3SinkConfig,
    props: &Props,
    load: &Load,
    now_ms: i64,
) -> Explanation {
    let shape = shape(config);
    let costs = costs(&shape, load);
    Explanation {
        delivery: Some(delivery(config)),
        example: example(config, props, now_ms),
        file_ends: file_ends(config),
        advice: advice::of(config, &shape, costs.as_ref(), load),
        estimate: costs.map(|costs| costs.estimate),
    }
}

/// Settings by which a moment decides where files end or which folder they are in.
fn by_moment(config: &S3SinkConfig) -> Vec<&'static str> {
    let keys = &config.connector;
    [
        (keys.rotate_schedule_interval_ms > 0).then_some("rotate.schedule.interval.ms"),
        (keys.file_age_ms_max > 0).then_some("file.age.ms.max"),
        config.storage.is_by_clock().then_some("timestamp.extractor=Wallclock"),
        keys.flush_on_stop.then_some("flush.on.stop"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn delivery(config: &S3SinkConfig) -> Delivery {
    let keys = &config.connector;
    let by_moment = by_moment(config);
    let mut because = vec![
        "An object says in its metadata which records it holds, and offsets are committed behind it: \
         a task that starts anew skips what is stored"
            .to_owned(),
    ];
    let mut given_up_by = Vec::new();
    if keys.enable_conditional_writes {
        because.push(
            "An object is created by a request that succeeds only while nothing has its key, so that \
             two tasks cannot both write it"
                .to_owned(),
        );
    } else if by_moment.is_empty() {
        because.push(
            "enable.conditional.writes=false lets an object be written again, but files end where \
             the records say, so that it is the same. Files that are closed early, because memory is \
             used up or because somebody asked for it, are the exception"
                .to_owned(),
        );
    } else {
        given_up_by.push(format!(
            "enable.conditional.writes=false, because {} lets the moment decide where files end: after \
             a crash objects may overlap or be overwritten",
            by_moment.join(" and ")
        ));
    }
    if config.storage.is_by_clock() && keys.enable_conditional_writes {
        because.push(format!(
            "Folders follow the clock: a new task looks for objects of the one before in the last {} \
             time buckets. After a longer absence, and from a task that lost its partition and writes \
             on, records may come twice; timestamp.extractor=Record has no such limit",
            keys.max_files_scan_limit
        ));
    }
    let promise = if given_up_by.is_empty() { Promise::ExactlyOnce } else { Promise::AtLeastOnce };
    Delivery { promise, because, given_up_by }
}

fn file_ends(config: &S3SinkConfig) -> Vec<String> {
    let keys = &config.connector;
    let after = |ms: i64| seconds(ms).map(span).unwrap_or_default();
    let mut ends = vec![format!("flush.size: {} records of a Kafka partition", keys.flush_size)];
    if keys.file_size_bytes_max > 0 {
        let most = u64::try_from(keys.file_size_bytes_max).map_or(0.0, float);
        let most = super::words::bytes(most);
        ends.push(format!("file.size.bytes.max: {most} in one file, before compression"));
    }
    if keys.rotate_interval_ms > 0 && config.storage.is_time_based() {
        ends.push(format!(
            "rotate.interval.ms: a record whose time is {} after that of the first one",
            after(keys.rotate_interval_ms)
        ));
        if keys.rotate_file_on_partition_change {
            ends.push(
                "rotate.file.on.partition.change: a record for another folder than the one before"
                    .to_owned(),
            );
        }
    }
    if keys.rotate_schedule_interval_ms > 0 {
        ends.push(format!(
            "rotate.schedule.interval.ms: the clock, every {} from midnight in {}",
            after(keys.rotate_schedule_interval_ms),
            config.storage.timezone
        ));
    }
    if keys.file_age_ms_max > 0 {
        ends.push(format!(
            "file.age.ms.max: the clock, {} after the first record came",
            after(keys.file_age_ms_max)
        ));
    }
    if keys.partitioner_max_open_files > 0 {
        let most = keys.partitioner_max_open_files;
        ends.push(format!("partitioner.max.open.files: one more than {most} of a Kafka partition"));
    }
    ends.push(if keys.format.schema_compatibility == Compatibility::None {
        "A value with another schema (schema.compatibility=NONE)".to_owned()
    } else {
        "A value whose schema does not fit that of the file (schema.compatibility)".to_owned()
    });
    ends.push("Memory that is used up, when nothing else frees it".to_owned());
    ends.push("A request: POST /connectors/{connector}/flush".to_owned());
    if keys.flush_on_stop {
        let span = span(keys.shutdown_timeout.as_secs_f64());
        ends.push(format!("flush.on.stop: the task stops or loses the partition, within {span}"));
    }
    ends.push("All open files of a Kafka partition end together".to_owned());
    ends
}

/// What the numbers follow from.
fn shape(config: &S3SinkConfig) -> Shape {
    let keys = &config.connector;
    let number = |value: i64| u64::try_from(value).ok().filter(|&value| value > 0).map(float);
    let triggers = [
        Some(Trigger { key: "flush.size", after: After::Records(f64::from(keys.flush_size)) }),
        number(keys.file_size_bytes_max)
            .map(|bytes| Trigger { key: "file.size.bytes.max", after: After::Bytes(bytes) }),
        seconds(keys.rotate_interval_ms)
            .filter(|_| config.storage.is_time_based())
            .map(|span| Trigger { key: "rotate.interval.ms", after: After::Span(span) }),
        seconds(keys.file_age_ms_max)
            .map(|age| Trigger { key: "file.age.ms.max", after: After::Age(age) }),
        seconds(keys.rotate_schedule_interval_ms)
            .map(|slot| Trigger { key: "rotate.schedule.interval.ms", after: After::Slot(slot) }),
    ];
    let sides = [true, keys.store_kafka_keys, keys.store_kafka_headers];
    let sides = sides.into_iter().filter(|is_stored| *is_stored).count();
    let part = size(config.bucket.part_size);
    let is_spilled = !keys.store_spill_path.is_empty();
    let file_memory: fn(&MemoryOf) -> f64 = if is_spilled {
        |of| of.content.min(SPILLED_BYTES)
    } else if keys.format_class == FormatClass::Parquet {
        |of| of.content.min(GROUP_BYTES)
    } else if config.bucket.compression == Compression::Gzip {
        |of| of.sent.clamp(of.start.min(of.part), of.part) + COMPRESSOR_BYTES
    } else {
        |of| of.sent.clamp(of.start.min(of.part), of.part)
    };
    Shape {
        triggers: triggers.into_iter().flatten().collect(),
        folder_s: seconds(config.storage.time_pattern().1)
            .filter(|_| config.storage.is_time_based()),
        sides: u32::try_from(sides).map_or(1.0, f64::from),
        file_memory,
        memory: MemoryOf {
            part,
            start: 8192.0,
            fixed: if is_spilled { WRITTEN_AT_ONCE * part } else { 0.0 },
            ..MemoryOf::default()
        },
    }
}

fn size(bytes: usize) -> f64 {
    u64::try_from(bytes).map_or(f64::INFINITY, float)
}

/// Where a made-up record would go; nothing when no record without more could go anywhere.
fn example(config: &S3SinkConfig, props: &Props, now_ms: i64) -> Option<Example> {
    let storage = &config.storage;
    let mut entries: Vec<(Value, Value)> = Vec::new();
    let mut told = vec![format!("partition 0, offset {EXAMPLE_OFFSET}, stamped now")];
    if config.storage.is_by_fields() {
        for field in &storage.partition_field_name {
            entries.push((Value::string(field.clone()), "example".into()));
            told.push(format!("{field}=example"));
        }
    }
    if config.storage.is_time_based() && storage.timestamp_extractor == ExtractorClass::RecordField
    {
        let field = storage.timestamp_field.clone();
        told.push(format!("{field}=now"));
        entries.push((Value::string(field), Value::Int64(now_ms)));
    }
    let topic = first_topic(props);
    let record = example_record(topic, Value::Map(Map::new(entries)), now_ms);
    let mut router = config.router().ok()?;
    let time_ms = router.time_ms(&record, now_ms).ok()?;
    let folder = router.folder(&record, time_ms).ok()?;
    let stem = Naming::new(config).stem(&folder, &record);
    let shapes = crate::view::Shape::all(config);
    let suffix = shapes.last().map(|shape| shape.suffix.clone()).unwrap_or_default();
    let record = format!("{topic}: {}", told.join(", "));
    Some(Example { record, place: format!("s3://{}/{stem}{suffix}", config.bucket.name) })
}

/// The first topic that a connector names, or a made-up one.
pub(crate) fn first_topic(props: &Props) -> &str {
    let topics = props.get("topics").unwrap_or_default();
    let mut topics = topics.split(',').map(str::trim);
    topics.find(|topic| !topic.is_empty()).unwrap_or("example")
}

/// The topic of a connector that has but one.
pub(crate) fn only_topic(props: &Props) -> Option<&str> {
    let mut topics = props.get("topics")?.split(',').map(str::trim);
    topics.next().filter(|topic| !topic.is_empty() && topics.next().is_none())
}

/// A made-up record.
pub(crate) fn example_record(topic: &str, value: Value, now_ms: i64) -> SinkRecord {
    let topic: Arc<str> = topic.into();
    SinkRecord {
        origin: TopicPartition::new(Arc::clone(&topic), 0),
        topic,
        offset: EXAMPLE_OFFSET,
        timestamp_ms: Some(now_ms),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::new(Schema::string(), "example".into()),
        value: SchemaAndValue::schemaless(value),
        headers: Vec::new(),
    }
}
