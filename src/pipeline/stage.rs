//! Where a record can fail, and what is known of it then.

use std::fmt::{self, Write as _};

use connect_api::{
    error::ConnectorError,
    record::{SourceRecord, TimestampType},
    value::Value,
    value_text::write_java_text,
};

use crate::broker::ConsumerRecord;

/// A step of a record's way, in Kafka Connect's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The sink's own `put`.
    TaskPut,
    /// A transform or its predicate.
    Transformation,
    /// The key's converter.
    KeyConverter,
    /// The value's converter.
    ValueConverter,
    /// The converter of a header.
    HeaderConverter,
    /// The producer.
    KafkaProduce,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TaskPut => "TASK_PUT",
            Self::Transformation => "TRANSFORMATION",
            Self::KeyConverter => "KEY_CONVERTER",
            Self::ValueConverter => "VALUE_CONVERTER",
            Self::HeaderConverter => "HEADER_CONVERTER",
            Self::KafkaProduce => "KAFKA_PRODUCE",
        })
    }
}

/// A record's failure at a stage.
#[derive(Debug)]
pub struct Failure {
    /// Where it failed.
    pub stage: Stage,
    /// Class that failed.
    pub class: &'static str,
    /// Why.
    pub error: ConnectorError,
}

impl Failure {
    /// Makes errors of one step failures, for `map_err`.
    pub(super) fn at(stage: Stage, class: &'static str) -> impl Fn(ConnectorError) -> Self {
        move |error| Self { stage, class, error }
    }
}

/// The record that failed, as it came in.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// A record of a topic: topic, partition and record.
    Consumed(&'a str, i32, &'a ConsumerRecord),
    /// A record of a source; none when it was not kept.
    Produced(Option<&'a SourceRecord>),
}

impl Origin<'_> {
    /// What the log says about the record, from the comma on.
    ///
    /// Source: apache/kafka `ProcessingContext.toString`.
    pub(super) fn log_text(&self) -> String {
        match self {
            Self::Consumed(topic, partition, record) => consumed_text(topic, *partition, record),
            Self::Produced(Some(record)) => {
                format!(", where source record is = {}", source_text(record))
            }
            Self::Produced(None) => String::new(),
        }
    }
}

fn consumed_text(topic: &str, partition: i32, record: &ConsumerRecord) -> String {
    let mut text = format!(
        ", where consumed record is {{topic='{topic}', partition={partition}, offset={}",
        record.offset
    );
    if let Some(timestamp) = record.timestamp_ms {
        let kind = match record.timestamp_type {
            TimestampType::CreateTime => "CreateTime",
            TimestampType::LogAppendTime => "LogAppendTime",
        };
        // Writing to a string cannot fail.
        let _written = write!(text, ", timestamp={timestamp}, timestampType={kind}");
    }
    text.push('}');
    text
}

fn source_text(record: &SourceRecord) -> String {
    let shown = |value: &Value| {
        let mut text = String::new();
        write_java_text(&mut text, value);
        text
    };
    let number = |number: Option<i64>| number.map_or("null".to_owned(), |n| n.to_string());
    format!(
        "ConnectRecord{{topic='{}', kafkaPartition={}, key={}, value={}, timestamp={}}}",
        record.topic,
        number(record.partition.map(i64::from)),
        shown(&record.key.value),
        shown(&record.value.value),
        number(record.timestamp_ms),
    )
}
