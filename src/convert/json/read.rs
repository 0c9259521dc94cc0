//! JSON nodes to Connect data by a schema.
//!
//! Source: apache/kafka `JsonConverter.convertToConnect`: a node of the wrong kind gives the value
//! that Jackson gives, 0, false or null, and only shapes are checked.

use std::sync::Arc;

use base64::{DecodeError, Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use connect_api::{
    error::{ConnectorError, Result},
    json::{Node, NodeRef, Text, wrapping},
    schema::{Field, Schema, Type, logical},
    value::{Decimal, Map, Struct, Value},
    value_text::{Entries, MS_PER_DAY, decimal_of_bytes, parse_decimal},
};

/// Reads nodes of one converter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Whether a null becomes the schema's default.
    pub(super) is_null_replaced: bool,
}

fn bad(message: String) -> ConnectorError {
    ConnectorError::record(message)
}

impl Reading {
    /// Reads a node by its schema.
    ///
    /// # Errors
    /// `Record` when the shape does not fit.
    pub(super) fn value(self, schema: &Arc<Schema>, node: &NodeRef<'_>) -> Result<Value> {
        if node.is_null() {
            return self.null(schema);
        }
        if let Some(value) = logical_value(schema, node)? {
            return Ok(value);
        }
        Ok(match schema.kind() {
            Type::Boolean => Value::Boolean(matches!(node, Node::Boolean(true))),
            Type::String => {
                node.text().map_or(Value::Null, |text| Value::String(text.to_byte_string()))
            }
            // Of what is no text Jackson gives no bytes.
            Type::Bytes => match node.text() {
                Some(text) => Value::Bytes(
                    binary(text)
                        .map_err(|error| bad("Invalid bytes field".to_owned()).caused_by(error))?,
                ),
                None => Value::Null,
            },
            Type::Array => Value::Array(self.array(schema, node)?),
            Type::Map => Value::Map(self.map(schema, node)?),
            Type::Struct => Value::Struct(self.record(schema, node)?),
            kind => number(kind, node),
        })
    }

    fn null(self, schema: &Schema) -> Result<Value> {
        match schema.default_value() {
            Some(default) if self.is_null_replaced => Ok(default.clone()),
            _ if schema.is_optional() => Ok(Value::Null),
            _ => Err(bad(format!("Invalid null value for required {} field", schema.kind()))),
        }
    }

