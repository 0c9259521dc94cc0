//! Parts of JSON text, as Jackson writes them.
//!
//! Source: Jackson's `UTF8JsonGenerator`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::scan::plain_length;
use crate::value::{Value, java_double, java_single};

/// Bytes around a text.
const QUOTES: usize = 2;

/// Appends a boolean, a number, text or bytes; nothing for any other value.
#[inline]
pub fn write_scalar(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Float32(number) => {
            let mut buffer = zmij::Buffer::new();
            write_number(out, java_single(*number, &mut buffer).as_bytes(), number.is_finite());
        }
        Value::Float64(number) => {
            let mut buffer = zmij::Buffer::new();
            write_number(out, java_double(*number, &mut buffer).as_bytes(), number.is_finite());
        }
        Value::String(text) => write_text(out, text),
        Value::Bytes(bytes) => write_base64(out, bytes),
        other => {
            if let Some(number) = other.as_i64() {
                out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
        }
    }
}

/// Appends a number, or in quotes what JSON has no number for.
fn write_number(out: &mut Vec<u8>, text: &[u8], is_finite: bool) {
    if is_finite {
        out.extend_from_slice(text);
    } else {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    }
}

/// Appends bytes as base64 in quotes.
pub fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

/// Appends text in quotes, with what JSON must have escaped, escaped as Jackson does.
#[inline]
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push(b'"');
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + QUOTES);
    loop {
        let (plain, tail) = rest.split_at(plain_length(rest));
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else { break };
        let short = match byte {
            b'"' | b'\\' => *byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x8 => b'b',
            0xc => b'f',
            _ => 0,
        };
        if short == 0 {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
        } else {
            out.extend_from_slice(&[b'\\', short]);
        }
        rest = tail;
    }
    out.push(b'"');
}
