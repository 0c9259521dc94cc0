//! The converters of one task.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use connect_api::{
    config::Props,
    convert::{Converter, HeaderConverter},
    error::Result,
    record::{Header, RawHeader, SchemaAndValue, SinkRecord, SourceRecord, TopicPartition},
    schema::Schema,
};

use super::{
    redriven::REDRIVE_HEADERS,
    stage::{Failure, Stage},
};
use crate::{
    broker::{ConsumerRecord, ProducerRecord},
    convert::ConverterRegistry,
};

/// What headers are converted by when nobody says.
const DEFAULT_HEADER_CONVERTER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

/// What keys and values are converted by when not even the worker says.
const DEFAULT_CONVERTER: &str = "org.apache.kafka.connect.json.JsonConverter";

/// Converters of keys, values and headers.
#[derive(Clone, Debug)]
pub struct Converters {
    /// Of keys.
    pub key: Arc<dyn Converter>,
    /// Of values.
    pub value: Arc<dyn Converter>,
    /// Of headers.
    pub header: Arc<dyn HeaderConverter>,
}

impl Converters {
    /// Builds what the connector asks for, or else what the worker does; a class and its options
    /// always come from the same of the two.
    ///
    /// # Errors
    /// `Invalid` when a class is not known or its options are wrong.
    pub fn of(registry: &ConverterRegistry, connector: &Props, worker: &Props) -> Result<Self> {
        let (class, props) = chosen(connector, worker, "key", DEFAULT_CONVERTER);
        let key = registry.converter(&class, &props, true)?;
        let (class, props) = chosen(connector, worker, "value", DEFAULT_CONVERTER);
        let value = registry.converter(&class, &props, false)?;
        let (class, props) = chosen(connector, worker, "header", DEFAULT_HEADER_CONVERTER);
        let header = registry.header_converter(&class, &props)?;
        Ok(Self { key, value, header })
    }

    /// A record as a sink would get it without transforms. The topic is that of the partition, or
    /// the one that the record came from before its redrive.
    ///
    /// # Errors
    /// The converter that failed, and why.
    pub fn to_connect(
        &self,
        topic: &Arc<str>,
        partition: &TopicPartition,
        record: &ConsumerRecord,
    ) -> Result<SinkRecord, Failure> {
        let headers = &record.headers;
        let Self { key, value, .. } = self;
        Ok(SinkRecord {
            topic: Arc::clone(topic),
            origin: partition.clone(),
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            timestamp_type: record.timestamp_type,
            key: key
                .to_connect(topic, headers, record.key.as_ref())
                .map_err(Failure::at(Stage::KeyConverter, key.class()))?,
            value: value
                .to_connect(topic, headers, record.value.as_ref())
                .map_err(Failure::at(Stage::ValueConverter, value.class()))?,
            headers: self.headers_to_connect(topic, headers)?,
        })
    }

    fn headers_to_connect(
        &self,
        topic: &str,
        headers: &[RawHeader],
    ) -> Result<Vec<Header>, Failure> {
        let convert = |(name, bytes): &RawHeader| {
            if let Some(data) = redrive_text(name, bytes.as_ref()) {
                return Ok(Header { key: Arc::clone(name), data });
            }
            let data = self
                .header
                .to_connect_header(topic, name, bytes.as_ref())
                .map_err(Failure::at(Stage::HeaderConverter, self.header.class()))?;
            Ok(Header { key: Arc::clone(name), data })
        };
        headers.iter().map(convert).collect()
    }

    /// A record of a source, after its transforms, as a producer takes it. What is written is taken
    /// out of `buffer`.
    ///
    /// # Errors
    /// The converter that failed, and why.
    pub fn from_connect(
        &self,
        record: &SourceRecord,
        buffer: &mut BytesMut,
    ) -> Result<ProducerRecord, Failure> {
        let headers = self.headers_from_connect(record, buffer)?;
        let (Self { key, value, .. }, topic) = (self, &record.topic);
        Ok(ProducerRecord {
            key: key_bytes(&**key, topic, &record.key, buffer)
                .map_err(Failure::at(Stage::KeyConverter, key.class()))?,
            value: value
                .from_connect(topic, &record.value, buffer)
                .map_err(Failure::at(Stage::ValueConverter, value.class()))?,
            partition: record.partition,
            timestamp_ms: record.timestamp_ms,
            headers,
            topic: Arc::clone(&record.topic),
        })
    }

    fn headers_from_connect(
        &self,
        record: &SourceRecord,
        buffer: &mut BytesMut,
    ) -> Result<Vec<RawHeader>, Failure> {
        let convert = |header: &Header| {
            let bytes = self
                .header
                .from_connect_header(&record.topic, &header.key, &header.data, buffer)
                .map_err(Failure::at(Stage::HeaderConverter, self.header.class()))?;
            Ok((Arc::clone(&header.key), bytes))
        };
        record.headers.iter().map(convert).collect()
    }

    /// Waits for what the converters want to know since their last call, and says whether there
    /// was anything, so that another call may end differently.
    ///
    /// # Cancel safety
    /// What was not answered is asked again by the next call.
    pub(super) async fn settle(&self) -> bool {
        let mut has_waited = false;
        let pending = [self.key.pending(), self.value.pending(), self.header.pending()];
        for answer in pending.into_iter().flatten() {
            answer.await;
            has_waited = true;
        }
        has_waited
    }
}

/// A header of a redrive, which is text whatever the converter of headers makes of others.
fn redrive_text(name: &str, bytes: Option<&Bytes>) -> Option<SchemaAndValue> {
    let is_ours = name.starts_with(REDRIVE_HEADERS);
    let text = std::str::from_utf8(bytes.filter(|_| is_ours)?).ok()?;
    Some(SchemaAndValue::new(Schema::string(), text.into()))
}

/// No key at all is null bytes for every converter, without asking it.
fn key_bytes(
    converter: &dyn Converter,
    topic: &str,
    key: &SchemaAndValue,
    buffer: &mut BytesMut,
) -> Result<Option<Bytes>> {
    if key.schema.is_none() && key.value.is_null() {
        return Ok(None);
    }
    converter.from_connect(topic, key, buffer)
}

fn chosen(connector: &Props, worker: &Props, role: &str, default: &str) -> (String, Props) {
    let key = format!("{role}.converter");
    let source = if connector.contains_key(&key) { connector } else { worker };
    let mut props = source.with_prefix(&format!("{key}."));
    props.insert("converter.type", role);
    (source.get(&key).unwrap_or(default).trim().to_owned(), props)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_and_options_come_from_the_same_place() {
        let worker = Props::from([
            ("key.converter", "JsonConverter"),
            ("key.converter.decimal.format", "NUMERIC"),
            ("value.converter", "StringConverter"),
        ]);
        let connector = Props::from([
            ("value.converter", "JsonConverter"),
            ("value.converter.schemas.enable", "false"),
            ("key.converter.decimal.format", "not looked at"),
        ]);
        let (class, props) = chosen(&connector, &worker, "key", "");
        assert_eq!(
            (class.as_str(), props.get("decimal.format")),
            ("JsonConverter", Some("NUMERIC"))
        );
        let (_, props) = chosen(&connector, &worker, "value", "");
        assert_eq!(props.get("schemas.enable"), Some("false"));
        let converters = Converters::of(&ConverterRegistry::own(), &connector, &worker).unwrap();
        assert_eq!(converters.value.class(), "org.apache.kafka.connect.json.JsonConverter");
        assert_eq!(converters.header.class(), DEFAULT_HEADER_CONVERTER);
    }
}
