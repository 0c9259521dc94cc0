//! JSON nodes to Connect data by a schema that JSON Schema described.
//!
//! Source: confluentinc/schema-registry `JsonSchemaData.toConnectData`: a node of the wrong kind
//! gives the value that Jackson gives, 0, false or null, and only shapes are checked.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use connect_api::{
    error::{ConnectorError, Result},
    json::{Node, NodeRef, Text, wrapping},
    schema::{Schema, Type, logical},
    value::{Decimal, Map, Struct, Value},
    value_text::{decimal_of_bytes, parse_decimal},
};

use super::{JsonSchemaOptions, names::is_union};

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

/// Reads a node, or what stands in for one that is not there.
///
/// # Errors
/// `Record` when the shape does not fit.
pub(super) fn read_value(
    options: &JsonSchemaOptions,
    schema: &Arc<Schema>,
    node: Option<&NodeRef<'_>>,
) -> Result<Value> {
    let node = match node {
        Some(node) if !node.is_null() => node,
        missing => return missing_value(schema, missing.is_none()),
    };
    if let Some(value) = logical_value(schema, node)? {
        return Ok(value);
    }
    Ok(match schema.kind() {
        Type::Boolean => Value::Boolean(matches!(node, Node::Boolean(true))),
        Type::String => {
            node.text().map_or(Value::Null, |text| Value::String(text.to_byte_string()))
        }
        Type::Bytes => Value::Bytes(binary(node)?),
        Type::Array => Value::Array(array(options, schema, node)?),
        Type::Map => Value::Map(map(options, schema, node)?),
        Type::Struct if is_union(schema) => Value::Struct(union(options, schema, node)?),
        Type::Struct => Value::Struct(record(options, schema, node)?),
        kind => number(kind, node),
    })
}

fn missing_value(schema: &Schema, is_absent: bool) -> Result<Value> {
    match schema.default_value() {
        Some(default) => Ok(default.clone()),
        None if is_absent || schema.is_optional() => Ok(Value::Null),
        None => Err(bad(format!("Invalid null value for required {} field", schema.kind()))),
    }
}

fn array(options: &JsonSchemaOptions, schema: &Schema, node: &NodeRef<'_>) -> Result<Vec<Value>> {
    let Some(elements) = schema.value_schema() else {
        return Err(bad("Array schema did not specify the items type"));
    };
    match node {
        Node::Array(items) => {
            items.iter().map(|item| read_value(options, elements, Some(item))).collect()
        }
        other => {
            Err(bad(format!("Arrays should be encoded as JSON arrays, but found {}", other.kind())))
        }
    }
}

fn map(options: &JsonSchemaOptions, schema: &Schema, node: &NodeRef<'_>) -> Result<Map> {
    let (Some(keys), Some(values)) = (schema.key_schema(), schema.value_schema()) else {
        return Err(bad("Map schema did not specify the key type"));
    };
    if keys.kind() == Type::String && !keys.is_optional() {
        let Node::Object(members) = node else {
            return Err(bad(format!(
                "Maps with string fields should be encoded as JSON objects, but found {}",
                node.kind()
            )));
        };
        let entry = |(name, value): &(Text<'_>, _)| {
            let value = read_value(options, values, Some(value))?;
            Ok((Value::String(name.to_byte_string()), value))
        };
        return members.iter().map(entry).collect::<Result<_>>().map(Map::new);
    }
    let Node::Array(entries) = node else {
        return Err(bad(format!(
            "Maps with non-string fields should be encoded as JSON array of objects, but found {}",
            node.kind()
        )));
    };
    let entry = |entry: &NodeRef<'_>| match entry {
        Node::Object(members) if members.len() == 2 => Ok((
            read_value(options, keys, entry.member("key"))?,
            read_value(options, values, entry.member("value"))?,
        )),
        Node::Object(members) => Err(bad(format!(
            "Found invalid map entry, expected length 2 but found :{}",
            members.len()
        ))),
        other => Err(bad(format!("Found invalid map entry instead of object: {}", other.kind()))),
    };
    entries.iter().map(entry).collect::<Result<_>>().map(Map::new)
}

fn record(options: &JsonSchemaOptions, schema: &Arc<Schema>, node: &NodeRef<'_>) -> Result<Struct> {
    if !matches!(node, Node::Object(_)) {
        return Err(bad(format!(
            "Structs should be encoded as JSON objects, but found {}",
            node.kind()
        )));
    }
    let field = |field: &connect_api::schema::Field| {
        read_value(options, &field.schema, node.member(&field.name))
    };
    let values = schema.fields().iter().map(field).collect::<Result<_>>()?;
    Ok(Struct::new(Arc::clone(schema), values))
}

