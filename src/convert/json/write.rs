//! Connect data to JSON text, straight into the buffer.
//!
//! Source: apache/kafka `JsonConverter.convertToJson`, Jackson's `UTF8JsonGenerator`.

use connect_api::{
    error::{ConnectorError, Result},
    json::{write_base64, write_scalar, write_text},
    schema::{Schema, Type, logical},
    value::{Decimal, Map, Struct, Value},
    value_text::{java_class, write_decimal},
};

/// How one converter writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writing {
    /// Whether a null becomes the schema's default.
    pub(super) is_null_replaced: bool,
    /// Whether decimals are numbers rather than base64.
    pub(super) is_decimal_numeric: bool,
}

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

impl Writing {
    /// Appends a value, which must fit its schema where there is one.
    ///
    /// # Errors
    /// `Record` when the value does not fit.
    pub(super) fn value(
        self,
        out: &mut Vec<u8>,
        schema: Option<&Schema>,
        value: &Value,
    ) -> Result<()> {
        if value.is_null() {
            return self.null(out, schema);
        }
        match schema {
            Some(schema) => check(schema, value)?,
            None => check_schemaless(value)?,
        }
        match value {
            Value::Null => {}
            Value::Array(items) => self.array(out, schema, items)?,
            Value::Map(map) => self.map(out, schema, map)?,
            Value::Struct(record) => self.record(out, record)?,
            Value::Decimal(decimal) => self.decimal(out, schema, decimal)?,
            scalar => write_scalar(out, scalar),
        }
        Ok(())
    }

    fn null(self, out: &mut Vec<u8>, schema: Option<&Schema>) -> Result<()> {
        let Some(schema) = schema else {
            out.extend_from_slice(b"null");
            return Ok(());
        };
        match schema.default_value() {
            // A struct says its schema itself, and that one has no default.
            Some(Value::Struct(default)) if self.is_null_replaced => self.record(out, default),
            Some(default) if self.is_null_replaced && !default.is_null() => {
                self.value(out, Some(schema), default)
            }
            _ if schema.is_optional() => {
                out.extend_from_slice(b"null");
                Ok(())
            }
            _ => Err(bad(
                "Conversion error: null value for field that is required and has no default value",
            )),
        }
    }

    fn array(self, out: &mut Vec<u8>, schema: Option<&Schema>, items: &[Value]) -> Result<()> {
        let elements = schema.and_then(Schema::value_schema);
        out.push(b'[');
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            self.value(out, elements.map(|schema| &**schema), item)?;
        }
        out.push(b']');
        Ok(())
    }

    /// An object when all keys are texts, and an array of pairs otherwise.
    fn map(self, out: &mut Vec<u8>, schema: Option<&Schema>, map: &Map) -> Result<()> {
        if let (None, Some(text)) = (schema, map.json()) {
            out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        let keys = schema.and_then(Schema::key_schema).map(|schema| &**schema);
        let values = schema.and_then(Schema::value_schema).map(|schema| &**schema);
        let is_object = match keys {
            Some(keys) => keys.kind() == Type::String,
            None => map.entries().iter().all(|(key, _)| key.as_str().is_some()),
        };
        out.push(if is_object { b'{' } else { b'[' });
        for (place, (key, value)) in map.entries().iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            if is_object {
                self.value(out, keys, key)?;
                out.push(b':');
                self.value(out, values, value)?;
            } else {
                out.push(b'[');
                self.value(out, keys, key)?;
                out.push(b',');
                self.value(out, values, value)?;
                out.push(b']');
            }
        }
        out.push(if is_object { b'}' } else { b']' });
        Ok(())
    }

    fn record(self, out: &mut Vec<u8>, record: &Struct) -> Result<()> {
        out.push(b'{');
        for (place, (field, value)) in
            record.schema().fields().iter().zip(record.values()).enumerate()
        {
            if place > 0 {
                out.push(b',');
            }
            write_text(out, &field.name);
            out.push(b':');
            self.value(out, Some(&field.schema), value)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn decimal(self, out: &mut Vec<u8>, schema: Option<&Schema>, decimal: &Decimal) -> Result<()> {
        if self.is_decimal_numeric {
            let mut text = String::new();
            write_decimal(&mut text, decimal);
            out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        if let Some(schema) = schema {
            check_scale(schema, decimal)?;
        }
        write_base64(out, &decimal.unscaled);
        Ok(())
    }
}

/// Whether the value is one of the schema.
fn check(schema: &Schema, value: &Value) -> Result<()> {
    let named = |what: &str| {
        let colon = if what.contains(' ') { "" } else { ":" };
        bad(format!("Invalid type for {what}{colon} class {}", java_class(value)))
    };
    match (schema.name(), value) {
        (Some(logical::DATE), Value::Date(_))
        | (Some(logical::TIME), Value::Time(_))
        | (Some(logical::TIMESTAMP), Value::Timestamp(_)) => return Ok(()),
        // Its scale counts only where the schema is all that tells it.
        (Some(logical::DECIMAL), Value::Decimal(_)) => return Ok(()),
        (Some(logical::DATE), _) => return Err(named("Date, expected Date but was")),
        (Some(logical::TIME), _) => return Err(named("Time, expected Date but was")),
        (Some(logical::TIMESTAMP), _) => return Err(named("Timestamp, expected Date but was")),
        (Some(logical::DECIMAL), _) => return Err(named("Decimal, expected BigDecimal but was")),
        _ => {}
    }
    match value {
        Value::Date(_) | Value::Time(_) | Value::Timestamp(_) | Value::Decimal(_) => {
            Err(named(schema.kind().name()))
        }
        Value::Struct(record) if schema.kind() == Type::Struct => {
            let own: &Schema = record.schema();
            if std::ptr::eq(own, schema) || own == schema {
                Ok(())
            } else {
                Err(bad("Mismatching schema."))
            }
        }
        value if value.kind() == Some(schema.kind()) => Ok(()),
        _ => Err(named(schema.kind().name())),
    }
}

/// Whether the value is one that says itself what it is.
fn check_schemaless(value: &Value) -> Result<()> {
    match value {
        Value::Date(_) | Value::Time(_) | Value::Timestamp(_) | Value::Decimal(_) => {
            let class = java_class(value);
            Err(bad(format!("Java class class {class} does not have corresponding schema type.")))
        }
        Value::Struct(_) => Err(bad("Mismatching schema.")),
        _ => Ok(()),
    }
}

fn check_scale(schema: &Schema, decimal: &Decimal) -> Result<()> {
    let declared = schema.parameters().get("scale").and_then(|scale| scale.parse::<i32>().ok());
    match declared {
        Some(scale) if scale == decimal.scale => Ok(()),
        Some(scale) => Err(bad(format!(
            "Decimal value has mismatching scale for given Decimal schema. Schema has scale \
             {scale}, value has scale {}.",
            decimal.scale
        ))),
        None => Err(bad("Invalid Decimal schema: scale parameter not found.")),
    }
}
