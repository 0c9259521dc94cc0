//! Converters: bytes of a topic to Connect data and back, one file each.
//!
//! The pipeline calls a converter once per key, value and header. Text and bytes pass as slices of
//! the buffer they arrived in; what must be written goes into a buffer that the records of a batch
//! share, so that memory is taken per batch and not per record. [`registry()`] lists the converters
//! for validation and `GET /connector-plugins`.

mod byte_array;
mod json;
mod primitive;
mod registry;
mod simple_header;
mod string;

use std::{fmt::Debug, sync::Arc};

use bytes::{Bytes, BytesMut};
use connect_api::{error::Result, record::SchemaAndValue};

pub use registry::{ConverterPlugin, converter, header_converter, registry};

/// A header as bytes; the broker's own form.
pub type RawHeader = (Arc<str>, Option<Bytes>);

/// Turns bytes into Connect data and back.
pub trait Converter: Debug + Send + Sync {
    /// Class name, as errors about a record name it.
    fn class(&self) -> &'static str;

    /// Reads bytes of a topic; the data may keep slices of them.
    ///
    /// # Errors
    /// `Record` when the bytes are not in the converter's format.
    fn to_connect(
        &self,
        topic: &str,
        headers: &[RawHeader],
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue>;

    /// Writes data for a topic; none is a null key or value. What must be built is taken out of
    /// `buffer`, which the caller hands to every call of a batch.
    ///
    /// # Errors
    /// `Record` when the data do not fit the format.
    #[expect(clippy::wrong_self_convention, reason = "Kafka Connect's own name")]
    fn from_connect(
        &self,
        topic: &str,
        data: &SchemaAndValue,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>>;
}

/// Turns bytes of a header into Connect data and back. Every [`Converter`] is one.
pub trait HeaderConverter: Debug + Send + Sync {
    /// Class name, as errors about a record name it.
    fn class(&self) -> &'static str;

    /// Reads a header.
    ///
    /// # Errors
    /// As [`Converter::to_connect`].
    fn to_connect_header(
        &self,
        topic: &str,
        name: &str,
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue>;

    /// Writes a header.
    ///
    /// # Errors
    /// As [`Converter::from_connect`].
    #[expect(clippy::wrong_self_convention, reason = "Kafka Connect's own name")]
    fn from_connect_header(
        &self,
        topic: &str,
        name: &str,
        data: &SchemaAndValue,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>>;
}

impl<C: Converter> HeaderConverter for C {
    fn class(&self) -> &'static str {
        Converter::class(self)
    }

    fn to_connect_header(
        &self,
        topic: &str,
        _name: &str,
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue> {
        self.to_connect(topic, &[], bytes)
    }

    fn from_connect_header(
        &self,
        topic: &str,
        _name: &str,
        data: &SchemaAndValue,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        self.from_connect(topic, data, buffer)
    }
}

/// What was written into the shared buffer, as a slice of it.
fn cut(buffer: &mut BytesMut) -> Bytes {
    buffer.split().freeze()
}