    /// What a node has inside, whether it is an array or not.
    fn array(self, schema: &Schema, node: &NodeRef<'_>) -> Result<Vec<Value>> {
        let Some(elements) = schema.value_schema() else { return Ok(Vec::new()) };
        match node {
            Node::Array(items) => items.iter().map(|item| self.value(elements, item)).collect(),
            Node::Object(members) => {
                members.iter().map(|(_, item)| self.value(elements, item)).collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    fn map(self, schema: &Schema, node: &NodeRef<'_>) -> Result<Map> {
        let (Some(keys), Some(values)) = (schema.key_schema(), schema.value_schema()) else {
            return Err(bad("Map schema did not specify the key type".to_owned()));
        };
        if keys.kind() == Type::String {
            let Node::Object(members) = node else {
                return Err(bad(format!(
                    "Maps with string fields should be encoded as JSON objects, but found {}",
                    node.kind()
                )));
            };
            let entry = |(name, value): &(Text<'_>, _)| {
                Ok((Value::String(name.to_byte_string()), self.value(values, value)?))
            };
            return members.iter().map(entry).collect::<Result<_>>().map(Map::new);
        }
        let Node::Array(entries) = node else {
            return Err(bad(format!(
                "Maps with non-string fields should be encoded as JSON array of tuples, but found \
                 {}",
                node.kind()
            )));
        };
        let entry = |entry: &NodeRef<'_>| match entry {
            Node::Array(pair) => match pair.as_slice() {
                [key, value] => Ok((self.value(keys, key)?, self.value(values, value)?)),
                _ => Err(bad(format!(
                    "Found invalid map entry, expected length 2 but found :{}",
                    pair.len()
                ))),
            },
            other => Err(bad(format!(
                "Found invalid map entry instead of array tuple: {}",
                other.kind()
            ))),
        };
        let mut map = Entries::default();
        for read in entries.iter().map(entry) {
            let (key, value) = read?;
            map.put(key, value);
        }
        Ok(map.into_map())
    }

    fn record(self, schema: &Arc<Schema>, node: &NodeRef<'_>) -> Result<Struct> {
        let Node::Object(members) = node else {
            return Err(bad(format!(
                "Structs should be encoded as JSON objects, but found {}",
                node.kind()
            )));
        };
        let field = |(place, field): (usize, &Field)| {
            let value = self.value(&field.schema, member(members, &field.name, place))?;
            match hole(&field.schema, &value) {
                None => Ok(value),
                Some((place, kind)) => Err(bad(format!(
                    "Invalid value: null used for required {place}field: \"{}\", schema type: {kind}",
                    field.name
                ))),
            }
        };
        let values = schema.fields().iter().enumerate().map(field);
        let values = values.collect::<Result<_>>()?;
        Ok(Struct::new(Arc::clone(schema), values))
    }
}

/// The member with this name, which is likely to stand at this place; null when there is none.
fn member<'n, 'a>(
    members: &'n [(Text<'a>, NodeRef<'a>)],
    name: &str,
    place: usize,
) -> &'n NodeRef<'a> {
    let is_named = |(known, _): &&(Text<'_>, _)| **known == *name;
    let found = members.get(place).filter(is_named).or_else(|| members.iter().find(is_named));
    found.map_or(&Node::Null, |(_, node)| node)
}

fn binary(text: &str) -> Result<Bytes, DecodeError> {
    STANDARD.decode(text).map(Bytes::from)
}

/// A null where the schema demands a value: where it is within the value, and what it should be.
pub(super) fn hole(schema: &Schema, value: &Value) -> Option<(String, Type)> {
    let within = |place: &str, schema: Option<&Arc<Schema>>, value: &Value| {
        hole(schema?, value).map(|(deeper, kind)| (format!("{deeper}{place} "), kind))
    };
    match value {
        Value::Null => (!schema.is_optional()).then(|| (String::new(), schema.kind())),
        Value::Array(items) => {
            items.iter().find_map(|item| within("element of array", schema.value_schema(), item))
        }
        Value::Map(map) => map.entries().iter().find_map(|(key, value)| {
            within("key of map", schema.key_schema(), key)
                .or_else(|| within("value of map", schema.value_schema(), value))
        }),
        _ => None,
    }
}

/// A number as Jackson's `intValue`, `longValue` and so on give it: wrapped, cut or 0.
#[expect(clippy::cast_possible_truncation, reason = "Java's narrowing is the contract")]
fn number(kind: Type, node: &NodeRef<'_>) -> Value {
    let (text, is_integer) = match node {
        Node::Number(text, is_integer) => (&**text, *is_integer),
        _ => ("0", true),
    };
    let whole = || if is_integer { wrapping(text) } else { wrapping(&whole_part(text)) };
    match kind {
        Type::Int8 => Value::Int8(whole() as i8),
        Type::Int16 => Value::Int16(whole() as i16),
        Type::Int32 => Value::Int32(whole() as i32),
        // Integers have no -0.
        Type::Float32 if is_integer => {
            Value::Float32(text.parse::<f32>().unwrap_or_default() + 0.0)
        }
        Type::Float32 => Value::Float32(text.parse().unwrap_or_default()),
        Type::Float64 if is_integer => {
            Value::Float64(text.parse::<f64>().unwrap_or_default() + 0.0)
        }
        Type::Float64 => Value::Float64(text.parse().unwrap_or_default()),
        _ => Value::Int64(whole()),
    }
}

/// The digits before the point of a number that may have an exponent.
fn whole_part(text: &str) -> String {
    /// Zeros at the end beyond which the lowest 64 bits are 0.
    const MOST_ZEROS: i64 = 64;
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // What does not fit is beyond every digit there is.
    let exponent = exponent
        .parse::<i64>()
        .unwrap_or_else(|_| if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).unwrap_or(i64::MAX).saturating_add(exponent);
    let missing = point.saturating_sub(i64::try_from(digits.len()).unwrap_or(i64::MAX));
    if missing > MOST_ZEROS {
        return "0".to_owned();
    }
    let zeros = usize::try_from(missing).unwrap_or(0);
    let kept = usize::try_from(point).unwrap_or(0).min(digits.len());
    let kept = digits.get(..kept).unwrap_or_default();
    format!("{sign}{kept}{}", "0".repeat(zeros))
}

/// The value of a logical type; none when the schema is not one.
fn logical_value(schema: &Schema, node: &NodeRef<'_>) -> Result<Option<Value>> {
    let Some(name) = schema.name() else { return Ok(None) };
    let integer = |what: &str, expected: &str| {
        node.integer().ok_or_else(|| {
            bad(format!(
                "Invalid type for {what}, underlying representation should be {expected} but was {}",
                node.kind()
            ))
        })
    };
    let small = |what: &str| {
        integer(what, "integer")?.try_into().map_err(|_| {
            bad(format!(
                "Invalid type for {what}, underlying representation should be integer but was {}",
                node.kind()
            ))
        })
    };
    Ok(Some(match name {
        logical::DATE => Value::Date(small("Date")?),
        logical::TIME => Value::Time(time_of_day(small("Time")?)?),
        logical::TIMESTAMP => Value::Timestamp(integer("Timestamp", "integral")?),
        logical::DECIMAL => Value::Decimal(decimal(schema, node)?),
        _ => return Ok(None),
    }))
}

fn time_of_day(ms: i32) -> Result<i32> {
    if (0..=MS_PER_DAY).contains(&i64::from(ms)) {
        return Ok(ms);
    }
    Err(bad("Time values must use number of milliseconds greater than 0 and less than 86400000"
        .to_owned()))
}

fn decimal(schema: &Schema, node: &NodeRef<'_>) -> Result<Decimal> {
    match node {
        Node::Number(text, _) => parse_decimal(text)
            .ok_or_else(|| bad("Invalid number for Decimal: it has too many digits".to_owned())),
        Node::String(text) => {
            let scale = schema.parameters().get("scale").and_then(|scale| scale.parse().ok());
            let unscaled = binary(text).ok().filter(|unscaled| !unscaled.is_empty());
            match scale.zip(unscaled) {
                Some((scale, unscaled)) => decimal_of_bytes(unscaled, scale).map_err(bad),
                None => Err(bad("Invalid bytes for Decimal field".to_owned())),
            }
        }
        _ => Err(bad(format!(
            "Invalid type for Decimal, underlying representation should be numeric or bytes but \
             was {}",
            node.kind()
        ))),
    }
}
