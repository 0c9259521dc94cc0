//! One value as another type.

use connect_api::{
    error::{ConnectorError, Result},
    schema::{Schema, Type},
    value::Value,
    value_text::{header_text, java_class},
};

use super::{
    super::{
        fields::is_date,
        numbers::{Number, float32, float64, parse_float},
    },
    spec::castable,
};

/// The value as a type that can be cast to; null stays null.
///
/// # Errors
/// `Record` when the value has no such form.
pub(super) fn cast(schema: Option<&Schema>, value: Value, target: Type) -> Result<Value> {
    if value.is_null() {
        return Ok(value);
    }
    let kind = match schema {
        Some(schema) => schema.kind(),
        None => kind_of(&value)?,
    };
    castable(kind).map_err(ConnectorError::record)?;
    if target == Type::String {
        return Ok(text_of(value));
    }
    if let Value::String(text) = &value {
        return parsed(text, target).ok_or_else(|| {
            let reason = format!("Value ({text}) was out of range for requested data type");
            ConnectorError::record(reason)
        });
    }
    let number = match &value {
        Value::Boolean(flag) => Some(Value::Int64((*flag).into())),
        _ => None,
    };
    converted(number.as_ref().unwrap_or(&value), target).ok_or_else(|| {
        let reason =
            format!("Unexpected type in Cast transformation: class {}", java_class(&value));
        ConnectorError::record(reason)
    })
}

/// The value as text, which texts are already.
fn text_of(value: Value) -> Value {
    match value {
        Value::String(_) => value,
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => {
            itoa::Buffer::new().format(value.as_i64().unwrap_or_default()).into()
        }
        _ => Value::string(header_text(&value).unwrap_or_default()),
    }
}

/// Type of a value without a schema. Logical values have none then.
fn kind_of(value: &Value) -> Result<Type> {
    let is_logical = is_date(value) || matches!(value, Value::Decimal(_));
    value.kind().filter(|_| !is_logical).ok_or_else(|| {
        ConnectorError::record(format!(
            "Cast transformation was passed a value of type class {} which is not supported by \
             Connect's data API",
            java_class(value)
        ))
    })
}

/// A number as another type.
fn converted(value: &Value, target: Type) -> Option<Value> {
    let number = Number::of(value)?;
    Some(match target {
        Type::Int8 => Value::Int8(number.int8()),
        Type::Int16 => Value::Int16(number.int16()),
        Type::Int32 => Value::Int32(number.int32()),
        Type::Int64 => Value::Int64(number.int64()),
        Type::Float32 => Value::Float32(float32(value)?),
        Type::Float64 => Value::Float64(float64(value)?),
        Type::Boolean => Value::Boolean(number.int64() != 0),
        _ => return None,
    })
}

/// A text as another type.
fn parsed(text: &str, target: Type) -> Option<Value> {
    Some(match target {
        Type::Int8 => Value::Int8(text.parse().ok()?),
        Type::Int16 => Value::Int16(text.parse().ok()?),
        Type::Int32 => Value::Int32(text.parse().ok()?),
        Type::Int64 => Value::Int64(text.parse().ok()?),
        Type::Float32 => Value::Float32(parse_float(text)?),
        Type::Float64 => Value::Float64(parse_float(text)?),
        Type::Boolean => Value::Boolean(text.eq_ignore_ascii_case("true")),
        _ => return None,
    })
}
