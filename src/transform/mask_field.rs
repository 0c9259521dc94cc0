//! Hides fields behind an empty value of their type, or one of the user's choice.
//!
//! Source: apache/kafka `MaskField.java`.

use std::mem;

use bytes::Bytes;
use bytestring::ByteString;
use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    value::{Decimal, Map, Struct, Value},
    value_text::{java_class, parse_decimal},
};

use super::{
    ConnectRecord, Transform, Verdict,
    fields::{Nulls, fitting},
    names::{distinct, names},
    numbers::{Number, narrowed, parse_whole},
    side::{Side, require_map, require_struct},
};

const PURPOSE: &str = "mask fields";

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct MaskFieldConfig {
    /// Names of fields to mask.
    #[config(importance = High, check = names("fields"))]
    fields: Vec<String>,
    /// Custom value replacement, that will be applied to all 'fields' values (numeric or non-empty
    /// string values only).
    #[config(importance = Low, check = NOT_EMPTY)]
    replacement: Option<String>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(key = "replace.null.with.default", default = true)]
    nulls: Nulls,
}

/// Masks.
#[derive(Debug)]
pub(super) struct MaskField {
    side: Side,
    fields: Vec<String>,
    /// As users wrote it, shared by the values that it takes the place of.
    replacement: Option<ByteString>,
    nulls: Nulls,
}

impl MaskField {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let MaskFieldConfig { fields, replacement, nulls } = MaskFieldConfig::parse(props)?;
        let replacement = replacement.map(ByteString::from);
        Ok(Self { side, fields: distinct(fields), replacement, nulls })
    }

    fn changed(&self, data: SchemaAndValue) -> Result<SchemaAndValue> {
        let SchemaAndValue { schema, value } = data;
        let value = match &schema {
            Some(_) => Value::Struct(self.record(require_struct(value, PURPOSE)?)?),
            None => {
                let mut map = require_map(value, PURPOSE)?;
                for name in &self.fields {
                    let masked =
                        map.get(name).map_or(Ok(Value::Null), |value| self.masked(value))?;
                    map.set(name, masked);
                }
                Value::Map(map)
            }
        };
        Ok(SchemaAndValue { schema, value })
    }

    fn record(&self, record: Struct) -> Result<Struct> {
        let (schema, mut values) = record.into_parts();
        for (field, value) in schema.fields().iter().zip(&mut values) {
            if self.fields.iter().any(|name| **name == *field.name) {
                let masked = self.masked(&self.nulls.resolve(&field.schema, mem::take(value)))?;
                *value = fitting(&field.name, &field.schema, masked)?;
            } else {
                self.nulls.carry(&field.schema, field, value)?;
            }
        }
        Ok(Struct::new(schema, values))
    }

    fn masked(&self, value: &Value) -> Result<Value> {
        match &self.replacement {
            _ if value.is_null() => Ok(Value::Null),
            Some(replacement) => replaced(value, replacement),
            None => emptied(value),
        }
    }
}

fn emptied(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Null => Value::Null,
        Value::Boolean(_) => Value::Boolean(false),
        Value::Int8(_) => Value::Int8(0),
        Value::Int16(_) => Value::Int16(0),
        Value::Int32(_) => Value::Int32(0),
        Value::Int64(_) => Value::Int64(0),
        Value::Float32(_) => Value::Float32(0.0),
        Value::Float64(_) => Value::Float64(0.0),
        Value::String(_) => Value::string(""),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Map(_) => Value::Map(Map::default()),
        Value::Decimal(_) => {
            Value::Decimal(Decimal { unscaled: Bytes::from_static(&[0]), scale: 0 })
        }
        Value::Date(_) => Value::Date(0),
        Value::Time(_) => Value::Time(0),
        Value::Timestamp(_) => Value::Timestamp(0),
        Value::Bytes(_) | Value::Struct(_) => {
            let class = java_class(value);
            return Err(ConnectorError::record(format!(
                "Cannot mask value of type: class {class}"
            )));
        }
    })
}

fn replaced(value: &Value, replacement: &ByteString) -> Result<Value> {
    let whole = || parse_whole(replacement).map(Number::Whole);
    // Also a real number is read as a decimal first.
    let real = || parse_decimal(replacement).and_then(|_| replacement.parse::<f64>().ok());
    let masked = match value {
        Value::String(_) => Some(Value::String(replacement.clone())),
        Value::Int8(_) => whole().map(|number| Value::Int8(number.int8())),
        Value::Int16(_) => whole().map(|number| Value::Int16(number.int16())),
        Value::Int32(_) => whole().map(|number| Value::Int32(number.int32())),
        Value::Int64(_) => whole().map(|number| Value::Int64(number.int64())),
        Value::Float32(_) => real().map(|number| Value::Float32(narrowed(number))),
        Value::Float64(_) => real().map(Value::Float64),
        Value::Decimal(_) => parse_decimal(replacement).map(Value::Decimal),
        _ => {
            let class = java_class(value);
            return Err(ConnectorError::record(format!(
                "Cannot mask value of type class {class} with custom replacement."
            )));
        }
    };
    masked.ok_or_else(|| {
        let article = if matches!(value, Value::Decimal(_)) { "" } else { "a " };
        ConnectorError::record(format!(
            "Unable to convert {replacement} (class java.lang.String) to {article}number"
        ))
    })
}

