//! Defaults: JSON of a schema to values and back.
//!
//! Source: confluentinc/schema-registry `AvroData.defaultValueFromAvro`,
//! `AvroData.defaultValueFromConnect`.

use std::sync::Arc;

use bytes::Bytes;
use connect_api::{
    schema::{Schema, Type, logical},
    value::{Decimal, Map, Struct, Value},
};
use serde_json::{Map as JsonMap, Value as Json, json};

use super::{
    config::AvroDataConfig,
    names::{has_text_keys, is_union, scrub},
    schema::{AvroSchema, Kind, TypeId},
};

/// A default as a value; none where it does not fit, as the original then goes without.
pub(super) fn from_json(
    config: &AvroDataConfig,
    avro: &AvroSchema,
    id: TypeId,
    schema: &Schema,
    json: &Json,
) -> Option<Value> {
    match (avro.get(id), schema.kind()) {
        (Kind::Union(branches), _) => {
            let first = branches.first()?;
            let field = schema.fields().first()?;
            let value = from_json(config, avro, *first, &field.schema, json)?;
            Some(Value::Struct(Struct::new(Arc::new(schema.clone()), vec![value])))
        }
        (Kind::Record(_, fields), Type::Struct) => {
            let members = json.as_object()?;
            let value = |field: &super::schema::AvroField| {
                let own = &schema.fields().get(schema.field_index(&field.name)?)?.schema;
                match members.get(&scrub(config, &field.name)) {
                    Some(Json::Null) if own.is_optional() => Some(Value::Null),
                    Some(json) => nullable(config, avro, field.kind, own, json),
                    None => {
                        own.default_value().cloned().or(own.is_optional().then_some(Value::Null))
                    }
                }
            };
            let values = fields.iter().map(value).collect::<Option<Vec<_>>>()?;
            Some(Value::Struct(Struct::new(Arc::new(schema.clone()), values)))
        }
        (Kind::Array(items), Type::Array) => {
            let own = schema.value_schema()?;
            let items =
                json.as_array()?.iter().map(|item| nullable(config, avro, *items, own, item));
            Some(Value::Array(items.collect::<Option<Vec<_>>>()?))
        }
        (Kind::Map(values), Type::Map) => {
            let own = schema.value_schema()?;
            let entries = json.as_object()?.iter().map(|(key, value)| {
                Some((key.as_str().into(), nullable(config, avro, *values, own, value)?))
            });
            Some(Value::Map(Map::new(entries.collect::<Option<Vec<_>>>()?)))
        }
        _ => primitive(schema, json),
    }
}

/// A value where the type may be a union that Connect does not have.
fn nullable(
    config: &AvroDataConfig,
    avro: &AvroSchema,
    id: TypeId,
    schema: &Schema,
    json: &Json,
) -> Option<Value> {
    if json.is_null() {
        return schema.is_optional().then_some(Value::Null);
    }
    match avro.get(id) {
        Kind::Union(branches) if !is_union(schema) => {
            let branch = branches.iter().find(|id| *avro.get(**id) != Kind::Null)?;
            from_json(config, avro, *branch, schema, json)
        }
        _ => from_json(config, avro, id, schema, json),
    }
}

fn primitive(schema: &Schema, json: &Json) -> Option<Value> {
    Some(match schema.kind() {
        Type::Int8 => Value::Int8(json.as_i64()?.try_into().ok()?),
        Type::Int16 => Value::Int16(json.as_i64()?.try_into().ok()?),
        Type::Int32 => {
            let number = json.as_i64()?.try_into().ok()?;
            match schema.name() {
                Some(logical::DATE) => Value::Date(number),
                Some(logical::TIME) => Value::Time(number),
                _ => Value::Int32(number),
            }
        }
        Type::Int64 => match (schema.name(), json.as_i64()?) {
            (Some(logical::TIMESTAMP), number) => Value::Timestamp(number),
            (_, number) => Value::Int64(number),
        },
        // Through its text, so that the nearest number of 32 bits is met.
        Type::Float32 => Value::Float32(json.as_f64()?.to_string().parse().ok()?),
        Type::Float64 => Value::Float64(json.as_f64()?),
        Type::Boolean => Value::Boolean(json.as_bool()?),
        Type::String => json.as_str()?.into(),
        Type::Bytes => {
            let bytes: Option<Vec<u8>> =
                json.as_str()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
            let bytes = Bytes::from(bytes?);
            match schema.name() {
                Some(logical::DECIMAL) if bytes.is_empty() => return None,
                Some(logical::DECIMAL) => {
                    let scale = schema.parameters().get("scale")?.parse().ok()?;
                    Value::Decimal(Decimal { unscaled: bytes, scale })
                }
                _ => Value::Bytes(bytes),
            }
        }
        Type::Array | Type::Map | Type::Struct => return None,
    })
}

/// A value as the JSON of a default.
pub(super) fn to_json(config: &AvroDataConfig, schema: &Schema, value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(flag) => json!(flag),
        Value::Int8(n) => json!(n),
        Value::Int16(n) => json!(n),
        Value::Int32(n) | Value::Date(n) | Value::Time(n) => json!(n),
        Value::Int64(n) | Value::Timestamp(n) => json!(n),
        Value::Float32(n) => json!(n.to_string().parse::<f64>().unwrap_or_default()),
        Value::Float64(n) => json!(n),
        Value::String(text) => json!(&**text),
        Value::Bytes(bytes) => latin(bytes),
        Value::Decimal(decimal) => latin(&decimal.unscaled),
        Value::Array(items) => {
            let Some(own) = schema.value_schema() else { return Json::Null };
            items.iter().map(|item| to_json(config, own, item)).collect()
        }
        Value::Map(map) => map_to_json(config, schema, map),
        Value::Struct(value) => {
            let fields = value.schema().fields().iter().zip(value.values());
            if is_union(schema) {
                let first = fields.map(|(field, value)| to_json(config, &field.schema, value));
                return first.into_iter().next().unwrap_or(Json::Null);
            }
            let member = |(field, value): (&connect_api::schema::Field, &Value)| {
                (scrub(config, &field.name), to_json(config, &field.schema, value))
            };
            Json::Object(fields.map(member).collect())
        }
    }
}

fn map_to_json(config: &AvroDataConfig, schema: &Schema, map: &Map) -> Json {
    let (Some(keys), Some(values)) = (schema.key_schema(), schema.value_schema()) else {
        return Json::Null;
    };
    if has_text_keys(config, schema) {
        let entry = |(key, value): &(Value, Value)| {
            (key.as_str().unwrap_or_default().to_owned(), to_json(config, values, value))
        };
        return Json::Object(map.entries().iter().map(entry).collect::<JsonMap<_, _>>());
    }
    let entry = |(key, value): &(Value, Value)| {
        json!([to_json(config, keys, key), to_json(config, values, value)])
    };
    map.entries().iter().map(entry).collect()
}

fn latin(bytes: &[u8]) -> Json {
    Json::String(bytes.iter().map(|byte| char::from(*byte)).collect())
}
