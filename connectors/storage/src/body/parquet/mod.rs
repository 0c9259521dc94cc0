//! Parquet files: records by columns, in row groups that wait in memory until they are full.
//!
//! Records arrive as Avro data, because what Parquet's schema is, and what a value becomes, goes by
//! way of Avro in the original too. They are taken apart into columns, whose pages are made as soon
//! as there is enough for them; the pages of a row group stay until it is closed. That is memory
//! which the budget knows of: when it gets short, a row group is closed before its time.
//! Source: apache/parquet-java `AvroWriteSupport.java`, `ParquetWriter.java`.

mod column;
mod parts;
mod schema;
mod shred;

use std::sync::Arc;

use bytes::Bytes;
use connect_api::{
    budget::{MemoryBudget, Reservation},
    error::{ConnectorError, Result},
};
use connect_avro::AvroSchema;
use parquet::{
    basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{WriterProperties, WriterPropertiesPtr},
        writer::SerializedFileWriter,
    },
    schema::types::{SchemaDescPtr, SchemaDescriptor, TypePtr},
};

use self::{column::Column, parts::Parts, schema::Node, shred::Depth};
use crate::words::ParquetCodec;

/// Size of a page, as in the original.
const PAGE_BYTES: usize = 64 << 10;
/// Size of a row group, as in the original.
const GROUP_BYTES: usize = 128 << 20;
/// Values that wait before pages are made of them: large enough for a batch, small for a file.
const STAGE_BYTES: usize = 256 << 10;
/// What the writer of a file takes beside pages: metadata and small buffers.
const FIXED_BYTES: usize = 16 << 10;
/// What pages of values take while they are made, as a multiple of these.
const MAKING: usize = 3;

/// What is made once for the files of a schema.
#[derive(Debug)]
pub struct Plan {
    root: TypePtr,
    descriptor: SchemaDescPtr,
    node: Node,
    properties: WriterPropertiesPtr,
    /// What a column's compressor holds.
    compressor_bytes: usize,
}

impl Plan {
    /// The plan for files of an Avro schema.
    ///
    /// # Errors
    /// Why the schema has no form in Parquet, as a sentence.
    pub fn new(avro: &AvroSchema, codec: ParquetCodec) -> Result<Self, String> {
        let (root, node) = schema::convert(avro)?;
        let metadata = [("parquet.avro.schema", avro.text()), ("writer.model.name", "avro".into())];
        let metadata = metadata.map(|(name, text)| KeyValue::new(name.to_owned(), text));
        let properties = WriterProperties::builder()
            .set_compression(compression(codec))
            .set_data_page_size_limit(PAGE_BYTES)
            .set_created_by(concat!("millrace version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(metadata.to_vec()))
            .build();
        Ok(Self {
            descriptor: Arc::new(SchemaDescriptor::new(Arc::clone(&root))),
            root,
            node,
            properties: Arc::new(properties),
            // Only Zstandard keeps a context between pages.
            compressor_bytes: if codec == ParquetCodec::Zstd { 512 << 10 } else { 0 },
        })
    }
}

/// Levels are those that the original's libraries take.
fn compression(codec: ParquetCodec) -> Compression {
    match codec {
        ParquetCodec::None => Compression::UNCOMPRESSED,
        ParquetCodec::Snappy => Compression::SNAPPY,
        ParquetCodec::Gzip => Compression::GZIP(GzipLevel::default()),
        ParquetCodec::Lzo => Compression::LZO,
        ParquetCodec::Brotli => Compression::BROTLI(BrotliLevel::default()),
        ParquetCodec::Lz4 => Compression::LZ4,
        ParquetCodec::Zstd => Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()),
        ParquetCodec::Lz4Raw => Compression::LZ4_RAW,
    }
}

/// A file's finished row groups and the one that is being filled.
pub struct Groups {
    plan: Arc<Plan>,
    columns: Vec<Column>,
    file: SerializedFileWriter<Parts>,
    /// Records of the row group.
    rows: usize,
    /// Size of a full row group.
    group_bytes: usize,
    /// At most what the pages of the row group take.
    encoded_bytes: usize,
    /// What comes on top of that to make and to copy them.
    making_bytes: usize,
    held: Reservation,
    budget: MemoryBudget,
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Groups").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Groups {
    /// Begins a file; nothing when the budget has no room.
    pub fn begin(plan: &Arc<Plan>, part_bytes: usize, budget: &MemoryBudget) -> Option<Self> {
        let held = budget.reserve(FIXED_BYTES)?;
        let root = Arc::clone(&plan.root);
        let properties = Arc::clone(&plan.properties);
        // Writing to memory cannot fail.
        let file = SerializedFileWriter::new(Parts::new(part_bytes), root, properties).ok()?;
        Some(Self {
            plan: Arc::clone(plan),
            columns: plan.descriptor.columns().iter().cloned().map(Column::new).collect(),
            file,
            rows: 0,
            group_bytes: GROUP_BYTES,
            encoded_bytes: 0,
            making_bytes: 0,
            held,
            budget: budget.clone(),
        })
    }

