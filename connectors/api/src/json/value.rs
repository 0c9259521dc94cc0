//! Values as JSON text, straight into a buffer.
//!
//! The text is what Jackson writes for the same value, because what a sink writes must not change
//! when a connector moves here: escapes, Java's digits of fractions, fields in the schema's order.

use super::write::{write_base64, write_scalar, write_text};
use crate::{
    config::choice,
    value::{Map, Struct, Value},
    value_text::write_decimal,
};

choice! {
    /// How a decimal stands in JSON.
    pub enum DecimalFormat {
        /// Base64 of the unscaled number.
        Base64 = "BASE64",
        /// A JSON number.
        Numeric = "NUMERIC",
    }
}

/// Appends a value as JSON without its schema.
pub fn write_value(out: &mut Vec<u8>, value: &Value, decimals: DecimalFormat) {
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
        Value::Array(items) => write_array(out, items, decimals),
        Value::Map(map) => write_map(out, map, decimals),
        Value::Struct(record) => write_struct(out, record, decimals),
        scalar => write_scalar(out, scalar),
    }
}

fn write_array(out: &mut Vec<u8>, items: &[Value], decimals: DecimalFormat) {
    out.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_value(out, item, decimals);
    }
    out.push(b']');
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
        if place > 0 {
            out.push(b',');
        }
        if !is_object {
            out.push(b'[');
        }
        write_value(out, key, decimals);
        out.push(if is_object { b':' } else { b',' });
        write_value(out, value, decimals);
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
        if place > 0 {
            out.push(b',');
        }
        write_text(out, &field.name);
        out.push(b':');
        let default = value.is_null().then(|| field.schema.default_value()).flatten();
        write_value(out, default.unwrap_or(value), decimals);
    }
    out.push(b'}');
}
