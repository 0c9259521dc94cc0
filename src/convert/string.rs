//! Any value as its text.
//!
//! Source: apache/kafka `StringConverter.java`.

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use connect_api::{
    config::{ConfigDef, ConfigKey, ConfigKind, Importance, Props},
    convert::Converter,
    error::{ConnectorError, Result},
    record::{RawHeader, SchemaAndValue},
    schema::Schema,
    value::Value,
    value_text::write_java_text,
};

use super::cut;

/// Reads text as a string and writes any value as Java prints it. Strings pass without a copy, and
/// so do bytes, for which Java would print an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct StringConverter {
    encoding: Encoding,
}

/// How text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Ascii,
    Latin1,
}

impl StringConverter {
    /// The converter's own options.
    #[must_use]
    pub(super) fn options() -> ConfigDef {
        let key = ConfigKey::new(
            ConfigKind::String,
            "converter.encoding",
            "The name of the Java character set to use for encoding strings as byte arrays.",
        );
        ConfigDef::new().with(key.default("UTF-8").importance(Importance::High))
    }

    /// Builds the converter; for keys and values there is a key of their own for the encoding.
    ///
    /// # Errors
    /// `Invalid` for an encoding that is not known.
    pub(super) fn configured(props: &Props, is_key: Option<bool>) -> Result<Self> {
        let own = match is_key {
            Some(true) => "key.converter.encoding",
            Some(false) => "value.converter.encoding",
            None => "converter.encoding",
        };
        let name = props.get(own).or_else(|| props.get("converter.encoding")).unwrap_or("UTF-8");
        let encoding = match name.to_ascii_uppercase().as_str() {
            "UTF-8" | "UTF8" => Encoding::Utf8,
            "US-ASCII" | "ASCII" => Encoding::Ascii,
            "ISO-8859-1" | "ISO8859_1" | "LATIN1" => Encoding::Latin1,
            _ => {
                return Err(ConnectorError::invalid(format!(
                    "Invalid value {name} for configuration converter.encoding: Unknown encoding"
                ))
                .hint("Use UTF-8, US-ASCII or ISO-8859-1"));
            }
        };
        Ok(Self { encoding })
    }

    fn decode(self, bytes: &Bytes) -> ByteString {
        match self.encoding {
            Encoding::Latin1 => {
                bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into()
            }
            Encoding::Utf8 | Encoding::Ascii => ByteString::try_from(bytes.clone())
                .unwrap_or_else(|_malformed| String::from_utf8_lossy(bytes).into_owned().into()),
        }
    }

    /// Encodes text; what the encoding lacks becomes a question mark.
    fn encode(self, text: &str, buffer: &mut BytesMut) -> Bytes {
        let last = if self.encoding == Encoding::Ascii { '\u{7f}' } else { '\u{ff}' };
        buffer.extend(text.chars().map(|c| match u8::try_from(u32::from(c)) {
            Ok(byte) if c <= last => byte,
            _ => b'?',
        }));
        cut(buffer)
    }
}

impl Converter for StringConverter {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.storage.StringConverter"
    }

    fn to_connect(
        &self,
        _topic: &str,
        _headers: &[RawHeader],
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue> {
        let value = bytes.map_or(Value::Null, |bytes| Value::String(self.decode(bytes)));
        Ok(SchemaAndValue::new(Schema::optional_string(), value))
    }

    fn from_connect(
        &self,
        _topic: &str,
        data: &SchemaAndValue,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        let is_utf8 = self.encoding == Encoding::Utf8;
        Ok(match &data.value {
            Value::Null => None,
            Value::String(text) if is_utf8 => Some(text.as_bytes().clone()),
            Value::Bytes(bytes) => Some(bytes.clone()),
            Value::String(text) => Some(self.encode(text, buffer)),
            other => {
                let mut text = String::new();
                write_java_text(&mut text, other);
                Some(if is_utf8 { text.into() } else { self.encode(&text, buffer) })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf8() -> StringConverter {
        StringConverter::configured(&Props::new(), Some(true)).unwrap()
    }

    fn written(converter: StringConverter, value: Value) -> Option<Bytes> {
        let data = SchemaAndValue::schemaless(value);
        converter.from_connect("t", &data, &mut BytesMut::new()).unwrap()
    }

    #[test]
    fn text_passes_without_a_copy() {
        let bytes = Bytes::from_static("grün".as_bytes());
        let read = utf8().to_connect("t", &[], Some(&bytes)).unwrap();
        assert_eq!(read.value.as_str(), Some("grün"));
        assert_eq!(written(utf8(), read.value).unwrap().as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn null_keeps_the_schema_and_writes_nothing() {
        let read = utf8().to_connect("t", &[], None).unwrap();
        assert_eq!(read, SchemaAndValue::new(Schema::optional_string(), Value::Null));
        assert_eq!(written(utf8(), Value::Null), None);
    }

    #[test]
    fn other_values_are_written_as_java_prints_them() {
        assert_eq!(written(utf8(), Value::Float64(1e10)), Some(Bytes::from("1.0E10")));
        let list = Value::Array(vec![Value::Int32(1), "a".into()]);
        assert_eq!(written(utf8(), list), Some(Bytes::from("[1, a]")));
    }

    #[test]
    fn latin_1_maps_bytes_to_characters() {
        let props = Props::from([("converter.encoding", "ISO-8859-1")]);
        let latin = StringConverter::configured(&props, Some(false)).unwrap();
        let read = latin.to_connect("t", &[], Some(&Bytes::from_static(b"gr\xfcn"))).unwrap();
        assert_eq!(read.value.as_str(), Some("grün"));
        assert_eq!(written(latin, read.value), Some(Bytes::from_static(b"gr\xfcn")));
    }

    #[test]
    fn malformed_utf_8_becomes_replacement_characters() {
        let read = utf8().to_connect("t", &[], Some(&Bytes::from_static(b"a\xffb"))).unwrap();
        assert_eq!(read.value.as_str(), Some("a\u{fffd}b"));
    }
}