    /// Takes one record apart if there is room for it.
    ///
    /// # Errors
    /// `Internal` when the library fails at it.
    pub fn reserve(&mut self, record: &[u8]) -> Result<bool> {
        self.columns.iter_mut().for_each(Column::begin);
        let mut input = record;
        let taken = self.plan.node.shred(&mut input, &mut self.columns, Depth::default());
        if let Err(reason) = taken {
            return Err(ConnectorError::internal(format!("Avro data are broken: {reason}")));
        }
        let fits = self.ensure();
        if !fits {
            self.take_back();
        }
        Ok(fits)
    }

    /// Forgets the record that was taken apart.
    pub(super) fn take_back(&mut self) {
        self.columns.iter_mut().for_each(Column::take_back);
    }

    /// Keeps the record that was taken apart.
    ///
    /// # Errors
    /// `Internal` when the library fails at it.
    pub fn append(&mut self) -> Result<()> {
        self.rows += 1;
        if self.staged_bytes() >= STAGE_BYTES {
            self.encode().map_err(failed)?;
            if self.encoded_bytes >= self.group_bytes {
                self.close_group()?;
            }
        }
        Ok(())
    }

    /// Ends the row group, so that its pages can be uploaded.
    ///
    /// # Errors
    /// `Internal` when the library fails at it.
    pub fn close_group(&mut self) -> Result<()> {
        self.end_group().map_err(failed)?;
        self.settle();
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Internal` when the library fails at it.
    pub fn finish(&mut self) -> Result<()> {
        let ended = self.end_group().and_then(|()| self.file.finish().map(drop));
        ended.map_err(failed)
    }

    /// Bytes that wait to be uploaded.
    pub fn pending_bytes(&self) -> usize {
        self.file.inner().length()
    }

    /// Bytes that would wait to be uploaded if the row group were closed, at most.
    pub fn spillable_bytes(&self) -> usize {
        self.pending_bytes() + self.staged_bytes() + self.encoded_bytes
    }

    /// Bytes taken from the budget.
    pub const fn held_bytes(&self) -> usize {
        self.held.bytes()
    }

    /// Takes the first part; it counts until [`Groups::settle`].
    pub fn take_part(&mut self) -> Bytes {
        self.file.inner_mut().take()
    }

    /// Gives back what the part took, and what a row group took that is closed.
    pub fn settle(&mut self) {
        let Some(nothing) = self.budget.reserve(0) else { return };
        self.held = nothing;
        // This room was free a moment ago: only a sibling that took it in between says no, and
        // the next append asks again.
        let _regained = self.held.grow(self.needed_bytes());
    }

    fn staged_bytes(&self) -> usize {
        self.columns.iter().map(Column::staged_bytes).sum()
    }

    /// Memory in use, and what making pages of all that waits takes.
    fn needed_bytes(&self) -> usize {
        let file_bytes = FIXED_BYTES + self.file.inner().capacity();
        file_bytes + self.encoded_bytes + self.making_bytes + MAKING * self.staged_bytes()
    }

    /// Makes room for what is there; `false` when the budget has none.
    fn ensure(&mut self) -> bool {
        let needed = self.needed_bytes();
        let held = self.held.bytes();
        needed <= held || self.held.grow(needed - held)
    }

    fn encode(&mut self) -> Result<(), ParquetError> {
        let properties = &self.plan.properties;
        self.columns.iter_mut().try_for_each(|column| column.encode(properties))?;
        let encoded = || self.columns.iter().map(Column::encoded_bytes);
        self.encoded_bytes = encoded().sum();
        // Closing a row group copies one column after the other.
        let largest = encoded().max().unwrap_or_default();
        self.making_bytes = largest + self.columns.len() * self.plan.compressor_bytes;
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            let (pages, closed) = column.close(&self.plan.properties)?;
            group.append_column(&pages, closed)?;
        }
        group.close()?;
        self.file.flush()?;
        (self.encoded_bytes, self.making_bytes) = (0, 0);
        Ok(())
    }
}

fn failed(error: ParquetError) -> ConnectorError {
    ConnectorError::internal("Could not write a Parquet file").caused_by(error)
}
