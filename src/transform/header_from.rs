//! Moves or copies fields of a record's key or value into its headers.
//!
//! Source: apache/kafka `HeaderFrom.java`.

use std::{mem, sync::Arc};

use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
    record::{Header, Headers, SchemaAndValue},
    schema::{Schema, Type},
    value::{Struct, Value},
};

use super::{
    ConnectRecord, Transform, Verdict,
    fields::{Nulls, basics_of, fields_of, with_field},
    names::items_of,
    schema_cache::SchemaCache,
    side::{Side, require_map, require_struct},
};

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct HeaderFromConfig {
    /// Field names in the record whose values are to be copied or moved to headers.
    #[config(importance = High, check = items_of("fields"))]
    fields: Vec<String>,
    /// Header names, in the same order as the field names listed in the fields configuration
    /// property.
    #[config(importance = High, check = items_of("headers"))]
    headers: Vec<String>,
    /// Either <code>move</code> if the fields are to be moved to the headers (removed from the
    /// key/value), or <code>copy</code> if the fields are to be copied to the headers (retained in
    /// the key/value).
    #[config(importance = High, check = one_of(&["move", "copy"]))]
    operation: String,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(key = "replace.null.with.default", default = true)]
    nulls: Nulls,
}

/// The schema without the moved fields, and whether each of the old fields stays.
type Plan = Arc<(Arc<Schema>, Vec<bool>)>;

/// Makes headers of fields.
#[derive(Debug)]
pub(super) struct HeaderFrom {
    side: Side,
    /// Fields with their headers.
    pairs: Vec<(String, Arc<str>)>,
    is_move: bool,
    nulls: Nulls,
    plans: SchemaCache<Plan>,
}

impl HeaderFrom {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let HeaderFromConfig { fields, headers, operation, nulls } =
            HeaderFromConfig::parse(props)?;
        if fields.len() != headers.len() {
            return Err(ConnectorError::invalid(
                "'fields' config must have the same number of elements as 'headers' config.",
            ));
        }
        let pairs = fields.into_iter().zip(headers.into_iter().map(Arc::from)).collect();
        let is_move = operation == "move";
        Ok(Self { side, pairs, is_move, nulls, plans: SchemaCache::default() })
    }

    fn changed(&self, data: SchemaAndValue) -> Result<(SchemaAndValue, Headers)> {
        let purpose = if self.is_move { "header move" } else { "header copy" };
        let SchemaAndValue { schema, value } = data;
        let Some(schema) = schema else {
            let mut map = require_map(value, purpose)?;
            let header = |(field, key): &(String, Arc<str>)| {
                let value = map.get(field).cloned().unwrap_or_default();
                Header { key: Arc::clone(key), data: SchemaAndValue::schemaless(value) }
            };
            let headers = self.pairs.iter().map(header).collect();
            if self.is_move {
                let is_moved = |key: &Value| key.as_str().is_some_and(|name| self.names(name));
                map.entries_mut().retain(|(key, _)| !is_moved(key));
            }
            return Ok((SchemaAndValue::schemaless(Value::Map(map)), headers));
        };
        let record = require_struct(value, purpose)?;
        let header = |pair: &(String, Arc<str>)| self.header(&schema, &record, pair);
        let headers = self.pairs.iter().map(header).collect::<Result<_>>()?;
        if !self.is_move {
            return Ok((SchemaAndValue::new(schema, Value::Struct(record)), headers));
        }
        Ok((self.reduced(&schema, record)?, headers))
    }

    fn names(&self, name: &str) -> bool {
        self.pairs.iter().any(|(field, _)| field == name)
    }

    fn header(
        &self,
        schema: &Schema,
        record: &Struct,
        (field, key): &(String, Arc<str>),
    ) -> Result<Header> {
        let known = schema.fields().iter().find(|known| *known.name == **field);
        let Some(known) = known else {
            return Err(ConnectorError::record(
                "Cannot invoke \"org.apache.kafka.connect.data.Field.schema()\" because the return \
                 value of \"org.apache.kafka.connect.data.Schema.field(String)\" is null",
            ));
        };
        let value = record.get(field).cloned().unwrap_or_default();
        let value = self.nulls.resolve(&known.schema, value);
        let data = SchemaAndValue::new(Arc::clone(&known.schema), value);
        Ok(Header { key: Arc::clone(key), data })
    }

    /// The struct without the moved fields.
    fn reduced(&self, schema: &Arc<Schema>, record: Struct) -> Result<SchemaAndValue> {
        let plan = self.plans.get(schema, || self.plan(schema))?;
        let (reduced, stays) = &*plan;
        let (_, mut values) = record.into_parts();
        let mut stays = stays.iter();
        values.retain(|_| stays.next().is_some_and(|stays| *stays));
        self.nulls.carry_all(reduced.fields(), &mut values)?;
        let record = Struct::new(Arc::clone(reduced), values);
        Ok(SchemaAndValue::new(Arc::clone(reduced), Value::Struct(record)))
    }

    fn plan(&self, schema: &Schema) -> Result<Plan> {
        let fields = fields_of(schema)?;
        let stays: Vec<bool> = fields.iter().map(|field| !self.names(&field.name)).collect();
        let mut reduced = basics_of(schema, Schema::new(Type::Struct));
        for (field, _) in fields.iter().zip(&stays).filter(|(_, stays)| **stays) {
            reduced = with_field(reduced, &field.name, Arc::clone(&field.schema))?;
        }
        Ok(Arc::new((Arc::new(reduced), stays)))
    }
}

