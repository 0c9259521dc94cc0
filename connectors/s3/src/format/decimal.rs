//! Decimals of any size as Java's `BigDecimal.toString` prints them.

use std::io::Write as _;

use connect_api::value::Decimal;

/// Ten to the ninth: the most decimal digits whose remainder, shifted by 32 bits, fits 64.
const BILLION: u64 = 1_000_000_000;

/// Appends the number.
///
/// Source: Java `BigDecimal.toString`.
pub(super) fn write(out: &mut Vec<u8>, number: &Decimal) {
    let (is_negative, digits) = digits(&number.unscaled);
    if is_negative {
        out.push(b'-');
    }
    let scale = i64::from(number.scale);
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let exponent = count - 1 - scale;
    if scale == 0 {
        out.extend_from_slice(digits.as_bytes());
    } else if scale > 0 && exponent >= -6 {
        write_plain(out, &digits, usize::try_from(scale).unwrap_or(0));
    } else {
        let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
        let point = if rest.is_empty() { "" } else { "." };
        // Writing to memory cannot fail.
        let _written = write!(out, "{first}{point}{rest}");
        if exponent != 0 {
            let _written = write!(out, "E{exponent:+}");
        }
    }
}

fn write_plain(out: &mut Vec<u8>, digits: &str, scale: usize) {
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at_checked(padded.len() - scale).unwrap_or((&padded, ""));
    // Writing to memory cannot fail.
    let _written = write!(out, "{whole}.{fraction}");
}

/// Sign and decimal digits of a big-endian two's complement.
fn digits(bytes: &[u8]) -> (bool, String) {
    let is_negative = bytes.first().is_some_and(|&byte| byte >= 0x80);
    let mut limbs = limbs(bytes, is_negative);
    let mut groups = Vec::new();
    while limbs.iter().any(|&limb| limb != 0) {
        let mut rest = 0_u64;
        for limb in &mut limbs {
            let whole = (rest << 32) | u64::from(*limb);
            *limb = u32::try_from(whole / BILLION).unwrap_or(u32::MAX);
            rest = whole % BILLION;
        }
        groups.push(rest);
    }
    let mut text = groups.pop().unwrap_or(0).to_string();
    for group in groups.iter().rev() {
        text.push_str(&format!("{group:09}"));
    }
    (is_negative, text)
}

/// Magnitude in words of 32 bits, the highest first.
fn limbs(bytes: &[u8], is_negative: bool) -> Vec<u32> {
    let mut magnitude: Vec<u8> =
        bytes.iter().map(|&byte| if is_negative { !byte } else { byte }).collect();
    if is_negative {
        for byte in magnitude.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
        // The lowest number of its length carries out: its magnitude is one bit longer.
        if magnitude.iter().all(|&byte| byte == 0) {
            magnitude.insert(0, 1);
        }
    }
    let groups = magnitude.rchunks(4).rev();
    groups.map(|group| group.iter().fold(0, |word, &byte| (word << 8) | u32::from(byte))).collect()
}
