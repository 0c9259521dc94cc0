//! Lines become records.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;
use connect_api::{
    error::ConnectorError,
    record::{Header, SchemaAndValue, SourceRecord},
    schema::{Schema, Type},
    value::Value,
};
use regex::bytes::CaptureLocations;

use super::{
    config::{Encoding, LogFileConfig, Parse},
    fields::FieldPattern,
    json,
    timestamp::TimestampReader,
};

/// Header of a line that was longer than `max.line.bytes`.
const TRUNCATED: &str = "millrace.line.truncated";
/// Header of a line whose broken UTF-8 was replaced.
const INVALID_UTF8: &str = "millrace.invalid.utf8";
/// Header with the path of the file.
const FILE: &str = "millrace.file";
/// Header with the position of the line's first byte.
const OFFSET: &str = "millrace.offset";
/// Header with the position after the line, its line end included.
const NEXT: &str = "millrace.offset.next";

/// How many characters of a bad line an error shows: enough to know it, too few to flood a log.
const SHOWN_CHARACTERS: usize = 120;

/// The bytes of a line, as slices of what was read.
#[derive(Clone, Debug)]
pub(super) enum LineText {
    /// Valid UTF-8.
    Text(ByteString),
    /// Anything else.
    Raw(Bytes),
}

/// One line, or one record of several lines, without its line end.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Its bytes.
    pub(super) text: LineText,
    /// File it stands in.
    pub(super) path: &'a Path,
    /// Position of its first byte.
    pub(super) start: u64,
    /// Position after it and its line end.
    pub(super) next: u64,
    /// Whether it was cut.
    pub(super) is_cut: bool,
}

/// Makes records of lines, as the configuration says.
#[derive(Debug)]
pub(super) struct RecordMaker {
    topic: Arc<str>,
    encoding: Encoding,
    shape: Shape,
    timestamp: Option<(String, TimestampReader)>,
    key: Option<String>,
    has_provenance: bool,
    schema: Arc<Schema>,
    names: Names,
}

/// Header names, shared by all records.
#[derive(Debug)]
struct Names {
    truncated: Arc<str>,
    invalid_utf8: Arc<str>,
    file: Arc<str>,
    offset: Arc<str>,
    next: Arc<str>,
    offset_schema: Arc<Schema>,
}

/// What a value looks like.
#[derive(Debug)]
enum Shape {
    Plain,
    Json,
    Fields(FieldPattern, CaptureLocations),
}

impl RecordMaker {
    /// A maker for this configuration.
    pub(super) fn new(config: &LogFileConfig) -> Self {
        let shape = match (config.parse, &config.pattern) {
            (Parse::Json, _) => Shape::Json,
            (Parse::Pattern, Some(pattern)) => Shape::Fields(pattern.clone(), pattern.locations()),
            _ => Shape::Plain,
        };
        let timestamp = config.timestamp_field.clone().map(|field| {
            let format = config.timestamp_format.clone();
            (field, TimestampReader::new(format, config.timezone.0))
        });
        Self {
            topic: config.topic.as_str().into(),
            encoding: config.encoding,
            shape,
            timestamp,
            key: config.key_field.clone(),
            has_provenance: config.has_provenance,
            schema: Schema::string(),
            names: Names {
                truncated: TRUNCATED.into(),
                invalid_utf8: INVALID_UTF8.into(),
                file: FILE.into(),
                offset: OFFSET.into(),
                next: NEXT.into(),
                offset_schema: Arc::new(Schema::new(Type::Int64)),
            },
        }
    }

