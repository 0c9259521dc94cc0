//! JSON nodes to Connect data by a schema.
//!
//! Source: apache/kafka `JsonConverter.convertToConnect`: a node of the wrong kind gives the value
//! that Jackson gives, 0, false or null, and only shapes are checked.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use connect_api::{
    error::{ConnectorError, Result},
    json::{Node, wrapping},
    schema::{Schema, Type, logical},
    value::{Decimal, Map, Struct, Value},
    value_text::parse_decimal,
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
    pub(super) fn value(self, schema: &Arc<Schema>, node: &Node) -> Result<Value> {
        if *node == Node::Null {
            return self.null(schema);
        }
        if let Some(value) = logical_value(schema, node)? {
            return Ok(value);
        }
        Ok(match schema.kind() {
            Type::Boolean => Value::Boolean(matches!(node, Node::Boolean(true))),
            Type::String => node.text().map_or(Value::Null, |text| Value::String(text.clone())),
            Type::Bytes => Value::Bytes(binary(node)?),
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

    fn array(self, schema: &Schema, node: &Node) -> Result<Vec<Value>> {
        match (node, schema.value_schema()) {
            (Node::Array(items), Some(elements)) => {
                items.iter().map(|item| self.value(elements, item)).collect()
            }
            _ => Err(bad(format!(
                "Arrays should be encoded as JSON arrays, but found {}",
                node.kind()
            ))),
        }
    }

    fn map(self, schema: &Schema, node: &Node) -> Result<Map> {
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
            let entry = |(name, value): &(_, _)| {
                Ok((Value::String(Clone::clone(name)), self.value(values, value)?))
            };
            return members.iter().map(entry).collect::<Result<_>>().map(Map);
        }
        let Node::Array(entries) = node else {
            return Err(bad(format!(
                "Maps with non-string fields should be encoded as JSON array of tuples, but found \
                 {}",
                node.kind()
            )));
        };
        let entry = |entry: &Node| match entry {
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
        entries.iter().map(entry).collect::<Result<_>>().map(Map)
    }

    fn record(self, schema: &Arc<Schema>, node: &Node) -> Result<Struct> {
        if !matches!(node, Node::Object(_)) {
            return Err(bad(format!(
                "Structs should be encoded as JSON objects, but found {}",
                node.kind()
            )));
        }
        let field = |field: &connect_api::schema::Field| {
            self.value(&field.schema, node.member(&field.name).unwrap_or(&Node::Null))
        };
        let values = schema.fields().iter().map(field).collect::<Result<_>>()?;
        Ok(Struct::new(Arc::clone(schema), values))
    }
}

fn binary(node: &Node) -> Result<Bytes> {
    let text = node.text().ok_or_else(|| {
        bad(format!("Invalid bytes field, expected base64 text but was {}", node.kind()))
    })?;
    let bytes = STANDARD
        .decode(text.as_bytes())
        .map_err(|error| bad("Invalid bytes field".to_owned()).caused_by(error))?;
    Ok(bytes.into())
}

/// A number as Jackson's `intValue`, `longValue` and so on give it: wrapped, cut or 0.
#[expect(clippy::cast_possible_truncation, reason = "Java's narrowing is the contract")]
fn number(kind: Type, node: &Node) -> Value {
    let (text, is_integer) = match node {
        Node::Number(text, is_integer) => (&**text, *is_integer),
        _ => ("0", true),
    };
    let whole = || {
        if is_integer { wrapping(text) } else { text.parse::<f64>().unwrap_or_default() as i64 }
    };
    match kind {
        Type::Int8 => Value::Int8(whole() as i8),
        Type::Int16 => Value::Int16(whole() as i16),
        Type::Int32 => Value::Int32(whole() as i32),
        Type::Float32 => Value::Float32(text.parse().unwrap_or_default()),
        Type::Float64 => Value::Float64(text.parse().unwrap_or_default()),
        _ => Value::Int64(whole()),
    }
}

/// The value of a logical type; none when the schema is not one.
fn logical_value(schema: &Schema, node: &Node) -> Result<Option<Value>> {
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
        logical::TIME => Value::Time(small("Time")?),
        logical::TIMESTAMP => Value::Timestamp(integer("Timestamp", "integral")?),
        logical::DECIMAL => Value::Decimal(decimal(schema, node)?),
        _ => return Ok(None),
    }))
}

fn decimal(schema: &Schema, node: &Node) -> Result<Decimal> {
    match node {
        Node::Number(text, _) => parse_decimal(text)
            .ok_or_else(|| bad("Invalid number for Decimal: it has too many digits".to_owned())),
        Node::String(_) => {
            let scale = schema.parameters().get("scale").and_then(|scale| scale.parse().ok());
            let scale = scale.ok_or_else(|| {
                bad("Invalid Decimal schema: scale parameter not found.".to_owned())
            })?;
            Ok(Decimal { unscaled: binary(node)?, scale })
        }
        _ => Err(bad(format!(
            "Invalid type for Decimal, underlying representation should be numeric or bytes but \
             was {}",
            node.kind()
        ))),
    }
}
