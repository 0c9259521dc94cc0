//! Schemas as mappings of an index.
//!
//! Source: confluentinc/kafka-connect-elasticsearch `Mapping.java`.

use connect_api::{
    schema::{Schema, Type, logical},
    value::Value,
    value_text::write_decimal,
};
use serde_json::{Map as JsonMap, Value as Json, json};

/// The mapping of a schema; none when its values are no objects.
pub(crate) fn mapping_of(schema: &Schema) -> Option<Json> {
    matches!(schema.kind(), Type::Struct | Type::Map).then(|| mapping(schema))
}

fn mapping(schema: &Schema) -> Json {
    match schema.name() {
        Some(logical::DATE | logical::TIME | logical::TIMESTAMP) => {
            return field("date", schema.default_value());
        }
        Some(logical::DECIMAL) => return field("double", schema.default_value()),
        _ => {}
    }
    let inner =
        |schema: Option<&std::sync::Arc<Schema>>| schema.map_or(json!({}), |it| mapping(it));
    match schema.kind() {
        Type::Array => inner(schema.value_schema()),
        Type::Map => json!({"properties": {
            "key": inner(schema.key_schema()),
            "value": inner(schema.value_schema()),
        }}),
        Type::Struct => {
            let fields = schema.fields().iter();
            let fields: JsonMap<_, _> =
                fields.map(|field| (field.name.to_string(), mapping(&field.schema))).collect();
            json!({"properties": fields})
        }
        Type::String => json!({
            "type": "text",
            "fields": {"keyword": {"type": "keyword", "ignore_above": 256}},
        }),
        Type::Bytes => json!({"type": "binary"}),
        Type::Boolean => field("boolean", schema.default_value()),
        Type::Int8 => field("byte", schema.default_value()),
        Type::Int16 => field("short", schema.default_value()),
        Type::Int32 => field("integer", schema.default_value()),
        Type::Int64 => field("long", schema.default_value()),
        Type::Float32 => field("float", schema.default_value()),
        Type::Float64 => field("double", schema.default_value()),
    }
}

/// A field of a type that takes a value in place of null.
fn field(kind: &str, default: Option<&Value>) -> Json {
    let default = match default {
        None => None,
        Some(Value::Boolean(flag)) => Some(json!(flag)),
        Some(Value::Float32(number)) => Some(json!(number)),
        Some(Value::Float64(number)) => Some(json!(number)),
        Some(Value::Decimal(number)) => {
            let mut text = String::new();
            write_decimal(&mut text, number);
            text.parse::<f64>().ok().map(|number| json!(number))
        }
        Some(other) => other.as_i64().map(|number| json!(number)),
    };
    match default {
        None => json!({"type": kind}),
        Some(default) => json!({"type": kind, "null_value": default}),
    }
}
