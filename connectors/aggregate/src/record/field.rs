//! Reading fields of a record, whichever form its value has.

use std::fmt::Write as _;

use connect_api::value::{Decimal, Value};
use serde_json::Value as Json;

use crate::{cell::Number, definition::FieldPath};

/// A value inside a record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node<'a> {
    /// Connect data.
    Connect(&'a Value),
    /// A part of a JSON text.
    Json(&'a Json),
    /// Text that is no part of the value, such as the topic's name.
    Text(&'a str),
}

impl<'a> Node<'a> {
    /// Follows the path; none where a step is missing or the field is null.
    pub(crate) fn at(self, path: &FieldPath) -> Option<Self> {
        let found = match self {
            Self::Connect(value) => {
                let mut steps = path.steps().iter();
                Self::Connect(steps.try_fold(value, |value, step| value.member(step))?)
            }
            Self::Json(value) => {
                let mut steps = path.steps().iter();
                Self::Json(steps.try_fold(value, |value, step| value.get(step.as_str()))?)
            }
            Self::Text(_) => return None,
        };
        (!found.is_null()).then_some(found)
    }

    /// Whether there is nothing.
    pub(crate) fn is_null(self) -> bool {
        matches!(self, Self::Connect(Value::Null) | Self::Json(Json::Null))
    }

    /// The text of a string.
    pub(crate) fn as_text(self) -> Option<&'a str> {
        match self {
            Self::Connect(value) => value.as_str(),
            Self::Json(value) => value.as_str(),
            Self::Text(text) => Some(text),
        }
    }

    /// The number, when it is a finite one.
    pub(crate) fn as_number(self) -> Option<Number> {
        match self {
            Self::Connect(Value::Float32(number)) => Number::real((*number).into()),
            Self::Connect(Value::Float64(number)) => Number::real(*number),
            Self::Connect(Value::Decimal(number)) => Number::real(decimal(number)?),
            Self::Connect(value) => value.as_i64().map(Number::Whole),
            Self::Json(value) => match value.as_i64() {
                Some(number) => Some(Number::Whole(number)),
                None => Number::real(value.as_f64()?),
            },
            Self::Text(_) => None,
        }
    }

    /// Appends the value as JSON text; equal values give equal text.
    pub(crate) fn write(self, out: &mut String) {
        if let Some(text) = self.as_text() {
            return write_text(text, out);
        }
        let written = match (self, self.as_number()) {
            (_, Some(Number::Whole(number))) => write!(out, "{number}"),
            (_, Some(Number::Real(number))) => write!(out, "{}", Json::from(number)),
            (Self::Connect(Value::Boolean(flag)), _) => write!(out, "{flag}"),
            (Self::Connect(Value::Bytes(bytes)), _) => {
                return write_text(&String::from_utf8_lossy(bytes), out);
            }
            (Self::Connect(value), _) => write!(out, "{}", to_json(value)),
            (Self::Json(value), _) => write!(out, "{value}"),
            (Self::Text(_), _) => Ok(()),
        };
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }

    /// The value as people see it in a message, cut where it gets long.
    pub(crate) fn excerpt(self) -> String {
        const MOST_CHARS: usize = 60;
        let mut text = String::new();
        self.write(&mut text);
        match text.char_indices().nth(MOST_CHARS) {
            Some((at, _)) => text.get(..at).map_or_else(String::new, |head| format!("{head}…")),
            None => text,
        }
    }
}

/// Appends a JSON string.
fn write_text(text: &str, out: &mut String) {
    let is_plain = text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if !is_plain {
        return out.push_str(&Json::from(text).to_string());
    }
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// Connect data as JSON; what JSON has no form for becomes text.
fn to_json(value: &Value) -> Json {
    match value {
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Map(map) => {
            let entry = |(key, value): &(Value, Value)| match key.as_str() {
                Some(text) => (text.to_owned(), to_json(value)),
                None => (to_json(key).to_string(), to_json(value)),
            };
            Json::Object(map.entries().iter().map(entry).collect())
        }
        Value::Struct(record) => Json::Object(
            record.iter().map(|(name, value)| (name.to_owned(), to_json(value))).collect(),
        ),
        Value::Boolean(flag) => (*flag).into(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into(),
        _ => match (value.as_str(), Node::Connect(value).as_number()) {
            (Some(text), _) => text.into(),
            (None, Some(number)) => number.shown(),
            (None, None) => Json::Null,
        },
    }
}

/// The nearest double, by way of the decimal digits where they fit 128 bits.
fn decimal(number: &Decimal) -> Option<f64> {
    let negative = number.unscaled.first().is_some_and(|byte| *byte >= 0x80);
    let mut bytes = [if negative { 0xff } else { 0 }; 16];
    let start = bytes.len().checked_sub(number.unscaled.len())?;
    bytes.get_mut(start..)?.copy_from_slice(&number.unscaled);
    format!("{}e{}", i128::from_be_bytes(bytes), -i64::from(number.scale)).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_its_nearest_double() {
        let of =
            |unscaled: &'static [u8], scale| decimal(&Decimal { unscaled: unscaled.into(), scale });
        assert_eq!(of(&[0x04, 0xd2], 2), Some(12.34));
        assert_eq!(of(&[0xff], 1), Some(-0.1));
        assert_eq!(of(&[7], -2), Some(700.0));
    }

    #[test]
    fn equal_values_of_either_form_give_equal_text() {
        for (value, json) in [
            (Value::from("a\"\n"), Json::from("a\"\n")),
            (Value::Int16(7), Json::from(7)),
            (Value::Float64(1.5), Json::from(1.5)),
            (Value::Boolean(true), Json::from(true)),
            (Value::Null, Json::Null),
            (Value::Array(vec![Value::Int8(1), "x".into()]), serde_json::json!([1, "x"])),
        ] {
            let (mut left, mut right) = (String::new(), String::new());
            Node::Connect(&value).write(&mut left);
            Node::Json(&json).write(&mut right);
            assert_eq!(left, right);
        }
    }
}
