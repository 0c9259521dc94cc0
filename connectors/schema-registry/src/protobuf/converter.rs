//! The converter: the registry around the mapping.
//!
//! Source: confluentinc/schema-registry `ProtobufConverter.java`,
//! `AbstractKafkaProtobufSerializer.java`, `AbstractKafkaProtobufDeserializer.java`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use connect_api::{
    config::{Config, ConfigDef, Props},
    convert::{Converter, Pending, System},
    error::{ConnectorError, Result},
    record::{RawHeader, SchemaAndValue},
    schema::{Schema, same_schema},
};

use super::{
    MessageReader, MessageWriter, ProtobufFile, ProtobufOptions, put_indexes, split_indexes,
};
use crate::{
    config::SerdeConfig,
    failure::{RegistryFailure, Sentences, without_schema},
    known::Known,
    registry::{Registry, SchemaText, SchemaType, Writing},
    subject::SubjectName,
    wire,
};

/// Class of the converter.
pub(crate) const CLASS: &str = "io.confluent.connect.protobuf.ProtobufConverter";

/// Options of the Protobuf converter.
#[derive(Clone, Config, Debug)]
struct ProtobufConverterConfig {
    /// The registry.
    #[config(flatten)]
    serde: SerdeConfig,
    /// How schemas are translated.
    #[config(flatten)]
    data: ProtobufOptions,
}

/// Converts to and from Protobuf.
#[derive(Debug)]
pub(crate) struct ProtobufConverter {
    registry: Registry,
    options: ProtobufOptions,
    is_key: bool,
    subject: SubjectName,
    files: Known<(u32, ProtobufFile)>,
    readers: Known<Reader>,
    writers: Known<Writer>,
}

/// What messages of one type and topic are read by.
#[derive(Debug)]
struct Reader {
    id: u32,
    indexes: Vec<usize>,
    topic: Arc<str>,
    message: MessageReader,
}

/// What data of one schema are written by to one topic.
#[derive(Debug)]
struct Writer {
    topic: Arc<str>,
    schema: Arc<Schema>,
    writing: Writing,
    /// Where the message is in the registered schema.
    indexes: Vec<usize>,
    message: MessageWriter,
}

/// The converter's own options.
pub(crate) fn options() -> ConfigDef {
    ProtobufConverterConfig::def()
}

impl ProtobufConverter {
    /// Builds the converter from its options.
    ///
    /// # Errors
    /// `Invalid` when they are wrong.
    pub(crate) fn configured(props: &Props, is_key: bool) -> Result<Self> {
        let config = ProtobufConverterConfig::parse(props)?;
        let most = config.data.cache_size;
        Ok(Self {
            registry: Registry::new(&config.serde, props, SchemaType::Protobuf, is_key)?,
            options: config.data,
            is_key,
            subject: config.serde.subject(is_key),
            files: Known::new(most),
            readers: Known::new(most),
            writers: Known::new(most),
        })
    }

    fn reader(&self, topic: &str, id: u32, indexes: &[usize]) -> Result<Arc<Reader>> {
        let is_wanted =
            |known: &Reader| known.id == id && known.indexes == indexes && *known.topic == *topic;
        if let Some(known) = self.readers.first(is_wanted) {
            return Ok(known);
        }
        let failed = |failure: RegistryFailure| failure.told(reading(topic));
        let broken = |error| ConnectorError::record(reading(topic).data).caused_by(error);
        let registered = self.registry.by_id(id).map_err(failed)?;
        let file = match self.files.first(|(known, _)| *known == id) {
            Some(known) => known,
            None => {
                let file = ProtobufFile::parse(&registered.schema.text, &registered.named);
                self.files.keep((id, file.map_err(broken)?), |_| true)
            }
        };
        let name = file.1.message_name(indexes).map_err(broken)?;
        let subject = self
            .subject
            .of(topic, self.is_key, Some(&name))
            .map_err(|reason| failed(RegistryFailure::rejected(reason)))?;
        let version = self.registry.version_of(&subject, &registered.schema).map_err(failed)?;
        let message = file.1.reader(&self.options, indexes, version)?;
        let reader = Reader { id, indexes: indexes.to_vec(), topic: topic.into(), message };
        Ok(self.readers.keep(reader, |_| true))
    }

    fn writer(&self, topic: &str, schema: &Arc<Schema>) -> Result<Arc<Writer>> {
        let is_wanted = |known: &Writer| {
            *known.topic == *topic
                && same_schema(Some(&known.schema), Some(schema))
                && known.writing.is_fresh()
        };
        if let Some(known) = self.writers.first(is_wanted) {
            return Ok(known);
        }
        let failed = |failure: RegistryFailure| failure.told(writing(topic));
        let message = MessageWriter::new(&self.options, schema)?;
        let subject = self
            .subject
            .of(topic, self.is_key, Some(message.name()))
            .map_err(|reason| failed(RegistryFailure::rejected(reason)))?;
        let asked = SchemaText {
            kind: SchemaType::Protobuf,
            text: message.text().into(),
            references: Arc::default(),
        };
        let writing = self.registry.id_of(&subject, &asked).map_err(failed)?;
        let indexes = match &writing.schema {
            None => message.indexes().to_vec(),
            Some(registered) => ProtobufFile::parse(&registered.schema.text, &registered.named)?
                .indexes(message.name()),
        };
        let schema = Arc::clone(schema);
        let writer = Writer { topic: topic.into(), schema, writing, indexes, message };
        Ok(self.writers.keep(writer, |known| known.writing.is_fresh()))
    }
}

impl Converter for ProtobufConverter {
    fn class(&self) -> &'static str {
        CLASS
    }

    fn to_connect(
        &self,
        topic: &str,
        headers: &[RawHeader],
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue> {
        let Some(bytes) = bytes else { return Ok(SchemaAndValue::NULL) };
        let broken = |error| ConnectorError::record(reading(topic).data).caused_by(error);
        let (id, data) = wire::split(self.is_key, headers, bytes).map_err(broken)?;
        let (indexes, data) = split_indexes(data).map_err(broken)?;
        let reader = self.reader(topic, id, &indexes)?;
        let value = reader.message.read(data).map_err(|error| {
            let step = format!("Error deserializing Protobuf message for id {id}");
            broken(ConnectorError::record(step).caused_by(error))
        })?;
        Ok(SchemaAndValue::new(Arc::clone(reader.message.schema()), value))
    }

    fn from_connect(
        &self,
        topic: &str,
        data: &SchemaAndValue,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        if data.value.is_null() {
            return Ok(None);
        }
        let Some(schema) = &data.schema else {
            return Err(without_schema());
        };
        let writer = self.writer(topic, schema)?;
        let start = buffer.len();
        wire::put_head(buffer, writer.writing.id);
        put_indexes(buffer, &writer.indexes);
        if let Err(error) = writer.message.write(buffer, schema, &data.value) {
            buffer.truncate(start);
            return Err(error);
        }
        Ok(Some(buffer.split_off(start).freeze()))
    }

    fn pending(&self) -> Option<Pending<'_>> {
        self.registry.pending()
    }

    fn system(&self) -> Option<System<'_>> {
        Some(self.registry.system())
    }
}

fn reading(topic: &str) -> Sentences {
    Sentences::reading("Protobuf", topic)
}

fn writing(topic: &str) -> Sentences {
    Sentences::writing("Protobuf", topic)
}
