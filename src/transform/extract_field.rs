//! Replaces a record's key or value by one of its fields.
//!
//! Source: apache/kafka `ExtractField.java`.

use std::{mem, sync::Arc};

use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    value::Value,
};

use super::{
    ConnectRecord, Transform, Verdict,
    field_path::{FieldPath, Syntax},
    fields::Nulls,
    side::{Side, require_map, require_struct},
};

const PURPOSE: &str = "field extraction";

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct ExtractFieldConfig {
    /// Field name to extract.
    field: String,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(key = "replace.null.with.default", default = true)]
    nulls: Nulls,
    /// Defines the version of the syntax to access fields. If set to <code>V1</code>, then the
    /// field paths are limited to access the elements at the root level of the struct or map. If
    /// set to <code>V2</code>, the syntax will support accessing nested elements. To access nested
    /// elements, dotted notation is used. If dots are already included in the field name, then
    /// backtick pairs can be used to wrap field names containing dots. E.g. to access the subfield
    /// <code>baz</code> from a field named "foo.bar" in a struct/map the following format can be
    /// used to access its elements: "<code>foo.bar</code>.baz".
    #[config(
        key = "field.syntax.version",
        default = "V1",
        importance = High,
        check = one_of_any_case(&["V1", "V2"])
    )]
    syntax: String,
}

/// Takes a field out.
#[derive(Debug)]
pub(super) struct ExtractField {
    side: Side,
    /// As it was written.
    field: String,
    path: FieldPath,
    nulls: Nulls,
}

impl ExtractField {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let ExtractFieldConfig { field, nulls, syntax } = ExtractFieldConfig::parse(props)?;
        let syntax = if syntax.eq_ignore_ascii_case("V2") { Syntax::V2 } else { Syntax::V1 };
        let path = FieldPath::parse(&field, syntax)?;
        Ok(Self { side, field, path, nulls })
    }

    fn extracted(&self, data: SchemaAndValue) -> Result<SchemaAndValue> {
        let SchemaAndValue { schema, value } = data;
        let Some(schema) = schema else {
            let found = match value {
                Value::Null => Value::Null,
                value => self.path.take_from_map(require_map(value, PURPOSE)?)?,
            };
            return Ok(SchemaAndValue::schemaless(found));
        };
        let record = match value {
            Value::Null => None,
            value => Some(require_struct(value, PURPOSE)?),
        };
        let field = self
            .path
            .schema_in(&schema)?
            .map(Arc::clone)
            .ok_or_else(|| ConnectorError::record(format!("Unknown field: {}", self.field)))?;
        let found = match record {
            Some(record) => self.path.take_from_struct(record, self.nulls)?,
            None => Value::Null,
        };
        Ok(SchemaAndValue::new(field, found))
    }
}

impl Transform for ExtractField {
    fn class(&self) -> &'static str {
        self.side.class(
            "org.apache.kafka.connect.transforms.ExtractField$Key",
            "org.apache.kafka.connect.transforms.ExtractField$Value",
        )
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let slot = self.side.of_mut(record);
        *slot = self.extracted(mem::take(slot))?;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{
        schema::{Schema, Type},
        value::{Map, Struct},
    };

    use super::*;

    fn extracted(entries: &[(&str, &str)], data: SchemaAndValue) -> Result<SchemaAndValue> {
        ExtractField::configured(&entries.iter().copied().collect(), Side::Key)?.extracted(data)
    }

    fn map(name: &str, value: Value) -> Value {
        Value::Map(Map::new(vec![(name.into(), value)]))
    }

    /// `{"outer": {"magic": value or default x}}`, any of it optional.
    fn nested(value: Option<Value>) -> SchemaAndValue {
        let magic = Schema::new(Type::String).optional().with_default("x".into());
        let inner = Arc::new(Schema::new(Type::Struct).optional().field("magic", magic));
        let schema = Schema::new(Type::Struct).field("outer", Arc::clone(&inner));
        let schema = Arc::new(schema);
        let value = value.map_or(Value::Null, |v| Value::Struct(Struct::new(inner, vec![v])));
        let outer = Value::Struct(Struct::new(Arc::clone(&schema), vec![value]));
        SchemaAndValue::new(schema, outer)
    }

    #[test]
    fn a_field_of_a_map_is_taken_and_what_is_missing_is_null() {
        let value = map("magic", map("a.b", Value::Int64(42)));
        for (field, syntax, expected) in [
            ("magic.`a.b`", "v2", Value::Int64(42)),
            ("magic.a.b", "V2", Value::Null),
            ("magic.a.b", "V1", Value::Null),
            ("magic", "V1", map("a.b", Value::Int64(42))),
        ] {
            let entries = [("field", field), ("field.syntax.version", syntax)];
            let found = extracted(&entries, SchemaAndValue::schemaless(value.clone())).unwrap();
            assert_eq!(found, SchemaAndValue::schemaless(expected), "{field}");
        }
        assert_eq!(extracted(&[("field", "a")], SchemaAndValue::NULL).unwrap().value, Value::Null);
    }

    #[test]
    fn a_field_of_a_struct_comes_with_its_schema() {
        let v2 = ("field.syntax.version", "V2");
        let path = ("field", "outer.magic");
        let found = extracted(&[path, v2], nested(Some("y".into()))).unwrap();
        assert_eq!(found.value, "y".into());
        assert_eq!(found.schema.unwrap().default_value(), Some(&"x".into()));
        assert_eq!(extracted(&[path, v2], nested(Some(Value::Null))).unwrap().value, "x".into());
        let kept = ("replace.null.with.default", "false");
        let found = extracted(&[path, v2, kept], nested(Some(Value::Null))).unwrap();
        assert_eq!(found.value, Value::Null);
        assert_eq!(extracted(&[path, v2], nested(None)).unwrap().value, Value::Null);
        let whole = SchemaAndValue { value: Value::Null, ..nested(None) };
        assert_eq!(extracted(&[path, v2], whole).unwrap().value, Value::Null);
    }

    #[test]
    fn what_is_wrong_is_said_in_the_original_words() {
        let said = |field, data| {
            let entries = [("field", field), ("field.syntax.version", "V2")];
            extracted(&entries, data).unwrap_err().to_string()
        };
        assert_eq!(said("outer.gone", nested(None)), "Unknown field: outer.gone");
        assert_eq!(said("outer.magic.x", nested(None)), "Cannot look up fields on non-struct type");
        assert_eq!(
            said("a.b", SchemaAndValue::schemaless(map("a", "x".into()))),
            "Only Map objects supported in absence of schema for [nested field access], found: \
             java.lang.String"
        );
        assert_eq!(
            said("a", SchemaAndValue::schemaless("x".into())),
            "Only Map objects supported in absence of schema for [field extraction], found: \
             java.lang.String"
        );
        assert_eq!(
            said("a", SchemaAndValue::new(Schema::string(), "x".into())),
            "Only Struct objects supported for [field extraction], found: java.lang.String"
        );
        let unknown = [("field", "a"), ("field.syntax.version", "V3")];
        assert_eq!(
            extracted(&unknown, SchemaAndValue::NULL).unwrap_err().to_string(),
            "Invalid value V3 for configuration field.syntax.version: String must be one of (case \
             insensitive): V1, V2"
        );
    }
}
