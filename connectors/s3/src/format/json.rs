//! Values as JSON text, straight into a buffer.
//!
//! The text is what Jackson writes for the same value, because objects must not change when a
//! connector moves here: escapes, Java's digits of fractions, fields in the schema's order.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use connect_api::value::{Map, Struct, Value, write_java_double, write_java_single};

use super::decimal;
use crate::config::DecimalFormat;

/// Appends a value.
pub(super) fn write_value(out: &mut Vec<u8>, value: &Value, decimals: DecimalFormat) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Int8(number) => write_integer(out, (*number).into()),
        Value::Int16(number) => write_integer(out, (*number).into()),
        Value::Int32(number) | Value::Date(number) | Value::Time(number) => {
            write_integer(out, (*number).into());
        }
        Value::Int64(number) | Value::Timestamp(number) => write_integer(out, *number),
        Value::Float32(number) => write_single(out, *number),
        Value::Float64(number) => write_double(out, *number),
        Value::String(text) => write_text(out, text),
        Value::Bytes(bytes) => write_base64(out, bytes),
        Value::Decimal(number) => match decimals {
            DecimalFormat::Base64 => write_base64(out, &number.unscaled),
            DecimalFormat::Numeric => decimal::write(out, number),
        },
        Value::Array(items) => write_array(out, items, decimals),
        Value::Map(map) => write_map(out, map, decimals),
        Value::Struct(record) => write_struct(out, record, decimals),
    }
}

/// Two digits of every number below a hundred.
const PAIRS: &[u8; 200] = b"00010203040506070809101112131415161718192021222324\
    25262728293031323334353637383940414243444546474849\
    50515253545556575859606162636465666768697071727374\
    75767778798081828384858687888990919293949596979899";

/// Writes the digits from the right, two at a time.
fn write_integer(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        let pair = usize::try_from(rest % 100).unwrap_or(0) * 2;
        let is_pair = rest >= 10;
        rest /= 100;
        let two = PAIRS.get(pair..pair + 2).unwrap_or(b"00");
        let used = if is_pair { two } else { two.get(1..).unwrap_or_default() };
        at -= used.len();
        if let Some(room) = digits.get_mut(at..at + used.len()) {
            room.copy_from_slice(used);
        }
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// Java's text, which is Rust's own within these bounds; what is no number is a string.
fn write_double(out: &mut Vec<u8>, number: f64) {
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        // Writing to memory cannot fail.
        let _written = write!(out, "{number:?}");
        return;
    }
    let mut text = String::new();
    write_java_double(&mut text, number);
    write_number_text(out, &text, number.is_finite());
}

fn write_single(out: &mut Vec<u8>, number: f32) {
    let mut text = String::new();
    write_java_single(&mut text, number);
    write_number_text(out, &text, number.is_finite());
}

fn write_number_text(out: &mut Vec<u8>, text: &str, is_number: bool) {
    if is_number {
        out.extend_from_slice(text.as_bytes());
    } else {
        write_text(out, text);
    }
}

/// Escapes what Jackson escapes: quotes, backslashes and control characters.
fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else { break };
        write_escape(out, byte);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            let _written = write!(out, "\\u{byte:04X}");
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
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
    let is_object = map.0.iter().all(|(key, _)| matches!(key, Value::String(_)));
    out.push(if is_object { b'{' } else { b'[' });
    for (place, (key, value)) in map.0.iter().enumerate() {
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