/// Puts the node into the first field of its type, or the one whose struct it resembles most.
fn union(options: &JsonSchemaOptions, schema: &Arc<Schema>, node: &NodeRef<'_>) -> Result<Struct> {
    let fields = schema.fields();
    let mut best = None;
    let mut most = 0;
    for (place, field) in fields.iter().enumerate() {
        if is_instance(&field.schema, node) {
            best = Some(place);
            break;
        }
        let matching = resemblance(&field.schema, node);
        if matching > most {
            most = matching;
            best = Some(place);
        }
    }
    let chosen = best.and_then(|place| Some((place, fields.get(place)?)));
    let (place, field) = chosen.ok_or_else(|| bad("Did not find matching oneof field for data"))?;
    let mut values = vec![Value::Null; place];
    values.push(read_value(options, &field.schema, Some(node))?);
    Ok(Struct::new(Arc::clone(schema), values))
}

fn is_instance(schema: &Schema, node: &NodeRef<'_>) -> bool {
    match schema.kind() {
        Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => {
            matches!(node, Node::Number(_, true))
        }
        Type::Float32 | Type::Float64 => matches!(node, Node::Number(..)),
        Type::Boolean => matches!(node, Node::Boolean(_)),
        Type::String => matches!(node, Node::String(_)),
        Type::Bytes => matches!(node, Node::Number(_, false)),
        Type::Array => matches!(node, Node::Array(_)),
        Type::Map => matches!(node, Node::Object(_) | Node::Array(_)),
        Type::Struct => false,
    }
}

/// Names that a struct and an object share, at every depth.
fn resemblance(schema: &Schema, node: &NodeRef<'_>) -> usize {
    let Node::Object(members) = node else { return 0 };
    if schema.kind() != Type::Struct {
        return 0;
    }
    members
        .iter()
        .filter_map(|(name, value)| {
            let place = schema.field_index(name)?;
            Some(1 + resemblance(&schema.fields().get(place)?.schema, value))
        })
        .sum()
}

fn binary(node: &NodeRef<'_>) -> Result<Bytes> {
    let text = node.text().ok_or_else(|| {
        bad(format!("Invalid bytes field, expected base64 text but was {}", node.kind()))
    })?;
    let bytes = STANDARD
        .decode(text.as_bytes())
        .map_err(|error| bad("Invalid bytes field").caused_by(error))?;
    Ok(bytes.into())
}

/// A number as Jackson's `intValue`, `longValue` and so on give it: wrapped, cut or 0.
#[expect(clippy::cast_possible_truncation, reason = "Java's narrowing is the contract")]
fn number(kind: Type, node: &NodeRef<'_>) -> Value {
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
fn logical_value(schema: &Schema, node: &NodeRef<'_>) -> Result<Option<Value>> {
    let wrong = |what: &str, expected: &str| {
        bad(format!(
            "Invalid type for {what}, underlying representation should be {expected} but was {}",
            node.kind()
        ))
    };
    // Digits beyond 64 bits are no integer.
    let exact = || match node {
        Node::Number(text, true) => text.parse::<i64>().ok(),
        _ => None,
    };
    let small = |what: &str| {
        exact().and_then(|number| i32::try_from(number).ok()).ok_or_else(|| wrong(what, "integer"))
    };
    Ok(Some(match schema.name() {
        Some(logical::DATE) => Value::Date(small("Date")?),
        Some(logical::TIME) => Value::Time(small("Time")?),
        Some(logical::TIMESTAMP) => {
            Value::Timestamp(exact().ok_or_else(|| wrong("Timestamp", "integral"))?)
        }
        Some(logical::DECIMAL) => Value::Decimal(decimal(schema, node)?),
        _ => return Ok(None),
    }))
}

fn decimal(schema: &Schema, node: &NodeRef<'_>) -> Result<Decimal> {
    match node {
        Node::Number(text, _) => parse_decimal(text)
            .ok_or_else(|| bad("Invalid number for Decimal: it has too many digits")),
        Node::String(_) => {
            let scale = schema.parameters().get("scale").and_then(|scale| scale.parse().ok());
            let scale =
                scale.ok_or_else(|| bad("Invalid Decimal schema: scale parameter not found."))?;
            let unscaled = binary(node)?;
            if unscaled.is_empty() {
                return Err(bad("Invalid bytes for Decimal field"));
            }
            decimal_of_bytes(unscaled, scale).map_err(bad)
        }
        other => Err(bad(format!(
            "Invalid type for Decimal, underlying representation should be numeric or bytes but \
             was {}",
            other.kind()
        ))),
    }
}