impl Transform for MaskField {
    fn class(&self) -> &'static str {
        self.side.class(
            "org.apache.kafka.connect.transforms.MaskField$Key",
            "org.apache.kafka.connect.transforms.MaskField$Value",
        )
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let slot = self.side.of_mut(record);
        *slot = self.changed(mem::take(slot))?;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connect_api::schema::{Schema, Type, logical};

    use super::*;

    fn masked(entries: &[(&str, &str)], data: SchemaAndValue) -> Result<SchemaAndValue> {
        MaskField::configured(&entries.iter().copied().collect(), Side::Value)?.changed(data)
    }

    fn map(value: Value) -> SchemaAndValue {
        SchemaAndValue::schemaless(Value::Map(Map::new(vec![("f".into(), value)])))
    }

    fn decimal(text: &str) -> Value {
        Value::Decimal(parse_decimal(text).unwrap())
    }

    #[test]
    fn every_type_has_an_empty_value_and_some_a_replacement() {
        let filled = || Value::Map(Map::new(vec![("k".into(), "v".into())]));
        for (given, empty, replaced) in [
            (Value::Boolean(true), Value::Boolean(false), None),
            (Value::Int8(42), Value::Int8(0), Some(Value::Int8(123))),
            (Value::Int16(42), Value::Int16(0), Some(Value::Int16(123))),
            (Value::Int32(42), Value::Int32(0), Some(Value::Int32(123))),
            (Value::Int64(42), Value::Int64(0), Some(Value::Int64(123))),
            (Value::Float32(4.2), Value::Float32(0.0), Some(Value::Float32(123.0))),
            (Value::Float64(4.2), Value::Float64(0.0), Some(Value::Float64(123.0))),
            ("s".into(), "".into(), Some("123".into())),
            (Value::Array(vec![Value::Null]), Value::Array(Vec::new()), None),
            (filled(), Value::Map(Map::default()), None),
            (decimal("4.2"), decimal("0"), Some(decimal("123"))),
            (Value::Date(1), Value::Date(0), None),
            (Value::Null, Value::Null, Some(Value::Null)),
        ] {
            let outcome = masked(&[("fields", "f")], map(given.clone())).unwrap();
            assert_eq!(outcome, map(empty));
            let outcome = masked(&[("fields", "f"), ("replacement", "123")], map(given));
            assert_eq!(outcome.ok(), replaced.map(map));
        }
    }

    #[test]
    fn a_struct_keeps_its_schema_and_null_may_become_the_default_first() {
        let fallback = Schema::new(Type::Int32).optional().with_default(Value::Int32(7));
        let date = Schema::new(Type::Int32).named(logical::DATE).optional();
        let schema = Schema::new(Type::Struct).field("a", fallback.clone()).field("b", fallback);
        let schema = Arc::new(schema.field("d", date));
        let nulls = Struct::new(Arc::clone(&schema), Vec::new());
        let data = SchemaAndValue::new(Arc::clone(&schema), Value::Struct(nulls));
        for (replace, a, b) in
            [("true", Value::Int32(0), Value::Int32(7)), ("false", Value::Null, Value::Null)]
        {
            let entries = [("fields", "a,d"), ("replace.null.with.default", replace)];
            let outcome = masked(&entries, data.clone()).unwrap();
            assert!(Arc::ptr_eq(outcome.schema.as_ref().unwrap(), &schema));
            assert_eq!(outcome.value.member("a"), Some(&a));
            assert_eq!(outcome.value.member("b"), Some(&b));
            assert_eq!(outcome.value.member("d"), Some(&Value::Null));
        }
    }

    #[test]
    fn a_field_that_is_missing_in_a_map_becomes_null() {
        let outcome = masked(&[("fields", "g")], map("x".into())).unwrap();
        assert_eq!(outcome.value.member("g"), Some(&Value::Null));
    }

    #[test]
    fn what_is_wrong_is_said_in_the_original_words() {
        let bytes = Value::Bytes(Bytes::from_static(b"x"));
        for (replacement, given, expected) in [
            (None, bytes, "Cannot mask value of type: class [B"),
            (
                Some("x"),
                Value::Boolean(true),
                "Cannot mask value of type class java.lang.Boolean with custom replacement.",
            ),
            (
                Some("foo"),
                Value::Int64(1),
                "Unable to convert foo (class java.lang.String) to a number",
            ),
            (Some("foo"), decimal("1"), "Unable to convert foo (class java.lang.String) to number"),
            (
                Some(""),
                Value::Null,
                "Invalid value  for configuration replacement: String must be non-empty",
            ),
        ] {
            let mut entries = vec![("fields", "f")];
            entries.extend(replacement.map(|text| ("replacement", text)));
            assert_eq!(masked(&entries, map(given)).unwrap_err().to_string(), expected);
        }
        assert_eq!(
            masked(&[("fields", "f")], SchemaAndValue::NULL).unwrap_err().to_string(),
            "Only Map objects supported in absence of schema for [mask fields], found: null"
        );
    }
}
