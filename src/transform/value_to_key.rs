//! Makes a record's key of fields of its value.
//!
//! Source: apache/kafka `ValueToKey.java`.

use std::sync::Arc;

use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    schema::{Schema, Type},
    value::{Map, Struct, Value},
};

use super::{
    ConnectRecord, Transform, Verdict,
    fields::Nulls,
    names::{distinct, names},
    schema_cache::SchemaCache,
    side::{not_a_map, not_a_struct},
};

const PURPOSE: &str = "copying fields from value to key";

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct ValueToKeyConfig {
    /// Field names on the record value to extract as the record key.
    #[config(importance = High, check = names("fields"))]
    fields: Vec<String>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(key = "replace.null.with.default", default = true)]
    nulls: Nulls,
}

/// Schema of the keys, and where their fields stand in the value.
type Plan = Arc<(Arc<Schema>, Vec<usize>)>;

/// Copies fields into the key.
#[derive(Debug)]
pub(super) struct ValueToKey {
    fields: Vec<Arc<str>>,
    /// The same, as keys of a map.
    keys: Vec<Value>,
    nulls: Nulls,
    plans: SchemaCache<Plan>,
}

impl ValueToKey {
    pub(super) fn configured(props: &Props) -> Result<Self> {
        let ValueToKeyConfig { fields, nulls } = ValueToKeyConfig::parse(props)?;
        let fields: Vec<Arc<str>> = distinct(fields).into_iter().map(Arc::from).collect();
        let keys = fields.iter().map(|name| Value::string(&**name)).collect();
        Ok(Self { fields, keys, nulls, plans: SchemaCache::default() })
    }

    fn key_of(&self, data: &SchemaAndValue) -> Result<SchemaAndValue> {
        match data {
            SchemaAndValue { schema: None, value: Value::Map(map) } => {
                let value = |name: &Arc<str>| map.get(name).cloned().unwrap_or_default();
                let entries = self.keys.iter().cloned().zip(self.fields.iter().map(value));
                Ok(SchemaAndValue::schemaless(Value::Map(Map::new(entries.collect()))))
            }
            SchemaAndValue { schema: None, value } => Err(not_a_map(value, PURPOSE)),
            SchemaAndValue { schema: Some(_), value: Value::Struct(record) } => {
                self.struct_of(record)
            }
            SchemaAndValue { schema: Some(_), value } => Err(not_a_struct(value, PURPOSE)),
        }
    }

    fn struct_of(&self, record: &Struct) -> Result<SchemaAndValue> {
        let plan = self.plans.get(record.schema(), || self.plan(record.schema()))?;
        let (schema, places) = &*plan;
        let copy = |at: &usize| record.values().get(*at).cloned().unwrap_or_default();
        let mut values: Vec<Value> = places.iter().map(copy).collect();
        self.nulls.carry_all(schema.fields(), &mut values)?;
        let key = Struct::new(Arc::clone(schema), values);
        Ok(SchemaAndValue::new(Arc::clone(schema), Value::Struct(key)))
    }

    fn plan(&self, schema: &Schema) -> Result<Plan> {
        let mut key = Schema::new(Type::Struct);
        let mut places = Vec::with_capacity(self.fields.len());
        for name in &self.fields {
            let at = schema.field_index(name);
            let Some((at, field)) = at.and_then(|at| Some((at, schema.fields().get(at)?))) else {
                return Err(ConnectorError::record(format!("Field does not exist: {name}")));
            };
            key = key.field(Arc::clone(name), Arc::clone(&field.schema));
            places.push(at);
        }
        Ok(Arc::new((Arc::new(key), places)))
    }
}

impl Transform for ValueToKey {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.transforms.ValueToKey"
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        *record.key_mut() = self.key_of(record.value())?;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(entries: &[(&str, &str)], data: &SchemaAndValue) -> Result<SchemaAndValue> {
        ValueToKey::configured(&entries.iter().copied().collect())?.key_of(data)
    }

    fn data(a: Value) -> SchemaAndValue {
        let optional = Schema::new(Type::Int32).optional().with_default(Value::Int32(42));
        let schema = Schema::new(Type::Struct).field("a", optional).field("b", Schema::string());
        let schema = Arc::new(schema);
        let record = Struct::new(Arc::clone(&schema), vec![a, "x".into()]);
        SchemaAndValue::new(schema, Value::Struct(record))
    }

    #[test]
    fn the_key_has_the_fields_in_the_order_of_the_option() {
        let map = Map::new(vec![("a".into(), Value::Int32(1)), ("b".into(), Value::Int32(2))]);
        let found = key(&[("fields", "b,c,b")], &SchemaAndValue::schemaless(Value::Map(map)));
        let expected = Map::new(vec![("b".into(), Value::Int32(2)), ("c".into(), Value::Null)]);
        assert_eq!(found.unwrap(), SchemaAndValue::schemaless(Value::Map(expected)));
        let found = key(&[("fields", "b,a")], &data(Value::Int32(1))).unwrap();
        let Value::Struct(found) = found.value else { panic!("a struct is expected") };
        let found: Vec<_> = found.iter().collect();
        assert_eq!(found, [("b", &"x".into()), ("a", &Value::Int32(1))]);
    }

    #[test]
    fn null_becomes_the_default_unless_it_is_kept() {
        for (replace, expected) in [("true", Value::Int32(42)), ("false", Value::Null)] {
            let entries = [("fields", "a"), ("replace.null.with.default", replace)];
            let found = key(&entries, &data(Value::Null)).unwrap();
            assert_eq!(found.value.member("a"), Some(&expected));
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_the_original_words() {
        let said = |data: &SchemaAndValue| key(&[("fields", "z")], data).unwrap_err().to_string();
        assert_eq!(said(&data(Value::Null)), "Field does not exist: z");
        assert_eq!(
            said(&SchemaAndValue::NULL),
            "Only Map objects supported in absence of schema for [copying fields from value to \
             key], found: null"
        );
        assert_eq!(
            said(&SchemaAndValue::new(Schema::optional_string(), Value::Null)),
            "Only Struct objects supported for [copying fields from value to key], found: null"
        );
    }
}
