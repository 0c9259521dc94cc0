//! Values as text: JSON as Jackson writes it, and what stands in an address.

use connect_api::{
    config::choice,
    json::{write_base64, write_scalar, write_text},
    value::{Map, Struct, Value},
    value_text::write_decimal,
};

choice! {
    /// How a decimal stands in JSON.
    pub(crate) enum DecimalFormat {
        /// Base64 of the unscaled number.
        Base64 = "BASE64",
        /// A JSON number.
        Numeric = "NUMERIC",
    }
}

/// Appends a value as JSON without its schema.
pub(crate) fn write_json(out: &mut Vec<u8>, value: &Value, decimals: DecimalFormat) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Decimal(number) => match decimals {
            DecimalFormat::Base64 => write_base64(out, &number.unscaled),
            DecimalFormat::Numeric => {
                let mut text = String::new();
                write_decimal(&mut text, number);
                out.extend_from_slice(text.as_bytes());
            }
        },
        Value::Array(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                separate(out, place);
                write_json(out, item, decimals);
            }
            out.push(b']');
        }
        Value::Map(map) => write_map(out, map, decimals),
        Value::Struct(record) => write_struct(out, record, decimals),
        scalar => write_scalar(out, scalar),
    }
}

fn separate(out: &mut Vec<u8>, place: usize) {
    if place > 0 {
        out.push(b',');
    }
}

/// An object when every key is a string, else an array of pairs.
fn write_map(out: &mut Vec<u8>, map: &Map, decimals: DecimalFormat) {
    if let Some(text) = map.json() {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let is_object = map.entries().iter().all(|(key, _)| matches!(key, Value::String(_)));
    out.push(if is_object { b'{' } else { b'[' });
    for (place, (key, value)) in map.entries().iter().enumerate() {
        separate(out, place);
        if !is_object {
            out.push(b'[');
        }
        write_json(out, key, decimals);
        out.push(if is_object { b':' } else { b',' });
        write_json(out, value, decimals);
        if !is_object {
            out.push(b']');
        }
    }
    out.push(if is_object { b'}' } else { b']' });
}

/// Fields in the schema's order; a missing value is the field's default, or null.
fn write_struct(out: &mut Vec<u8>, record: &Struct, decimals: DecimalFormat) {
    out.push(b'{');
    for (place, (field, value)) in record.schema().fields().iter().zip(record.values()).enumerate()
    {
        separate(out, place);
        write_text(out, &field.name);
        out.push(b':');
        let default = value.is_null().then(|| field.schema.default_value()).flatten();
        write_json(out, default.unwrap_or(value), decimals);
    }
    out.push(b'}');
}

/// Appends a value as it is read by people: text and bytes as they are, numbers in digits, what has
/// parts as JSON.
pub(crate) fn write_plain(out: &mut Vec<u8>, value: &Value, decimals: DecimalFormat) {
    match value {
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bytes(bytes) => out.extend_from_slice(bytes),
        Value::Decimal(number) => {
            let mut text = String::new();
            write_decimal(&mut text, number);
            out.extend_from_slice(text.as_bytes());
        }
        other => write_json(out, other, decimals),
    }
}
