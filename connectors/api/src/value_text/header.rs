//! The text form of header values.
//!
//! Source: apache/kafka `Values.convertToString`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    dates::{MS_PER_DAY, date_text, time_text, timestamp_text},
    separated, write_java_text,
};
use crate::value::{Struct, Value};

/// Text of a header's value; none for null. A string at the top stands without quotes.
#[must_use]
pub fn header_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.to_string()),
        _ => {
            let mut out = String::new();
            write(&mut out, value, Place::Top);
            Some(out)
        }
    }
}

/// Where a value stands: inside another one, texts are quoted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Inside,
}

fn write(out: &mut String, value: &Value, place: Place) {
    match value {
        Value::String(text) => write_quoted(out, text, place),
        Value::Bytes(bytes) => write_quoted(out, &STANDARD.encode(bytes), place),
        Value::Array(items) => {
            out.push('[');
            separated(out, ",", items, |out, item| write(out, item, Place::Inside));
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            separated(out, ",", map.entries(), |out, (key, value)| {
                write(out, key, Place::Inside);
                out.push(':');
                write(out, value, Place::Inside);
            });
            out.push('}');
        }
        Value::Struct(record) => write_struct(out, record),
        Value::Date(days) => write_date(out, i64::from(*days) * MS_PER_DAY),
        Value::Time(ms) => write_date(out, i64::from(*ms)),
        Value::Timestamp(ms) => write_date(out, *ms),
        _ => write_java_text(out, value),
    }
}

fn write_struct(out: &mut String, record: &Struct) {
    out.push('{');
    let fields = record.schema().fields().iter().zip(record.values());
    separated(out, ",", fields, |out, (field, value)| {
        write_quoted(out, &field.name, Place::Inside);
        out.push(':');
        let value = match field.schema.default_value() {
            Some(default) if value.is_null() => default,
            _ => value,
        };
        write(out, value, Place::Inside);
    });
    out.push('}');
}

/// Less than a day is a time, whole days are a date, the rest is both: the type is not asked.
fn write_date(out: &mut String, ms: i64) {
    out.push_str(&match ms {
        // The original asks only whether it is before the second day.
        ..MS_PER_DAY => time_text(ms.rem_euclid(MS_PER_DAY)),
        _ if ms % MS_PER_DAY == 0 => date_text(ms / MS_PER_DAY),
        _ => timestamp_text(ms),
    });
}

fn write_quoted(out: &mut String, text: &str, place: Place) {
    if place == Place::Top {
        return out.push_str(text);
    }
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Map;

    #[test]
    fn nested_values_have_no_blanks_and_quoted_texts() {
        let list = Value::Array(vec![Value::Int8(1), Value::Null, "a\"b\\".into()]);
        assert_eq!(header_text(&list).as_deref(), Some(r#"[1,null,"a\"b\\"]"#));
        let map = Map::new(vec![("k".into(), Value::Float64(1.0))]);
        assert_eq!(header_text(&Value::Map(map)).as_deref(), Some(r#"{"k":1.0}"#));
        assert_eq!(header_text(&"\"raw\"".into()).as_deref(), Some("\"raw\""));
        assert_eq!(header_text(&Value::Null), None);
    }

    #[test]
    fn dates_show_as_much_as_they_hold() {
        let text = |value| header_text(&value).unwrap();
        assert_eq!(text(Value::Date(19_000)), "2022-01-08");
        assert_eq!(text(Value::Time(1_500)), "00:00:01.500Z");
        assert_eq!(text(Value::Timestamp(1_641_600_000_001)), "2022-01-08T00:00:00.001Z");
        assert_eq!(text(Value::Timestamp(1_641_600_000_000)), "2022-01-08");
    }
}
