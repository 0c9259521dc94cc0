//! Fields of structs: schemas made from others, and values that fit them.
//!
//! Source: apache/kafka `SchemaUtil.java`, `SchemaBuilder.java`, `ConnectSchema.java`.

use std::{mem, sync::Arc};

use connect_api::{
    config::{ConfigKind, ConfigType},
    error::{ConnectorError, Result},
    schema::{Field, Schema, Type, logical},
    value::Value,
    value_text::java_class,
};

/// A schema of this type with the name, version, documentation and parameters of another.
pub(super) fn basics_of(schema: &Schema, kind: Schema) -> Schema {
    let mut copy = kind;
    if let Some(name) = schema.name() {
        copy = copy.named(name);
    }
    if let Some(version) = schema.version() {
        copy = copy.versioned(version);
    }
    if let Some(doc) = schema.doc() {
        copy = copy.documented(doc);
    }
    for (name, value) in schema.parameters().iter() {
        copy = copy.parameter(name, value);
    }
    copy
}

/// The schema with one field more.
///
/// # Errors
/// `Record` when it has a field of that name.
pub(super) fn with_field(
    schema: Schema,
    name: &Arc<str>,
    field: impl Into<Arc<Schema>>,
) -> Result<Schema> {
    if schema.field_index(name).is_some() {
        return Err(ConnectorError::record(format!(
            "Cannot create field because of field name duplication {name}"
        )));
    }
    Ok(schema.field(Arc::clone(name), field))
}

/// The fields of a struct schema.
///
/// # Errors
/// `Record` when it is of another type.
pub(super) fn fields_of(schema: &Schema) -> Result<&[Field]> {
    match schema.kind() {
        Type::Struct => Ok(schema.fields()),
        _ => Err(ConnectorError::record("Cannot list fields on non-struct type")),
    }
}

/// What becomes of null in a field that has a default: the option `replace.null.with.default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nulls {
    /// It becomes the default.
    Replaced,
    /// It stays.
    Kept,
}

impl Nulls {
    /// The value, or the default in its place.
    pub(super) fn resolve(self, schema: &Schema, value: Value) -> Value {
        match schema.default_value() {
            Some(default) if self == Self::Replaced && value.is_null() => default.clone(),
            _ => value,
        }
    }
}

impl Nulls {
    /// Carries a value from a field to another. What fitted a schema fits it still, so that only
    /// a null is looked at there.
    ///
    /// # Errors
    /// As [`fitting`].
    #[inline]
    pub(super) fn carry(self, from: &Arc<Schema>, to: &Field, value: &mut Value) -> Result<()> {
        if value.is_null() || !Arc::ptr_eq(from, &to.schema) {
            return self.carry_checked(from, to, value);
        }
        Ok(())
    }

    #[cold]
    fn carry_checked(self, from: &Schema, to: &Field, value: &mut Value) -> Result<()> {
        *value = fitting(&to.name, &to.schema, self.resolve(from, mem::take(value)))?;
        Ok(())
    }

    /// Carries the values of fields to the same fields of another struct.
    ///
    /// # Errors
    /// As [`fitting`].
    pub(super) fn carry_all(self, fields: &[Field], values: &mut [Value]) -> Result<()> {
        for (field, value) in fields.iter().zip(values) {
            self.carry(&field.schema, field, value)?;
        }
        Ok(())
    }
}

impl ConfigType for Nulls {
    const KIND: ConfigKind = ConfigKind::Boolean;

    fn parse(text: &str) -> Result<Self, String> {
        bool::parse(text).map(|is_replaced| if is_replaced { Self::Replaced } else { Self::Kept })
    }
}

/// The value, when a field may hold it. What lies within arrays, maps and structs is not looked at.
///
/// # Errors
/// `Record` when it is null and must not be, or of another type than the field.
pub(super) fn fitting(name: &str, schema: &Schema, value: Value) -> Result<Value> {
    if value.is_null() {
        if schema.is_optional() {
            return Ok(value);
        }
        return Err(ConnectorError::record(format!(
            "Invalid value: null used for required field: \"{name}\", schema type: {}",
            schema.kind()
        )));
    }
    if fits(schema, &value) {
        return Ok(value);
    }
    let called = schema.name().map(|name| format!(" \"{name}\"")).unwrap_or_default();
    Err(ConnectorError::record(format!(
        "Invalid Java object for schema{called} with type {}: class {} for field: \"{name}\"",
        schema.kind(),
        java_class(&value)
    )))
}

/// Whether a value is of the schema's type.
pub(super) fn fits(schema: &Schema, value: &Value) -> bool {
    match schema.name() {
        Some(logical::DECIMAL) => matches!(value, Value::Decimal(_)),
        Some(logical::DATE | logical::TIME | logical::TIMESTAMP) => is_date(value),
        _ => !is_date(value) && value.kind() == Some(schema.kind()),
    }
}

/// Whether the value is one of those that are a `java.util.Date` in the original.
pub(super) const fn is_date(value: &Value) -> bool {
    matches!(value, Value::Date(_) | Value::Time(_) | Value::Timestamp(_))
}

/// A schema as the original shows it.
pub(super) fn shown_schema(schema: &Schema) -> String {
    match schema.name() {
        Some(name) => format!("Schema{{{name}:{}}}", schema.kind()),
        None => format!("Schema{{{}}}", schema.kind()),
    }
}

/// The schema, or an optional one that is like it otherwise.
pub(super) fn optional_copy(schema: &Arc<Schema>) -> Arc<Schema> {
    if schema.is_optional() {
        Arc::clone(schema)
    } else {
        Arc::new(Schema::clone(schema).optional())
    }
}
