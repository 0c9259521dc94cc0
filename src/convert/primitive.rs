//! Single numbers and booleans as fixed bytes.
//!
//! Source: apache/kafka `NumberConverter.java`, `BooleanConverter.java`.

use std::sync::{Arc, LazyLock};

use bytes::{BufMut as _, Bytes, BytesMut};
use connect_api::{
    convert::Converter,
    error::{ConnectorError, Result},
    record::{RawHeader, SchemaAndValue},
    schema::{Schema, Type},
    value::Value,
    value_text::java_class,
};

use super::cut;

/// A number converter: big-endian bytes of one Rust type.
macro_rules! number {
    ($name:ident, $word:literal, $kind:ident, $type:ty, $class:literal) => {
        #[doc = concat!("Converts a `", $word, "` to and from its big-endian bytes.")]
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $name;

        impl Converter for $name {
            fn class(&self) -> &'static str {
                $class
            }

            fn to_connect(
                &self,
                _topic: &str,
                _headers: &[RawHeader],
                bytes: Option<&Bytes>,
            ) -> Result<SchemaAndValue> {
                static SCHEMA: LazyLock<Arc<Schema>> =
                    LazyLock::new(|| Arc::new(Schema::new(Type::$kind).optional()));
                let value = match bytes {
                    None => Value::Null,
                    Some(bytes) => {
                        let read = <[u8; size_of::<$type>()]>::try_from(bytes.as_ref());
                        let bytes =
                            read.map_err(|_| wrong_size($word, size_of::<$type>(), bytes.len()))?;
                        Value::$kind(<$type>::from_be_bytes(bytes))
                    }
                };
                Ok(SchemaAndValue::new(Arc::clone(&SCHEMA), value))
            }

            fn from_connect(
                &self,
                _topic: &str,
                data: &SchemaAndValue,
                buffer: &mut BytesMut,
            ) -> Result<Option<Bytes>> {
                match &data.value {
                    Value::Null => Ok(None),
                    Value::$kind(number) => {
                        buffer.put_slice(&number.to_be_bytes());
                        Ok(Some(cut(buffer)))
                    }
                    other => Err(wrong_type($word, other)),
                }
            }
        }
    };
}

number!(ShortConverter, "short", Int16, i16, "org.apache.kafka.connect.converters.ShortConverter");
number!(
    IntegerConverter,
    "integer",
    Int32,
    i32,
    "org.apache.kafka.connect.converters.IntegerConverter"
);
number!(LongConverter, "long", Int64, i64, "org.apache.kafka.connect.converters.LongConverter");
number!(
    FloatConverter,
    "float",
    Float32,
    f32,
    "org.apache.kafka.connect.converters.FloatConverter"
);
number!(
    DoubleConverter,
    "double",
    Float64,
    f64,
    "org.apache.kafka.connect.converters.DoubleConverter"
);

fn wrong_size(word: &str, expected: usize, found: usize) -> ConnectorError {
    let cause = format!("Size of data received by the deserializer is {found}, not {expected}");
    ConnectorError::record(format!("Failed to deserialize {word}: ")).caused_by(cause)
}

fn wrong_type(word: &str, value: &Value) -> ConnectorError {
    let class = java_class(value);
    let cause = format!("class {class} cannot be cast to the type of the converter");
    ConnectorError::record(format!("Failed to serialize to {word} (was class {class}): "))
        .caused_by(cause)
}

/// Converts a boolean to and from one byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct BooleanConverter;

static OPTIONAL_BOOLEAN: LazyLock<Arc<Schema>> =
    LazyLock::new(|| Arc::new(Schema::new(Type::Boolean).optional()));

impl Converter for BooleanConverter {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.converters.BooleanConverter"
    }

    fn to_connect(
        &self,
        _topic: &str,
        _headers: &[RawHeader],
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue> {
        let value = match bytes.map(Bytes::as_ref) {
            None => Value::Null,
            Some([0]) => Value::Boolean(false),
            Some([1]) => Value::Boolean(true),
            Some(other) => {
                let cause = format!("Expected one byte 0 or 1, found {} bytes", other.len());
                return Err(
                    ConnectorError::record("Failed to deserialize boolean: ").caused_by(cause)
                );
            }
        };
        Ok(SchemaAndValue::new(Arc::clone(&OPTIONAL_BOOLEAN), value))
    }

    fn from_connect(
        &self,
        _topic: &str,
        data: &SchemaAndValue,
        _buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        if let Some(schema) = data.schema.as_ref().filter(|schema| schema.kind() != Type::Boolean) {
            return Err(ConnectorError::record(format!(
                "Invalid schema type for BooleanConverter: {}",
                schema.kind()
            )));
        }
        match &data.value {
            Value::Null => Ok(None),
            Value::Boolean(true) => Ok(Some(Bytes::from_static(&[1]))),
            Value::Boolean(false) => Ok(Some(Bytes::from_static(&[0]))),
            other => Err(ConnectorError::record(format!(
                "BooleanConverter is not compatible with objects of type class {}",
                java_class(other)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(converter: &dyn Converter, value: Value) -> Value {
        let data = SchemaAndValue::schemaless(value);
        let bytes = converter.from_connect("t", &data, &mut BytesMut::new()).unwrap();
        converter.to_connect("t", &[], bytes.as_ref()).unwrap().value
    }

    proptest! {
        #[test]
        fn numbers_read_back_as_they_were(number: i64, double in proptest::num::f64::NORMAL) {
            let value = Value::Int64(number);
            prop_assert_eq!(round_trip(&LongConverter, value.clone()), value);
            let value = Value::Float64(double);
            prop_assert_eq!(round_trip(&DoubleConverter, value.clone()), value);
        }
    }

    #[test]
    fn booleans_and_nulls_read_back_as_they_were() {
        for value in [Value::Null, Value::Boolean(true), Value::Boolean(false)] {
            assert_eq!(round_trip(&BooleanConverter, value.clone()), value);
        }
        assert_eq!(round_trip(&ShortConverter, Value::Null), Value::Null);
    }

    #[test]
    fn wrong_sizes_and_types_are_refused_in_the_original_words() {
        let short = Bytes::from_static(&[1, 2]);
        let error = LongConverter.to_connect("t", &[], Some(&short)).unwrap_err();
        assert_eq!(error.to_string(), "Failed to deserialize long: ");
        let text = SchemaAndValue::schemaless("x".into());
        let error = IntegerConverter.from_connect("t", &text, &mut BytesMut::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Failed to serialize to integer (was class java.lang.String): "
        );
        let bytes = IntegerConverter
            .from_connect("t", &SchemaAndValue::schemaless(Value::Int32(258)), &mut BytesMut::new())
            .unwrap();
        assert_eq!(bytes.unwrap(), Bytes::from_static(&[0, 0, 1, 2]));
    }
}
