//! Values as text.
//!
//! Two forms, both fixed by Kafka Connect. [`write_java_text`] is what Java prints: the string
//! converter and the file sink write it. [`header_text`] is the form of headers and of literals in
//! configurations, close to JSON, and [`infer()`] reads it back and guesses the types.

mod dates;
mod decimal;
mod entries;
mod header;
mod infer;
mod tokens;

use crate::value::{Decimal, Value, java_single, write_java_double};

pub use self::{
    dates::{MS_PER_DAY, civil_date, date_text, days_of_civil, time_text, timestamp_text},
    decimal::{decimal_of_bytes, parse_decimal, write_decimal},
    entries::Entries,
    header::header_text,
    infer::infer,
};

/// Name of the Java class that a value has in Kafka Connect, as it stands in messages.
#[must_use]
pub const fn java_class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "java.lang.Boolean",
        Value::Int8(_) => "java.lang.Byte",
        Value::Int16(_) => "java.lang.Short",
        Value::Int32(_) => "java.lang.Integer",
        Value::Int64(_) => "java.lang.Long",
        Value::Float32(_) => "java.lang.Float",
        Value::Float64(_) => "java.lang.Double",
        Value::String(_) => "java.lang.String",
        Value::Bytes(_) => "[B",
        Value::Array(_) => "java.util.ArrayList",
        Value::Map(_) => "java.util.HashMap",
        Value::Struct(_) => "org.apache.kafka.connect.data.Struct",
        Value::Decimal(_) => "java.math.BigDecimal",
        Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => "java.util.Date",
    }
}

/// Appends what Java's `toString` gives: `Struct{a=1,b=x}`, `{k=v}`, `[1, 2]`, `1.0`, `null`.
///
/// Bytes, for which Java prints an address, are written as the text they hold.
/// Source: apache/kafka `StringConverter.java`, `Struct.java`.
pub fn write_java_text(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int8(number) => write_integer(out, i64::from(*number)),
        Value::Int16(number) => write_integer(out, i64::from(*number)),
        Value::Int32(number) => write_integer(out, i64::from(*number)),
        Value::Int64(number) => write_integer(out, *number),
        Value::Float32(number) => out.push_str(&java_single(*number, &mut zmij::Buffer::new())),
        Value::Float64(number) => write_java_double(out, *number),
        Value::String(text) => out.push_str(text),
        Value::Bytes(bytes) => out.push_str(&String::from_utf8_lossy(bytes)),
        Value::Array(items) => {
            out.push('[');
            separated(out, ", ", items, write_java_text);
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            separated(out, ", ", map.entries(), |out, (key, value)| {
                write_java_text(out, key);
                out.push('=');
                write_java_text(out, value);
            });
            out.push('}');
        }
        Value::Struct(record) => {
            out.push_str("Struct{");
            let set = record.iter().filter(|(_, value)| !value.is_null());
            separated(out, ",", set, |out, (name, value)| {
                out.push_str(name);
                out.push('=');
                write_java_text(out, value);
            });
            out.push('}');
        }
        Value::Decimal(Decimal { .. }) | Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => {
            write_logical(out, value);
        }
    }
}

fn write_logical(out: &mut String, value: &Value) {
    match value {
        Value::Decimal(decimal) => write_decimal(out, decimal),
        Value::Date(days) => dates::write_java_date(out, i64::from(*days) * MS_PER_DAY),
        Value::Time(ms) => dates::write_java_date(out, i64::from(*ms)),
        Value::Timestamp(ms) => dates::write_java_date(out, *ms),
        _ => {}
    }
}

fn write_integer(out: &mut String, number: i64) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// Writes items with a separator between them.
fn separated<T>(
    out: &mut String,
    separator: &str,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push_str(separator);
        }
        write(out, item);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        schema::{Schema, Type},
        value::{Map, Struct},
    };

    fn text(value: &Value) -> String {
        let mut out = String::new();
        write_java_text(&mut out, value);
        out
    }

    #[test]
    fn values_print_as_java_prints_them() {
        let schema = Arc::new(
            Schema::new(Type::Struct)
                .field("a", Schema::new(Type::Int32))
                .field("gone", Schema::optional_string())
                .field("b", Schema::string()),
        );
        let record = Struct::new(schema, vec![Value::Int32(1), Value::Null, "x".into()]);
        assert_eq!(text(&Value::Struct(record)), "Struct{a=1,b=x}");
        let list = Value::Array(vec![Value::Int8(-1), "s".into(), Value::Null]);
        let map = Map::new(vec![("k".into(), list), ("f".into(), Value::Float64(1e10))]);
        assert_eq!(text(&Value::Map(map)), "{k=[-1, s, null], f=1.0E10}");
        assert_eq!(text(&Value::Timestamp(0)), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(text(&Value::Date(19_000)), "Sat Jan 08 00:00:00 UTC 2022");
    }
}
