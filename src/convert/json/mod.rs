//! JSON, with or without a schema beside each value.
//!
//! Schemas are written and read once: what the last ones look like as text is remembered, so that
//! a record costs its payload only.
//! Source: apache/kafka `JsonConverter.java`.

mod direct;
mod read;
mod schema;
mod write;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use connect_api::{
    config::{Config, ConfigDef, Props, choice},
    convert::Converter,
    error::{ConnectorError, Result},
    json::{JsonError, NodeRef, Parser, Schemaless},
    record::{RawHeader, SchemaAndValue},
    schema::Schema,
    value::{Map, Value},
};

use self::{
    read::Reading,
    schema::{read_schema, write_schema},
    write::Writing,
};
use super::cut;

/// What stands before the schema and before the payload, as the original writes them.
const SCHEMA: &[u8] = b"{\"schema\":";
const PAYLOAD: &[u8] = b",\"payload\":";
/// Memory that is kept for the next record.
const MOST_KEPT: usize = 1 << 20;
/// Schemas remembered, at most: a search through more would cost more than it saves.
const MOST_REMEMBERED: usize = 64;

choice! {
    /// How decimals are written.
    pub(super) enum DecimalFormat {
        /// Base64 of the unscaled number.
        Base64 = "BASE64",
        /// A JSON number.
        Numeric = "NUMERIC",
    }
    else "String must be one of (case insensitive): NUMERIC, BASE64"
}

/// Options of the JSON converter.
#[derive(Clone, Config, Debug)]
pub(super) struct JsonConverterConfig {
    /// Include schemas within each of the serialized values and keys.
    #[config(key = "schemas.enable", default = true, importance = High, group = "Schemas", width = Medium, display = "Enable Schemas", order = 0)]
    schemas_enable: bool,
    /// The maximum number of schemas that can be cached in this converter instance.
    #[config(key = "schemas.cache.size", default = 1000, importance = High, group = "Schemas", width = Medium, display = "Schema Cache Size", order = 1)]
    schemas_cache_size: i32,
    /// Schema of every message, in the form that messages have it in; none where each has its own.
    /// Counts for sinks where schemas.enable is true.
    #[config(key = "schema.content", importance = High, group = "Schemas", width = Medium, display = "Schema Content", order = 2)]
    schema_content: Option<String>,
    /// Controls which format this converter will serialize decimals in. This value is case
    /// insensitive and can be either 'BASE64' (default) or 'NUMERIC'
    #[config(key = "decimal.format", default = DecimalFormat::Base64, importance = Low, group = "Serialization", width = Medium, display = "Decimal Format", order = 0)]
    decimal_format: DecimalFormat,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(key = "replace.null.with.default", default = true, importance = Low, group = "Serialization", width = Medium, display = "Replace null with default", order = 1)]
    replace_null_with_default: bool,
}

impl JsonConverterConfig {
    /// The converter's own options.
    pub(super) fn options() -> ConfigDef {
        Self::def()
    }
}

/// A schema with the text that comes before its payload.
type Written = (Arc<Schema>, Vec<u8>);

/// Converts to and from JSON.
#[derive(Debug)]
pub(super) struct JsonConverter {
    has_schemas: bool,
    /// Schema of everything that is read; none where each message has its own.
    fixed: Option<Arc<Schema>>,
    reading: Reading,
    writing: Writing,
    remembered: usize,
    /// Schemas with the text that comes before their payload, the last used first.
    written: Mutex<Vec<Written>>,
    /// Schema texts with what they mean, the last used first.
    read: Mutex<Vec<(ByteString, Arc<Schema>)>>,
    /// What is being written: bytes go into a vector one by one at no cost.
    scratch: Mutex<Vec<u8>>,
}

