//! Numbers as Java converts them: narrowing wraps, and what has a fraction ends at the bounds.
//!
//! Source: Java `Number`, `Float.parseFloat`, `BigDecimal`.

use connect_api::{
    value::{Decimal, Value},
    value_text::{parse_decimal, write_decimal},
};

/// A number of any size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// A whole one; of more than 64 bits only the lowest count.
    Whole(i64),
    /// One with a fraction, not kept for a decimal.
    Real(f64),
}

impl Number {
    /// The number that a value is.
    pub(super) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Float32(number) => Self::Real(f64::from(*number)),
            Value::Float64(number) => Self::Real(*number),
            Value::Decimal(decimal) => Self::Whole(low_bits(decimal)),
            _ => Self::Whole(value.as_i64()?),
        })
    }

    pub(super) fn int8(self) -> i8 {
        let [byte, ..] = self.low_int().to_le_bytes();
        i8::from_le_bytes([byte])
    }

    pub(super) fn int16(self) -> i16 {
        let [low, high, ..] = self.low_int().to_le_bytes();
        i16::from_le_bytes([low, high])
    }

    pub(super) fn int32(self) -> i32 {
        self.low_int()
    }

    pub(super) fn int64(self) -> i64 {
        match self {
            Self::Whole(number) => number,
            Self::Real(number) => saturated_i64(number),
        }
    }

    /// Java narrows to the small types by way of this one.
    fn low_int(self) -> i32 {
        match self {
            Self::Whole(number) => {
                let [a, b, c, d, ..] = number.to_le_bytes();
                i32::from_le_bytes([a, b, c, d])
            }
            Self::Real(number) => saturated_i32(number),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "ends at the bounds, as in Java")]
const fn saturated_i32(number: f64) -> i32 {
    number as i32
}

#[expect(clippy::cast_possible_truncation, reason = "ends at the bounds, as in Java")]
const fn saturated_i64(number: f64) -> i64 {
    number as i64
}

/// The nearest number of 32 bits that a numeric value is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the nearest number is what is wanted"
)]
pub(super) fn float32(value: &Value) -> Option<f32> {
    Some(match value {
        Value::Float32(number) => *number,
        Value::Float64(number) => *number as f32,
        Value::Decimal(decimal) => text_of(decimal).parse().ok()?,
        _ => value.as_i64()? as f32,
    })
}

/// The nearest number of 64 bits that a numeric value is.
#[expect(clippy::cast_precision_loss, reason = "the nearest number is what is wanted")]
pub(super) fn float64(value: &Value) -> Option<f64> {
    Some(match value {
        Value::Float32(number) => f64::from(*number),
        Value::Float64(number) => *number,
        Value::Decimal(decimal) => text_of(decimal).parse().ok()?,
        _ => value.as_i64()? as f64,
    })
}

/// The number nearest to one of 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "the nearest number is what is wanted")]
pub(super) const fn narrowed(number: f64) -> f32 {
    number as f32
}

fn text_of(decimal: &Decimal) -> String {
    let mut text = String::new();
    write_decimal(&mut text, decimal);
    text
}

/// Reads a number with a fraction, as Java writes it; hexadecimal ones are not read.
pub(super) fn parse_float<T: std::str::FromStr>(text: &str) -> Option<T> {
    let text = text.trim_matches(|c| c <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, "NaN" | "Infinity") {
        return text.parse().ok();
    }
    if !unsigned.starts_with(|c: char| c == '.' || c.is_ascii_digit()) {
        return None;
    }
    text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text).parse().ok()
}

/// Reads a number of any form as a whole one; what stands after the point is cut off.
pub(super) fn parse_whole(text: &str) -> Option<i64> {
    parse_decimal(text).as_ref().map(low_bits)
}

/// The lowest 64 bits of a decimal without its fraction.
fn low_bits(decimal: &Decimal) -> i64 {
    let digits = text_of(&Decimal { unscaled: decimal.unscaled.clone(), scale: 0 });
    let (is_negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits.as_str()),
    };
    let scale = usize::try_from(decimal.scale.unsigned_abs()).unwrap_or(usize::MAX);
    let bits = if decimal.scale >= 0 {
        let whole = digits.len().saturating_sub(scale);
        digits.bytes().take(whole).fold(0, times_ten)
    } else if scale >= 64 {
        0 // a multiple of 2^64
    } else {
        digits.bytes().chain(std::iter::repeat_n(b'0', scale)).fold(0, times_ten)
    };
    if is_negative { 0_i64.wrapping_sub(bits) } else { bits }
}

fn times_ten(bits: i64, digit: u8) -> i64 {
    bits.wrapping_mul(10).wrapping_add(i64::from(digit.wrapping_sub(b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_wraps_and_what_has_a_fraction_ends_at_the_bounds() {
        let whole = Number::Whole(0x1_0000_0181);
        assert_eq!((whole.int8(), whole.int16(), whole.int32()), (-127, 0x181, 0x181));
        let real = Number::Real(1e20);
        assert_eq!((real.int8(), real.int16()), (-1, -1));
        assert_eq!((real.int32(), real.int64()), (i32::MAX, i64::MAX));
        assert_eq!(Number::Real(f64::NAN).int64(), 0);
    }

    #[test]
    fn decimals_lose_their_fraction_and_their_high_bits() {
        for (text, whole) in [
            ("1.9", 1),
            ("-1.9", -1),
            ("0.001", 0),
            ("1e3", 1000),
            ("18446744073709551617", 1),
            ("-18446744073709551617.5", -1),
            ("1e100", 0),
        ] {
            assert_eq!(parse_whole(text), Some(whole), "{text}");
        }
        assert_eq!(parse_whole("x"), None);
    }

    #[test]
    fn numbers_with_a_fraction_read_as_in_java() {
        for (text, number) in
            [(" 1.5 ", 1.5), ("1f", 1.0), ("-1.D", -1.0), (".5", 0.5), ("1e400", f64::INFINITY)]
        {
            assert_eq!(parse_float(text), Some(number), "{text}");
        }
        for text in ["", "nan", "inf", "infinity", "x", "1ff", "--1", "1 2"] {
            assert_eq!(parse_float::<f64>(text), None, "{text}");
        }
        assert!(parse_float::<f64>("-NaN").unwrap().is_nan());
    }
}
