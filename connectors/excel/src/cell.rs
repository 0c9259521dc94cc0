//! A value as a cell of Excel.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use connect_api::{
    json::{write_scalar, write_text},
    value::Value,
    value_text::{MS_PER_DAY, date_text, time_text, timestamp_text, write_decimal},
};
use serde_json::{Number, Value as Json, json};

/// Characters that a cell can hold.
pub(crate) const MOST_CHARACTERS: usize = 32_767;
/// Beyond it Excel, which has 15 digits, would show another number.
const LARGEST_EXACT: u64 = 999_999_999_999_999;
/// Days from the zero of Excel's dates, 1899-12-30, to 1970.
const EPOCH_DAYS: i32 = 25_569;
/// The first day that every program reads alike: 1900-03-01, after the leap day that never was.
const FIRST_DAY: f64 = 61.0;
/// The day after the last one, 9999-12-31.
const END_DAY: f64 = 2_958_466.0;

/// What a cell holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Nothing.
    Empty,
    /// `TRUE` or `FALSE`.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
    /// A day and a time, as days since the zero of Excel.
    Moment(f64),
    /// A day.
    Day(f64),
    /// A time of the day, as a part of a day.
    Time(f64),
}

impl Cell {
    /// The cell of a value.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Empty,
            Value::Boolean(is) => Self::Boolean(*is),
            Value::Float32(number) => Self::real(f64::from(*number)),
            Value::Float64(number) => Self::real(*number),
            Value::String(text) => Self::Text(text.to_string()),
            Value::Bytes(bytes) => Self::Text(base64(bytes)),
            Value::Decimal(_) => {
                let text = text_of(value);
                let digits = text.bytes().filter(u8::is_ascii_digit).count();
                match text.parse() {
                    Ok(number) if digits <= 15 => Self::real(number),
                    _ => Self::Text(text),
                }
            }
            Value::Timestamp(ms) => {
                let day = days(*ms) + f64::from(EPOCH_DAYS);
                dated(day, Self::Moment, || timestamp_text(*ms))
            }
            Value::Date(days) => {
                let day = f64::from(*days) + f64::from(EPOCH_DAYS);
                dated(day, Self::Day, || date_text((*days).into()))
            }
            Value::Time(ms) => match u32::try_from(*ms) {
                Ok(ms) if i64::from(ms) < MS_PER_DAY => Self::Time(f64::from(ms) / 86_400_000.0),
                _ => Self::Text(time_text((*ms).into())),
            },
            Value::Array(_) | Value::Map(_) | Value::Struct(_) => Self::Text(nested(value)),
            whole => whole.as_i64().map_or(Self::Empty, Self::whole),
        }
    }

    fn real(number: f64) -> Self {
        if number.is_finite() { Self::Number(number) } else { Self::Text(number.to_string()) }
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers with more digits are text")]
    fn whole(number: i64) -> Self {
        match number.unsigned_abs() {
            ..=LARGEST_EXACT => Self::Number(number as f64),
            _ => Self::Text(number.to_string()),
        }
    }

    /// As the store keeps it.
    pub(crate) fn to_json(&self) -> Json {
        let number = |number: f64| Number::from_f64(number).map_or(Json::Null, Json::Number);
        match self {
            Self::Empty => Json::Null,
            Self::Boolean(is) => Json::Bool(*is),
            Self::Number(value) => number(*value),
            Self::Text(text) => Json::String(text.clone()),
            Self::Moment(day) => json!({"m": number(*day)}),
            Self::Day(day) => json!({"d": number(*day)}),
            Self::Time(part) => json!({"t": number(*part)}),
        }
    }

    /// What [`Cell::to_json`] wrote.
    pub(crate) fn from_json(json: Json) -> Self {
        match json {
            Json::Bool(is) => Self::Boolean(is),
            Json::Number(number) => number.as_f64().map_or(Self::Empty, Self::Number),
            Json::String(text) => Self::Text(text),
            Json::Object(object) => {
                let number = |name: &str| object.get(name).and_then(Json::as_f64);
                let moment = number("m").map(Self::Moment);
                let day = || number("d").map(Self::Day);
                let time = || number("t").map(Self::Time);
                moment.or_else(day).or_else(time).unwrap_or(Self::Empty)
            }
            Json::Null | Json::Array(_) => Self::Empty,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "the milliseconds of ten thousand years fit")]
fn days(ms: i64) -> f64 {
    let (whole, part) = (ms.div_euclid(MS_PER_DAY), ms.rem_euclid(MS_PER_DAY));
    whole as f64 + part as f64 / MS_PER_DAY as f64
}

/// A date that Excel can show, or its text.
fn dated(day: f64, cell: fn(f64) -> Cell, text: impl FnOnce() -> String) -> Cell {
    if (FIRST_DAY..END_DAY).contains(&day) { cell(day) } else { Cell::Text(text()) }
}

/// What has parts, as JSON.
fn nested(value: &Value) -> String {
    let mut out = Vec::new();
    write_nested(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}

fn write_nested(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                separate(out, place);
                write_nested(out, item);
            }
            out.push(b']');
        }
        Value::Map(map) => {
            out.push(b'{');
            for (place, (key, value)) in map.entries().iter().enumerate() {
                separate(out, place);
                write_member(out, key, value);
            }
            out.push(b'}');
        }
        Value::Struct(record) => {
            out.push(b'{');
            for (place, (name, value)) in record.iter().enumerate() {
                separate(out, place);
                write_member(out, &Value::string(name), value);
            }
            out.push(b'}');
        }
        Value::Null => out.extend_from_slice(b"null"),
        // A number of JSON has as many digits as it needs.
        Value::Decimal(_) => out.extend(text_of(value).into_bytes()),
        Value::Timestamp(_) | Value::Date(_) | Value::Time(_) => {
            write_text(out, &text_of(value));
        }
        scalar => write_scalar(out, scalar),
    }
}

