//! The form of a message: a zero, the schema's id in four bytes, then the data.
//!
//! Source: confluentinc/schema-registry `SchemaId.java`, `DualSchemaIdDeserializer.java`.

use bytes::{BufMut as _, Bytes, BytesMut};
use connect_api::{error::ConnectorError, record::RawHeader};

/// What every message begins with.
const MAGIC: u8 = 0;

/// What an id in a header begins with where it is a GUID.
const MAGIC_GUID: u8 = 1;

/// Bytes of magic and id.
const HEAD_BYTES: usize = 5;

/// Id and data of a message.
///
/// # Errors
/// `Record` when the message does not begin as it must; the hint says what it may be instead.
pub fn split(
    is_key: bool,
    headers: &[RawHeader],
    bytes: &Bytes,
) -> Result<(u32, Bytes), ConnectorError> {
    if !headers.is_empty()
        && let Some(id) = header_id(is_key, headers)
    {
        return Ok((id?, bytes.clone()));
    }
    match bytes.first_chunk::<HEAD_BYTES>() {
        Some(&[MAGIC, a, b, c, d]) => {
            Ok((u32::from_be_bytes([a, b, c, d]), bytes.slice(HEAD_BYTES..)))
        }
        _ => Err(unknown(bytes)),
    }
}

/// Puts magic and id before data.
pub fn put_head(buffer: &mut BytesMut, id: u32) {
    buffer.put_u8(MAGIC);
    buffer.put_u32(id);
}

fn header_id(is_key: bool, headers: &[RawHeader]) -> Option<Result<u32, ConnectorError>> {
    let wanted = if is_key { "__key_schema_id" } else { "__value_schema_id" };
    let (_, bytes) = headers.iter().rev().find(|(name, _)| &**name == wanted)?;
    Some(match bytes.as_deref() {
        Some(&[MAGIC, a, b, c, d]) => Ok(u32::from_be_bytes([a, b, c, d])),
        Some([MAGIC_GUID, ..]) => {
            Err(ConnectorError::record(format!("The header {wanted} names the schema by a GUID"))
                .hint("Have the producer write ids: PrefixSchemaIdSerializer"))
        }
        _ => Err(ConnectorError::record(format!("The header {wanted} holds no id of a schema"))),
    })
}

fn unknown(bytes: &Bytes) -> ConnectorError {
    let error = ConnectorError::record("Unknown magic byte!");
    let hint = match bytes.first() {
        Some(&MAGIC) => {
            format!("There are {} bytes only, and magic and id of a schema take 5", bytes.len())
        }
        Some(b'{' | b'[') => "The message begins like JSON and names no schema of a registry: use \
             org.apache.kafka.connect.json.JsonConverter"
            .to_owned(),
        Some(first @ b' '..=b'~') => format!(
            "The message begins with the text '{}' and names no schema of a registry: use \
             org.apache.kafka.connect.storage.StringConverter",
            char::from(*first)
        ),
        Some(first) => format!(
            "The message begins with 0x{first:02x} rather than 0x00 and names no schema of a \
             registry: org.apache.kafka.connect.converters.ByteArrayConverter takes any bytes"
        ),
        None => "The message is empty".to_owned(),
    };
    error.hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_split_from_the_data() {
        let mut buffer = BytesMut::new();
        put_head(&mut buffer, 258);
        buffer.put_slice(b"data");
        let (id, data) = split(false, &[], &buffer.freeze()).unwrap();
        assert_eq!((id, &*data), (258, b"data".as_slice()));
    }

    #[test]
    fn an_id_in_a_header_comes_first() {
        let header =
            |bytes: &'static [u8]| [("__value_schema_id".into(), Some(Bytes::from_static(bytes)))];
        let data = Bytes::from_static(b"\x00\x00\x00\x00\x01x");
        assert_eq!(split(false, &header(&[0, 0, 0, 0, 9]), &data).unwrap(), (9, data.clone()));
        assert_eq!(split(true, &header(&[0, 0, 0, 0, 9]), &data).unwrap().0, 1);
        let guid = split(false, &header(&[1; 17]), &data).unwrap_err();
        assert!(guid.to_string().contains("GUID"), "{guid}");
    }

    #[test]
    fn what_is_no_such_message_is_told_with_what_it_may_be() {
        for (bytes, hint) in [
            (&b"{\"a\":1}"[..], "JsonConverter"),
            (b"hello", "StringConverter"),
            (b"\x07abcdef", "0x07"),
            (b"\x00\x00", "2 bytes only"),
            (b"", "empty"),
        ] {
            let error = split(false, &[], &Bytes::copy_from_slice(bytes)).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("Unknown magic byte!") && text.contains(hint), "{text}");
        }
    }
}
