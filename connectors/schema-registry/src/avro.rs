//! Avro with a schema registry.
//!
//! What schemas and data become is `connect-avro`'s; here is the registry's part. A schema is turned
//! into a plan once, for an id on the way in and for a Connect schema on the way out.
//! Source: confluentinc/schema-registry `AvroConverter.java`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use connect_api::{
    config::{Config, ConfigDef, Props},
    convert::{Converter, Pending, System},
    error::{ConnectorError, Result},
    record::{RawHeader, SchemaAndValue},
    schema::{Schema, same_schema},
};
use connect_avro::{
    ANYTHING_TEXT, AvroDataConfig, AvroReader, AvroSchema, AvroWriter, avro_schema, can_read,
    connect_schema,
};

use crate::{
    config::SerdeConfig,
    failure::{RegistryFailure, Sentences},
    known::Known,
    registry::{Registry, SchemaText, SchemaType, WriteMode, Writing},
    subject::SubjectName,
    wire,
};

/// Class of the converter.
pub(crate) const CLASS: &str = "io.confluent.connect.avro.AvroConverter";

/// Options of the Avro converter.
#[derive(Clone, Config, Debug)]
struct AvroConverterConfig {
    /// The registry.
    #[config(flatten)]
    serde: SerdeConfig,
    /// How schemas are translated.
    #[config(flatten)]
    data: AvroDataConfig,
}

/// Converts to and from Avro.
#[derive(Debug)]
pub(crate) struct AvroConverter {
    registry: Registry,
    data: AvroDataConfig,
    is_key: bool,
    subject: SubjectName,
    /// Whether the schema of the registry has to be able to read what is written.
    is_strict: bool,
    readers: Known<Reader>,
    writers: Known<Written>,
}

/// What messages of one schema and topic are read by.
#[derive(Debug)]
struct Reader {
    id: u32,
    topic: Arc<str>,
    schema: Option<Arc<Schema>>,
    plan: AvroReader,
}

/// What data of one schema are written by to one topic.
#[derive(Debug)]
struct Written {
    topic: Arc<str>,
    schema: Option<Arc<Schema>>,
    writing: Writing,
    writer: AvroWriter,
}

/// The converter's own options.
pub(crate) fn options() -> ConfigDef {
    AvroConverterConfig::def()
}

impl AvroConverter {
    /// Builds the converter from its options.
    ///
    /// # Errors
    /// `Invalid` when they are wrong.
    pub(crate) fn configured(props: &Props, is_key: bool) -> Result<Self> {
        let config = AvroConverterConfig::parse(props)?;
        let registry = Registry::new(&config.serde, props, SchemaType::Avro, is_key)?;
        let is_strict = match registry.mode() {
            WriteMode::Fixed(_) => config.serde.is_id_strict,
            _ => config.serde.is_latest_strict,
        };
        let most = config.data.cache_size;
        Ok(Self {
            registry,
            data: config.data,
            is_key,
            subject: config.serde.subject(is_key),
            is_strict,
            readers: Known::new(most),
            writers: Known::new(most),
        })
    }

    fn reader(&self, topic: &str, id: u32) -> Result<Arc<Reader>> {
        let is_wanted = |known: &Reader| known.id == id && *known.topic == *topic;
        if let Some(known) = self.readers.first(is_wanted) {
            return Ok(known);
        }
        let failed = |failure: RegistryFailure| failure.told(reading(topic));
        let registered = self.registry.by_id(id).map_err(failed)?;
        let avro =
            AvroSchema::parse(&registered.schema.text, &registered.named).map_err(|reason| {
                failed(RegistryFailure::rejected(reason).at(format!("Could not parse schema {id}")))
            })?;
        let subject = self
            .subject
            .of(topic, self.is_key, avro.name().as_deref())
            .map_err(|reason| failed(RegistryFailure::rejected(reason)))?;
        let version = self.registry.version_of(&subject, &registered.schema).map_err(failed)?;
        let (schema, plan) = if let Some(plan) = AvroReader::of_anything(&avro) {
            (None, plan)
        } else {
            let schema = connect_schema(&self.data, &avro, version);
            let schema = schema.map_err(ConnectorError::record)?;
            let plan = AvroReader::new(&avro, &schema).map_err(ConnectorError::record)?;
            (Some(schema), plan)
        };
        let reader = Reader { id, topic: topic.into(), schema, plan };
        Ok(self.readers.keep(reader, |_| true))
    }