impl JsonConverter {
    /// Builds the converter from its options.
    ///
    /// # Errors
    /// `Invalid` when they are wrong.
    pub(super) fn configured(props: &Props) -> Result<Self> {
        let config = JsonConverterConfig::parse(props)?;
        let remembered = usize::try_from(config.schemas_cache_size).unwrap_or(0);
        let content = config.schema_content.as_deref().map(str::trim);
        let fixed = content.filter(|text| !text.is_empty()).map(fixed_schema).transpose()?;
        Ok(Self {
            has_schemas: config.schemas_enable,
            fixed,
            reading: Reading { is_null_replaced: config.replace_null_with_default },
            writing: Writing {
                is_null_replaced: config.replace_null_with_default,
                is_decimal_numeric: config.decimal_format == DecimalFormat::Numeric,
            },
            remembered: remembered.clamp(1, MOST_REMEMBERED),
            written: Mutex::default(),
            read: Mutex::default(),
            scratch: Mutex::default(),
        })
    }

    /// Appends `{"schema":{…},"payload":` of a schema.
    fn put_head(&self, schema: &Arc<Schema>, out: &mut Vec<u8>) -> Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |known: &Arc<Schema>| Arc::ptr_eq(known, schema);
        let place = written
            .iter()
            .position(|(known, _)| is_same(known))
            .or_else(|| written.iter().position(|(known, _)| known == schema));
        if let Some(place) = place {
            to_front(&mut written, place);
        } else {
            let mut text = SCHEMA.to_vec();
            write_schema(&mut text, schema, None, self.writing)?;
            text.extend_from_slice(PAYLOAD);
            written.insert(0, (Arc::clone(schema), text));
            written.truncate(self.remembered);
        }
        out.extend_from_slice(written.first().map(|(_, text)| &**text).unwrap_or_default());
        Ok(())
    }

    /// The schema and the payload of a document that begins as the last one did; none when the
    /// document has to be looked at.
    fn repeated(&self, document: &ByteString) -> Result<Option<SchemaAndValue>> {
        let (schema, at) = {
            let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            let Some((text, schema)) = read.first() else { return Ok(None) };
            let rest = document.as_bytes().strip_prefix(SCHEMA);
            let rest = rest.and_then(|rest| rest.strip_prefix(&**text.as_bytes()));
            let Some(rest) = rest.and_then(|rest| rest.strip_prefix(PAYLOAD)) else {
                return Ok(None);
            };
            (Arc::clone(schema), document.len() - rest.len())
        };
        let mut parser = Parser::starting_at(document, at);
        match self.reading.payload(&schema, &mut parser) {
            Ok(value) if parser.take(b'}') => Ok(Some(SchemaAndValue::new(schema, value?))),
            _ => Ok(None),
        }
    }

    /// The schema of a text; none for `null`.
    fn schema(&self, text: &ByteString) -> Result<Option<Arc<Schema>>> {
        if &**text == "null" {
            return Ok(None);
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let place = read.iter().position(|(known, _)| known == text);
        if let Some(place) = place {
            to_front(&mut read, place);
        }
        if let (Some(_), Some((_, schema))) = (place, read.first()) {
            return Ok(Some(Arc::clone(schema)));
        }
        let node = Parser::new(text).value::<NodeRef<'_>>().map_err(broken)?;
        let schema = read_schema(&node)?;
        // A copy, or the document it came in would stay in memory.
        let owned = ByteString::from(text.to_string());
        read.insert(0, (owned, Arc::clone(&schema)));
        read.truncate(self.remembered);
        Ok(Some(schema))
    }

    fn enveloped(&self, document: &ByteString) -> Result<SchemaAndValue> {
        if let Some(schema) = &self.fixed {
            return self.of_schema(schema, document);
        }
        if let Some(data) = self.repeated(document)? {
            return Ok(data);
        }
        let Some((schema, payload)) = envelope(document)? else {
            return Err(ConnectorError::record(
                "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and \
                 may not contain additional fields. If you are trying to deserialize plain JSON \
                 data, set schemas.enable=false in your converter configuration.",
            ));
        };
        match self.schema(&schema)? {
            None => schemaless(&payload),
            Some(schema) => self.of_schema(&schema, &payload),
        }
    }

    fn of_schema(&self, schema: &Arc<Schema>, payload: &ByteString) -> Result<SchemaAndValue> {
        let value = self.reading.payload(schema, &mut Parser::new(payload)).map_err(broken)??;
        Ok(SchemaAndValue::new(Arc::clone(schema), value))
    }
}

