//! Wraps a record's key or value into a struct or map with one field.
//!
//! Source: apache/kafka `HoistField.java`.

use std::{mem, sync::Arc};

use connect_api::{
    config::{Config, Props},
    error::Result,
    record::SchemaAndValue,
    schema::{Schema, Type},
    value::{Map, Struct, Value},
};

use super::{
    ConnectRecord, Transform, Verdict, fields::fitting, schema_cache::SchemaCache, side::Side,
};

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct HoistFieldConfig {
    /// Field name for the single field that will be created in the resulting Struct or Map.
    field: String,
}

/// Wraps.
#[derive(Debug)]
pub(super) struct HoistField {
    side: Side,
    field: Arc<str>,
    key: Value,
    wrapped: SchemaCache<Arc<Schema>>,
}

impl HoistField {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let field = HoistFieldConfig::parse(props)?.field;
        Ok(Self {
            side,
            field: field.as_str().into(),
            key: Value::string(field),
            wrapped: SchemaCache::default(),
        })
    }
}

impl Transform for HoistField {
    fn class(&self) -> &'static str {
        self.side.class(
            "org.apache.kafka.connect.transforms.HoistField$Key",
            "org.apache.kafka.connect.transforms.HoistField$Value",
        )
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let slot = self.side.of_mut(record);
        let SchemaAndValue { schema, value } = mem::take(slot);
        *slot = match schema {
            None => {
                SchemaAndValue::schemaless(Value::Map(Map::new(vec![(self.key.clone(), value)])))
            }
            Some(inner) => {
                let field = || {
                    let name = Arc::clone(&self.field);
                    Ok(Arc::new(Schema::new(Type::Struct).field(name, Arc::clone(&inner))))
                };
                let schema = self.wrapped.get(&inner, field)?;
                let value = fitting(&self.field, &inner, value)?;
                let wrapped = Struct::new(Arc::clone(&schema), vec![value]);
                SchemaAndValue::new(schema, Value::Struct(wrapped))
            }
        };
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::record::SourceRecord;

    use super::*;

    fn hoisted(data: SchemaAndValue) -> Result<SchemaAndValue> {
        let transform = HoistField::configured(&Props::from([("field", "magic")]), Side::Key)?;
        let mut record = SourceRecord::new("t".into(), SchemaAndValue::NULL);
        record.key = data;
        transform.apply(&mut record)?;
        Ok(record.key)
    }

    #[test]
    fn a_map_or_a_struct_holds_what_was_there() {
        let map = hoisted(SchemaAndValue::schemaless(Value::Int32(42))).unwrap();
        assert_eq!(map.schema, None);
        assert_eq!(map.value, Value::Map(Map::new(vec![("magic".into(), Value::Int32(42))])));
        let inner = Arc::new(Schema::new(Type::Int32));
        let outer = hoisted(SchemaAndValue::new(Arc::clone(&inner), Value::Int32(42))).unwrap();
        let schema = outer.schema.unwrap();
        assert!(Arc::ptr_eq(&schema.fields()[0].schema, &inner));
        assert_eq!(outer.value.member("magic"), Some(&Value::Int32(42)));
    }

    #[test]
    fn null_is_wrapped_where_the_schema_allows_it() {
        let map = hoisted(SchemaAndValue::NULL).unwrap();
        assert_eq!(map.value, Value::Map(Map::new(vec![("magic".into(), Value::Null)])));
        let optional = SchemaAndValue::new(Schema::optional_string(), Value::Null);
        assert_eq!(hoisted(optional).unwrap().value.member("magic"), Some(&Value::Null));
        let required = SchemaAndValue::new(Schema::string(), Value::Null);
        assert_eq!(
            hoisted(required).unwrap_err().to_string(),
            "Invalid value: null used for required field: \"magic\", schema type: STRING"
        );
    }
}
