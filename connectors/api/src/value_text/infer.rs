//! Reads text and guesses what it means.
//!
//! Source: apache/kafka `Values.parseString`, with its quirks: of a number that is followed by a
//! delimiter only the number counts, and a fraction becomes a `FLOAT32` whenever that is finite.

use std::sync::Arc;

use super::{
    dates::{parse_date, parse_time, parse_timestamp},
    parse_decimal,
};
use crate::{
    record::SchemaAndValue,
    schema::{Schema, Type, logical},
    value::{Map, Value},
};

/// Deepest nesting that is read as a structure; deeper text stays text.
const MAX_DEPTH: usize = 100;

/// Reads a literal: a boolean, number, date, list or map where the text is one, a string otherwise.
#[must_use]
pub fn infer(text: &str) -> SchemaAndValue {
    let mut parser = Parser { rest: text, depth: 0 };
    let trimmed = text.trim();
    if let Some(literal) = literal(trimmed).or_else(|| dated(trimmed)) {
        return literal;
    }
    if trimmed.starts_with(['[', '{']) {
        parser.rest = trimmed;
        let whole = parser.value().filter(|_| parser.rest.trim().is_empty());
        return whole.map_or_else(|| plain(text), Item::into_top);
    }
    let token = trimmed.find(is_delimiter).map_or(trimmed, |at| trimmed.get(..at).unwrap_or(""));
    number(token.trim()).unwrap_or_else(|| plain(text))
}

fn plain(text: &str) -> SchemaAndValue {
    SchemaAndValue::new(Schema::string(), text.into())
}

const fn is_delimiter(c: char) -> bool {
    matches!(c, ':' | ',' | '[' | ']' | '{' | '}' | '"')
}

fn typed(kind: Type, value: Value) -> SchemaAndValue {
    SchemaAndValue::new(Arc::new(Schema::new(kind)), value)
}

fn literal(text: &str) -> Option<SchemaAndValue> {
    match text {
        "true" => Some(typed(Type::Boolean, Value::Boolean(true))),
        "false" => Some(typed(Type::Boolean, Value::Boolean(false))),
        "null" => Some(SchemaAndValue::NULL),
        _ => None,
    }
}

/// A date, time or timestamp, with or without quotes.
fn dated(text: &str) -> Option<SchemaAndValue> {
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let logical = |kind, name, value| {
        let schema = Schema::new(kind).named(name).versioned(1);
        Some(SchemaAndValue::new(Arc::new(schema), value))
    };
    match bare.len() {
        10 => {
            let days = i32::try_from(parse_date(bare)?).ok()?;
            logical(Type::Int32, logical::DATE, Value::Date(days))
        }
        13 => {
            let ms = i32::try_from(parse_time(bare)?).ok()?;
            logical(Type::Int32, logical::TIME, Value::Time(ms))
        }
        24 => {
            let ms = parse_timestamp(bare)?;
            logical(Type::Int64, logical::TIMESTAMP, Value::Timestamp(ms))
        }
        _ => None,
    }
}

/// The smallest type that holds the number.
fn number(text: &str) -> Option<SchemaAndValue> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-')) {
        return None;
    }
    let decimal = parse_decimal(text)?;
    if let Some(whole) = whole_number(text) {
        return Some(integer(whole));
    }
    let is_plain = !text.contains(['.', 'e', 'E']);
    if !is_plain {
        let single: f32 = text.parse().ok()?;
        if single.is_finite() {
            return Some(typed(Type::Float32, Value::Float32(single)));
        }
        let double: f64 = text.parse().ok()?;
        if double.is_finite() {
            return Some(typed(Type::Float64, Value::Float64(double)));
        }
    }
    let schema = Schema::new(Type::Bytes)
        .named(logical::DECIMAL)
        .versioned(1)
        .parameter("scale", decimal.scale.to_string());
    Some(SchemaAndValue::new(Arc::new(schema), Value::Decimal(decimal)))
}

