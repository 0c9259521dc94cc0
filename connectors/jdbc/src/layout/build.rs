//! Finds the layout of a record, once for each pair of schemas.

use std::{collections::HashSet, sync::Arc};

use connect_api::{
    record::{SchemaAndValue, SinkRecord},
    schema::{Field, Schema, Type, same_schema},
    value::Value,
};

use super::{Column, Layout, Shape, Source};
use crate::config::{JdbcSinkConfig, KAFKA_KEYS, PkMode, TimestampPrecision};

/// Most layouts that are kept: a converter that makes every schema anew must not fill the memory.
const MOST_KEPT: usize = 256;

/// Finds layouts, and keeps them.
#[derive(Debug)]
pub(crate) struct Layouts {
    config: Arc<JdbcSinkConfig>,
    /// The one found last is the first.
    kept: Vec<Kept>,
}

/// A layout, or why there is none, for records of this kind.
#[derive(Debug)]
struct Kept {
    topic: Arc<str>,
    key: Option<Arc<Schema>>,
    value: Option<Arc<Schema>>,
    has_key: bool,
    has_value: bool,
    found: Result<Arc<Layout>, String>,
}

impl Layouts {
    /// Layouts by this configuration.
    pub(crate) const fn new(config: Arc<JdbcSinkConfig>) -> Self {
        Self { config, kept: Vec::new() }
    }

    /// The layout of a record.
    ///
    /// # Errors
    /// Why the record cannot be a row, as the end of a sentence.
    pub(crate) fn of(&mut self, record: &SinkRecord) -> Result<Arc<Layout>, String> {
        let (key, value) = (schema_of(&record.key), schema_of(&record.value));
        let has_key = !record.key.value.is_null();
        let has_value = !record.value.value.is_null();
        let place = self.kept.iter().position(|kept| {
            (kept.has_key, kept.has_value) == (has_key, has_value)
                && kept.topic == record.topic
                && same_schema(kept.value.as_ref(), value)
                && same_schema(kept.key.as_ref(), key)
        });
        if let Some(place) = place {
            self.kept.swap(0, place);
        } else {
            let found = self.build(record, key, value).map(Arc::new);
            let kept = Kept {
                topic: Arc::clone(&record.topic),
                key: key.cloned(),
                value: value.cloned(),
                has_key,
                has_value,
                found,
            };
            self.kept.truncate(MOST_KEPT);
            self.kept.insert(0, kept);
        }
        match self.kept.first().map(|kept| &kept.found) {
            Some(Ok(layout)) => Ok(Arc::clone(layout)),
            Some(Err(reason)) => Err(reason.clone()),
            None => Err("it has no layout".to_owned()),
        }
    }

    fn build(
        &self,
        record: &SinkRecord,
        key: Option<&Arc<Schema>>,
        value: Option<&Arc<Schema>>,
    ) -> Result<Layout, String> {
        let table = self.config.table(&record.topic)?;
        let deletes = record.value.value.is_null();
        if deletes && !self.config.delete_enabled {
            return Err(
                "it has no value. Set \"delete.enabled\" and \"pk.mode\" to delete the row \
                        of its key, or drop such records with a transformation"
                    .to_owned(),
            );
        }
        let mut columns = self.keys(record, key, value)?;
        if !deletes {
            let known: HashSet<_> = columns.iter().map(|column| Arc::clone(&column.name)).collect();
            self.add_values(&mut columns, &known, record, value)?;
        }
        if columns.is_empty() {
            return Err("none of its fields is a column. Look at \"fields.whitelist\"".to_owned());
        }
        Ok(Layout { table, columns, deletes, key_schema: key.cloned() })
    }

    fn keys(
        &self,
        record: &SinkRecord,
        key: Option<&Arc<Schema>>,
        value: Option<&Arc<Schema>>,
    ) -> Result<Vec<Column>, String> {
        match self.config.pk_mode {
            PkMode::None => Ok(Vec::new()),
            PkMode::Kafka => Ok(self.kafka_keys()),
            PkMode::RecordValue => {
                let schema = struct_schema(value).ok_or_else(no_schema)?;
                self.key_fields(schema, "value", Source::ValueField)
            }
            PkMode::RecordKey if record.key.value.is_null() => {
                Err("it has no key, and \"pk.mode\" is record_key".to_owned())
            }
            PkMode::RecordKey => match (struct_schema(key), key) {
                (Some(schema), _) => self.key_fields(schema, "key", Source::KeyField),
                (None, Some(schema)) => self.whole_key(schema),
                (None, None) => Err("its key has no schema, and \"pk.mode\" is record_key. Use a \
                                     converter that gives one, such as StringConverter"
                    .to_owned()),
            },
        }
    }

    fn kafka_keys(&self) -> Vec<Column> {
        let usual = KAFKA_KEYS.map(str::to_owned);
        let names: &[String] = match self.config.pk_fields.as_slice() {
            [] => &usual,
            names => names,
        };
        let sources = [
            (Source::Topic, Shape::Text),
            (Source::Partition, Shape::Int),
            (Source::Offset, Shape::BigInt),
        ];
        let column = |(name, (source, shape)): (&String, _)| Column {
            name: name.as_str().into(),
            source,
            shape,
            is_key: true,
            is_optional: false,
            default: None,
            stand_in: None,
            per_microsecond: None,
        };
        names.iter().zip(sources).map(column).collect()
    }