    /// Makes the record of a line.
    ///
    /// # Errors
    /// `Record` when the line cannot be read as configured.
    pub(super) fn make(&mut self, line: Line<'_>) -> Result<SourceRecord, ConnectorError> {
        let text = match (line.text, self.encoding) {
            (LineText::Raw(bytes), Encoding::Latin1) => {
                LineText::Text(bytes.iter().copied().map(char::from).collect::<String>().into())
            }
            (LineText::Text(text), Encoding::Latin1) if !text.is_ascii() => {
                LineText::Text(text.bytes().map(char::from).collect::<String>().into())
            }
            (text, _) => text,
        };
        let (value, was_broken) = match (&self.shape, text) {
            (Shape::Plain, LineText::Text(text)) => {
                (SchemaAndValue::new(Arc::clone(&self.schema), Value::String(text)), false)
            }
            (Shape::Plain, LineText::Raw(bytes)) => {
                (SchemaAndValue::new(Schema::optional_bytes(), Value::Bytes(bytes)), false)
            }
            (_, LineText::Text(text)) => (self.parse(&text, line.path, line.start)?, false),
            (_, LineText::Raw(bytes)) => {
                let text = String::from_utf8_lossy(&bytes).into_owned().into();
                (self.parse(&text, line.path, line.start)?, true)
            }
        };
        let mut record = SourceRecord::new(Arc::clone(&self.topic), value);
        if let Some((field, reader)) = &mut self.timestamp {
            let read = record.value.value.path(field).and_then(|value| reader.read(value));
            let Some(time) = read else {
                let reason = format!("has no time in \"{field}\" as timestamp.format says");
                return Err(bad_line(&reason, line.path, line.start, &record.value.value));
            };
            record.timestamp_ms = Some(time);
        }
        if let Some(field) = &self.key {
            record.key = key(field, &record.value.value);
        }
        if line.is_cut || was_broken || self.has_provenance {
            self.add_headers(
                &mut record,
                (line.is_cut, was_broken),
                line.path,
                (line.start, line.next),
            );
        }
        Ok(record)
    }

    fn parse(
        &mut self,
        text: &ByteString,
        path: &Path,
        start: u64,
    ) -> Result<SchemaAndValue, ConnectorError> {
        let bad = |reason: &str| bad_line(reason, path, start, &Value::String(text.clone()));
        match &mut self.shape {
            Shape::Plain => {
                Ok(SchemaAndValue::new(Arc::clone(&self.schema), Value::String(text.clone())))
            }
            Shape::Json => json::parse(text.as_bytes())
                .map(SchemaAndValue::schemaless)
                .map_err(|error| bad("is no JSON document").caused_by(error)),
            Shape::Fields(pattern, places) => match pattern.read(text, places) {
                Some(fields) => {
                    let schema = Arc::clone(pattern.schema());
                    Ok(SchemaAndValue::new(schema, Value::Struct(fields)))
                }
                None => Err(bad("does not match the pattern")),
            },
        }
    }

    fn add_headers(
        &self,
        record: &mut SourceRecord,
        (is_cut, was_broken): (bool, bool),
        path: &Path,
        (start, next): (u64, u64),
    ) {
        let mut add = |name: &Arc<str>, schema: &Arc<Schema>, value| {
            let data = SchemaAndValue::new(Arc::clone(schema), value);
            record.headers.push(Header { key: Arc::clone(name), data });
        };
        if is_cut {
            add(&self.names.truncated, &self.schema, "true".into());
        }
        if was_broken {
            add(&self.names.invalid_utf8, &self.schema, "true".into());
        }
        if self.has_provenance {
            let path = path.to_string_lossy().into_owned();
            add(&self.names.file, &self.schema, Value::String(path.into()));
            for (name, at) in [(&self.names.offset, start), (&self.names.next, next)] {
                let at = i64::try_from(at).unwrap_or(i64::MAX);
                add(name, &self.names.offset_schema, Value::Int64(at));
            }
        }
    }
}

/// The field as a key; no key when the line has no such field.
fn key(field: &str, value: &Value) -> SchemaAndValue {
    let Some(found) = value.path(field).filter(|found| !found.is_null()) else {
        return SchemaAndValue::NULL;
    };
    match (value, found) {
        (Value::Struct(_), _) => SchemaAndValue::new(Schema::optional_string(), found.clone()),
        _ => SchemaAndValue::schemaless(found.clone()),
    }
}

fn bad_line(reason: &str, path: &Path, start: u64, value: &Value) -> ConnectorError {
    let text = match value {
        Value::String(text) => text.to_string(),
        Value::Struct(fields) => {
            let fields = fields.iter().map(|(name, value)| match value.as_str() {
                Some(text) => format!("{name}={text}"),
                None => format!("{name} is missing"),
            });
            fields.collect::<Vec<_>>().join(", ")
        }
        other => format!("{other:?}"),
    };
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    ConnectorError::record(format!(
        "The line at byte {start} of \"{}\" {reason}: {shown:?}",
        path.display()
    ))
    .hint("Set errors.tolerance=all to skip such lines")
}