/// A value that is a name, with all of its digits.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Bytes(bytes) => base64(bytes),
        Value::Decimal(decimal) => {
            let mut text = String::new();
            write_decimal(&mut text, decimal);
            text
        }
        Value::Timestamp(ms) => timestamp_text(*ms),
        Value::Date(days) => date_text((*days).into()),
        Value::Time(ms) => time_text((*ms).into()),
        Value::Float32(number) if !number.is_finite() => number.to_string(),
        Value::Float64(number) if !number.is_finite() => number.to_string(),
        other => nested(other),
    }
}

fn write_member(out: &mut Vec<u8>, key: &Value, value: &Value) {
    write_text(out, &text_of(key));
    out.push(b':');
    write_nested(out, value);
}

fn separate(out: &mut Vec<u8>, place: usize) {
    if place > 0 {
        out.push(b',');
    }
}

fn base64(bytes: &Bytes) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use connect_api::value::{Decimal, Map};

    use super::*;

    #[test]
    fn values_become_what_excel_has_for_them() {
        let map = Map::new(vec![("a".into(), Value::Array(vec![Value::Int64(1), Value::Null]))]);
        for (value, cell) in [
            (Value::Null, Cell::Empty),
            (Value::Int64(7), Cell::Number(7.0)),
            (Value::Int64(1_234_567_890_123_456), Cell::Text("1234567890123456".to_owned())),
            (Value::Float64(f64::NAN), Cell::Text("NaN".to_owned())),
            (
                Value::Decimal(Decimal { unscaled: Bytes::from_static(&[0, 150]), scale: 2 }),
                Cell::Number(1.5),
            ),
            (Value::Bytes(Bytes::from_static(b"hi")), Cell::Text("aGk=".to_owned())),
            // 2026-11-21T12:00:00Z
            (Value::Timestamp(1_795_262_400_000), Cell::Moment(46_347.5)),
            (Value::Date(20_778), Cell::Day(46_347.0)),
            (Value::Time(21_600_000), Cell::Time(0.25)),
            (Value::Date(-40_000), Cell::Text("1860-06-26".to_owned())),
            (Value::Map(map), Cell::Text(r#"{"a":[1,null]}"#.to_owned())),
        ] {
            assert_eq!(Cell::of(&value), cell, "{value:?}");
            assert_eq!(Cell::from_json(cell.to_json()), cell);
        }
    }

    #[test]
    fn nested_numbers_keep_their_kind_and_their_digits() {
        let fraction = Decimal { unscaled: Bytes::from_static(&[0, 150]), scale: 2 };
        let keys = vec![
            (Value::Int32(7), Value::Int64(i64::MAX)),
            (Value::Int64(i64::MIN), Value::Int8(-3)),
            (Value::Boolean(true), Value::Float64(1.0)),
            (Value::Date(20_778), Value::Decimal(fraction)),
            (Value::Float32(f32::NAN), Value::Float32(f32::NAN)),
            ("t".into(), Value::Timestamp(1_795_262_400_000)),
        ];
        assert_eq!(
            Cell::of(&Value::Map(Map::new(keys))),
            Cell::Text(
                r#"{"7":9223372036854775807,"-9223372036854775808":-3,"true":1.0,"2026-11-21":1.50,"NaN":"NaN","t":"2026-11-21T12:00:00.000Z"}"#
                    .to_owned()
            )
        );
    }
}
