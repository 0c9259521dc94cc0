//! Sets name and version of the schema of a record's key or value.
//!
//! Source: apache/kafka `SetSchemaMetadata.java`.

use std::sync::Arc;

use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    schema::Schema,
    value::Value,
};

use super::{
    ConnectRecord, Transform, Verdict,
    fields::{Nulls, fields_of},
    schema_cache::SchemaCache,
    side::Side,
};

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct SetSchemaMetadataConfig {
    /// Schema name to set.
    #[config(key = "schema.name", importance = High)]
    name: Option<String>,
    /// Schema version to set.
    #[config(key = "schema.version", importance = High)]
    version: Option<i32>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(key = "replace.null.with.default", default = true)]
    nulls: Nulls,
}

/// Names schemas.
#[derive(Debug)]
pub(super) struct SetSchemaMetadata {
    side: Side,
    name: Option<Arc<str>>,
    version: Option<i32>,
    nulls: Nulls,
    updated: SchemaCache<Arc<Schema>>,
}

impl SetSchemaMetadata {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let SetSchemaMetadataConfig { name, version, nulls } =
            SetSchemaMetadataConfig::parse(props)?;
        if name.is_none() && version.is_none() {
            return Err(ConnectorError::invalid("Neither schema name nor version configured"));
        }
        let name = name.map(Arc::from);
        Ok(Self { side, name, version, nulls, updated: SchemaCache::default() })
    }

    fn change(&self, data: &mut SchemaAndValue) -> Result<()> {
        let Some(schema) = &data.schema else {
            return Err(ConnectorError::record("Schema required for [updating schema metadata]"));
        };
        let updated = self.updated.get(schema, || self.described(schema))?;
        if let Value::Struct(record) = &mut data.value {
            record.reshape(|_, values| {
                self.nulls.carry_all(updated.fields(), values)?;
                Ok::<_, ConnectorError>(Arc::clone(&updated))
            })?;
        }
        data.schema = Some(updated);
        Ok(())
    }

    fn described(&self, schema: &Schema) -> Result<Arc<Schema>> {
        fields_of(schema)?;
        let mut updated = schema.clone();
        if let Some(name) = &self.name {
            updated = updated.named(Arc::clone(name));
        }
        if let Some(version) = self.version {
            updated = updated.versioned(version);
        }
        Ok(Arc::new(updated))
    }
}

impl Transform for SetSchemaMetadata {
    fn class(&self) -> &'static str {
        self.side.class(
            "org.apache.kafka.connect.transforms.SetSchemaMetadata$Key",
            "org.apache.kafka.connect.transforms.SetSchemaMetadata$Value",
        )
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let slot = self.side.of_mut(record);
        if slot.schema.is_some() || !slot.value.is_null() {
            self.change(slot)?;
        }
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{record::SourceRecord, schema::Type};

    use connect_api::value::Struct;

    use super::*;

    fn changed(entries: &[(&str, &str)], data: SchemaAndValue) -> Result<SchemaAndValue> {
        let props = entries.iter().copied().collect();
        let transform = SetSchemaMetadata::configured(&props, Side::Value)?;
        let mut record = SourceRecord::new("t".into(), data);
        transform.apply(&mut record).map(|_| record.value)
    }

    fn record() -> SchemaAndValue {
        let fallback = Schema::new(Type::String).optional().with_default("x".into());
        let schema = Schema::new(Type::Struct).named("old").versioned(1).documented("d");
        let schema = Arc::new(schema.field("f", fallback));
        let value = Value::Struct(Struct::new(Arc::clone(&schema), vec![Value::Null]));
        SchemaAndValue::new(schema, value)
    }

    #[test]
    fn schema_and_struct_are_renamed_together() {
        for (entries, name, version) in [
            (&[("schema.name", "foo"), ("schema.version", "42")] as &[_], "foo", 42),
            (&[("schema.name", "foo")], "foo", 1),
            (&[("schema.version", "42")], "old", 42),
        ] {
            let outcome = changed(entries, record()).unwrap();
            let schema = outcome.schema.unwrap();
            assert_eq!((schema.name(), schema.version()), (Some(name), Some(version)));
            assert_eq!(schema.doc(), Some("d"));
            let Value::Struct(record) = outcome.value else { panic!("a struct is expected") };
            assert!(Arc::ptr_eq(record.schema(), &schema));
            assert_eq!(record.get("f"), Some(&"x".into()));
        }
        let kept = [("schema.name", "foo"), ("replace.null.with.default", "false")];
        assert_eq!(changed(&kept, record()).unwrap().value.member("f"), Some(&Value::Null));
    }

    #[test]
    fn nothing_at_all_passes_and_a_missing_schema_is_refused() {
        let named = [("schema.name", "foo")];
        assert_eq!(changed(&named, SchemaAndValue::NULL).unwrap(), SchemaAndValue::NULL);
        let tombstone = SchemaAndValue { value: Value::Null, ..record() };
        assert_eq!(changed(&named, tombstone).unwrap().schema.unwrap().name(), Some("foo"));
        for (data, expected) in [
            (
                SchemaAndValue::schemaless("x".into()),
                "Schema required for [updating schema metadata]",
            ),
            (
                SchemaAndValue::new(Schema::string(), "x".into()),
                "Cannot list fields on non-struct type",
            ),
        ] {
            assert_eq!(changed(&named, data).unwrap_err().to_string(), expected);
        }
        assert_eq!(
            changed(&[], record()).unwrap_err().to_string(),
            "Neither schema name nor version configured"
        );
    }
}
