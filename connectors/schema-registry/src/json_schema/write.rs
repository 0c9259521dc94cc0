//! Connect data to JSON text, as a schema of JSON Schema has it.
//!
//! Source: confluentinc/schema-registry `JsonSchemaData.fromConnectData`.

use bytes::Bytes;
use bytestring::ByteString;
use connect_api::{
    error::{ConnectorError, Result},
    json::{Node, Parser, write_base64, write_scalar, write_text},
    schema::{Schema, Type, logical},
    value::{Decimal, Map, Struct, Value},
    value_text::{java_class, parse_decimal, write_decimal},
};

use super::{JsonSchemaOptions, names::is_union};
use crate::java_hash::{DEFAULT_CAPACITY, hash_order};

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

/// Whether something was written: a required value that is missing is left out.
type Written = bool;

/// Appends a value; nothing when it is null and its schema neither allows null nor has a default.
///
/// # Errors
/// `Record` when the value does not fit its schema.
pub(super) fn write_value(
    options: &JsonSchemaOptions,
    out: &mut Vec<u8>,
    schema: &Schema,
    value: &Value,
) -> Result<Written> {
    if value.is_null() {
        return write_null(options, out, schema);
    }
    check(schema, value)?;
    match value {
        Value::Null => {}
        Value::Decimal(decimal) => write_scaled(options, out, schema, decimal)?,
        Value::Array(items) => write_array(options, out, schema, items)?,
        Value::Map(map) => write_map(options, out, schema, map)?,
        Value::Struct(record) if is_union(schema) => {
            return write_union(options, out, schema, record);
        }
        Value::Struct(record) => write_record(options, out, record)?,
        scalar => write_scalar(out, scalar),
    }
    Ok(true)
}

