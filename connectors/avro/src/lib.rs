//! Connect's schemas and data as Avro's, and back.
//!
//! Which Connect schema an Avro schema becomes, and the other way round, is the original's to the
//! letter, so that the same schemas get the same texts. A schema is turned into a plan once; a
//! record then costs the plan's steps only. Called by whoever speaks Avro: a converter, a format of
//! files. Schema registries and files are none of its business.
//! Source: confluentinc/schema-registry `AvroData.java`.

mod compile;
mod config;
mod decode;
mod defaults;
mod encode;
mod from_connect;
mod input;
mod names;
mod parse;
mod resolution;
mod schema;
#[cfg(test)]
mod tests;
mod text;
mod to_connect;

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use connect_api::{schema::Schema, value::Value};

pub use self::{
    config::AvroDataConfig,
    encode::put_long,
    from_connect::{ANYTHING_TEXT, avro_schema},
    resolution::can_read,
    schema::{AvroField, AvroSchema, AvroType, Kind, Named, TypeId},
    to_connect::connect_schema,
};
use self::{decode::Plan, encode::Writer, input::Input};

/// Writes values of one Connect schema by one Avro schema.
#[derive(Debug)]
pub struct AvroWriter(Writer);

impl AvroWriter {
    /// The Avro schema need not be the one that the Connect schema converts to.
    ///
    /// # Errors
    /// Why data of the one have no place in the other, as a sentence.
    pub fn new(
        config: &AvroDataConfig,
        avro: &AvroSchema,
        schema: &Arc<Schema>,
    ) -> Result<Self, String> {
        encode::writer(config, avro, avro.root, schema).map(Self)
    }

    /// Writes data without a schema, by that of [`ANYTHING_TEXT`].
    #[must_use]
    pub const fn of_anything() -> Self {
        Self(Writer::Anything)
    }

    /// Writes a value.
    ///
    /// # Errors
    /// Why it does not fit, as a sentence; some of it may be written then.
    pub fn write(&self, value: &Value, out: &mut impl BufMut) -> Result<(), String> {
        self.0.write(value, out)
    }

    /// Writes a whole message of a converter. Bytes stand for themselves there.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_message(&self, value: &Value, out: &mut impl BufMut) -> Result<(), String> {
        self.0.write_message(value, out)
    }
}

/// Reads data of one Avro schema as values of one Connect schema.
#[derive(Debug)]
pub struct AvroReader(Plan);

impl AvroReader {
    /// The Connect schema is the one that the Avro schema converts to.
    ///
    /// # Errors
    /// Where the two differ, as a sentence.
    pub fn new(avro: &AvroSchema, schema: &Arc<Schema>) -> Result<Self, String> {
        decode::plan(avro, avro.root, schema).map(Self)
    }

    /// Reads data without a schema; none when the Avro schema is not theirs.
    #[must_use]
    pub fn of_anything(avro: &AvroSchema) -> Option<Self> {
        decode::is_anything(avro).then_some(Self(Plan::Anything))
    }

    /// Reads a value.
    ///
    /// # Errors
    /// Why the bytes are none, as a sentence.
    pub fn read(&self, data: Bytes) -> Result<Value, String> {
        self.0.read(&mut Input::new(data))
    }

    /// Reads a whole message of a converter. Bytes stand for themselves there.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_message(&self, data: Bytes) -> Result<Value, String> {
        self.0.read_message(data)
    }
}
