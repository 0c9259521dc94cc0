//! Parts of JSON text, as Jackson writes them.
//!
//! Source: Jackson's `UTF8JsonGenerator`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{BufMut as _, BytesMut};

/// Most digits of a 64-bit integer, with its sign.
const INTEGER_DIGITS: usize = 20;

/// Appends a number, or in quotes what JSON has no number for.
pub fn write_number(out: &mut BytesMut, text: &str, is_finite: bool) {
    if !is_finite {
        out.put_u8(b'"');
    }
    out.extend_from_slice(text.as_bytes());
    if !is_finite {
        out.put_u8(b'"');
    }
}

/// Appends an integer.
pub fn write_integer(out: &mut BytesMut, number: i64) {
    let mut digits = [0_u8; INTEGER_DIGITS];
    let mut rest = number.unsigned_abs();
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        let [digit, ..] = (rest % 10).to_le_bytes();
        *place = b'0' + digit;
        used += 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.put_u8(b'-');
    }
    out.extend_from_slice(digits.get(INTEGER_DIGITS - used..).unwrap_or_default());
}

/// Appends bytes as base64 in quotes.
pub fn write_base64(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u8(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.put_u8(b'"');
}

/// Appends text in quotes, with what JSON must have escaped, escaped as Jackson does.
pub fn write_text(out: &mut BytesMut, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.put_u8(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        let (plain, tail) = rest.split_at(at);
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
    out.extend_from_slice(rest);
    out.put_u8(b'"');
}
