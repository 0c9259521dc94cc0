//! What a configuration means, for who asks before it runs.

use std::sync::Arc;

use connect_api::{
    config::Props,
    error::Result,
    insight::{Delivery, Example, Explanation, Promise},
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    value::{Map, Value},
};
use connect_storage::words::{Compatibility, ExtractorClass};

use crate::{config::HdfsSinkConfig, preview::Previewer};

/// Offset of the made-up record.
const EXAMPLE_OFFSET: i64 = 12_345;

/// Explains a configuration at this time.
///
/// # Errors
/// `Invalid` for options that validation would have refused.
pub(crate) fn explain(config: HdfsSinkConfig, props: &Props, now_ms: i64) -> Result<Explanation> {
    let (file_ends, advice) = (file_ends(&config), advice(&config));
    let is_growing = config.connector.hdfs_append;
    let example = example(config, props, now_ms)?;
    Ok(Explanation {
        delivery: Some(delivery(is_growing)),
        example,
        file_ends,
        estimate: None,
        advice,
    })
}

fn delivery(is_growing: bool) -> Delivery {
    let whole = [
        "A file appears by a rename, which is written down before: a new task goes on where files end, \
         whatever offsets say",
        "Files are renamed out of a folder that only one task has; who takes the partition over renames \
         that folder first, so that two tasks cannot both commit",
        "Several files of one group are written down before the first is renamed, and whoever comes next \
         completes them",
    ];
    let growing = [
        "What is committed of a growing file is its length, which is written down after each append in a \
         folder that only one task has: whoever comes next cuts off what is beyond it",
        "Who takes the partition over renames that folder and the files first, and shortens each file to \
         what is committed, which is refused while an append is on its way: two tasks cannot both commit",
        "A file whose writer was cut off in the middle of an append is copied after \
         hdfs.lease.timeout.ms, so that no lease is waited for for ever",
    ];
    let because = if is_growing { growing } else { whole };
    Delivery {
        promise: Promise::ExactlyOnce,
        because: because.map(str::to_owned).to_vec(),
        given_up_by: Vec::new(),
    }
}

fn file_ends(config: &HdfsSinkConfig) -> Vec<String> {
    let keys = &config.connector;
    let mut ends = vec![format!("flush.size: {} records of a Kafka partition", keys.flush_size)];
    let mut add = |key: &str, ms: i64, text: &str| {
        if ms > 0 {
            ends.push(format!("{key}: {text}").replace("{}", &ms.to_string()));
        }
    };
    let interval = if config.rotates_by_records() {
        "a record whose time is {} ms after that of the first one"
    } else {
        "the clock, {} ms after the last commit"
    };
    add("rotate.interval.ms", keys.rotate_interval_ms, interval);
    add(
        "rotate.schedule.interval.ms",
        keys.rotate_schedule_interval_ms,
        "the clock, every {} ms from midnight",
    );
    add("file.age.ms.max", keys.file_age_ms_max, "the clock, {} ms after the first record came");
    add(
        "file.size.bytes.max",
        keys.file_size_bytes_max,
        "{} bytes in one file, before compression",
    );
    let most = i64::from(keys.partitioner_max_open_files);
    add("partitioner.max.open.files", most, "one more than {} of a Kafka partition");
    ends.push(if keys.format.schema_compatibility == Compatibility::None {
        "A value with another schema (schema.compatibility=NONE)".to_owned()
    } else {
        "A value whose schema does not fit that of the file (schema.compatibility)".to_owned()
    });
    ends.push("Memory that is used up, when nothing else frees it".to_owned());
    ends.push("A request: POST /connectors/{connector}/flush".to_owned());
    if keys.hdfs_append {
        ends.push(
            "Each of these appends to growing files (hdfs.append) what waits for them".to_owned(),
        );
        ends.push(growth_ends(config));
    } else {
        ends.push("All open files of a Kafka partition end together".to_owned());
    }
    ends
}

/// When files grow no more.
fn growth_ends(config: &HdfsSinkConfig) -> String {
    let keys = &config.connector;
    let mut ends = Vec::new();
    if keys.file_size_bytes_max > 0 {
        ends.push(format!("has {} bytes (file.size.bytes.max)", keys.file_size_bytes_max));
    }
    if keys.file_age_ms_max > 0 {
        ends.push(format!("is {} ms old (file.age.ms.max)", keys.file_age_ms_max));
    }
    if config.storage.is_time_based() {
        ends.push("gets nothing of an append, because its time is over".to_owned());
    }
    ends.push("would get values of another schema".to_owned());
    ends.push("changes its task".to_owned());
    format!("A growing file grows no more when it {}", ends.join(", or "))
}

