//! Converters: bytes of a topic to Connect data and back, one file each.
//!
//! The pipeline calls a converter once per key, value and header. Text and bytes pass as slices of
//! the buffer they arrived in; what must be written goes into a buffer that the records of a batch
//! share, so that memory is taken per batch and not per record. [`ConverterRegistry`] lists the
//! converters, those of connector crates included, for tasks, validation and
//! `GET /connector-plugins`.

mod byte_array;
mod json;
mod primitive;
mod registry;
mod simple_header;
mod string;

use bytes::{Bytes, BytesMut};

pub use registry::ConverterRegistry;

/// What was written into the shared buffer, as a slice of it.
fn cut(buffer: &mut BytesMut) -> Bytes {
    buffer.split().freeze()
}
