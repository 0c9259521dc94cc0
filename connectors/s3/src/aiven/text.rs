//! Records as lines: CSV and JSON.
//!
//! Source: Aiven-Open/cloud-storage-connectors-for-apache-kafka `output/plainwriter/`,
//! `output/jsonwriter/`.

use chrono::{DateTime, SecondsFormat};
use connect_api::{
    error::{ConnectorError, Result},
    json::{DecimalFormat, write_base64, write_text, write_value},
    record::{Header, SchemaAndValue, SinkRecord},
    schema::Type,
    value::Value,
};

use super::config::{OutputField, ValueEncoding};

/// The original keeps the fields of JSON in a hash map of Java, which orders them so, whatever
/// order `format.output.fields` has.
const JSON_ORDER: [OutputField; 5] = [
    OutputField::Headers,
    OutputField::Offset,
    OutputField::Value,
    OutputField::Key,
    OutputField::Timestamp,
];

/// Appends a record as a line of CSV; after an error some of it may be there.
///
/// # Errors
/// `Record` for keys, values and headers that are no bytes.
pub(super) fn write_csv(
    out: &mut Vec<u8>,
    record: &SinkRecord,
    fields: &[OutputField],
    encoding: ValueEncoding,
) -> Result<()> {
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        match field {
            OutputField::Key => match &record.key.value {
                Value::String(text) => push_base64(out, text.as_bytes()),
                _ => bytes(&record.key)
                    .map_err(|kind| unfit("key", "BYTES or STRING", kind, KEY_HINT))?
                    .into_iter()
                    .for_each(|bytes| push_base64(out, bytes)),
            },
            OutputField::Value => {
                let found = bytes(&record.value);
                let found = found.map_err(|kind| unfit("value", "BYTES", kind, VALUE_HINT))?;
                match encoding {
                    ValueEncoding::Base64 => push_base64(out, found.unwrap_or_default()),
                    ValueEncoding::None => out.extend_from_slice(found.unwrap_or_default()),
                }
            }
            OutputField::Offset => out.extend_from_slice(record.offset.to_string().as_bytes()),
            OutputField::Timestamp => {
                let text = record.timestamp_ms.map(|ms| ms.to_string()).unwrap_or_default();
                out.extend_from_slice(text.as_bytes());
            }
            OutputField::Headers => write_headers(out, &record.headers)?,
        }
    }
    Ok(())
}

const KEY_HINT: &str = "Set key.converter to \
                        org.apache.kafka.connect.converters.ByteArrayConverter or \
                        org.apache.kafka.connect.storage.StringConverter, or format.output.type to \
                        jsonl";
const VALUE_HINT: &str = "Set value.converter to \
                          org.apache.kafka.connect.converters.ByteArrayConverter, or \
                          format.output.type to jsonl";
const HEADER_HINT: &str = "Set header.converter to \
                           org.apache.kafka.connect.converters.ByteArrayConverter, or \
                           format.output.type to jsonl";

/// Each header as `name:value;`, both in Base64.
fn write_headers(out: &mut Vec<u8>, headers: &[Header]) -> Result<()> {
    for header in headers {
        push_base64(out, header.key.as_bytes());
        out.push(b':');
        let found = bytes(&header.data);
        let found = found.map_err(|kind| unfit("header", "BYTES", kind, HEADER_HINT))?;
        push_base64(out, found.unwrap_or_default());
        out.push(b';');
    }
    Ok(())
}

/// The bytes of a value, nothing for null; else what it is instead.
fn bytes(data: &SchemaAndValue) -> Result<Option<&[u8]>, &'static str> {
    match &data.value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(bytes)),
        other => Err(other.kind().map_or("NULL", Type::name)),
    }
}

fn unfit(what: &str, wanted: &str, kind: &str, hint: &str) -> ConnectorError {
    ConnectorError::record(format!("Record {what} schema type must be {wanted}, {kind} given"))
        .hint(hint)
}

/// [`write_base64`] puts quotes around it, as JSON wants them.
fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let begin = out.len();
    write_base64(out, bytes);
    out.pop();
    if begin < out.len() {
        out.remove(begin);
    }
}

/// Appends a record as JSON: an object of its fields, or the only field as it is.
///
/// # Errors
/// `Record` for a timestamp that no calendar reaches.
pub(super) fn write_json_record(
    out: &mut Vec<u8>,
    record: &SinkRecord,
    fields: &[OutputField],
    has_envelope: bool,
) -> Result<()> {
    if !has_envelope {
        return fields.iter().take(1).try_for_each(|field| write_field(out, record, *field));
    }
    out.push(b'{');
    let ordered = JSON_ORDER.iter().filter(|field| fields.contains(field));
    for (place, field) in ordered.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(out, connect_api::config::Choice::word(*field));
        out.push(b':');
        write_field(out, record, *field)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_field(out: &mut Vec<u8>, record: &SinkRecord, field: OutputField) -> Result<()> {
    let mut write = |value: &Value| write_value(out, value, DecimalFormat::Base64);
    match field {
        OutputField::Key => write(&record.key.value),
        OutputField::Value => write(&record.value.value),
        OutputField::Offset => write(&Value::Int64(record.offset)),
        OutputField::Timestamp => match record.timestamp_ms {
            Some(ms) => write(&Value::string(instant(ms)?)),
            None => write(&Value::Null),
        },
        OutputField::Headers => {
            out.push(b'[');
            for (place, header) in record.headers.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(b"{\"key\":");
                write_text(out, &header.key);
                out.extend_from_slice(b",\"value\":");
                write_value(out, &header.data.value, DecimalFormat::Base64);
                out.push(b'}');
            }
            out.push(b']');
        }
    }
    Ok(())
}