fn advice(config: &HdfsSinkConfig) -> Vec<String> {
    let keys = &config.connector;
    let is_by_clock = keys.rotate_schedule_interval_ms > 0
        || keys.file_age_ms_max > 0
        || (keys.rotate_interval_ms > 0 && !config.rotates_by_records());
    let mut advice = Vec::new();
    if !is_by_clock {
        advice.push(
            "Nothing by the clock ends a file: the last records of a quiet topic wait. Set \
             rotate.schedule.interval.ms or file.age.ms.max"
                .to_owned(),
        );
    }
    if keys.hdfs_append && keys.file_size_bytes_max <= 0 && keys.file_age_ms_max <= 0 {
        advice.push(
            "Nothing bounds how long a growing file gets: set file.size.bytes.max or file.age.ms.max"
                .to_owned(),
        );
    }
    if keys.flush_size < 1000 && !keys.hdfs_append {
        advice.push(format!(
            "flush.size is {}: small files burden the name node, which keeps each of them in memory",
            keys.flush_size
        ));
    }
    advice
}

/// Where a made-up record would go; nothing when no record without more could go anywhere.
fn example(config: HdfsSinkConfig, props: &Props, now_ms: i64) -> Result<Option<Example>> {
    let storage = &config.storage;
    let mut entries: Vec<(Value, Value)> = Vec::new();
    let mut told = vec![format!("partition 0, offset {EXAMPLE_OFFSET}, stamped now")];
    if storage.is_by_fields() {
        for field in &storage.partition_field_name {
            entries.push((Value::string(field.clone()), "example".into()));
            told.push(format!("{field}=example"));
        }
    }
    if storage.is_time_based() && storage.timestamp_extractor == ExtractorClass::RecordField {
        let field = storage.timestamp_field.clone();
        told.push(format!("{field}=now"));
        entries.push((Value::string(field), Value::Int64(now_ms)));
    }
    let topics = props.get("topics").unwrap_or_default();
    let topic = topics.split(',').map(str::trim).find(|topic| !topic.is_empty());
    let topic: Arc<str> = topic.unwrap_or("example").into();
    let record = SinkRecord {
        origin: TopicPartition::new(Arc::clone(&topic), 0),
        topic: Arc::clone(&topic),
        offset: EXAMPLE_OFFSET,
        timestamp_ms: Some(now_ms),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::NULL,
        value: SchemaAndValue::schemaless(Value::Map(Map::new(entries))),
        headers: Vec::new(),
    };
    let url = config.cluster.url().unwrap_or_default().to_owned();
    let end = url.find("://").map_or(0, |at| at + 3);
    let authority = url.get(end..).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let root = format!("{}{authority}", url.get(..end).unwrap_or_default());
    let place = Previewer::new(config)?.place(&record, now_ms).ok();
    Ok(place.map(|place| Example {
        record: format!("{topic}: {}", told.join(", ")),
        place: format!("{root}{place}"),
    }))
}

#[cfg(test)]
mod tests {
    use connect_api::config::Config as _;

    use super::*;

    fn explained(more: &[(&str, &str)]) -> Explanation {
        let mut props = Props::from([("hdfs.url", "hdfs://nn:8020"), ("flush.size", "10")]);
        props.extend([("format.class", "JsonFormat")]);
        props.extend(more.iter().copied());
        explain(HdfsSinkConfig::parse(&props).unwrap(), &props, 0).unwrap()
    }

    #[test]
    fn files_that_grow_are_explained_as_such() {
        let whole = explained(&[]);
        assert!(whole.advice.iter().any(|text| text.contains("small files")));
        let growing = explained(&[("hdfs.append", "true")]);
        let delivery = growing.delivery.unwrap();
        assert_eq!(delivery.promise, Promise::ExactlyOnce);
        assert!(delivery.because[0].contains("its length"), "{:?}", delivery.because);
        let advice = growing.advice.join("\n");
        assert!(advice.contains("file.size.bytes.max") && !advice.contains("small"), "{advice}");
        let bounded = explained(&[("hdfs.append", "true"), ("file.size.bytes.max", "9000")]);
        let last = bounded.file_ends.last().unwrap();
        assert!(last.contains("no more when it has 9000 bytes"), "{last}");
        assert!(!bounded.advice.join("\n").contains("Nothing bounds"));
    }
}
