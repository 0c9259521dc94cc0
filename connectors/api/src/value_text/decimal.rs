//! Decimals as digits, of any length.
//!
//! Source: Java `BigDecimal.toString` and `BigDecimal(String)`.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::value::Decimal;

/// Base of the limbs: nine decimal digits each.
const LIMB: u64 = 1_000_000_000;

/// Most digits, and largest exponent, that are read: beyond, a text is no number but an attack.
const MAX_DIGITS: usize = 1000;

/// Most bytes that the unscaled number of a decimal is read from: some ten thousand digits. The
/// time to print a number grows with the square of its length, and a megabyte would take minutes.
const MAX_BYTES: usize = 4096;

/// The decimal of an unscaled number in big-endian two's complement, of which there is a byte.
///
/// # Errors
/// The reason, as a sentence, when it has more digits than can be printed in time.
pub fn decimal_of_bytes(unscaled: Bytes, scale: i32) -> Result<Decimal, String> {
    if unscaled.len() > MAX_BYTES {
        return Err(format!(
            "A decimal takes {} bytes, and at most {MAX_BYTES} can be read",
            unscaled.len()
        ));
    }
    Ok(Decimal { unscaled, scale })
}

/// Appends the decimal as Java prints it: `1.50`, `-0.001`, `1E+3`.
pub fn write_decimal(out: &mut String, decimal: &Decimal) {
    let (is_negative, digits) = digits_of(&decimal.unscaled);
    if is_negative {
        out.push('-');
    }
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let scale = i64::from(decimal.scale);
    let adjusted = length - 1 - scale;
    if scale == 0 {
        out.push_str(&digits);
    } else if scale > 0 && adjusted >= -6 {
        write_plain(out, &digits, length - scale);
    } else {
        let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        if adjusted != 0 {
            // Writing to a string cannot fail.
            let _written = write!(out, "E{adjusted:+}");
        }
    }
}

/// Digits with the point after so many of them; a number not above zero adds zeros in front.
fn write_plain(out: &mut String, digits: &str, point: i64) {
    match usize::try_from(point) {
        Ok(point) if point > 0 => {
            let (whole, fraction) = digits.split_at_checked(point).unwrap_or((digits, ""));
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        }
        _ => {
            out.push_str("0.");
            let zeros = usize::try_from(point.unsigned_abs()).unwrap_or(0);
            out.extend(std::iter::repeat_n('0', zeros));
            out.push_str(digits);
        }
    }
}

/// Reads a decimal with its exact scale; none when the text is not a number.
#[must_use]
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (is_negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let count = whole.len() + fraction.len();
    let is_number = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if count == 0 || count > MAX_DIGITS || !is_number {
        return None;
    }
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let digits = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0');
    Some(Decimal { unscaled: twos_complement(magnitude(digits), is_negative), scale })
}

/// Bytes of a number from its digits, lowest first.
fn magnitude(digits: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for digit in digits {
        let mut carry = u16::from(digit);
        for byte in &mut bytes {
            let [low, high] = (u16::from(*byte) * 10 + carry).to_le_bytes();
            *byte = low;
            carry = u16::from(high);
        }
        let [low, _] = carry.to_le_bytes();
        if low != 0 {
            bytes.push(low);
        }
    }
    bytes
}

/// Shortest big-endian two's complement of a magnitude, as Java's `BigInteger.toByteArray`.
fn twos_complement(mut bytes: Vec<u8>, is_negative: bool) -> Bytes {
    bytes.push(0);
    if is_negative {
        negate(&mut bytes);
    }
    bytes.reverse();
    let sign = if bytes.first().is_some_and(|byte| *byte >= 0x80) { 0xff } else { 0 };
    let needless = bytes
        .windows(2)
        .take_while(|pair| matches!(pair, [a, b] if *a == sign && (*b >= 0x80) == (sign != 0)))
        .count();
    Bytes::from(bytes).slice(needless..)
}

/// Negates a number in two's complement, lowest byte first.
fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes {
        (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
    }
}

