//! Values as the texts that PostgreSQL reads, by the type of the column.

use connect_api::{
    json::{write_scalar, write_text},
    value::Value,
    value_text::{write_decimal, write_java_text},
};

use super::times::{write_date_of, write_day, write_instant, write_time, write_timestamp};
use crate::{
    config::Zones,
    layout::{Cell, Shape},
};

/// What kind of text a column reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// `true` or `false`.
    Boolean,
    /// Any number.
    Number,
    /// Bytes.
    Bytes,
    /// A uuid.
    Uuid,
    /// A JSON document.
    Json,
    /// A day.
    Date,
    /// A time of a day.
    Time,
    /// A time on a clock.
    Timestamp,
    /// A point in time.
    Instant,
    /// Several of one kind.
    Array(Box<ColumnKind>),
    /// Text, and whatever else reads it: enumerations, addresses, geometries.
    Text,
}

impl From<&Shape> for ColumnKind {
    fn from(shape: &Shape) -> Self {
        match shape {
            Shape::Boolean => Self::Boolean,
            Shape::SmallInt
            | Shape::Int
            | Shape::BigInt
            | Shape::Real
            | Shape::Double
            | Shape::Decimal => Self::Number,
            Shape::Text | Shape::Point(_) => Self::Text,
            Shape::Bytes => Self::Bytes,
            Shape::Date => Self::Date,
            Shape::Time => Self::Time,
            Shape::Timestamp => Self::Timestamp,
            Shape::Document => Self::Json,
            Shape::Array(elements) => Self::Array(Box::new(Self::from(&**elements))),
        }
    }
}

impl ColumnKind {
    /// Whether values of a shape can be written to such a column.
    pub(crate) const fn takes(&self, shape: &Shape) -> bool {
        match shape {
            Shape::Document => matches!(self, Self::Json),
            Shape::Array(_) => matches!(self, Self::Json | Self::Array(_)),
            _ => true,
        }
    }
}

/// How values become text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rendering {
    /// Zones of what has none.
    pub(crate) zones: Zones,
    /// Reference system of points.
    pub(crate) srid: u32,
}

/// Appends a value that is there.
pub(crate) fn write_cell(out: &mut String, cell: Cell<'_>, kind: &ColumnKind, how: Rendering) {
    match cell {
        Cell::Null => {}
        Cell::Text(text) => out.push_str(text),
        Cell::Integer(number) => out.push_str(itoa::Buffer::new().format(number)),
        Cell::Micros(micros) => write_moment(out, micros, kind, how),
        Cell::Point(x, y) => {
            out.push_str("SRID=");
            out.push_str(itoa::Buffer::new().format(how.srid));
            out.push_str(";POINT(");
            write_float(out, x);
            out.push(' ');
            write_float(out, y);
            out.push(')');
        }
        Cell::Value(value) => write_value(out, value, kind, how),
    }
}

