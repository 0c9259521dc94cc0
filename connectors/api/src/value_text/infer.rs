//! Reads text and guesses what it means.
//!
//! Source: apache/kafka `Values.parseString`, with its quirks: of a number that is followed by a
//! delimiter only the number counts, a fraction becomes a `FLOAT32` whenever that is finite, days and
//! months that do not exist run over into the next, and quotes keep their backslashes.

use std::sync::Arc;

use super::{
    Entries,
    dates::{lenient_date, lenient_time, lenient_timestamp},
    parse_decimal,
    tokens::{Tokens, is_blank, java_trim},
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
    if text.is_empty() {
        return plain(text);
    }
    let mut parser = Parser { tokens: Tokens::of(text), depth: 0 };
    parser.value(false).unwrap_or_else(|_| plain(text))
}

fn plain(text: &str) -> SchemaAndValue {
    SchemaAndValue::new(Schema::string(), text.into())
}

fn typed(kind: Type, value: Value) -> SchemaAndValue {
    SchemaAndValue::new(Arc::new(Schema::new(kind)), value)
}

/// A text is not the structure that it began as.
struct NoStructure;

struct Parser<'a> {
    tokens: Tokens<'a>,
    depth: usize,
}

impl Parser<'_> {
    fn value(&mut self, is_embedded: bool) -> Result<SchemaAndValue, NoStructure> {
        if !self.tokens.has_next() {
            return Ok(SchemaAndValue::NULL);
        }
        if is_embedded && self.tokens.take("\"") {
            return Ok(self.quoted());
        }
        for (word, value) in [
            ("null", SchemaAndValue::NULL),
            ("true", typed(Type::Boolean, Value::Boolean(true))),
            ("false", typed(Type::Boolean, Value::Boolean(false))),
        ] {
            if self.literal(word, is_embedded) {
                return Ok(value);
            }
        }
        let start = self.tokens.mark();
        match self.structure() {
            Ok(Some(structure)) => return Ok(structure),
            Ok(None) => {}
            Err(NoStructure) => self.tokens.rewind(start),
        }
        let token = self.tokens.next();
        if is_blank(token) {
            return Ok(plain(token));
        }
        match self.dated_or_number(java_trim(token)) {
            Some(found) => Ok(found),
            None if is_embedded => Err(NoStructure),
            None => Ok(plain(self.tokens.text())),
        }
    }

    /// A word that stands alone, or within a structure.
    fn literal(&mut self, word: &str, is_embedded: bool) -> bool {
        let start = self.tokens.mark();
        if self.tokens.take(word) && (is_embedded || !self.tokens.has_next()) {
            return true;
        }
        self.tokens.rewind(start);
        false
    }

    fn structure(&mut self) -> Result<Option<SchemaAndValue>, NoStructure> {
        if self.depth == MAX_DEPTH {
            return Err(NoStructure);
        }
        self.depth += 1;
        let structure = if self.tokens.take("[") {
            self.array().map(Some)
        } else if self.tokens.take("{") {
            self.map().map(Some)
        } else {
            Ok(None)
        };
        self.depth -= 1;
        structure
    }

    fn array(&mut self) -> Result<SchemaAndValue, NoStructure> {
        let (mut items, mut common) = (Vec::new(), Common::default());
        while self.tokens.has_next() {
            if self.tokens.take("]") {
                let Some(schema) = common.schema() else {
                    return Ok(typed(Type::Array, Value::Array(items)));
                };
                let items = items.into_iter().map(|item| aligned(item, &schema));
                let items = items.collect::<Result<_, _>>()?;
                return Ok(SchemaAndValue::new(
                    Arc::new(Schema::array(schema)),
                    Value::Array(items),
                ));
            }
            if self.tokens.take(",") {
                return Err(NoStructure);
            }
            let item = self.value(true)?;
            common.merge(item.schema);
            items.push(item.value);
            let after = self.tokens.mark();
            if self.tokens.take("]") {
                self.tokens.rewind(after);
            } else if !self.tokens.take(",") {
                return Err(NoStructure);
            }
        }
        Err(NoStructure)
    }

    fn map(&mut self) -> Result<SchemaAndValue, NoStructure> {
        let mut entries = Entries::default();
        let (mut keys, mut values) = (Common::default(), Common::default());
        while self.tokens.has_next() {
            if self.tokens.take("}") {
                return map_of(entries.into_map(), keys.schema(), values.schema());
            }
            if self.tokens.take(",") {
                return Err(NoStructure);
            }
            let key = self.value(true)?;
            if key.value.is_null() || !self.tokens.take(":") {
                return Err(NoStructure);
            }
            let value = self.value(true)?;
            keys.merge(key.schema);
            values.merge(value.schema);
            entries.put(key.value, value.value);
            self.tokens.take(",");
        }
        Err(NoStructure)
    }

    fn quoted(&mut self) -> SchemaAndValue {
        let mut text = String::new();
        while self.tokens.has_next() && !self.tokens.take("\"") {
            text.push_str(self.tokens.next());
        }
        dated(&text).unwrap_or_else(|| plain(&text))
    }

    fn dated_or_number(&mut self, token: &str) -> Option<SchemaAndValue> {
        if token.starts_with(|c: char| c.is_ascii_digit()) {
            // A time has colons, which are tokens of their own.
            let start = self.tokens.mark();
            if let Some(more) = self.tokens.several(4)
                && let Some(found) = dated(&format!("{token}{more}"))
            {
                return Some(found);
            }
            self.tokens.rewind(start);
            if let Some(found) = dated(token) {
                return Some(found);
            }
        }
        number(token)
    }
}