    fn writer(&self, topic: &str, schema: Option<&Arc<Schema>>) -> Result<Arc<Written>> {
        let is_wanted = |known: &Written| {
            *known.topic == *topic
                && same_schema(known.schema.as_ref(), schema)
                && known.writing.is_fresh()
        };
        if let Some(known) = self.writers.first(is_wanted) {
            return Ok(known);
        }
        let failed = |failure: RegistryFailure| failure.told(writing(topic));
        let own = match schema {
            Some(schema) => avro_schema(&self.data, schema),
            None => AvroSchema::parse(ANYTHING_TEXT, &[]),
        };
        let own = own.map_err(ConnectorError::record)?;
        let subject = self
            .subject
            .of(topic, self.is_key, own.name().as_deref())
            .map_err(|reason| failed(RegistryFailure::rejected(reason)))?;
        let asked = SchemaText {
            kind: SchemaType::Avro,
            text: own.text().into(),
            references: Arc::default(),
        };
        let found = self.registry.id_of(&subject, &asked).map_err(failed)?;
        let target = match &found.schema {
            Some(registered) => AvroSchema::parse(&registered.schema.text, &registered.named)
                .map_err(|reason| {
                    failed(
                        RegistryFailure::rejected(reason)
                            .at(format!("Could not parse schema {}", found.id)),
                    )
                })?,
            None => own.clone(),
        };
        if found.schema.is_some() && self.is_strict && !can_read(&target, &own) {
            let key = match self.registry.mode() {
                WriteMode::Fixed(_) => "id.compatibility.strict",
                _ => "latest.compatibility.strict",
            };
            let reason = format!(
                "Incompatible schema of type 'AVRO'. Set {key}=false to disable this check"
            );
            return Err(failed(
                RegistryFailure::rejected(reason).at("Error serializing Avro message"),
            ));
        }
        let writer = match schema {
            Some(schema) => AvroWriter::new(&self.data, &target, schema).map_err(|reason| {
                failed(RegistryFailure::rejected(reason).at("Error serializing Avro message"))
            })?,
            None => AvroWriter::of_anything(),
        };
        let written =
            Written { topic: topic.into(), schema: schema.cloned(), writing: found, writer };
        Ok(self.writers.keep(written, |known| known.writing.is_fresh()))
    }
}

impl Converter for AvroConverter {
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
        let (id, data) = wire::split(self.is_key, headers, bytes)
            .map_err(|error| ConnectorError::record(reading(topic).data).caused_by(error))?;
        let reader = self.reader(topic, id)?;
        let value = reader.plan.read_message(data).map_err(|reason| {
            let step = format!("Error deserializing Avro message for id {id}");
            RegistryFailure::rejected(reason).at(step).told(reading(topic))
        })?;
        Ok(SchemaAndValue { schema: reader.schema.clone(), value })
    }

    fn from_connect(
        &self,
        topic: &str,
        data: &SchemaAndValue,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        if data.value.is_null() {
            return match &data.schema {
                Some(schema) if !schema.is_optional() => {
                    Err(ConnectorError::record("Found null value for non-optional schema"))
                }
                _ => Ok(None),
            };
        }
        let written = self.writer(topic, data.schema.as_ref())?;
        let start = buffer.len();
        wire::put_head(buffer, written.writing.id);
        if let Err(reason) = written.writer.write_message(&data.value, buffer) {
            buffer.truncate(start);
            return Err(ConnectorError::record(reason));
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
    Sentences::reading("Avro", topic)
}

fn writing(topic: &str) -> Sentences {
    Sentences::writing("Avro", topic)
}
