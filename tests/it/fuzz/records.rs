//! Records and values by chance, and what is said of them.

use std::sync::Arc;

use bytes::Bytes;
use connect_api::{
    record::{Header, SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    schema::{Schema, Type, logical},
    value::{Decimal, Map, Struct, Value},
};
use connect_testkit::fuzz::Choices;

/// Names of fields, some of which look like paths.
pub(super) const NAMES: [&str; 8] = ["a", "b", "c", "d", "a.b", "", "`", "é"];

/// A record.
pub(super) fn record(choices: &mut Choices<'_>) -> SinkRecord {
    let (key, value) = (data(choices), data(choices));
    let headers = (0..choices.below(4))
        .map(|_| Header { key: choices.of_all(&NAMES).into(), data: data(choices) });
    SinkRecord {
        headers: headers.collect(),
        topic: choices.of_all(&["topic", "a-1", "é", ""]).into(),
        origin: TopicPartition::new("topic", 3),
        offset: choices.number(),
        timestamp_ms: choices.flag().then(|| choices.number()),
        timestamp_type: TimestampType::CreateTime,
        key,
        value,
    }
}

/// Data with or without a schema.
pub(super) fn data(choices: &mut Choices<'_>) -> SchemaAndValue {
    if choices.flag() {
        return SchemaAndValue::schemaless(schemaless(choices, 3));
    }
    let schema = schema(choices, 3);
    let value = value_of(&schema, choices);
    SchemaAndValue::new(schema, value)
}

fn schemaless(choices: &mut Choices<'_>, depth: usize) -> Value {
    match choices.below(if depth > 0 { 8 } else { 5 }) {
        0 => Value::Null,
        5.. if choices.flag() => {
            let count = choices.below(4);
            Value::Array((0..count).map(|_| schemaless(choices, depth - 1)).collect())
        }
        5.. => {
            let mut map = Map::default();
            for _ in 0..choices.below(6) {
                let name = choices.of_all(&NAMES);
                map.set(name, schemaless(choices, depth - 1));
            }
            Value::Map(map)
        }
        _ => {
            let schema = leaf(choices);
            value_of(&schema, choices)
        }
    }
}

fn leaf(choices: &mut Choices<'_>) -> Arc<Schema> {
    let named = |kind, name: &str| Schema::new(kind).named(name).versioned(1);
    let schema = match choices.below(13) {
        9 => named(Type::Int32, logical::DATE),
        10 => named(Type::Int32, logical::TIME),
        11 => named(Type::Int64, logical::TIMESTAMP),
        12 => named(Type::Bytes, logical::DECIMAL).parameter("scale", "2"),
        place => Schema::new(Type::ALL[place]),
    };
    described(schema, choices)
}

fn described(schema: Schema, choices: &mut Choices<'_>) -> Arc<Schema> {
    let mut schema = if choices.flag() { schema.optional() } else { schema };
    if choices.below(4) == 3 && schema.kind() != Type::Struct {
        let default = value_of(&Arc::new(schema.clone()), choices);
        schema = schema.with_default(default);
    }
    Arc::new(schema)
}

fn schema(choices: &mut Choices<'_>, depth: usize) -> Arc<Schema> {
    if depth == 0 {
        return leaf(choices);
    }
    match choices.below(8) {
        0 => leaf(choices),
        1 => described(Schema::array(schema(choices, depth - 1)), choices),
        2 => described(Schema::map(leaf(choices), schema(choices, depth - 1)), choices),
        _ => {
            let mut record = Schema::new(Type::Struct);
            for name in NAMES {
                if choices.flag() {
                    record = record.field(name, schema(choices, depth - 1));
                }
            }
            described(record, choices)
        }
    }
}

/// A value of a schema, with numbers of every size.
fn value_of(schema: &Arc<Schema>, choices: &mut Choices<'_>) -> Value {
    if schema.is_optional() && choices.flag() {
        return Value::Null;
    }
    let number = choices.number();
    let low = i32::from_le_bytes(number.to_le_bytes()[..4].try_into().unwrap());
    match (schema.name(), schema.kind()) {
        (Some(logical::DECIMAL), _) => {
            let unscaled = Bytes::copy_from_slice(&number.to_be_bytes());
            Value::Decimal(Decimal { unscaled, scale: 2 })
        }
        (Some(logical::DATE), _) => Value::Date(low),
        (Some(logical::TIME), _) => Value::Time(low),
        (Some(logical::TIMESTAMP), _) => Value::Timestamp(number),
        (_, Type::Int8) => Value::Int8(number.to_le_bytes()[0].cast_signed()),
        (_, Type::Int16) => Value::Int16(i16::from_le_bytes([choices.byte(), choices.byte()])),
        (_, Type::Int32) => Value::Int32(low),
        (_, Type::Int64) => Value::Int64(number),
        (_, Type::Float32) => Value::Float32(f32::from_bits(low.cast_unsigned())),
        (_, Type::Float64) => Value::Float64(f64::from_bits(number.cast_unsigned())),
        (_, Type::Boolean) => Value::Boolean(number % 2 == 0),
        (_, Type::String) => Value::string(text(choices)),
        (_, Type::Bytes) => Value::Bytes(Bytes::copy_from_slice(&number.to_be_bytes())),
        (_, Type::Array) => {
            let elements = schema.value_schema().unwrap();
            let count = choices.below(4);
            Value::Array((0..count).map(|_| value_of(elements, choices)).collect())
        }
        (_, Type::Map) => {
            let (keys, values) = (schema.key_schema().unwrap(), schema.value_schema().unwrap());
            let count = choices.below(4);
            let entries = (0..count).map(|_| (value_of(keys, choices), value_of(values, choices)));
            Value::Map(Map::new(entries.collect()))
        }
        (_, Type::Struct) => {
            let fields = schema.fields().iter();
            let values = fields.map(|field| value_of(&field.schema, choices)).collect();
            Value::Struct(Struct::new(Arc::clone(schema), values))
        }
    }
}

/// A text, often one that means something.
pub(super) fn text(choices: &mut Choices<'_>) -> String {
    const WORDS: [&str; 16] = [
        "",
        "a",
        "1",
        "-1",
        "1.5",
        "1e999",
        "NaN",
        "true",
        "2024-02-30",
        "99999999999999999999",
        "a,b",
        "a:b",
        "[1,2]",
        "null",
        "$1",
        "é",
    ];
    if choices.flag() { choices.text() } else { choices.of_all(&WORDS).to_owned() }
}