/// A date, time or timestamp.
fn dated(text: &str) -> Option<SchemaAndValue> {
    let text = text.replace("\\:", ":");
    let logical = |kind, name, value| {
        let schema = Schema::new(kind).named(name).versioned(1);
        Some(SchemaAndValue::new(Arc::new(schema), value))
    };
    match text.len() {
        10 => logical(Type::Int32, logical::DATE, Value::Date(lenient_date(&text)?)),
        13 => logical(Type::Int32, logical::TIME, Value::Time(lenient_time(&text)?)),
        24 => logical(Type::Int64, logical::TIMESTAMP, Value::Timestamp(lenient_timestamp(&text)?)),
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
    if decimal.scale != 0 {
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
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    if digits.chars().all(|c| matches!(c, '0' | '+' | '-')) {
        return Some(0);
    }
    let exponent: i32 = exponent.get(1..).map_or(Some(0), |digits| digits.parse().ok())?;
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

/// The schema that all items share so far.
#[derive(Default)]
struct Common {
    schema: Option<Arc<Schema>>,
    is_mixed: bool,
}

impl Common {
    /// Takes one more item into account; of two that are of one type the later counts.
    fn merge(&mut self, schema: Option<Arc<Schema>>) {
        let Some(schema) = schema.filter(|_| !self.is_mixed) else { return };
        self.schema = match self.schema.take() {
            None => Some(schema),
            Some(known) if known.kind() == schema.kind() => Some(schema),
            Some(known) => {
                let (left, right) = (rank(&known), rank(&schema));
                left.zip(right).map(|(left, right)| if left < right { schema } else { known })
            }
        };
        self.is_mixed = self.schema.is_none();
    }

    /// None for mixed kinds or no items.
    fn schema(self) -> Option<Arc<Schema>> {
        self.schema
    }
}

/// Place of a type among numbers, each wider than the one before.
fn rank(schema: &Schema) -> Option<usize> {
    const NUMBERS: [Type; 6] =
        [Type::Int8, Type::Int16, Type::Int32, Type::Int64, Type::Float32, Type::Float64];
    NUMBERS.iter().position(|kind| *kind == schema.kind())
}

fn map_of(
    entries: Map,
    keys: Option<Arc<Schema>>,
    values: Option<Arc<Schema>>,
) -> Result<SchemaAndValue, NoStructure> {
    let Some(keys) = keys else { return Ok(typed(Type::Map, Value::Map(entries))) };
    let mut aligned_entries = Entries::default();
    for (key, value) in entries.into_entries() {
        let value = match &values {
            Some(values) => aligned(value, values)?,
            None => value,
        };
        aligned_entries.put(aligned(key, &keys)?, value);
    }
    let schema = match values {
        Some(values) => Schema::map(keys, values),
        None => Schema::map_with_null_values(keys),
    };
    Ok(SchemaAndValue::new(Arc::new(schema), Value::Map(aligned_entries.into_map())))
}

/// A value as one of the schema that it shares with others; null is none.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "Java widens so")]
fn aligned(value: Value, schema: &Schema) -> Result<Value, NoStructure> {
    let is_dated = matches!(value, Value::Date(_) | Value::Time(_) | Value::Timestamp(_));
    match (schema.name(), schema.kind()) {
        (Some(logical::DATE | logical::TIME | logical::TIMESTAMP), _) if is_dated => {
            return Ok(value);
        }
        _ if value.is_null() || is_dated => return Err(NoStructure),
        _ => {}
    }
    let Some(number) = value.as_i64() else {
        return Ok(match (value, schema.kind()) {
            (Value::Float32(number), Type::Float64) => Value::Float64(number.into()),
            (value, _) => value,
        });
    };
    Ok(match (schema.name(), schema.kind()) {
        (Some(logical::DATE), _) => Value::Date(number as i32),
        (Some(logical::TIME), _) => Value::Time(number as i32),
        (Some(logical::TIMESTAMP), _) => Value::Timestamp(number),
        (_, Type::Int16) => Value::Int16(number as i16),
        (_, Type::Int32) => Value::Int32(number as i32),
        (_, Type::Int64) => Value::Int64(number),
        (_, Type::Float32) => Value::Float32(number as f32),
        (_, Type::Float64) => Value::Float64(number as f64),
        _ => value,
    })
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
        for text in
            ["", "\"hi\"", "5 apples", "1.5f", "0x10", "NaN", "True", "{a:1}", "[1,,2]", "[1,null]"]
        {
            assert_eq!(value(text), Value::from(text), "{text}");
        }
    }

    #[test]
    fn items_of_a_list_share_the_widest_number() {
        let list = infer("[1, 2.5,]");
        assert_eq!(list.value, Value::Array(vec![Value::Float32(1.0), Value::Float32(2.5)]));
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
        assert_eq!(value("2021-13-39"), Value::Date(19_031));
    }
}