/// Sign and decimal digits of a big-endian two's complement number.
fn digits_of(unscaled: &[u8]) -> (bool, String) {
    let is_negative = unscaled.first().is_some_and(|byte| *byte >= 0x80);
    let mut bytes: Vec<u8> = unscaled.iter().rev().copied().collect();
    if is_negative {
        negate(&mut bytes);
    }
    let mut limbs: Vec<u64> = Vec::new();
    // Four bytes a step: a limb of them and the carry stay within 64 bits.
    for chunk in bytes.chunks(4).rev() {
        let mut carry = chunk.iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        for limb in &mut limbs {
            let value = (*limb << (8 * chunk.len())) + carry;
            *limb = value % LIMB;
            carry = value / LIMB;
        }
        while carry > 0 {
            limbs.push(carry % LIMB);
            carry /= LIMB;
        }
    }
    let mut digits = String::new();
    for (place, limb) in limbs.iter().rev().enumerate() {
        // Writing to a string cannot fail.
        let _written =
            if place == 0 { write!(digits, "{limb}") } else { write!(digits, "{limb:09}") };
    }
    if digits.is_empty() {
        digits.push('0');
    }
    (is_negative, digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(text: &str) -> String {
        let mut out = String::new();
        write_decimal(&mut out, &parse_decimal(text).unwrap());
        out
    }

    #[test]
    fn decimals_print_as_java_prints_them() {
        for (given, printed) in [
            ("1.50", "1.50"),
            ("-0.001", "-0.001"),
            ("0", "0"),
            ("0.00", "0.00"),
            ("1e3", "1E+3"),
            ("1.25E-9", "1.25E-9"),
            ("0.0000001", "1E-7"),
            ("0.000001", "0.000001"),
            ("-128", "-128"),
            ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
        ] {
            assert_eq!(round_trip(given), printed);
        }
        assert_eq!(parse_decimal("1.2.3"), None);
        assert_eq!(parse_decimal(""), None);
    }

    #[test]
    fn unscaled_bytes_are_the_shortest_twos_complement() {
        let bytes = |text: &str| parse_decimal(text).unwrap().unscaled.to_vec();
        assert_eq!(bytes("0"), [0]);
        assert_eq!(bytes("127"), [0x7f]);
        assert_eq!(bytes("128"), [0, 0x80]);
        assert_eq!(bytes("-1"), [0xff]);
        assert_eq!(bytes("-128"), [0x80]);
        assert_eq!(bytes("-129"), [0xff, 0x7f]);
        assert_eq!(bytes("1.50"), [0, 150]);
    }

    #[test]
    fn a_decimal_of_any_length_is_printed_or_refused_in_time() {
        let longest = decimal_of_bytes(Bytes::from(vec![0x7f; MAX_BYTES]), 0).unwrap();
        let mut text = String::new();
        write_decimal(&mut text, &longest);
        assert_eq!(text.len(), 9864);
        assert!(text.starts_with("704955101") && text.ends_with("672439167"));
        let refused = decimal_of_bytes(Bytes::from(vec![1; 1 << 20]), 0).unwrap_err();
        assert_eq!(refused, "A decimal takes 1048576 bytes, and at most 4096 can be read");
    }

    #[test]
    fn exponents_are_not_spelt_out() {
        for text in ["1E+999999999", "1E-999999999", "-1.5E+2147483647"] {
            assert_eq!(round_trip(text), text);
        }
        assert_eq!(parse_decimal("1e9999999999"), None);
        assert_eq!(parse_decimal(&"9".repeat(MAX_DIGITS + 1)), None);
    }

    proptest! {
        #[test]
        fn every_number_reads_back_as_it_was(number: i128, scale in 0_u32..30) {
            let unscaled = Bytes::copy_from_slice(&number.to_be_bytes());
            let decimal = Decimal { unscaled, scale: i32::try_from(scale).unwrap() };
            let mut text = String::new();
            write_decimal(&mut text, &decimal);
            let read = parse_decimal(&text).unwrap();
            let mut again = String::new();
            write_decimal(&mut again, &read);
            prop_assert_eq!(&text, &again);
            prop_assert_eq!(read.scale, decimal.scale);
        }
    }
}
