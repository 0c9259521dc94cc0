//! Values as what stands in an address or a plain body.

use connect_api::{
    json::{DecimalFormat, write_value},
    value::Value,
    value_text::write_decimal,
};

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
        other => write_value(out, other, decimals),
    }
}
