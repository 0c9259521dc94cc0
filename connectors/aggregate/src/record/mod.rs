//! From a record to its window, its group and the values of its measures.

mod field;
mod time;

pub(crate) use self::time::{local_ms, parse_time};

use std::sync::Arc;

use chrono_tz::Tz;
use connect_api::{error::ConnectorError, record::SinkRecord, value::Value};
use serde_json::Value as Json;

use self::field::Node;
use crate::{
    cell::{Cell, Input},
    config::AggregateConfig,
    definition::{Definition, FieldPath, Operation},
};

/// How records of one connector are read. Keeps its buffers from record to record.
#[derive(Debug)]
pub(crate) struct RecordReader {
    definition: Arc<Definition>,
    timestamp_field: Option<FieldPath>,
    zone: Tz,
    /// Whether anything of the value is looked at.
    opens_value: bool,
}

/// A record that was read, ready to be counted.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    /// The record's own time.
    pub(crate) time_ms: i64,
    record: &'a SinkRecord,
    parsed: Option<Json>,
}

impl RecordReader {
    /// A reader for the connector's records.
    pub(crate) fn new(definition: Arc<Definition>, config: &AggregateConfig) -> Self {
        let fields = definition.measures.iter().map(|(.., path)| path);
        let mut paths = fields.chain(&definition.groups).chain(config.timestamp_field());
        let opens_value = paths.any(FieldPath::is_in_value);
        let timestamp_field = config.timestamp_field().cloned();
        Self { definition, timestamp_field, zone: config.zone(), opens_value }
    }

    /// Opens a record; none for one without a value, which says nothing.
    ///
    /// # Errors
    /// Of class `Record`: it has no time, or a measure's field is not a number.
    pub(crate) fn open<'a>(
        &self,
        record: &'a SinkRecord,
    ) -> Result<Option<Reading<'a>>, ConnectorError> {
        if record.value.value.is_null() {
            return Ok(None);
        }
        let parsed = if self.opens_value { self.parse(record)? } else { None };
        let mut reading = Reading { time_ms: 0, record, parsed };
        reading.time_ms = self.time_of(&reading)?;
        for (_, operation, path) in &self.definition.measures {
            let is_number = match operation {
                Operation::Distinct | Operation::Top => continue,
                _ => reading.field(path).is_none_or(|node| node.as_number().is_some()),
            };
            if !is_number {
                return Err(self.not_a_number(&reading, path));
            }
        }
        Ok(Some(reading))
    }

    /// The groups of a record as the text of a JSON array, into a buffer that is emptied first.
    pub(crate) fn write_groups(&self, reading: &Reading<'_>, out: &mut String) {
        out.clear();
        out.push('[');
        for (place, path) in self.definition.groups.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            match reading.field(path) {
                Some(node) => node.write(out),
                None => out.push_str("null"),
            }
        }
        out.push(']');
    }

    /// Counts a record in its cell and says by how many bytes the cell grew.
    pub(crate) fn count(&self, reading: &Reading<'_>, cell: &mut Cell, text: &mut String) -> usize {
        cell.count_record();
        let mut grown = 0;
        for (place, (_, operation, path)) in self.definition.measures.iter().enumerate() {
            let Some(node) = reading.field(path) else { continue };
            let input = match operation {
                Operation::Distinct | Operation::Top => {
                    text.clear();
                    node.write(text);
                    Input::Text(text)
                }
                _ => node.as_number().map_or(Input::Missing, Input::Number),
            };
            grown += cell.update(place, input);
        }
        grown
    }

    fn parse(&self, record: &SinkRecord) -> Result<Option<Json>, ConnectorError> {
        let text = match &record.value.value {
            Value::String(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            _ => return Ok(None),
        };
        serde_json::from_slice(text).map(Some).map_err(|error| {
            self.refuse(record, "its value is text and not JSON, so that it has no fields")
                .caused_by(error)
        })
    }

    fn time_of(&self, reading: &Reading<'_>) -> Result<i64, ConnectorError> {
        let record = reading.record;
        let Some(path) = &self.timestamp_field else {
            return record.timestamp_ms.filter(|time| *time >= 0).ok_or_else(|| {
                self.refuse(record, "it has no timestamp")
                    .hint("Name the field that has the time in \"timestamp.field\"")
            });
        };
        let name = path.name();
        let Some(node) = reading.field(path) else {
            return Err(self.refuse(record, format!("its time field \"{name}\" is missing")));
        };
        time(node, self.zone).ok_or_else(|| {
            let shown = node.excerpt();
            self.refuse(
                record,
                format!("its time field \"{name}\" holds {shown}, which is no time"),
            )
        })
    }

    fn not_a_number(&self, reading: &Reading<'_>, path: &FieldPath) -> ConnectorError {
        let shown = reading.field(path).map(Node::excerpt).unwrap_or_default();
        let name = path.name();
        let reason = format!("its field \"{name}\" holds {shown}, which is not a number");
        self.refuse(reading.record, reason)
    }

    fn refuse(&self, record: &SinkRecord, reason: impl AsRef<str>) -> ConnectorError {
        ConnectorError::record(format!(
            "Could not count the record at {} offset {} in aggregate \"{}\": {}",
            record.origin,
            record.offset,
            self.definition.name,
            reason.as_ref()
        ))
    }
}

impl Reading<'_> {
    fn field(&self, path: &FieldPath) -> Option<Node<'_>> {
        match path.name() {
            "topic" => Some(Node::Text(&self.record.topic)),
            "key" => Some(Node::Connect(&self.record.key.value)).filter(|node| !node.is_null()),
            _ => match &self.parsed {
                Some(json) => Node::Json(json).at(path),
                None => Node::Connect(&self.record.value.value).at(path),
            },
        }
    }
}

/// Milliseconds since the epoch that a field stands for.
fn time(node: Node<'_>, zone: Tz) -> Option<i64> {
    match node {
        Node::Connect(Value::Date(days)) => Some(i64::from(*days) * 86_400_000),
        Node::Connect(Value::Time(_)) => None,
        _ => match (node.as_text(), node.as_number()) {
            (Some(text), _) => parse_time(text, zone),
            (None, Some(number)) => number.as_millis(),
            (None, None) => None,
        },
    }
}
