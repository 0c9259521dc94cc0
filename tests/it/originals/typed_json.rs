//! Records as JSON with their types, as `Oracle.java` reads and writes them.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use connect_api::{
    record::{SchemaAndValue, SinkRecord},
    schema::Schema,
    value::Value,
    value_text::{MS_PER_DAY, write_java_text},
};
use serde_json::{Value as Json, json};

pub(super) fn record_json(record: &SinkRecord) -> Json {
    let headers: Vec<_> = record
        .headers
        .iter()
        .map(|header| json!([&*header.key, data_json(&header.data)]))
        .collect();
    json!({
        "topic": &*record.topic,
        "partition": record.origin.partition,
        "offset": record.offset,
        "timestamp": record.timestamp_ms,
        "key": data_json(&record.key),
        "value": data_json(&record.value),
        "headers": headers,
    })
}

pub(super) fn data_json(data: &SchemaAndValue) -> Json {
    json!({ "schema": schema_json(data.schema.as_ref()), "value": value_json(&data.value) })
}

fn schema_json(schema: Option<&Arc<Schema>>) -> Json {
    let Some(schema) = schema else { return Json::Null };
    let fields = schema.fields().iter();
    let fields: Vec<_> =
        fields.map(|field| json!([&*field.name, schema_json(Some(&field.schema))])).collect();
    // In their order, which the JSON converter keeps.
    let parameters: serde_json::Map<_, _> = schema
        .parameters()
        .iter()
        .map(|(name, value)| (name.to_owned(), Json::from(value)))
        .collect();
    json!({
        "type": schema.kind().name(),
        "optional": schema.is_optional(),
        "name": schema.name(),
        "version": schema.version(),
        "doc": schema.doc(),
        "parameters": parameters,
        "default": schema.default_value().map_or(Json::Null, value_json),
        "fields": fields,
        "keys": schema_json(schema.key_schema()),
        "values": schema_json(schema.value_schema()),
    })
}

fn value_json(value: &Value) -> Json {
    let text = || {
        let mut text = String::new();
        write_java_text(&mut text, value);
        text
    };
    match value {
        Value::Null => Json::Null,
        Value::Boolean(flag) => json!(["boolean", flag]),
        Value::Int8(number) => json!(["int8", number]),
        Value::Int16(number) => json!(["int16", number]),
        Value::Int32(number) => json!(["int32", number]),
        Value::Int64(number) => json!(["int64", number]),
        Value::Float32(_) => json!(["float32", text()]),
        Value::Float64(_) => json!(["float64", text()]),
        Value::String(text) => json!(["string", &**text]),
        Value::Bytes(bytes) => json!(["bytes", STANDARD.encode(bytes)]),
        Value::Decimal(_) => json!(["decimal", text()]),
        Value::Date(days) => json!(["instant", i64::from(*days) * MS_PER_DAY]),
        Value::Time(ms) => json!(["instant", ms]),
        Value::Timestamp(ms) => json!(["instant", ms]),
        Value::Array(items) => json!(["array", items.iter().map(value_json).collect::<Vec<_>>()]),
        Value::Map(map) => {
            let entry = |(key, value)| (value_json(key).to_string(), value_json(value));
            let entries = map.entries().iter().map(|(key, value)| entry((key, value)));
            let mut entries: Vec<_> = entries.collect();
            entries.sort_by(|left, right| left.0.cmp(&right.0));
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(key, value)| json!([serde_json::from_str::<Json>(&key).unwrap(), value]))
                .collect();
            json!(["map", entries])
        }
        Value::Struct(record) => {
            json!(["struct", record.values().iter().map(value_json).collect::<Vec<_>>()])
        }
    }
}

/// Writes single numbers with as few digits as tell them; Java does so from version 19 on.
pub(super) fn shorten_floats(json: &mut Json) {
    if let Some([kind, Json::String(text)]) = json.as_array_mut().map(Vec::as_mut_slice)
        && kind == "float32"
    {
        let number = text.replace("Infinity", "inf").parse().unwrap();
        text.clear();
        write_java_text(text, &Value::Float32(number));
        return;
    }
    match json {
        Json::Array(items) => items.iter_mut().for_each(shorten_floats),
        Json::Object(members) => members.values_mut().for_each(shorten_floats),
        _ => {}
    }
}