fn write_value(out: &mut String, value: &Value, kind: &ColumnKind, how: Rendering) {
    match (value, kind) {
        (Value::Boolean(flag), ColumnKind::Number) => out.push(if *flag { '1' } else { '0' }),
        (Value::Boolean(flag), _) => out.push_str(if *flag { "true" } else { "false" }),
        // What is meant for a document is one, quotes and all.
        (Value::String(text), _) => out.push_str(text),
        (
            Value::Map(_)
            | Value::Struct(_)
            | Value::Bytes(_)
            | Value::Array(_)
            | Value::Decimal(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Timestamp(_),
            ColumnKind::Json,
        ) => write_json(out, value),
        (Value::Array(elements), ColumnKind::Array(kind)) => write_array(out, elements, kind, how),
        (Value::Array(_) | Value::Map(_) | Value::Struct(_), _) => write_json(out, value),
        (Value::Float32(number), _) => {
            let mut buffer = zmij::Buffer::new();
            out.push_str(buffer.format(*number));
        }
        (Value::Float64(number), _) => write_float(out, *number),
        (Value::Bytes(bytes), ColumnKind::Uuid) => write_hex(out, bytes),
        (Value::Bytes(bytes), _) => {
            out.push_str("\\x");
            write_hex(out, bytes);
        }
        (Value::Decimal(decimal), _) => write_decimal(out, decimal),
        (Value::Date(days), _) => write_day(out, (*days).into(), how.zones.of_dates),
        (Value::Time(ms), _) => write_time(out, (*ms).into(), how.zones.of_times),
        (Value::Timestamp(ms), kind) => write_moment(out, ms.saturating_mul(1000), kind, how),
        (other, _) => match other.as_i64() {
            Some(number) => out.push_str(itoa::Buffer::new().format(number)),
            None => write_java_text(out, other),
        },
    }
}

fn write_moment(out: &mut String, micros: i64, kind: &ColumnKind, how: Rendering) {
    match kind {
        ColumnKind::Instant => write_instant(out, micros),
        ColumnKind::Json => {
            let mut text = connect_api::value_text::timestamp_text(micros.div_euclid(1000));
            let beyond_ms = micros.rem_euclid(1000);
            if beyond_ms != 0 {
                text.truncate(text.trim_end_matches('Z').len());
                text = format!("{text}{beyond_ms:03}Z");
            }
            write_json_text(out, &text);
        }
        ColumnKind::Date => write_date_of(out, micros, how.zones.of_times),
        ColumnKind::Number => out.push_str(itoa::Buffer::new().format(micros.div_euclid(1000))),
        _ => write_timestamp(out, micros, how.zones.of_times),
    }
}

fn write_float(out: &mut String, number: f64) {
    out.push_str(zmij::Buffer::new().format(number));
}

fn write_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 0xf] {
            out.push(DIGITS.get(usize::from(nibble)).copied().unwrap_or('0'));
        }
    }
}

fn write_array(out: &mut String, elements: &[Value], kind: &ColumnKind, how: Rendering) {
    out.push('{');
    let mut text = String::new();
    for (place, element) in elements.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        match element {
            Value::Null => out.push_str("NULL"),
            Value::Array(elements) => write_array(out, elements, kind, how),
            element => {
                text.clear();
                write_value(&mut text, element, kind, how);
                out.push('"');
                for c in text.chars() {
                    if matches!(c, '"' | '\\') {
                        out.push('\\');
                    }
                    out.push(c);
                }
                out.push('"');
            }
        }
    }
    out.push('}');
}

/// Appends a value as JSON: decimals as numbers, dates and times as text in UTC.
fn write_json(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Map(map) => {
            let entries = map.entries().iter().map(|(key, value)| match key.as_str() {
                Some(key) => (key.to_owned(), value),
                None => {
                    let mut text = String::new();
                    write_java_text(&mut text, key);
                    (text, value)
                }
            });
            write_object(out, entries);
        }
        Value::Struct(record) => {
            write_object(out, record.iter().map(|(name, value)| (name.to_owned(), value)));
        }
        Value::Array(elements) => {
            out.push('[');
            for (place, element) in elements.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_json(out, element);
            }
            out.push(']');
        }
        Value::Decimal(decimal) => write_decimal(out, decimal),
        Value::Date(days) => {
            write_json_text(out, &connect_api::value_text::date_text((*days).into()));
        }
        Value::Time(ms) => write_json_text(out, &connect_api::value_text::time_text((*ms).into())),
        Value::Timestamp(ms) => {
            write_json_text(out, &connect_api::value_text::timestamp_text(*ms));
        }
        scalar => {
            let mut bytes = Vec::new();
            write_scalar(&mut bytes, scalar);
            out.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
}

fn write_json_text(out: &mut String, text: &str) {
    let mut bytes = Vec::new();
    write_text(&mut bytes, text);
    out.push_str(&String::from_utf8_lossy(&bytes));
}

