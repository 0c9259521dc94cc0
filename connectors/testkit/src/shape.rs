//! The shape of data: what their types are, and whether their schema says the same.

use connect_api::{
    record::SchemaAndValue,
    schema::{Schema, Type},
    value::Value,
    value_text::java_class,
};

/// Whether data are what their schema says, as far as a shape goes.
#[must_use]
pub fn proper(data: &SchemaAndValue) -> bool {
    match &data.schema {
        Some(schema) => is_of(schema, &data.value),
        None => true,
    }
}

fn is_of(schema: &Schema, value: &Value) -> bool {
    match value {
        // That a null is allowed is for the converter to say.
        Value::Null => true,
        Value::Array(items) => {
            let is_item = |item| schema.value_schema().is_none_or(|schema| is_of(schema, item));
            schema.kind() == Type::Array && items.iter().all(is_item)
        }
        Value::Map(map) => {
            let is_value = |value| schema.value_schema().is_none_or(|schema| is_of(schema, value));
            schema.kind() == Type::Map && map.entries().iter().all(|(_, value)| is_value(value))
        }
        Value::Struct(record) => {
            let mut fields = record.schema().fields().iter().zip(record.values());
            schema.kind() == Type::Struct
                && record.schema().fields().len() == schema.fields().len()
                && fields.all(|(field, value)| is_of(&field.schema, value))
        }
        // A name says what they are, whatever type it is given to.
        Value::Decimal(_) | Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => {
            schema.name().is_some_and(|name| name.starts_with("org.apache.kafka.connect.data."))
        }
        value => value.kind() == Some(schema.kind()),
    }
}

/// The types of data, as an outcome.
#[must_use]
pub fn kind_of(data: &SchemaAndValue) -> String {
    let mut out = String::new();
    if let Some(schema) = &data.schema {
        tell_schema(&mut out, schema, 2);
    }
    tell(&mut out, &data.value, 2);
    out
}

fn tell_schema(out: &mut String, schema: &Schema, depth: usize) {
    out.push_str(schema.name().unwrap_or(schema.kind().name()));
    out.push_str(if schema.is_optional() { "?" } else { "" });
    out.push_str(if schema.default_value().is_some() { "=" } else { "" });
    if depth == 0 {
        return;
    }
    let inner = schema.fields().iter().map(|field| &field.schema);
    for schema in inner.chain(schema.key_schema()).chain(schema.value_schema()).take(4) {
        out.push('(');
        tell_schema(out, schema, depth - 1);
        out.push(')');
    }
}

fn tell(out: &mut String, value: &Value, depth: usize) {
    out.push_str(java_class(value).rsplit('.').next().unwrap_or_default());
    let inner: Vec<&Value> = match value {
        Value::Array(items) => items.iter().take(4).collect(),
        Value::Map(map) => map.entries().iter().take(4).map(|(_, value)| value).collect(),
        Value::Struct(record) => record.values().iter().take(4).collect(),
        _ => return,
    };
    for value in inner.into_iter().take(if depth == 0 { 0 } else { 4 }) {
        out.push('<');
        tell(out, value, depth - 1);
        out.push('>');
    }
}