fn write_null(options: &JsonSchemaOptions, out: &mut Vec<u8>, schema: &Schema) -> Result<Written> {
    match schema.default_value() {
        Some(default) if !default.is_null() && !options.is_default_ignored => {
            write_value(options, out, schema, default)
        }
        _ if schema.is_optional() => {
            out.extend_from_slice(b"null");
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// As [`write_value`], with null for what would be left out.
fn write_element(
    options: &JsonSchemaOptions,
    out: &mut Vec<u8>,
    schema: &Schema,
    value: &Value,
) -> Result<()> {
    if !write_value(options, out, schema, value)? {
        out.extend_from_slice(b"null");
    }
    Ok(())
}

fn write_array(
    options: &JsonSchemaOptions,
    out: &mut Vec<u8>,
    schema: &Schema,
    items: &[Value],
) -> Result<()> {
    let elements =
        schema.value_schema().ok_or_else(|| bad("Array schema did not specify the items type"))?;
    out.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_element(options, out, elements, item)?;
    }
    out.push(b']');
    Ok(())
}

fn write_map(
    options: &JsonSchemaOptions,
    out: &mut Vec<u8>,
    schema: &Schema,
    map: &Map,
) -> Result<()> {
    let (Some(keys), Some(values)) = (schema.key_schema(), schema.value_schema()) else {
        return Err(bad("Map schema did not specify the key type"));
    };
    let is_object = keys.kind() == Type::String && !keys.is_optional();
    out.push(if is_object { b'{' } else { b'[' });
    for (place, (key, value)) in map.entries().iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        if is_object {
            let key = key.as_str().ok_or_else(|| invalid_type(keys, key))?;
            write_text(out, key);
            out.push(b':');
            write_element(options, out, values, value)?;
        } else {
            out.extend_from_slice(b"{\"key\":");
            write_element(options, out, keys, key)?;
            out.extend_from_slice(b",\"value\":");
            write_element(options, out, values, value)?;
            out.push(b'}');
        }
    }
    out.push(if is_object { b'}' } else { b']' });
    Ok(())
}

fn write_record(options: &JsonSchemaOptions, out: &mut Vec<u8>, record: &Struct) -> Result<()> {
    out.push(b'{');
    let mut is_first = true;
    for (field, value) in record.schema().fields().iter().zip(record.values()) {
        let before = out.len();
        if !is_first {
            out.push(b',');
        }
        write_text(out, &field.name);
        out.push(b':');
        if write_value(options, out, &field.schema, value)? {
            is_first = false;
        } else {
            out.truncate(before);
        }
    }
    out.push(b'}');
    Ok(())
}

/// The value of the one field that has one.
fn write_union(
    options: &JsonSchemaOptions,
    out: &mut Vec<u8>,
    schema: &Schema,
    record: &Struct,
) -> Result<Written> {
    for (field, value) in record.schema().fields().iter().zip(record.values()) {
        let default = field.schema.default_value().filter(|_| !options.is_default_ignored);
        let chosen = if value.is_null() { default } else { Some(value) };
        if let Some(chosen) = chosen.filter(|value| !value.is_null()) {
            return write_value(options, out, &field.schema, chosen);
        }
    }
    write_null(options, out, schema)
}

fn write_scaled(
    options: &JsonSchemaOptions,
    out: &mut Vec<u8>,
    schema: &Schema,
    decimal: &Decimal,
) -> Result<()> {
    if options.is_decimal_numeric {
        let mut text = String::new();
        write_decimal(&mut text, decimal);
        out.extend_from_slice(text.as_bytes());
    } else {
        check_scale(schema, decimal)?;
        write_base64(out, &decimal.unscaled);
    }
    Ok(())
}

fn invalid_type(schema: &Schema, value: &Value) -> ConnectorError {
    bad(format!("Invalid type for {}: class {}", schema.kind(), java_class(value)))
}

/// Whether the value is one of the schema.
fn check(schema: &Schema, value: &Value) -> Result<()> {
    let expected = |what: &str, class: &str| {
        bad(format!(
            "Invalid type for {what}, expected {class} but was class {}",
            java_class(value)
        ))
    };
    match (schema.name(), value) {
        (Some(logical::DATE), Value::Date(_))
        | (Some(logical::TIME), Value::Time(_))
        | (Some(logical::TIMESTAMP), Value::Timestamp(_))
        | (Some(logical::DECIMAL), Value::Decimal(_)) => return Ok(()),
        (Some(logical::DATE), _) => return Err(expected("Date", "Date")),
        (Some(logical::TIME), _) => return Err(expected("Time", "Date")),
        (Some(logical::TIMESTAMP), _) => return Err(expected("Timestamp", "Date")),
        (Some(logical::DECIMAL), _) => return Err(expected("Decimal", "BigDecimal")),
        _ => {}
    }
    match value {
        Value::Date(_) | Value::Time(_) | Value::Timestamp(_) | Value::Decimal(_) => {
            Err(invalid_type(schema, value))
        }
        Value::Struct(record) if schema.kind() == Type::Struct => {
            let own: &Schema = record.schema();
            if std::ptr::eq(own, schema) || is_same_record(own, schema) {
                Ok(())
            } else {
                Err(bad("Mismatching schema."))
            }
        }
        value if value.kind() == Some(schema.kind()) => Ok(()),
        _ => Err(invalid_type(schema, value)),
    }
}

/// Whether the schemas have the same fields: a record need not know that its place is optional.
fn is_same_record(left: &Schema, right: &Schema) -> bool {
    left.fields() == right.fields()
}

fn check_scale(schema: &Schema, decimal: &Decimal) -> Result<()> {
    let declared = schema.parameters().get("scale").and_then(|scale| scale.parse::<i32>().ok());
    match declared {
        Some(scale) if scale == decimal.scale => Ok(()),
        Some(scale) => Err(bad(format!(
            "Decimal value has mismatching scale for given Decimal schema. Schema has scale \
             {scale}, value has scale {}.",
            decimal.scale
        ))),
        None => Err(bad("Invalid Decimal schema: scale parameter not found.")),
    }
}

/// Appends the text of a node.
pub(super) fn write_node(out: &mut Vec<u8>, node: &Node) {
    match node {
        Node::Null => out.extend_from_slice(b"null"),
        Node::Boolean(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Node::Number(text, _) => out.extend_from_slice(text.as_bytes()),
        Node::String(text) => write_text(out, text),
        Node::Array(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_node(out, item);
            }
            out.push(b']');
        }
        Node::Object(members) => {
            out.push(b'{');
            for (place, (name, value)) in members.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_text(out, name);
                out.push(b':');
                write_node(out, value);
            }
            out.push(b'}');
        }
    }
}

/// The default of a schema, as the text of the schema has it.
pub(super) fn default_node(options: &JsonSchemaOptions, schema: &Schema) -> Result<Node> {
    let mut out = Vec::new();
    let default = schema.default_value().unwrap_or(&Value::Null);
    write_element(options, &mut out, schema, default)?;
    let text = ByteString::try_from(Bytes::from(out))
        .map_err(|error| bad("The default is not UTF-8").caused_by(error))?;
    let node = Parser::new(&text)
        .value::<Node>()
        .map_err(|error| bad("The default is no JSON").caused_by(error))?;
    Ok(reprinted(node))
}

/// What a node becomes when JSON-Java prints it and Jackson reads and prints it again.
fn reprinted(node: Node) -> Node {
    match node {
        Node::Number(text, false) => reprinted_number(&text),
        Node::Array(items) => Node::Array(items.into_iter().map(reprinted).collect()),
        Node::Object(members) => {
            let mut members: Vec<_> =
                members.into_iter().map(|(name, value)| (name, reprinted(value))).collect();
            hash_order(&mut members, DEFAULT_CAPACITY, |(name, _)| name);
            Node::Object(members)
        }
        other => other,
    }
}

fn reprinted_number(text: &str) -> Node {
    if !text.contains(['e', 'E']) {
        let short = text.trim_end_matches('0').trim_end_matches('.');
        return Node::Number(short.into(), !short.contains('.'));
    }
    let mut printed = String::new();
    match parse_decimal(text) {
        Some(decimal) => write_decimal(&mut printed, &decimal),
        None => printed.push_str(text),
    }
    Node::Number(printed.into(), false)
}