/// The number when it has no fraction and fits 64 bits: also `1.0` and `1e3`.
fn whole_number(text: &str) -> Option<i64> {
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let at = text.find(['e', 'E']).unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at_checked(at)?;
    let exponent: i32 = exponent.get(1..).map_or(Some(0), |digits| digits.parse().ok())?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    if shift > 20 {
        return None;
    }
    match usize::try_from(shift) {
        Ok(zeros) => digits.extend(std::iter::repeat_n('0', zeros)),
        Err(_) => {
            for _ in 0..shift.unsigned_abs() {
                if digits.pop()? != '0' {
                    return None;
                }
            }
        }
    }
    digits.parse().ok()
}

fn integer(number: i64) -> SchemaAndValue {
    if let Ok(number) = i8::try_from(number) {
        typed(Type::Int8, Value::Int8(number))
    } else if let Ok(number) = i16::try_from(number) {
        typed(Type::Int16, Value::Int16(number))
    } else if let Ok(number) = i32::try_from(number) {
        typed(Type::Int32, Value::Int32(number))
    } else {
        typed(Type::Int64, Value::Int64(number))
    }
}

/// A part of a structure, whose schema is found once all its siblings are known.
struct Item(SchemaAndValue);

impl Item {
    fn into_top(self) -> SchemaAndValue {
        self.0
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self) -> Option<Item> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.rest = self.rest.trim_start();
        let item = match self.rest.chars().next()? {
            '[' => self.array(),
            '{' => self.map(),
            '"' => {
                let text = self.quoted()?;
                Some(dated(&text).unwrap_or_else(|| plain(&text)))
            }
            _ => self.bare(),
        };
        self.depth -= 1;
        item.map(Item)
    }

    fn take(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn array(&mut self) -> Option<SchemaAndValue> {
        self.take('[');
        let mut items = Vec::new();
        while !self.take(']') {
            items.push(self.value()?.0);
            if !self.take(',') && !self.rest.trim_start().starts_with(']') {
                return None;
            }
        }
        let (schema, values) = joined(items);
        let schema = schema.map_or_else(|| Schema::new(Type::Array), Schema::array);
        Some(SchemaAndValue::new(Arc::new(schema), Value::Array(values)))
    }

    fn map(&mut self) -> Option<SchemaAndValue> {
        self.take('{');
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        while !self.take('}') {
            let key = self.value()?.0;
            if !self.take(':') {
                return None;
            }
            keys.push(key);
            values.push(self.value()?.0);
            self.take(',');
        }
        let ((key_schema, keys), (value_schema, values)) = (joined(keys), joined(values));
        let schema = match (key_schema, value_schema) {
            (Some(keys), Some(values)) => Schema::map(keys, values),
            _ => Schema::new(Type::Map),
        };
        let map = Map(keys.into_iter().zip(values).collect());
        Some(SchemaAndValue::new(Arc::new(schema), Value::Map(map)))
    }

    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        loop {
            match chars.next()? {
                (_, '\\') => text.push(chars.next()?.1),
                (at, '"') => {
                    self.rest = self.rest.get(at + 1..)?;
                    return Some(text);
                }
                (_, c) => text.push(c),
            }
        }
    }

    /// A word up to the next delimiter: only literals, numbers and dates may stand unquoted.
    fn bare(&mut self) -> Option<SchemaAndValue> {
        if let Some(found) = [24, 13, 10].into_iter().find_map(|length| {
            let (head, tail) = self.rest.split_at_checked(length)?;
            Some((dated(head)?, tail))
        }) {
            self.rest = found.1;
            return Some(found.0);
        }
        let end = self.rest.find(is_delimiter).unwrap_or(self.rest.len());
        let (word, rest): (&'a str, &'a str) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let word = word.trim();
        literal(word).or_else(|| number(word))
    }
}

