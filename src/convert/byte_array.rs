//! Bytes as they are.
//!
//! Source: apache/kafka `ByteArrayConverter.java`.

use bytes::{Bytes, BytesMut};
use connect_api::{
    convert::Converter,
    error::{ConnectorError, Result},
    record::{RawHeader, SchemaAndValue},
    schema::{Schema, Type},
    value::Value,
    value_text::java_class,
};

/// Hands bytes through.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByteArrayConverter;

impl Converter for ByteArrayConverter {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.converters.ByteArrayConverter"
    }

    fn to_connect(
        &self,
        _topic: &str,
        _headers: &[RawHeader],
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue> {
        let value = bytes.map_or(Value::Null, |bytes| Value::Bytes(bytes.clone()));
        Ok(SchemaAndValue::new(Schema::optional_bytes(), value))
    }

    fn from_connect(
        &self,
        _topic: &str,
        data: &SchemaAndValue,
        _buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        if let Some(schema) = data.schema.as_ref().filter(|schema| schema.kind() != Type::Bytes) {
            return Err(ConnectorError::record(format!(
                "Invalid schema type for ByteArrayConverter: {}",
                schema.kind()
            )));
        }
        match &data.value {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes.clone())),
            other => Err(ConnectorError::record(format!(
                "ByteArrayConverter is not compatible with objects of type class {}",
                java_class(other)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn bytes_pass_without_a_copy() {
        let bytes = Bytes::from_static(b"abc");
        let read = ByteArrayConverter.to_connect("t", &[], Some(&bytes)).unwrap();
        let written = ByteArrayConverter.from_connect("t", &read, &mut BytesMut::new()).unwrap();
        assert_eq!(written.unwrap().as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn other_types_are_refused_in_the_original_words() {
        let text = SchemaAndValue::new(Schema::string(), "x".into());
        let refused = |data| {
            let outcome = ByteArrayConverter.from_connect("t", data, &mut BytesMut::new());
            outcome.unwrap_err().to_string()
        };
        assert_eq!(refused(&text), "Invalid schema type for ByteArrayConverter: STRING");
        assert_eq!(
            refused(&SchemaAndValue::schemaless("x".into())),
            "ByteArrayConverter is not compatible with objects of type class java.lang.String"
        );
        let null = SchemaAndValue::new(Arc::new(Schema::new(Type::Bytes)), Value::Null);
        assert_eq!(
            ByteArrayConverter.from_connect("t", &null, &mut BytesMut::new()).unwrap(),
            None
        );
    }
}
