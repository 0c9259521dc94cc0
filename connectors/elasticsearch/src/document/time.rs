//! The time of a document in a data stream.

use connect_api::{
    json::write_text,
    record::SinkRecord,
    value::{Value, write_java_double},
};

use super::json::{Refusal, Style};
use crate::settings::DocumentTime;

const FIELD: &str = "@timestamp";
/// The field as it stands in a document.
const QUOTED: &[u8] = b"\"@timestamp\":";

/// Appends the value of a record as an object, with its time.
pub(super) fn write_timed(
    out: &mut Vec<u8>,
    record: &SinkRecord,
    time: &DocumentTime,
    style: Style,
) -> Result<(), Refusal> {
    let value = &record.value.value;
    if !matches!(value, Value::Map(_) | Value::Struct(_)) {
        let kind = value.kind().map_or("null", connect_api::schema::Type::name);
        return Err(format!("a document of a data stream must be an object, not {kind}"));
    }
    let start = out.len();
    style.write(out, value, record.value.schema.as_deref())?;
    if out.get(start) != Some(&b'{') {
        return Err("a document of a data stream must be an object, not a list".to_owned());
    }
    let Some(text) = text_of(record, time)? else { return Ok(()) };
    let written = out.get(start..).unwrap_or_default();
    let has_field =
        memchr::memmem::find(written, QUOTED).is_some() && value.member(FIELD).is_some();
    if has_field {
        if *time == DocumentTime::RecordWhereAbsent {
            return Ok(());
        }
        out.truncate(start);
        write_without_time(out, value, style)?;
    }
    append(out, start, &text);
    Ok(())
}

/// The time as it stands in a document; none where it stays as it is.
fn text_of(record: &SinkRecord, time: &DocumentTime) -> Result<Option<Vec<u8>>, Refusal> {
    let value = &record.value.value;
    match time {
        DocumentTime::AsItIs => Ok(None),
        DocumentTime::RecordWhereAbsent if record.timestamp_ms.is_none() => {
            Err("the record has no time, which its document needs".to_owned())
        }
        DocumentTime::Record | DocumentTime::RecordWhereAbsent => {
            let number = record.timestamp_ms.map_or_else(|| "null".to_owned(), |ms| ms.to_string());
            Ok(Some(number.into_bytes()))
        }
        DocumentTime::Fields(names) => {
            let found = names.iter().find_map(|name| value.member(name));
            Ok(found.map(|value| {
                let mut text = Vec::new();
                write_text(&mut text, &as_text(value));
                text
            }))
        }
    }
}

/// A value as Jackson's `JsonNode.asText` gives it.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Null => "null".to_owned(),
        Value::Float32(number) => f64::from(*number).to_string(),
        Value::Float64(number) => {
            let mut text = String::new();
            write_java_double(&mut text, *number);
            text
        }
        other => other.as_i64().map(|number| number.to_string()).unwrap_or_default(),
    }
}

/// Appends the object without its time.
fn write_without_time(out: &mut Vec<u8>, value: &Value, style: Style) -> Result<(), Refusal> {
    out.push(b'{');
    let start = out.len();
    let mut write = |name: &str, value: &Value, schema| {
        if name == FIELD {
            return Ok(());
        }
        if out.len() > start {
            out.push(b',');
        }
        write_text(out, name);
        out.push(b':');
        style.write_member(out, value, schema)
    };
    match value {
        Value::Struct(record) => {
            for (field, value) in record.schema().fields().iter().zip(record.values()) {
                write(&field.name, value, Some(&*field.schema))?;
            }
        }
        Value::Map(map) => {
            for (name, value) in map.entries() {
                write(name.as_str().unwrap_or_default(), value, None)?;
            }
        }
        _ => {}
    }
    out.push(b'}');
    Ok(())
}

/// Puts the time at the end of the object that begins at a place.
fn append(out: &mut Vec<u8>, start: usize, text: &[u8]) {
    let is_empty = out.len() <= start + 2;
    out.pop();
    if !is_empty {
        out.push(b',');
    }
    out.extend_from_slice(QUOTED);
    out.extend_from_slice(text);
    out.push(b'}');
}
