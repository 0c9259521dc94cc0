//! Which part of a record a transform works on, and the shape it must have.
//!
//! Source: apache/kafka `Requirements.java`.

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    schema::Schema,
    value::{Map, Struct, Value},
    value_text::java_class,
};

use super::ConnectRecord;

/// The part of a record that is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Key,
    Value,
}

impl Side {
    pub(super) fn of(self, record: &dyn ConnectRecord) -> &SchemaAndValue {
        match self {
            Self::Key => record.key(),
            Self::Value => record.value(),
        }
    }

    pub(super) fn of_mut(self, record: &mut dyn ConnectRecord) -> &mut SchemaAndValue {
        match self {
            Self::Key => record.key_mut(),
            Self::Value => record.value_mut(),
        }
    }

    /// The one of two class names that is for this part.
    pub(super) const fn class(self, key: &'static str, value: &'static str) -> &'static str {
        match self {
            Self::Key => key,
            Self::Value => value,
        }
    }
}

/// The map of data without a schema.
///
/// # Errors
/// `Record` when it is not a map.
pub(super) fn require_map(value: Value, purpose: &str) -> Result<Map> {
    match value {
        Value::Map(map) => Ok(map),
        other => Err(not_a_map(&other, purpose)),
    }
}

/// The struct of data with a schema.
///
/// # Errors
/// `Record` when it is not a struct.
pub(super) fn require_struct(value: Value, purpose: &str) -> Result<Struct> {
    match value {
        Value::Struct(record) => Ok(record),
        other => Err(not_a_struct(&other, purpose)),
    }
}

/// Changes the struct of data with a schema where it is, as [`Struct::reshape`] does.
///
/// # Errors
/// `Record` when it is not a struct, and those of the change.
#[inline]
pub(super) fn reshape(
    data: &mut SchemaAndValue,
    purpose: &str,
    change: impl FnOnce(&Arc<Schema>, &mut Vec<Value>) -> Result<Arc<Schema>>,
) -> Result<()> {
    let Value::Struct(record) = &mut data.value else {
        return Err(not_a_struct(&data.value, purpose));
    };
    record.reshape(change)?;
    data.schema = Some(Arc::clone(record.schema()));
    Ok(())
}

pub(super) fn not_a_map(found: &Value, purpose: &str) -> ConnectorError {
    ConnectorError::record(format!(
        "Only Map objects supported in absence of schema for [{purpose}], found: {}",
        java_class(found)
    ))
}

pub(super) fn not_a_struct(found: &Value, purpose: &str) -> ConnectorError {
    ConnectorError::record(format!(
        "Only Struct objects supported for [{purpose}], found: {}",
        java_class(found)
    ))
}

/// The text of a map's key.
///
/// # Errors
/// `Record` when it is none: transforms know fields by names.
pub(super) fn field_name(key: &Value) -> Result<&str> {
    key.as_str().ok_or_else(|| {
        ConnectorError::record(format!(
            "class {} cannot be cast to class java.lang.String",
            java_class(key)
        ))
    })
}
