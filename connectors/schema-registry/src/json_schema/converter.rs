//! The converter: the registry around the mapping.
//!
//! Source: confluentinc/schema-registry `JsonSchemaConverter.java`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use connect_api::{
    config::{Config as _, ConfigDef, Props},
    convert::{Converter, Pending, System},
    error::{ConnectorError, Result},
    record::{RawHeader, SchemaAndValue},
    schema::{Schema, same_schema},
};

use super::{
    JsonSchemaOptions, config::JsonSchemaConverterConfig, documents::root_title,
    validation::Validation,
};
use crate::{
    failure::{RegistryFailure, Sentences, without_schema},
    known::Known,
    registry::{Registry, SchemaText, SchemaType, Writing},
    subject::SubjectName,
    wire,
};

/// Class of the converter.
pub(crate) const CLASS: &str = "io.confluent.connect.json.JsonSchemaConverter";

/// Converts to and from JSON with a schema in the registry.
#[derive(Debug)]
pub(crate) struct JsonSchemaConverter {
    registry: Registry,
    options: JsonSchemaOptions,
    fails_invalid: bool,
    is_key: bool,
    subject: SubjectName,
    readers: Known<Reader>,
    writers: Known<Writer>,
}

/// What messages of one schema and topic are read by.
#[derive(Debug)]
struct Reader {
    id: u32,
    topic: Arc<str>,
    schema: Arc<Schema>,
    validation: Option<Validation>,
}

/// What data of one schema are written by to one topic.
#[derive(Debug)]
struct Writer {
    topic: Arc<str>,
    schema: Arc<Schema>,
    writing: Writing,
    validation: Option<Validation>,
}

/// The converter's own options.
pub(crate) fn options() -> ConfigDef {
    JsonSchemaConverterConfig::def()
}

impl JsonSchemaConverter {
    /// Builds the converter from its options.
    ///
    /// # Errors
    /// `Invalid` when they are wrong.
    pub(crate) fn configured(props: &Props, is_key: bool) -> Result<Self> {
        let config = JsonSchemaConverterConfig::parse(props)?;
        Ok(Self {
            registry: Registry::new(&config.serde, props, SchemaType::Json, is_key)?,
            options: config.data.options(),
            fails_invalid: config.data.fails_invalid,
            is_key,
            subject: config.serde.subject(is_key),
            readers: Known::new(config.data.cache_size),
            writers: Known::new(config.data.cache_size),
        })
    }

    fn reader(&self, topic: &str, id: u32) -> Result<Arc<Reader>> {
        let is_wanted = |known: &Reader| known.id == id && *known.topic == *topic;
        if let Some(known) = self.readers.first(is_wanted) {
            return Ok(known);
        }
        let failed = |failure: RegistryFailure| failure.told(reading(topic));
        let registered = self.registry.by_id(id).map_err(failed)?;
        let text = &registered.schema.text;
        let title = root_title(text);
        let subject = self
            .subject
            .of(topic, self.is_key, title.as_deref())
            .map_err(|reason| failed(RegistryFailure::rejected(reason)))?;
        let version = self.registry.version_of(&subject, &registered.schema).map_err(failed)?;
        let schema = self.options.connect_schema(text, &registered.named, version)?;
        let validation = self.validation(text, &registered.named)?;
        let reader = Reader { id, topic: topic.into(), schema, validation };
        Ok(self.readers.keep(reader, |_| true))
    }

    fn validation(&self, text: &str, named: &[(String, Arc<str>)]) -> Result<Option<Validation>> {
        self.fails_invalid.then(|| Validation::new(text, named)).transpose()
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
        let text = self.options.schema_text(schema)?;
        let title = root_title(&text);
        let subject = self
            .subject
            .of(topic, self.is_key, title.as_deref())
            .map_err(|reason| failed(RegistryFailure::rejected(reason)))?;
        let asked =
            SchemaText { kind: SchemaType::Json, text: text.into(), references: Arc::default() };
        let writing = self.registry.id_of(&subject, &asked).map_err(failed)?;
        let validation = match &writing.schema {
            Some(registered) => self.validation(&registered.schema.text, &registered.named)?,
            None => self.validation(&asked.text, &[])?,
        };
        let writer =
            Writer { topic: topic.into(), schema: Arc::clone(schema), writing, validation };
        Ok(self.writers.keep(writer, |known| known.writing.is_fresh()))
    }
}

impl Converter for JsonSchemaConverter {
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
        let reader = self.reader(topic, id)?;
        let payload = ByteString::try_from(data).map_err(|error| {
            broken(ConnectorError::record("The payload is not UTF-8").caused_by(error))
        })?;
        if let Some(validation) = &reader.validation {
            validation.check(&payload).map_err(broken)?;
        }
        let value = self.options.read(&reader.schema, &payload).map_err(|error| {
            let step = format!("Error deserializing JSON message for id {id}");
            broken(ConnectorError::record(step).caused_by(error))
        })?;
        Ok(SchemaAndValue::new(Arc::clone(&reader.schema), value))
    }

    fn from_connect(
        &self,
        topic: &str,
        data: &SchemaAndValue,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        let Some(schema) = &data.schema else {
            if data.value.is_null() {
                return Ok(None);
            }
            return Err(without_schema());
        };
        let writer = self.writer(topic, schema)?;
        let mut payload = Vec::new();
        // A required value that is missing is a tombstone.
        if !self.options.write(&mut payload, schema, &data.value)? {
            return Ok(None);
        }
        if let Some(validation) = &writer.validation {
            let broken = |error| ConnectorError::record(writing(topic).data).caused_by(error);
            validation.check_bytes(&payload).map_err(broken)?;
        }
        let start = buffer.len();
        wire::put_head(buffer, writer.writing.id);
        buffer.extend_from_slice(&payload);
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
    let failed = format!(
        "Converting byte[] to Kafka Connect data failed due to serialization error of topic \
         {topic}: "
    );
    Sentences {
        data: failed.clone(),
        network: format!("Network connection error while deserializing data for topic {topic}"),
        timeout: failed,
    }
}

fn writing(topic: &str) -> Sentences {
    let failed = format!(
        "Converting Kafka Connect data to byte[] failed due to serialization error of topic \
         {topic}: "
    );
    Sentences {
        data: failed.clone(),
        network: format!("Network connection error while serializing Json data for topic {topic}"),
        timeout: failed,
    }
}
