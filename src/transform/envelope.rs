//! Wraps the value into a struct or map that tells where the record came from.
//!
//! Millrace's own, for sinks that keep only values, and for reading dead letters: `error` is the
//! message that error tolerance left in the record's headers.

use std::{mem, sync::Arc};

use connect_api::{
    config::{Config, Props},
    error::Result,
    record::SchemaAndValue,
    schema::{Schema, Type, logical},
    value::{Map, Struct, Value},
    value_text::header_text,
};

use super::{ConnectRecord, Transform, Verdict, fields::optional_copy, schema_cache::SchemaCache};

/// Header of dead letters that holds what went wrong.
const ERROR_HEADER: &str = "__connect.errors.exception.message";

/// Names of the fields, in their order.
const NAMES: [&str; 7] = ["topic", "partition", "offset", "timestamp", "key", "error", "payload"];

/// The transform has no options.
#[derive(Config, Debug)]
pub(super) struct EnvelopeConfig {}

/// Wraps.
#[derive(Debug)]
pub(super) struct Envelope {
    /// By the schema of the payload, then of the key.
    schemas: SchemaCache<Arc<SchemaCache<Arc<Schema>>>>,
}

impl Envelope {
    pub(super) fn configured(_props: &Props) -> Result<Self> {
        Ok(Self { schemas: SchemaCache::default() })
    }
}

fn error(record: &dyn ConnectRecord) -> Value {
    let header = record.headers().iter().rev().find(|header| *header.key == *ERROR_HEADER);
    let text = header.and_then(|header| header_text(&header.data.value));
    text.map_or(Value::Null, Value::string)
}

/// A key without a schema is shown as text.
fn described(key: &SchemaAndValue) -> (Arc<Schema>, Value) {
    match &key.schema {
        Some(schema) => (optional_copy(schema), key.value.clone()),
        None => {
            let text = header_text(&key.value).map_or(Value::Null, Value::string);
            (Schema::optional_string(), text)
        }
    }
}

fn envelope_of(key: &Arc<Schema>, payload: &Arc<Schema>) -> Arc<Schema> {
    let timestamp = Schema::new(Type::Int64).named(logical::TIMESTAMP).versioned(1).optional();
    let kinds: [Arc<Schema>; 7] = [
        Schema::string(),
        Arc::new(Schema::new(Type::Int32).optional()),
        Arc::new(Schema::new(Type::Int64).optional()),
        Arc::new(timestamp),
        Arc::clone(key),
        Schema::optional_string(),
        optional_copy(payload),
    ];
    let fields = NAMES.into_iter().zip(kinds);
    Arc::new(
        fields.fold(Schema::new(Type::Struct), |schema, (name, kind)| schema.field(name, kind)),
    )
}

impl Transform for Envelope {
    fn class(&self) -> &'static str {
        "millrace.transforms.Envelope"
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let topic = Value::string(&**record.topic());
        let partition = record.partition().map_or(Value::Null, Value::Int32);
        let offset = record.offset().map_or(Value::Null, Value::Int64);
        let (ms, error) = (record.timestamp_ms(), error(record));
        let SchemaAndValue { schema, value } = mem::take(record.value_mut());
        let wrapped = match schema {
            None => {
                let timestamp = ms.map_or(Value::Null, Value::Int64);
                let key = record.key().value.clone();
                let values = [topic, partition, offset, timestamp, key, error, value];
                let names = NAMES.into_iter().map(Value::from);
                SchemaAndValue::schemaless(Value::Map(Map::new(names.zip(values).collect())))
            }
            Some(payload) => {
                let timestamp = ms.map_or(Value::Null, Value::Timestamp);
                let (key_schema, key) = described(record.key());
                let by_key = self.schemas.get(&payload, || Ok(Arc::default()))?;
                let schema = by_key.get(&key_schema, || Ok(envelope_of(&key_schema, &payload)))?;
                let values = vec![topic, partition, offset, timestamp, key, error, value];
                let wrapped = Struct::new(Arc::clone(&schema), values);
                SchemaAndValue::new(schema, Value::Struct(wrapped))
            }
        };
        *record.value_mut() = wrapped;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::record::{Header, SinkRecord, SourceRecord, TopicPartition};

    use super::*;

    fn record(key: SchemaAndValue, value: SchemaAndValue) -> SinkRecord {
        let message = SchemaAndValue::schemaless("bad".into());
        SinkRecord {
            topic: "t".into(),
            origin: TopicPartition::new("t", 3),
            offset: 42,
            timestamp_ms: Some(7),
            timestamp_type: connect_api::record::TimestampType::CreateTime,
            key,
            value,
            headers: vec![Header { key: ERROR_HEADER.into(), data: message }],
        }
    }

    fn wrapped(mut record: impl ConnectRecord) -> SchemaAndValue {
        Envelope::configured(&Props::default()).unwrap().apply(&mut record).unwrap();
        record.value().clone()
    }

    #[test]
    fn a_value_is_wrapped_with_what_is_known_of_its_record() {
        let text = |text: &str| SchemaAndValue::new(Schema::string(), text.into());
        let outcome = wrapped(record(text("k"), text("v")));
        let Value::Struct(value) = outcome.value else { panic!("a struct is expected") };
        let expected: [Value; 7] = [
            "t".into(),
            Value::Int32(3),
            Value::Int64(42),
            Value::Timestamp(7),
            "k".into(),
            "bad".into(),
            "v".into(),
        ];
        assert_eq!(value.values(), expected);
        assert!(Arc::ptr_eq(value.schema(), &outcome.schema.unwrap()));
        let outcome = wrapped(record(SchemaAndValue::schemaless(Value::Int64(1)), text("v")));
        assert_eq!(outcome.value.member("key"), Some(&"1".into()), "as text");
    }

    #[test]
    fn without_a_schema_it_is_a_map() {
        let data = SchemaAndValue::schemaless("v".into());
        let outcome = wrapped(SourceRecord::new("t".into(), data));
        assert_eq!(outcome.schema, None);
        for (name, expected) in
            [("topic", "t".into()), ("offset", Value::Null), ("payload", "v".into())]
        {
            assert_eq!(outcome.value.member(name), Some(&expected), "{name}");
        }
    }
}