/// The schema of `schema.content`. Source: KIP-1054.
fn fixed_schema(text: &str) -> Result<Arc<Schema>> {
    let text = ByteString::from(text);
    let node = Parser::new(&text).value::<NodeRef<'_>>().map_err(broken);
    node.and_then(|node| read_schema(&node)).map_err(|error| {
        ConnectorError::invalid("The value of schema.content is no schema").caused_by(error)
    })
}

/// Moves an entry to the front.
fn to_front<T>(entries: &mut [T], place: usize) {
    if let Some(part) = entries.get_mut(..=place) {
        part.rotate_right(1);
    }
}

/// Texts of schema and payload, when the document has exactly these two members.
fn envelope(document: &ByteString) -> Result<Option<(ByteString, ByteString)>> {
    let mut parser = Parser::new(document);
    let (mut schema, mut payload) = (None, None);
    if !parser.take(b'{') {
        parser.skip_first().map_err(broken)?;
        return Ok(None);
    }
    if parser.take(b'}') {
        return Ok(None);
    }
    let mut is_strange = false;
    loop {
        let name = parser.name().map_err(broken)?;
        let text = parser.skipped().map_err(broken)?.to_byte_string();
        match &*name {
            "schema" => schema = Some(text),
            "payload" => payload = Some(text),
            _ => is_strange = true,
        }
        if parser.take(b'}') {
            return Ok(schema.zip(payload).filter(|_| !is_strange));
        }
        if !parser.take(b',') {
            // Says where the document is broken.
            parser.name().map_err(broken)?;
        }
    }
}

/// An object is read when somebody looks into it.
fn schemaless(document: &ByteString) -> Result<SchemaAndValue> {
    if let Some(map) = Map::of_json(document) {
        return Ok(SchemaAndValue::schemaless(Value::Map(map)));
    }
    Parser::new(document).first::<Schemaless>().map_err(broken).map(SchemaAndValue::schemaless)
}

fn broken(error: JsonError) -> ConnectorError {
    serialization_error(error)
}

fn serialization_error(
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ConnectorError {
    ConnectorError::record(
        "Converting byte[] to Kafka Connect data failed due to serialization error: ",
    )
    .caused_by(cause)
}

impl Converter for JsonConverter {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.json.JsonConverter"
    }

    fn to_connect(
        &self,
        _topic: &str,
        _headers: &[RawHeader],
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue> {
        let Some(bytes) = bytes else { return Ok(SchemaAndValue::NULL) };
        let document = ByteString::try_from(bytes.clone()).map_err(serialization_error)?;
        if self.has_schemas {
            self.enveloped(&document)
        } else if document.is_empty() {
            Ok(SchemaAndValue::NULL)
        } else {
            schemaless(&document)
        }
    }

    fn from_connect(
        &self,
        _topic: &str,
        data: &SchemaAndValue,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        if data.schema.is_none() && data.value == Value::Null {
            return Ok(None);
        }
        if let (false, None, Value::Map(map)) = (self.has_schemas, &data.schema, &data.value)
            && let Some(text) = map.json()
        {
            return Ok(Some(text.clone().into_bytes()));
        }
        let mut text = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        // An error may have left something.
        text.clear();
        self.write(data, &mut text)?;
        buffer.extend_from_slice(&text);
        text.clear();
        text.shrink_to(MOST_KEPT);
        Ok(Some(cut(buffer)))
    }
}

impl JsonConverter {
    fn write(&self, data: &SchemaAndValue, out: &mut Vec<u8>) -> Result<()> {
        let schema = data.schema.as_deref();
        if !self.has_schemas {
            return self.writing.value(out, schema, &data.value);
        }
        match &data.schema {
            Some(schema) => self.put_head(schema, out)?,
            None => out.extend_from_slice(b"{\"schema\":null,\"payload\":"),
        }
        self.writing.value(out, schema, &data.value)?;
        out.push(b'}');
        Ok(())
    }
}
