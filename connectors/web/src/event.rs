//! What one request, or one line of it, becomes: a record that has not left yet.

use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, Bytes};
use bytestring::ByteString;
use connect_api::{
    json::{Parser, Schemaless},
    record::{Header, SchemaAndValue, SourceRecord},
    schema::Schema,
    value::{Map, Value},
};

/// Bytes that an event holds beside its texts, as far as memory counts them.
const OVERHEAD_BYTES: usize = 200;

/// An event on its way into a topic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// Topic it goes to.
    pub(crate) topic: Arc<str>,
    /// When it came, in milliseconds since the epoch.
    pub(crate) timestamp_ms: i64,
    /// Key, if it has one.
    pub(crate) key: Option<ByteString>,
    /// Headers of the record.
    pub(crate) headers: Vec<(Arc<str>, ByteString)>,
    /// Value of the record.
    pub(crate) content: Content,
}

/// The value of an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// A JSON document that was checked.
    Json(ByteString),
    /// Text.
    Text(ByteString),
    /// Bytes.
    Bytes(Bytes),
}

impl Content {
    fn bytes(&self) -> &Bytes {
        match self {
            Self::Json(text) | Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    const fn tag(&self) -> u8 {
        match self {
            Self::Json(_) => 0,
            Self::Text(_) => 1,
            Self::Bytes(_) => 2,
        }
    }

    fn tagged(tag: u8, bytes: Bytes) -> Option<Self> {
        match tag {
            0 => ByteString::try_from(bytes).ok().map(Self::Json),
            1 => ByteString::try_from(bytes).ok().map(Self::Text),
            2 => Some(Self::Bytes(bytes)),
            _ => None,
        }
    }
}

impl Event {
    /// Bytes that the event takes in memory, roughly.
    pub(crate) fn weight(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(_, value)| value.len()).sum();
        let key = self.key.as_ref().map_or(0, |key| key.len());
        OVERHEAD_BYTES + headers + key + self.content.bytes().len()
    }

    /// The record.
    pub(crate) fn into_record(self) -> SourceRecord {
        let text =
            |text: ByteString| SchemaAndValue::new(Schema::optional_string(), Value::String(text));
        let value = match self.content {
            Content::Json(document) => SchemaAndValue::schemaless(json(document)),
            Content::Text(content) => text(content),
            Content::Bytes(bytes) => {
                SchemaAndValue::new(Schema::optional_bytes(), Value::Bytes(bytes))
            }
        };
        let headers = self.headers.into_iter();
        SourceRecord {
            topic: self.topic,
            partition: None,
            key: self.key.map_or(SchemaAndValue::NULL, text),
            value,
            timestamp_ms: Some(self.timestamp_ms),
            headers: headers.map(|(key, value)| Header { key, data: text(value) }).collect(),
        }
    }

    /// Appends the event as it lies in a journal.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(self.content.tag());
        out.put_i64(self.timestamp_ms);
        put(out, self.topic.as_bytes());
        match &self.key {
            None => out.put_u8(0),
            Some(key) => {
                out.put_u8(1);
                put(out, key.as_bytes());
            }
        }
        out.put_u32(u32::try_from(self.headers.len()).unwrap_or(u32::MAX));
        for (name, value) in &self.headers {
            put(out, name.as_bytes());
            put(out, value.as_bytes());
        }
        out.extend_from_slice(self.content.bytes());
    }

    /// Reads what [`Event::encode`] wrote; none when it is something else.
    pub(crate) fn decode(mut bytes: Bytes) -> Option<Self> {
        let tag = bytes.try_get_u8().ok()?;
        let timestamp_ms = bytes.try_get_i64().ok()?;
        let topic = text(&mut bytes)?;
        let key = match bytes.try_get_u8().ok()? {
            0 => None,
            _ => Some(text(&mut bytes)?),
        };
        let count = bytes.try_get_u32().ok()?;
        let mut headers = Vec::new();
        for _header in 0..count {
            headers.push((Arc::from(&*text(&mut bytes)?), text(&mut bytes)?));
        }
        let content = Content::tagged(tag, bytes)?;
        Some(Self { topic: Arc::from(&*topic), timestamp_ms, key, headers, content })
    }
}

fn put(out: &mut Vec<u8>, part: &[u8]) {
    out.put_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(part);
}

fn text(bytes: &mut Bytes) -> Option<ByteString> {
    let length = usize::try_from(bytes.try_get_u32().ok()?).ok()?;
    let part = (length <= bytes.len()).then(|| bytes.split_to(length))?;
    ByteString::try_from(part).ok()
}

/// A checked document as a value; an object stays the text it is until somebody looks into it.
fn json(document: ByteString) -> Value {
    if let Some(map) = Map::of_json(&document) {
        return Value::Map(map);
    }
    let parsed = Parser::new(&document).value::<Schemaless>();
    parsed.unwrap_or(Value::String(document))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event() -> impl Strategy<Value = Event> {
        let content = prop_oneof![
            any::<i64>().prop_map(|number| Content::Json(number.to_string().into())),
            ".{0,20}".prop_map(|text| Content::Text(text.into())),
            prop::collection::vec(any::<u8>(), 0..20)
                .prop_map(|bytes| Content::Bytes(bytes.into())),
        ];
        let headers = prop::collection::vec(("[a-z]{1,5}", ".{0,5}"), 0..3);
        ("[a-z.]{1,9}", any::<i64>(), prop::option::of(".{0,9}"), headers, content).prop_map(
            |(topic, timestamp_ms, key, headers, content)| Event {
                topic: topic.into(),
                timestamp_ms,
                key: key.map(Into::into),
                headers: headers.into_iter().map(|(n, v)| (n.into(), v.into())).collect(),
                content,
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(event in event()) {
            let mut bytes = Vec::new();
            event.encode(&mut bytes);
            prop_assert_eq!(Event::decode(bytes.into()), Some(event));
        }

        #[test]
        fn anything_else_is_refused_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..60)
        ) {
            drop(Event::decode(bytes.into()));
        }
    }

    #[test]
    fn an_object_goes_on_as_the_text_it_came_as() {
        let content = Content::Json(r#"{"a": 1}"#.into());
        let event =
            Event { topic: "t".into(), timestamp_ms: 5, key: None, headers: Vec::new(), content };
        let record = event.into_record();
        let Value::Map(map) = record.value.value else { panic!("not a map") };
        assert_eq!(map.json().unwrap(), r#"{"a":1}"#);
        assert_eq!(record.timestamp_ms, Some(5));
    }
}
