//! Headers as text whose type is guessed back.
//!
//! Source: apache/kafka `SimpleHeaderConverter.java`.

use bytes::{BufMut as _, Bytes, BytesMut};
use connect_api::{
    convert::HeaderConverter,
    error::Result,
    record::SchemaAndValue,
    value_text::{header_text, infer},
};

use super::cut;

/// Writes a header as text and reads it as whatever the text looks like.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimpleHeaderConverter;

impl HeaderConverter for SimpleHeaderConverter {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.storage.SimpleHeaderConverter"
    }

    fn to_connect_header(
        &self,
        _topic: &str,
        _name: &str,
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue> {
        Ok(bytes.map_or(SchemaAndValue::NULL, |bytes| infer(&String::from_utf8_lossy(bytes))))
    }

    fn from_connect_header(
        &self,
        _topic: &str,
        _name: &str,
        data: &SchemaAndValue,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        Ok(header_text(&data.value).map(|text| {
            buffer.put_slice(text.as_bytes());
            cut(buffer)
        }))
    }
}

#[cfg(test)]
mod tests {
    use connect_api::value::Value;

    use super::*;

    #[test]
    fn a_header_is_read_as_what_it_looks_like() {
        let read = |text: &'static str| {
            let bytes = Bytes::from_static(text.as_bytes());
            SimpleHeaderConverter.to_connect_header("t", "h", Some(&bytes)).unwrap().value
        };
        assert_eq!(read("42"), Value::Int8(42));
        assert_eq!(read("hello"), Value::from("hello"));
        let none = SimpleHeaderConverter.to_connect_header("t", "h", None).unwrap();
        assert_eq!(none, SchemaAndValue::NULL);
    }

    #[test]
    fn a_list_is_written_like_json() {
        let list = SchemaAndValue::schemaless(Value::Array(vec![Value::Int32(1), "s".into()]));
        let mut buffer = BytesMut::new();
        let bytes = SimpleHeaderConverter.from_connect_header("t", "h", &list, &mut buffer);
        assert_eq!(bytes.unwrap(), Some(Bytes::from("[1,\"s\"]")));
    }
}
