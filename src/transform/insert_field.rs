//! Adds fields about a record to its key or value.
//!
//! Source: apache/kafka `InsertField.java`.

use std::{mem, sync::Arc};

use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    schema::{Schema, Type, logical},
    value::Value,
};

use super::{
    ConnectRecord, Transform, Verdict,
    fields::{Nulls, basics_of, with_field},
    schema_cache::SchemaCache,
    side::{Side, not_a_map, reshape},
};

const PURPOSE: &str = "field insertion";

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct InsertFieldConfig {
    /// Field name for Kafka topic. Suffix with <code>!</code> to make this a required field, or
    /// <code>?</code> to keep it optional (the default).
    #[config(key = "topic.field")]
    topic: Option<String>,
    /// Field name for Kafka partition. Suffix with <code>!</code> to make this a required field, or
    /// <code>?</code> to keep it optional (the default).
    #[config(key = "partition.field")]
    partition: Option<String>,
    /// Field name for Kafka offset - only applicable to sink connectors.<br/>Suffix with
    /// <code>!</code> to make this a required field, or <code>?</code> to keep it optional (the
    /// default).
    #[config(key = "offset.field")]
    offset: Option<String>,
    /// Field name for record timestamp. Suffix with <code>!</code> to make this a required field,
    /// or <code>?</code> to keep it optional (the default).
    #[config(key = "timestamp.field")]
    timestamp: Option<String>,
    /// Field name for static data field. Suffix with <code>!</code> to make this a required field,
    /// or <code>?</code> to keep it optional (the default).
    #[config(key = "static.field")]
    static_field: Option<String>,
    /// Static field value, if field name configured.
    #[config(key = "static.value")]
    static_value: Option<String>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(key = "replace.null.with.default", default = true)]
    nulls: Nulls,
}

/// What a field tells about the record.
#[derive(Clone, Debug)]
enum Content {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Static(Value),
}

#[derive(Debug)]
struct Insertion {
    name: Arc<str>,
    is_optional: bool,
    content: Content,
}

/// Adds fields.
#[derive(Debug)]
pub(super) struct InsertField {
    side: Side,
    insertions: Vec<Insertion>,
    nulls: Nulls,
    updated: SchemaCache<Arc<Schema>>,
}

impl InsertField {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let config = InsertFieldConfig::parse(props)?;
        let static_content = match (&config.static_field, config.static_value) {
            (Some(field), None) => {
                return Err(ConnectorError::invalid(format!(
                    "No value specified for static field: {field}"
                )));
            }
            (_, value) => Content::Static(value.map_or(Value::Null, Value::string)),
        };
        let insertions: Vec<Insertion> = [
            (config.topic, Content::Topic),
            (config.partition, Content::Partition),
            (config.offset, Content::Offset),
            (config.timestamp, Content::Timestamp),
            (config.static_field, static_content),
        ]
        .into_iter()
        .filter_map(|(name, content)| Some(insertion(&name?, content)))
        .collect();
        if insertions.is_empty() {
            return Err(ConnectorError::invalid("No field insertion configured"));
        }
        Ok(Self { side, insertions, nulls: config.nulls, updated: SchemaCache::default() })
    }

    fn extend(&self, data: &mut SchemaAndValue, record: &dyn ConnectRecord) -> Result<()> {
        let Some(schema) = data.schema.clone() else {
            let Value::Map(map) = &mut data.value else {
                return Err(not_a_map(&data.value, PURPOSE));
            };
            for insertion in &self.insertions {
                if let Some(value) = insertion.value(record, false) {
                    map.set(&insertion.name, value);
                }
            }
            return Ok(());
        };
        reshape(data, PURPOSE, |_, values| {
            let updated = self.updated.get(&schema, || self.extended(&schema))?;
            self.nulls.carry_all(schema.fields(), values)?;
            values.reserve_exact(self.insertions.len());
            let inserted = self.insertions.iter().map(|insertion| insertion.value(record, true));
            values.extend(inserted.map(Option::unwrap_or_default));
            Ok(updated)
        })
    }

    /// The schema with the fields added, also where a record has nothing to put there.
    fn extended(&self, schema: &Schema) -> Result<Arc<Schema>> {
        let mut updated = basics_of(schema, Schema::new(Type::Struct));
        for field in schema.fields() {
            updated = updated.field(Arc::clone(&field.name), Arc::clone(&field.schema));
        }
        for insertion in &self.insertions {
            updated = with_field(updated, &insertion.name, insertion.schema())?;
        }
        Ok(Arc::new(updated))
    }
}

fn insertion(name: &str, content: Content) -> Insertion {
    let (name, is_optional) = match name.strip_suffix('!') {
        Some(name) => (name, false),
        None => (name.strip_suffix('?').unwrap_or(name), true),
    };
    Insertion { name: name.into(), is_optional, content }
}

