//! How a record becomes bytes of an object.

use std::sync::Arc;

use connect_api::{error::Result, record::SinkRecord};

use super::{
    body::Frame,
    config::{AivenConfig, OutputField, OutputType, ValueEncoding},
    shape::{Shape, Shapes},
    text::{write_csv, write_json_record},
};

/// Writes records.
#[derive(Debug)]
pub(super) struct Content {
    kind: OutputType,
    fields: Vec<OutputField>,
    encoding: ValueEncoding,
    has_envelope: bool,
    shapes: Option<Shapes>,
}

impl Content {
    /// The content that a configuration asks for.
    pub(super) fn new(config: &AivenConfig) -> Self {
        Self {
            kind: config.format.kind,
            fields: config.fields().to_vec(),
            encoding: config.format.encoding,
            has_envelope: config.format.envelope,
            shapes: Shapes::new(config),
        }
    }

    /// What stands around records.
    pub(super) const fn frame(&self) -> Frame {
        match self.kind {
            OutputType::Csv | OutputType::Jsonl => Frame { begin: b"", between: b"\n", end: b"" },
            OutputType::Json => Frame { begin: b"[\n", between: b",\n", end: b"\n]" },
            OutputType::Avro | OutputType::Parquet => Frame { begin: b"", between: b"", end: b"" },
        }
    }

    /// The shape of a record; none in a format without schemas.
    ///
    /// # Errors
    /// `Record` when its schemas have no form in this format.
    pub(super) fn shape(&mut self, record: &SinkRecord) -> Result<Option<Arc<Shape>>> {
        self.shapes.as_mut().map(|shapes| shapes.find(record)).transpose()
    }

    /// Appends a record; after an error some of it may be there.
    ///
    /// # Errors
    /// `Record` when it has no form in this format.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        record: &SinkRecord,
        shape: Option<&Shape>,
    ) -> Result<()> {
        match (shape, self.kind) {
            (Some(shape), _) => shape.write(out, record),
            (None, OutputType::Csv) => write_csv(out, record, &self.fields, self.encoding),
            (None, _) => self.write_text(out, record),
        }
    }

    /// Appends a record as a text that says what it holds, whatever the format.
    ///
    /// # Errors
    /// As [`Content::write`].
    pub(super) fn write_text(&self, out: &mut Vec<u8>, record: &SinkRecord) -> Result<()> {
        write_json_record(out, record, &self.fields, self.has_envelope)
    }
}