impl Transform for HeaderFrom {
    fn class(&self) -> &'static str {
        self.side.class(
            "org.apache.kafka.connect.transforms.HeaderFrom$Key",
            "org.apache.kafka.connect.transforms.HeaderFrom$Value",
        )
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let (data, headers) = self.changed(mem::take(self.side.of_mut(record)))?;
        *self.side.of_mut(record) = data;
        record.headers_mut().extend(headers);
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{record::SourceRecord, value::Map};

    use super::*;

    const FIELDS: [(&str, &str); 2] = [("fields", "a,c"), ("headers", "h1,h2")];

    fn applied(operation: &str, data: SchemaAndValue) -> Result<SourceRecord> {
        let entries = FIELDS.into_iter().chain([("operation", operation)]);
        let transform = HeaderFrom::configured(&entries.collect(), Side::Value)?;
        let mut record = SourceRecord::new("t".into(), data);
        let first = SchemaAndValue::schemaless("first".into());
        record.headers.push(Header { key: "h1".into(), data: first });
        transform.apply(&mut record).map(|_| record)
    }

    fn map() -> SchemaAndValue {
        let map = Map::new(vec![("a".into(), "x".into()), ("b".into(), Value::Int8(1))]);
        SchemaAndValue::schemaless(Value::Map(map))
    }

    fn record() -> SchemaAndValue {
        let fallback = Schema::new(Type::Int32).optional().with_default(Value::Int32(7));
        let schema = Schema::new(Type::Struct)
            .field("a", Schema::string())
            .field("b", Schema::new(Type::Int8))
            .field("c", fallback);
        let schema = Arc::new(schema);
        let values = vec!["x".into(), Value::Int8(1), Value::Null];
        let value = Value::Struct(Struct::new(Arc::clone(&schema), values));
        SchemaAndValue::new(schema, value)
    }

    #[test]
    fn headers_are_appended_in_the_order_of_the_options() {
        for (data, last) in [(map(), Value::Null), (record(), Value::Int32(7))] {
            for operation in ["copy", "move"] {
                let outcome = applied(operation, data.clone()).unwrap();
                let headers: Vec<_> =
                    outcome.headers.iter().map(|h| (&*h.key, h.data.value.clone())).collect();
                let expected = [("h1", "first".into()), ("h1", "x".into()), ("h2", last.clone())];
                assert_eq!(headers, expected);
                assert_eq!(outcome.value == data, operation == "copy");
            }
        }
    }

    #[test]
    fn moved_fields_are_gone() {
        let outcome = applied("move", map()).unwrap();
        let left = Map::new(vec![("b".into(), Value::Int8(1))]);
        assert_eq!(outcome.value, SchemaAndValue::schemaless(Value::Map(left)));
        let Value::Struct(left) = applied("move", record()).unwrap().value.value else {
            panic!("a struct is expected")
        };
        assert_eq!(left.iter().collect::<Vec<_>>(), [("b", &Value::Int8(1))]);
        assert_eq!(left.schema().fields().len(), 1);
    }

    #[test]
    fn what_is_wrong_is_said_in_the_original_words() {
        let said = |operation, data| applied(operation, data).unwrap_err().to_string();
        assert_eq!(
            said("copy", SchemaAndValue::NULL),
            "Only Map objects supported in absence of schema for [header copy], found: null"
        );
        assert_eq!(
            said("move", SchemaAndValue::new(Schema::optional_string(), Value::Null)),
            "Only Struct objects supported for [header move], found: null"
        );
        assert_eq!(
            said("mode", map()),
            "Invalid value mode for configuration operation: String must be one of: move, copy"
        );
        for (fields, expected) in [
            ("x", "'fields' config must have the same number of elements as 'headers' config."),
            ("", "Invalid value [] for configuration fields: Empty list"),
        ] {
            let entries = [("fields", fields), ("headers", "a,b"), ("operation", "copy")];
            let error = HeaderFrom::configured(&Props::from(entries), Side::Key).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