impl Insertion {
    fn schema(&self) -> Schema {
        let schema = match self.content {
            Content::Topic | Content::Static(_) => Schema::new(Type::String),
            Content::Partition => Schema::new(Type::Int32),
            Content::Offset => Schema::new(Type::Int64),
            Content::Timestamp => Schema::new(Type::Int64).named(logical::TIMESTAMP).versioned(1),
        };
        if self.is_optional { schema.optional() } else { schema }
    }

    /// The value for this record; none when the field is not added to it.
    fn value(&self, record: &dyn ConnectRecord, has_schema: bool) -> Option<Value> {
        match &self.content {
            Content::Topic => Some(Value::string(&**record.topic())),
            Content::Partition => record.partition().map(Value::Int32),
            Content::Offset => record.offset().map(Value::Int64),
            Content::Timestamp if has_schema => record.timestamp_ms().map(Value::Timestamp),
            Content::Timestamp => record.timestamp_ms().map(Value::Int64),
            Content::Static(value) => Some(value.clone()),
        }
    }
}

impl Transform for InsertField {
    fn class(&self) -> &'static str {
        self.side.class(
            "org.apache.kafka.connect.transforms.InsertField$Key",
            "org.apache.kafka.connect.transforms.InsertField$Value",
        )
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let data = self.side.of(record);
        if data.value.is_null() {
            return Ok(Verdict::Keep);
        }
        let needs_offset = |insertion: &Insertion| matches!(insertion.content, Content::Offset);
        if record.offset().is_none() && self.insertions.iter().any(needs_offset) {
            return Err(ConnectorError::record(format!(
                "Only SinkRecord supported for [{PURPOSE}], found: \
                 org.apache.kafka.connect.source.SourceRecord"
            )));
        }
        let mut data = mem::take(self.side.of_mut(record));
        self.extend(&mut data, record)?;
        *self.side.of_mut(record) = data;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{record::SourceRecord, value::Map};

    use connect_api::value::Struct;

    use super::*;

    fn transform(entries: &[(&str, &str)]) -> InsertField {
        InsertField::configured(&entries.iter().copied().collect(), Side::Value).unwrap()
    }

    fn record(value: SchemaAndValue) -> SourceRecord {
        SourceRecord { timestamp_ms: Some(5), ..SourceRecord::new("t".into(), value) }
    }

    #[test]
    fn fields_are_appended_to_a_struct_in_their_order() {
        let schema = Arc::new(Schema::new(Type::Struct).named("S").field("a", Schema::string()));
        let value = Value::Struct(Struct::new(Arc::clone(&schema), vec!["x".into()]));
        let mut record = record(SchemaAndValue::new(schema, value));
        let all = [
            ("static.field", "s!"),
            ("static.value", "v"),
            ("topic.field", "topic"),
            ("partition.field", "p"),
            ("timestamp.field", "at"),
        ];
        transform(&all).apply(&mut record).unwrap();
        let schema = record.value.schema.clone().unwrap();
        let names: Vec<_> = schema.fields().iter().map(|field| &*field.name).collect();
        assert_eq!(names, ["a", "topic", "p", "at", "s"]);
        assert_eq!(record.value.value.member("p"), Some(&Value::Null), "the record has none");
        assert_eq!(record.value.value.member("at"), Some(&Value::Timestamp(5)));
        let optional: Vec<_> = schema.fields().iter().map(|f| f.schema.is_optional()).collect();
        assert_eq!(optional, [false, true, true, true, false]);
        assert_eq!(schema.name(), Some("S"));
    }

    #[test]
    fn an_offset_is_for_sinks_only() {
        let insert = transform(&[("offset.field", "o")]);
        let map = SchemaAndValue::schemaless(Value::Map(Map::default()));
        assert_eq!(
            insert.apply(&mut record(map)).unwrap_err().to_string(),
            "Only SinkRecord supported for [field insertion], found: \
             org.apache.kafka.connect.source.SourceRecord"
        );
    }

    #[test]
    fn a_map_gets_entries_and_null_passes() {
        let insert = transform(&[("topic.field", "topic"), ("timestamp.field", "at")]);
        let mut with_map = record(SchemaAndValue::schemaless(Value::Map(Map::default())));
        insert.apply(&mut with_map).unwrap();
        assert_eq!(with_map.value.value.member("at"), Some(&Value::Int64(5)));
        let mut tombstone = record(SchemaAndValue::NULL);
        assert_eq!(insert.apply(&mut tombstone).unwrap(), Verdict::Keep);
        assert_eq!(tombstone.value, SchemaAndValue::NULL);
        let error = insert.apply(&mut record(SchemaAndValue::schemaless("x".into()))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Only Map objects supported in absence of schema for [field insertion], found: \
             java.lang.String"
        );
    }
}
