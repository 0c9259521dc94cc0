//! Protobuf: messages that say nothing of themselves, beside texts that say what their numbers mean.
//!
//! A schema of the registry is linked once, and each of its messages compiled into a plan; records
//! become Connect data straight from their bytes and go straight back, without a message object in
//! between. A Connect schema becomes the very text that the original registers, so that the same
//! id is found.
//! Source: confluentinc/schema-registry `ProtobufConverter`, `ProtobufData`.

mod connect;
mod converter;
mod decode;
mod define;
mod encode;
mod file;
mod names;
mod options;
mod plan;
mod print;
mod read_types;
mod wire;
mod written_types;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use connect_api::{
    error::{ConnectorError, Result},
    schema::Schema,
    value::Value,
};

pub(crate) use self::converter::{CLASS, ProtobufConverter, options};
pub use self::options::ProtobufOptions;
use self::{
    connect::{Reading, read_message},
    decode::decode,
    define::{Definition, define},
    encode::write_body,
    file::SchemaFile,
    wire::{Reader, put_message_indexes},
};

/// A schema of the registry.
#[derive(Clone, Debug)]
pub struct ProtobufFile(SchemaFile);

impl ProtobufFile {
    /// Reads a schema and those it refers to, each with the name it imports them by.
    ///
    /// # Errors
    /// `Record` when one of them is no Protobuf schema.
    pub fn parse(text: &str, referred: &[(String, Arc<str>)]) -> Result<Self> {
        SchemaFile::parse(text, referred).map(Self)
    }

    /// Compiles the message at a path, each step the number of a message among its siblings.
    ///
    /// # Errors
    /// `Record` when there is none, or Connect has no schema for it.
    pub fn reader(
        &self,
        options: &ProtobufOptions,
        indexes: &[usize],
        version: Option<i32>,
    ) -> Result<MessageReader> {
        let message = self.0.message(indexes)?;
        let (schema, reading) = read_message(options, &self.0, &message, version)?;
        Ok(MessageReader { schema, reading, name: message.full_name().to_owned() })
    }

    /// Full name of the message at a path.
    ///
    /// # Errors
    /// `Record` when there is none.
    pub fn message_name(&self, indexes: &[usize]) -> Result<String> {
        Ok(self.0.message(indexes)?.full_name().to_owned())
    }

    /// Path of a message by its full name; that of the first one when there is none of that name.
    #[must_use]
    pub fn indexes(&self, name: &str) -> Vec<usize> {
        self.0.indexes(name)
    }
}

/// Reads records of one message.
#[derive(Debug)]
pub struct MessageReader {
    schema: Arc<Schema>,
    reading: Reading,
    name: String,
}

impl MessageReader {
    /// Schema of what is read.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Record` when it is no message of this type.
    pub fn read(&self, bytes: Bytes) -> Result<Value> {
        decode(&self.reading, &self.schema, bytes).map_err(|error| {
            let class = error.class();
            ConnectorError::new(class, format!("Could not read the message {}", self.name))
                .caused_by(error)
        })
    }
}

/// Writes records of one Connect schema.
#[derive(Debug)]
pub struct MessageWriter {
    definition: Definition,
    is_default_ignored: bool,
}

impl MessageWriter {
    /// Compiles the message of a Connect schema.
    ///
    /// # Errors
    /// `Record` when Protobuf has nothing for it.
    pub fn new(options: &ProtobufOptions, schema: &Schema) -> Result<Self> {
        let definition = define(options, schema)?;
        // What is registered must be readable: names, numbers and types are checked here.
        SchemaFile::parse(&definition.text, &[]).map_err(|error| {
            let hint = if options.is_name_scrubbed {
                "Rename what the error names, with the transformation ReplaceField for example"
            } else {
                "Set scrub.invalid.names=true to have names changed that Protobuf does not take"
            };
            ConnectorError::record("The schema cannot be written as Protobuf")
                .hint(hint)
                .caused_by(error)
        })?;
        Ok(Self { definition, is_default_ignored: options.is_default_ignored })
    }

    /// Text to register.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.definition.text
    }

    /// Full name of the message.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Where the message is in the text.
    #[must_use]
    pub fn indexes(&self) -> &[usize] {
        &self.definition.indexes
    }

    /// Appends a record.
    ///
    /// # Errors
    /// `Record` when the value is not one of the schema.
    pub fn write(&self, out: &mut BytesMut, schema: &Schema, value: &Value) -> Result<()> {
        write_body(out, &self.definition.writer, schema, value, self.is_default_ignored)
    }
}

/// The path of a record's message, and the bytes after it.
///
/// # Errors
/// `Record` when there is no path.
pub fn split_indexes(bytes: Bytes) -> Result<(Vec<usize>, Bytes)> {
    let mut reader = Reader::new(bytes);
    let indexes = reader.message_indexes()?;
    Ok((indexes, reader.into_rest()))
}

/// Appends the path of a record's message.
pub fn put_indexes(out: &mut BytesMut, indexes: &[usize]) {
    put_message_indexes(out, indexes);
}
