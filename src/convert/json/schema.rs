//! Schemas as JSON.
//!
//! Source: apache/kafka `JsonConverter.asJsonSchema`, `asConnectSchema`.

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    json::{Node, NodeRef, write_text},
    schema::{Schema, Type},
};

use super::{read::Reading, write::Writing};

const fn word(kind: Type) -> &'static str {
    match kind {
        Type::Int8 => "int8",
        Type::Int16 => "int16",
        Type::Int32 => "int32",
        Type::Int64 => "int64",
        Type::Float32 => "float",
        Type::Float64 => "double",
        Type::Boolean => "boolean",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Array => "array",
        Type::Map => "map",
        Type::Struct => "struct",
    }
}

/// Appends a schema; that of a struct's field ends with its name.
///
/// # Errors
/// `Record` when the default does not fit the schema.
pub(super) fn write_schema(
    out: &mut Vec<u8>,
    schema: &Schema,
    field: Option<&str>,
    writing: Writing,
) -> Result<()> {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(word(schema.kind()).as_bytes());
    out.push(b'"');
    write_parts(out, schema, writing)?;
    out.extend_from_slice(if schema.is_optional() {
        b",\"optional\":true"
    } else {
        b",\"optional\":false"
    });
    if let Some(name) = schema.name() {
        write_member(out, "name", name);
    }
    if let Some(version) = schema.version() {
        out.extend_from_slice(format!(",\"version\":{version}").as_bytes());
    }
    if let Some(doc) = schema.doc() {
        write_member(out, "doc", doc);
    }
    write_parameters(out, schema);
    if let Some(default) = schema.default_value() {
        out.extend_from_slice(b",\"default\":");
        writing.value(out, Some(schema), default)?;
    }
    if let Some(field) = field {
        write_member(out, "field", field);
    }
    out.push(b'}');
    Ok(())
}

fn write_member(out: &mut Vec<u8>, name: &str, text: &str) {
    out.extend_from_slice(format!(",\"{name}\":").as_bytes());
    write_text(out, text);
}

fn write_parts(out: &mut Vec<u8>, schema: &Schema, writing: Writing) -> Result<()> {
    let names = match schema.kind() {
        Type::Array => [None, Some(",\"items\":")],
        Type::Map => [Some(",\"keys\":"), Some(",\"values\":")],
        Type::Struct => {
            out.extend_from_slice(b",\"fields\":[");
            for (place, field) in schema.fields().iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_schema(out, &field.schema, Some(&field.name), writing)?;
            }
            out.push(b']');
            return Ok(());
        }
        _ => return Ok(()),
    };
    for (name, part) in names.into_iter().zip([schema.key_schema(), schema.value_schema()]) {
        if let (Some(name), Some(part)) = (name, part) {
            out.extend_from_slice(name.as_bytes());
            write_schema(out, part, None, writing)?;
        }
    }
    Ok(())
}

fn write_parameters(out: &mut Vec<u8>, schema: &Schema) {
    if schema.parameters().is_empty() {
        return;
    }
    out.extend_from_slice(b",\"parameters\":{");
    for (place, (name, value)) in schema.parameters().iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(out, name);
        out.push(b':');
        write_text(out, value);
    }
    out.push(b'}');
}

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

/// Reads a schema.
///
/// # Errors
/// `Record` when it is not one.
pub(super) fn read_schema(node: &NodeRef<'_>) -> Result<Arc<Schema>> {
    let kind = node
        .member("type")
        .and_then(Node::text)
        .ok_or_else(|| bad("Schema must contain 'type' field"))?;
    let kind = Type::ALL
        .into_iter()
        .find(|known| word(*known) == &**kind)
        .ok_or_else(|| bad(format!("Unknown schema type: {}", &**kind)))?;
    let mut schema = shape(kind, node)?;
    if node.member("optional") == Some(&Node::Boolean(true)) {
        schema = schema.optional();
    }
    if let Some(name) = node.member("name").and_then(Node::text) {
        schema = schema.named(&**name);
    }
    if let Some(version) = node.member("version").and_then(Node::integer) {
        schema = schema.versioned(i32::try_from(version).unwrap_or_default());
    }
    if let Some(doc) = node.member("doc").and_then(Node::text) {
        schema = schema.documented(&**doc);
    }
    if let Some(Node::Object(parameters)) = node.member("parameters") {
        for (name, value) in parameters {
            let text =
                value.text().ok_or_else(|| bad("Schema parameters must have string values."))?;
            schema = schema.parameter(&**name, &**text);
        }
    }
    match node.member("default") {
        None | Some(Node::Null) => Ok(Arc::new(schema)),
        Some(default) => {
            let plain = Arc::new(schema);
            let default = Reading { is_null_replaced: true }.value(&plain, default)?;
            if kind == Type::Struct {
                // No struct is one of a schema that has it for its default.
                return Err(bad("Invalid default value"));
            }
            Ok(Arc::new(Arc::unwrap_or_clone(plain).with_default(default)))
        }
    }
}

fn shape(kind: Type, node: &NodeRef<'_>) -> Result<Schema> {
    let part = |name: &str, missing: &str| match node.member(name) {
        None | Some(Node::Null) => Err(bad(missing)),
        Some(part) => read_schema(part),
    };
    Ok(match kind {
        Type::Array => {
            Schema::array(part("items", "Array schema did not specify the element type")?)
        }
        Type::Map => Schema::map(
            part("keys", "Map schema did not specify the key type")?,
            part("values", "Map schema did not specify the value type")?,
        ),
        Type::Struct => {
            let Some(Node::Array(fields)) = node.member("fields") else {
                return Err(bad("Struct schema's \"fields\" argument is not an array."));
            };
            let mut schema = Schema::new(Type::Struct);
            for field in fields {
                let name = field
                    .member("field")
                    .and_then(Node::text)
                    .ok_or_else(|| bad("Struct schema's field name not specified properly"))?;
                schema = schema.field(&**name, read_schema(field)?);
            }
            schema
        }
        kind => Schema::new(kind),
    })
}