fn write_object<'v>(out: &mut String, members: impl Iterator<Item = (String, &'v Value)>) {
    out.push('{');
    for (place, (name, value)) in members.enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_json_text(out, &name);
        out.push(':');
        write_json(out, value);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use connect_api::{
        value::{Decimal, Map},
        value_text::parse_decimal,
    };

    use super::*;

    fn text(value: &Value, kind: &ColumnKind) -> String {
        let zones = Zones { of_times: Tz::Europe__Berlin, of_dates: Tz::UTC };
        let mut out = String::new();
        write_cell(&mut out, Cell::Value(value), kind, Rendering { zones, srid: 4326 });
        out
    }

    #[test]
    fn values_are_bound_by_the_type_of_the_column() {
        let noon = Value::Timestamp(1_720_000_000_000);
        let decimal: Decimal = parse_decimal("12.50").unwrap();
        for (value, kind, expected) in [
            (&noon, ColumnKind::Timestamp, "2024-07-03 11:46:40"),
            (&noon, ColumnKind::Instant, "2024-07-03 09:46:40+00"),
            (&noon, ColumnKind::Date, "2024-07-03"),
            (&Value::Boolean(true), ColumnKind::Boolean, "true"),
            (&Value::Boolean(true), ColumnKind::Number, "1"),
            (&Value::Int8(-3), ColumnKind::Number, "-3"),
            (&Value::Float64(1.5), ColumnKind::Number, "1.5"),
            (&Value::Float64(f64::NAN), ColumnKind::Number, "NaN"),
            (&Value::Float32(f32::NEG_INFINITY), ColumnKind::Number, "-inf"),
            (&Value::Decimal(decimal), ColumnKind::Number, "12.50"),
            (&Value::Bytes(b"\x00\xff".as_ref().into()), ColumnKind::Bytes, "\\x00ff"),
            (&Value::Bytes(b"\x00\xff".as_ref().into()), ColumnKind::Uuid, "00ff"),
            (&Value::Date(19_782), ColumnKind::Date, "2024-02-29"),
            (&Value::string(r#"{"a": 1}"#), ColumnKind::Json, r#"{"a": 1}"#),
        ] {
            assert_eq!(text(value, &kind), expected, "{value:?}");
        }
    }

    #[test]
    fn times_are_texts_of_documents() {
        let noon = 1_720_000_000_123;
        for (value, expected) in [
            (Value::Timestamp(noon), "\"2024-07-03T09:46:40.123Z\""),
            (Value::Date(19_782), "\"2024-02-29\""),
            (Value::Time(3_600_000), "\"01:00:00.000Z\""),
        ] {
            assert_eq!(text(&value, &ColumnKind::Json), expected);
        }
        let zones = Zones { of_times: Tz::UTC, of_dates: Tz::UTC };
        for (micros, expected) in [(0, "40.123Z\""), (45, "40.123045Z\"")] {
            let cell = Cell::Micros(noon * 1000 + micros);
            let mut out = String::new();
            write_cell(&mut out, cell, &ColumnKind::Json, Rendering { zones, srid: 4326 });
            assert_eq!(out, format!("\"2024-07-03T09:46:{expected}"));
        }
    }

    #[test]
    fn arrays_and_documents_keep_every_character() {
        let words = Value::Array(vec!["a\"b\\c,{}".into(), Value::Null, "".into()]);
        let kind = ColumnKind::Array(Box::new(ColumnKind::Text));
        assert_eq!(text(&words, &kind), r#"{"a\"b\\c,{}",NULL,""}"#);
        let map = Map::new(vec![("k".into(), words), ("n".into(), Value::Int32(1))]);
        assert_eq!(
            text(&Value::Map(map), &ColumnKind::Json),
            r#"{"k":["a\"b\\c,{}",null,""],"n":1}"#
        );
    }
}