/// A time as Java's `ISO_INSTANT` prints it: with milliseconds only where there are some.
fn instant(ms: i64) -> Result<String> {
    let time = DateTime::from_timestamp_millis(ms).ok_or_else(|| {
        ConnectorError::record(format!("Timestamp {ms} is beyond every calendar"))
    })?;
    Ok(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use connect_api::{
        record::{TimestampType, TopicPartition},
        schema::Schema,
        value::{Map, Struct},
    };

    use super::*;

    const EVERY: [OutputField; 5] = [
        OutputField::Key,
        OutputField::Value,
        OutputField::Offset,
        OutputField::Timestamp,
        OutputField::Headers,
    ];

    fn record(key: Value, value: Value) -> SinkRecord {
        let header = |name: &str, value| Header {
            key: name.into(),
            data: SchemaAndValue::schemaless(value),
        };
        SinkRecord {
            topic: "t".into(),
            origin: TopicPartition::new("t", 0),
            offset: 1_232_155,
            timestamp_ms: Some(1_554_210_895_000),
            timestamp_type: TimestampType::CreateTime,
            key: SchemaAndValue::schemaless(key),
            value: SchemaAndValue::schemaless(value),
            headers: vec![
                header("h1", Value::Bytes(Bytes::from_static(b"v1"))),
                header("h2", Value::Null),
            ],
        }
    }

    fn csv(record: &SinkRecord, fields: &[OutputField], encoding: ValueEncoding) -> String {
        let mut out = Vec::new();
        write_csv(&mut out, record, fields, encoding).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn json(record: &SinkRecord, fields: &[OutputField], has_envelope: bool) -> String {
        let mut out = Vec::new();
        write_json_record(&mut out, record, fields, has_envelope).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn raw(text: &'static str) -> Value {
        Value::Bytes(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn csv_has_the_fields_in_their_order() {
        let full = record(raw("key"), raw("Lorem ipsum dolor sit amet"));
        for (fields, encoding, line) in [
            (
                &EVERY[..4],
                ValueEncoding::Base64,
                "a2V5,TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQ=,1232155,1554210895000",
            ),
            (&EVERY[1..2], ValueEncoding::None, "Lorem ipsum dolor sit amet"),
            (&EVERY[4..], ValueEncoding::None, "aDE=:djE=;aDI=:;"),
        ] {
            assert_eq!(csv(&full, fields, encoding), line);
        }
        let named = record("key".into(), raw(""));
        assert_eq!(csv(&named, &EVERY[..1], ValueEncoding::Base64), "a2V5");
        let mut empty = record(Value::Null, Value::Null);
        empty.timestamp_ms = None;
        empty.headers.clear();
        assert_eq!(csv(&empty, &EVERY, ValueEncoding::Base64), ",,1232155,,");
    }

    #[test]
    fn csv_takes_bytes_only() {
        for (bad, told) in [
            (record(Value::Null, "text".into()), "value schema type must be BYTES, STRING given"),
            (
                record(Value::Int64(1), Value::Null),
                "key schema type must be BYTES or STRING, INT64",
            ),
        ] {
            let error = write_csv(&mut Vec::new(), &bad, &EVERY, ValueEncoding::None).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
        let mut bad = record(Value::Null, Value::Null);
        bad.headers[0].data.value = Value::Boolean(true);
        let error = write_csv(&mut Vec::new(), &bad, &EVERY, ValueEncoding::None).unwrap_err();
        assert!(error.remedy().unwrap().contains("header.converter"), "{error}");
    }

    #[test]
    fn json_has_the_fields_in_the_originals_order() {
        let schema = Schema::new(Type::Struct).field("name", Schema::optional_string());
        let value = Value::Struct(Struct::new(Arc::new(schema), vec!["name0".into()]));
        let one = record("key0".into(), value);
        assert_eq!(json(&one, &EVERY[..2], true), r#"{"value":{"name":"name0"},"key":"key0"}"#);
        assert_eq!(json(&one, &EVERY[1..2], false), r#"{"name":"name0"}"#);
        assert_eq!(
            json(&one, &EVERY, true),
            concat!(
                r#"{"headers":[{"key":"h1","value":"djE="},{"key":"h2","value":null}],"#,
                r#""offset":1232155,"value":{"name":"name0"},"key":"key0","#,
                r#""timestamp":"2019-04-02T13:14:55Z"}"#
            )
        );
        let nothing = record(Value::Null, Value::Null);
        assert_eq!(json(&nothing, &EVERY[..2], true), r#"{"value":null,"key":null}"#);
        assert_eq!(json(&nothing, &EVERY[..1], false), "null");
        let map =
            record(Value::Null, Value::Map(Map::new(vec![("a".into(), Value::Float64(1e7))])));
        assert_eq!(json(&map, &EVERY[1..2], true), r#"{"value":{"a":1.0E7}}"#);
    }

    #[test]
    fn times_are_printed_as_java_prints_instants() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.001Z"),
            (1_577_836_801_500, "2020-01-01T00:00:01.500Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "+10000-01-01T00:00:00Z"),
        ] {
            assert_eq!(instant(ms).unwrap(), text);
        }
        assert!(instant(i64::MAX).is_err());
    }
}