/// The schema that all items share, numbers widened to it; none for mixed kinds or no items.
fn joined(items: Vec<SchemaAndValue>) -> (Option<Arc<Schema>>, Vec<Value>) {
    let mut common: Option<Arc<Schema>> = None;
    let mut is_mixed = false;
    for schema in items.iter().filter_map(|item| item.schema.as_ref()) {
        common = match common.take() {
            None => Some(Arc::clone(schema)),
            Some(known) if known == *schema => Some(known),
            Some(known) => match wider(&known, schema) {
                Some(kind) => Some(Arc::new(Schema::new(kind))),
                None => {
                    is_mixed = true;
                    break;
                }
            },
        };
    }
    if is_mixed {
        common = None;
    }
    let widen = |value| match common.as_ref().map(|schema| schema.kind()) {
        Some(kind) => widened(value, kind),
        None => value,
    };
    let values = items.into_iter().map(|item| widen(item.value)).collect();
    (common, values)
}

const NUMBERS: [Type; 6] =
    [Type::Int8, Type::Int16, Type::Int32, Type::Int64, Type::Float32, Type::Float64];

fn wider(left: &Schema, right: &Schema) -> Option<Type> {
    let rank = |schema: &Schema| {
        let is_plain = schema.name().is_none();
        NUMBERS.iter().position(|kind| is_plain && *kind == schema.kind())
    };
    NUMBERS.get(rank(left)?.max(rank(right)?)).copied()
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "Java widens so")]
fn widened(value: Value, kind: Type) -> Value {
    let Some(number) = value.as_i64() else {
        return match (value, kind) {
            (Value::Float32(number), Type::Float64) => Value::Float64(number.into()),
            (value, _) => value,
        };
    };
    match (&value, kind) {
        (Value::Date(_) | Value::Time(_) | Value::Timestamp(_), _) => value,
        (_, Type::Int16) => Value::Int16(number as i16),
        (_, Type::Int32) => Value::Int32(number as i32),
        (_, Type::Int64) => Value::Int64(number),
        (_, Type::Float32) => Value::Float32(number as f32),
        (_, Type::Float64) => Value::Float64(number as f64),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        infer(text).value
    }

    #[test]
    fn literals_and_numbers_take_the_smallest_type() {
        for (text, expected) in [
            ("true", Value::Boolean(true)),
            (" null ", Value::Null),
            ("127", Value::Int8(127)),
            ("128", Value::Int16(128)),
            ("00012", Value::Int8(12)),
            ("1.0", Value::Int8(1)),
            ("1e3", Value::Int16(1000)),
            ("-70000", Value::Int32(-70_000)),
            ("5000000000", Value::Int64(5_000_000_000)),
            ("3.14159265358979", Value::Float32(std::f32::consts::PI)),
            ("1e300", Value::Float64(1e300)),
            ("12:30", Value::Int8(12)),
            ("1,2", Value::Int8(1)),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
        assert!(matches!(value("123456789012345678901"), Value::Decimal(_)));
    }

    #[test]
    fn what_is_nothing_else_is_text_as_it_stands() {
        for text in ["", "\"hi\"", "5 apples", "1.5f", "0x10", "NaN", "True", "{a:1}", "[1,,2]"] {
            assert_eq!(value(text), Value::from(text), "{text}");
        }
    }

    #[test]
    fn items_of_a_list_share_the_widest_number() {
        let list = infer("[1, 2.5, null,]");
        let expected = vec![Value::Float32(1.0), Value::Float32(2.5), Value::Null];
        assert_eq!(list.value, Value::Array(expected));
        let elements = list.schema.unwrap().value_schema().map(|schema| schema.kind());
        assert_eq!(elements, Some(Type::Float32));
        assert!(infer("[1,\"x\"]").schema.unwrap().value_schema().is_none());
    }

    #[test]
    fn dates_are_recognised_inside_and_outside_of_quotes() {
        assert_eq!(value("2022-01-08"), Value::Date(19_000));
        assert_eq!(value("00:00:01.500Z"), Value::Time(1500));
        let map = value(r#"{"at": "2022-01-08T00:00:00.001Z"}"#);
        assert_eq!(map.member("at"), Some(&Value::Timestamp(1_641_600_000_001)));
    }
}
