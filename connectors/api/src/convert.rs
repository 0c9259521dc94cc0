//! Converters: bytes of a topic to Connect data and back.
//!
//! The worker's pipeline calls a converter once per key, value and header, on the way that every
//! record takes, so that a call never waits for anything. A converter that needs the answer of
//! another system first (a schema that it has not met yet) notes what it wants and fails; before
//! the failure counts, the worker awaits [`Converter::pending`] and calls again. The way of a good
//! record so pays neither for a future nor for a lock across one.
//!
//! Asynchronous conversion functions were rejected for that reason, and a blocking request because
//! it would hold up every task on the thread.

use std::{fmt::Debug, pin::Pin, sync::Arc};

use bytes::{Bytes, BytesMut};

use crate::{
    config::{ConfigDef, Props},
    error::Result,
    record::{RawHeader, SchemaAndValue},
};

/// What a converter waits for.
pub type Pending<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A system that a converter works with.
pub struct System<'a> {
    /// The option that says where it is.
    pub key: &'static str,
    /// A look whether it can be worked with; it changes nothing there.
    pub look: Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>,
}

/// Turns bytes into Connect data and back.
pub trait Converter: Debug + Send + Sync {
    /// Class name, as errors about a record name it.
    fn class(&self) -> &'static str;

    /// Reads bytes of a topic; the data may keep slices of them.
    ///
    /// # Errors
    /// `Record` when the bytes are not in the converter's format, `Retriable` when what it needs
    /// to know could not be had.
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
    /// `Record` when the data do not fit the format, `Retriable` when what it needs to know could
    /// not be had.
    #[expect(clippy::wrong_self_convention, reason = "Kafka Connect's own name")]
    fn from_connect(
        &self,
        topic: &str,
        data: &SchemaAndValue,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>>;

    /// What the last failed call waits for; none when its error is its outcome.
    ///
    /// Awaited by the worker after an error, before it calls again with the same data. The future
    /// keeps the answer, or why there is none, for that next call, which then no longer waits for
    /// the same thing: every call that asks again comes closer to an outcome.
    ///
    /// # Cancel safety
    /// A future that is dropped leaves its question to the next call.
    fn pending(&self) -> Option<Pending<'_>> {
        None
    }

    /// The system that it works with, where there is one.
    fn system(&self) -> Option<System<'_>> {
        None
    }
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

    /// As [`Converter::pending`].
    fn pending(&self) -> Option<Pending<'_>> {
        None
    }
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

    fn pending(&self) -> Option<Pending<'_>> {
        Converter::pending(self)
    }
}

/// A converter's class, as validation and the plug-in list see it.
#[derive(Debug)]
pub struct ConverterPlugin {
    /// Full class name.
    pub class: &'static str,
    /// Version.
    pub version: &'static str,
    /// Its options.
    pub def: fn() -> ConfigDef,
    /// What it converts, and how it is made.
    pub build: ConverterBuild,
}

/// What a converter converts, and how it is made from its options.
#[derive(Clone, Copy, Debug)]
pub enum ConverterBuild {
    /// Keys and values.
    Data(BuildConverter),
    /// Headers.
    Header(BuildHeaderConverter),
    /// All of them.
    Any(BuildConverter, BuildHeaderConverter),
}

/// Makes a converter of keys, or of values.
pub type BuildConverter = fn(&Props, is_key: bool) -> Result<Arc<dyn Converter>>;

/// Makes a converter of headers.
pub type BuildHeaderConverter = fn(&Props) -> Result<Arc<dyn HeaderConverter>>;

impl ConverterPlugin {
    /// Whether keys and values can be converted by it.
    #[must_use]
    pub const fn is_converter(&self) -> bool {
        self.build_converter().is_some()
    }

    /// How a converter of keys and values is made, where it is one.
    #[must_use]
    pub const fn build_converter(&self) -> Option<BuildConverter> {
        match self.build {
            ConverterBuild::Data(build) | ConverterBuild::Any(build, _) => Some(build),
            ConverterBuild::Header(_) => None,
        }
    }

    /// Whether headers can be converted by it.
    #[must_use]
    pub const fn is_header_converter(&self) -> bool {
        matches!(self.build, ConverterBuild::Header(_) | ConverterBuild::Any(..))
    }

    /// Whether a configuration may call the converter so: by its full name, its simple name, or
    /// that without `Converter` or `HeaderConverter`.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        let simple = self.class.rsplit('.').next().unwrap_or(self.class);
        let role = if self.is_converter() { "Converter" } else { "HeaderConverter" };
        self.class == name || simple == name || simple.strip_suffix(role) == Some(name)
    }
}
