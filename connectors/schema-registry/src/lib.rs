//! Converters whose schemas live in a schema registry.
//!
//! [`converters`] lists them for the worker; everything that the formats share is here too. What a
//! message looks like is [`wire`], how the registry is asked without holding up the way of a record
//! is [`registry`], what its options mean is [`config`], and what follows from a failure is
//! [`failure`]. The formats: [`json_schema`], [`protobuf`].

mod avro;
mod client;
pub mod config;
pub mod failure;
mod java_hash;
pub mod json_schema;
mod known;
pub mod protobuf;
pub mod registry;
pub mod subject;
pub mod wire;

use std::sync::Arc;

use connect_api::convert::{ConverterBuild, ConverterPlugin};

use self::{avro::AvroConverter, json_schema::JsonSchemaConverter, protobuf::ProtobufConverter};

static CONVERTERS: [ConverterPlugin; 3] = [
    ConverterPlugin {
        class: avro::CLASS,
        version: env!("CARGO_PKG_VERSION"),
        def: avro::options,
        build: ConverterBuild::Data(|props, is_key| {
            Ok(Arc::new(AvroConverter::configured(props, is_key)?))
        }),
    },
    ConverterPlugin {
        class: json_schema::CLASS,
        version: env!("CARGO_PKG_VERSION"),
        def: json_schema::options,
        build: ConverterBuild::Data(|props, is_key| {
            Ok(Arc::new(JsonSchemaConverter::configured(props, is_key)?))
        }),
    },
    ConverterPlugin {
        class: protobuf::CLASS,
        version: env!("CARGO_PKG_VERSION"),
        def: protobuf::options,
        build: ConverterBuild::Data(|props, is_key| {
            Ok(Arc::new(ProtobufConverter::configured(props, is_key)?))
        }),
    },
];

/// The converters of this crate.
#[must_use]
pub fn converters() -> &'static [ConverterPlugin] {
    &CONVERTERS
}