    fn whole_key(&self, schema: &Schema) -> Result<Vec<Column>, String> {
        let [name] = self.config.pk_fields.as_slice() else {
            return Err(format!(
                "its key is a {} and not a struct, for which \"pk.fields\" must name exactly one \
                 column",
                schema.kind()
            ));
        };
        let shape = Shape::of(schema);
        if matches!(shape, Shape::Document | Shape::Array(_)) {
            return Err(format!("its key is a {}, which cannot be a key column", schema.kind()));
        }
        Ok(vec![self.column(name.as_str().into(), schema, Source::Key, true)])
    }

    fn key_fields(
        &self,
        schema: &Schema,
        side: &str,
        source: fn(usize) -> Source,
    ) -> Result<Vec<Column>, String> {
        let wanted = &self.config.pk_fields;
        if let Some(missing) = wanted.iter().find(|name| schema.field_index(name).is_none()) {
            return Err(format!(
                "its {side} has no field \"{missing}\", which \"pk.fields\" names"
            ));
        }
        let fields = schema.fields().iter().enumerate();
        let keys = fields.filter(|(_, field)| {
            wanted.is_empty() || wanted.iter().any(|name| **name == *field.name)
        });
        let columns = keys.map(|(place, field)| {
            self.column(Arc::clone(&field.name), &field.schema, source(place), true)
        });
        Ok(columns.collect())
    }

    fn add_values(
        &self,
        columns: &mut Vec<Column>,
        known: &HashSet<Arc<str>>,
        record: &SinkRecord,
        value: Option<&Arc<Schema>>,
    ) -> Result<(), String> {
        let Some(schema) = struct_schema(value) else {
            let Some(schema) = value.filter(|_| matches!(record.value.value, Value::String(_)))
            else {
                return Err(no_schema());
            };
            let name = self.config.string_output_value_column_name.as_str();
            if !known.contains(name) {
                columns.push(self.column(name.into(), schema, Source::Value, false));
            }
            return Ok(());
        };
        let whitelist = &self.config.fields_whitelist;
        let is_wanted = |field: &Field| {
            !known.contains(&field.name)
                && (whitelist.is_empty() || whitelist.iter().any(|name| **name == *field.name))
        };
        let fields = schema.fields().iter().enumerate().filter(|(_, field)| is_wanted(field));
        columns.extend(fields.map(|(place, field)| {
            let source = Source::ValueField(place);
            self.column(Arc::clone(&field.name), &field.schema, source, false)
        }));
        if let Some(point) = self.point(schema)? {
            if columns.iter().any(|column| column.name == point.name) {
                return Err(format!(
                    "\"{}\" is a field and the column of its point. Name another column in \
                     \"geometry.column\", or leave the field out with \"fields.whitelist\"",
                    point.name
                ));
            }
            columns.push(point);
        }
        Ok(())
    }

    fn point(&self, schema: &Schema) -> Result<Option<Column>, String> {
        let Some((x, y)) = self.config.point() else { return Ok(None) };
        let place = |name: &str, key: &str| {
            schema
                .field_index(name)
                .ok_or_else(|| format!("its value has no field \"{name}\", which \"{key}\" names"))
        };
        let (x, y) = (place(x, "geometry.x.field")?, place(y, "geometry.y.field")?);
        Ok(Some(Column {
            name: self.config.geometry_column.as_str().into(),
            source: Source::Point(x, y),
            shape: Shape::Point(self.config.geometry_srid),
            is_key: false,
            is_optional: true,
            default: None,
            stand_in: None,
            per_microsecond: None,
        }))
    }

    fn column(&self, name: Arc<str>, schema: &Schema, source: Source, is_key: bool) -> Column {
        let is_time = matches!(source, Source::ValueField(_))
            && matches!(schema.kind(), Type::Int32 | Type::Int64 | Type::String)
            && self.config.timestamp_fields_list.iter().any(|field| **field == *name);
        let (shape, per_microsecond) = match Shape::of(schema) {
            Shape::Int | Shape::BigInt if is_time => {
                let divisor = match self.config.timestamp_precision_mode {
                    TimestampPrecision::Microseconds => 1,
                    TimestampPrecision::Nanoseconds => 1000,
                };
                (Shape::Timestamp, Some(divisor))
            }
            Shape::Text if is_time => (Shape::Timestamp, None),
            shape => (shape, None),
        };
        let replaces = self.config.replace_null_with_default;
        Column {
            name,
            source,
            shape,
            is_key,
            is_optional: schema.is_optional() && !is_key,
            default: schema.default_value().cloned(),
            stand_in: schema.default_value().filter(|_| replaces).cloned(),
            per_microsecond,
        }
    }
}

/// The schema of a side, which a struct brings along.
fn schema_of(side: &SchemaAndValue) -> Option<&Arc<Schema>> {
    match &side.value {
        Value::Struct(record) => Some(record.schema()),
        _ => side.schema.as_ref(),
    }
}

fn struct_schema(schema: Option<&Arc<Schema>>) -> Option<&Arc<Schema>> {
    schema.filter(|schema| schema.kind() == Type::Struct)
}

fn no_schema() -> String {
    "its value is no struct with a schema, so that columns have no names or types. Use JSON with \
     \"value.converter.schemas.enable\", or Avro, Protobuf or JSON Schema with a schema registry"
        .to_owned()
}
