//! One column: values that wait, and the pages they become.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use parquet::{
    column::{
        page::{CompressedPage, PageWriteSpec, PageWriter},
        writer::{ColumnCloseResult, ColumnWriter, get_column_writer},
    },
    data_type::{ByteArray, FixedLenByteArray},
    errors::{ParquetError, Result},
    file::{
        properties::WriterPropertiesPtr,
        writer::{SerializedPageWriter, TrackedWrite},
    },
    schema::types::ColumnDescPtr,
};

use super::PAGE_BYTES;

/// What a dictionary takes before values stand for themselves: the values, and a table to find
/// them by.
const DICTIONARY_BYTES: usize = 2 << 20;
/// What a value takes in a page once a dictionary holds it, levels included.
const INDEX_BYTES: usize = 4;

/// Values and levels of records that no page holds yet.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) values: Values,
    descriptor: ColumnDescPtr,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    /// Where the last record begins.
    mark: Mark,
    encoder: Option<Encoder>,
}

/// Lengths of the lists of a column.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    values: usize,
    bytes: usize,
    definitions: usize,
    repetitions: usize,
}

/// Values one after the other.
#[derive(Debug)]
pub(super) enum Values {
    Boolean(Vec<bool>),
    Int(Vec<i32>),
    Long(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    /// All bytes, and where each value ends.
    Bytes(Vec<u8>, Vec<usize>),
    /// As [`Values::Bytes`].
    Fixed(Vec<u8>, Vec<usize>),
}

/// What became of the values of a row group so far.
struct Encoder {
    writer: ColumnWriter<'static>,
    pages: Pages,
    /// Values and levels that went in.
    taken_bytes: usize,
    taken_levels: usize,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("taken_bytes", &self.taken_bytes).finish_non_exhaustive()
    }
}

impl Column {
    pub(super) fn new(descriptor: ColumnDescPtr) -> Self {
        use parquet::basic::Type;
        let values = match descriptor.physical_type() {
            Type::BOOLEAN => Values::Boolean(Vec::new()),
            Type::INT32 => Values::Int(Vec::new()),
            Type::INT64 | Type::INT96 => Values::Long(Vec::new()),
            Type::FLOAT => Values::Float(Vec::new()),
            Type::DOUBLE => Values::Double(Vec::new()),
            Type::BYTE_ARRAY => Values::Bytes(Vec::new(), Vec::new()),
            Type::FIXED_LEN_BYTE_ARRAY => Values::Fixed(Vec::new(), Vec::new()),
        };
        let (definitions, repetitions) = (Vec::new(), Vec::new());
        let mark = Mark::default();
        Self { values, descriptor, definitions, repetitions, mark, encoder: None }
    }

    /// Begins a record.
    pub(super) fn begin(&mut self) {
        self.mark = Mark {
            values: self.values.count(),
            bytes: self.values.own_bytes(),
            definitions: self.definitions.len(),
            repetitions: self.repetitions.len(),
        };
    }

    /// Forgets the record that was begun last.
    pub(super) fn take_back(&mut self) {
        let Mark { values, bytes, definitions, repetitions } = self.mark;
        self.values.truncate(values, bytes);
        self.definitions.truncate(definitions);
        self.repetitions.truncate(repetitions);
    }

    /// Notes where a value, or its absence, belongs.
    pub(super) fn note(&mut self, repetition: i16, definition: i16) {
        if self.descriptor.max_def_level() > 0 {
            self.definitions.push(definition);
        }
        if self.descriptor.max_rep_level() > 0 {
            self.repetitions.push(repetition);
        }
    }

    /// Bytes of what waits.
    pub(super) fn staged_bytes(&self) -> usize {
        self.values.bytes() + 2 * (self.definitions.len() + self.repetitions.len())
    }

    /// At most what the pages of the row group take, and what makes them.
    pub(super) fn encoded_bytes(&self) -> usize {
        let Some(encoder) = &self.encoder else { return 0 };
        let written = encoder.pages.length();
        if written > 0 {
            // The dictionary is given up: pages leave as they fill.
            return written + 2 * PAGE_BYTES;
        }
        let by_index = DICTIONARY_BYTES + INDEX_BYTES * encoder.taken_levels + 2 * PAGE_BYTES;
        // Values, the dictionary's copy and its table.
        (3 * encoder.taken_bytes).min(by_index)
    }

    /// Makes pages of what waits.
    pub(super) fn encode(&mut self, properties: &WriterPropertiesPtr) -> Result<()> {
        let staged_bytes = self.staged_bytes();
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            None => {
                let pages = Pages::default();
                let sink = Box::new(Sink { out: TrackedWrite::new(pages.clone()) });
                let descriptor = Arc::clone(&self.descriptor);
                let writer = get_column_writer(descriptor, Arc::clone(properties), sink);
                self.encoder.insert(Encoder { writer, pages, taken_bytes: 0, taken_levels: 0 })
            }
        };
        encoder.taken_bytes += staged_bytes;
        encoder.taken_levels += self.definitions.len().max(self.values.count());
        let has = |max: i16| max > 0;
        let definitions =
            has(self.descriptor.max_def_level()).then_some(self.definitions.as_slice());
        let repetitions =
            has(self.descriptor.max_rep_level()).then_some(self.repetitions.as_slice());
        write(&mut encoder.writer, &mut self.values, definitions, repetitions)?;
        self.values.truncate(0, 0);
        self.definitions.clear();
        self.repetitions.clear();
        Ok(())
    }

    /// Ends the row group: its pages, and what they are.
    pub(super) fn close(
        &mut self,
        properties: &WriterPropertiesPtr,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        self.encode(properties)?;
        let Some(Encoder { writer, pages, .. }) = self.encoder.take() else {
            return Err(ParquetError::General("a column has no writer".to_owned()));
        };
        let closed = writer.close()?;
        Ok((pages.take().into(), closed))
    }
}

impl Values {
    fn bytes(&self) -> usize {
        match self {
            Self::Boolean(list) => list.len(),
            Self::Int(list) => 4 * list.len(),
            Self::Long(list) => 8 * list.len(),
            Self::Float(list) => 4 * list.len(),
            Self::Double(list) => 8 * list.len(),
            Self::Bytes(bytes, ends) | Self::Fixed(bytes, ends) => bytes.len() + 8 * ends.len(),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Boolean(list) => list.len(),
            Self::Int(list) => list.len(),
            Self::Long(list) => list.len(),
            Self::Float(list) => list.len(),
            Self::Double(list) => list.len(),
            Self::Bytes(_, ends) | Self::Fixed(_, ends) => ends.len(),
        }
    }

    /// Bytes of values that have no fixed length.
    const fn own_bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes, _) | Self::Fixed(bytes, _) => bytes.len(),
            _ => 0,
        }
    }

    fn truncate(&mut self, count: usize, own_bytes: usize) {
        match self {
            Self::Boolean(list) => list.truncate(count),
            Self::Int(list) => list.truncate(count),
            Self::Long(list) => list.truncate(count),
            Self::Float(list) => list.truncate(count),
            Self::Double(list) => list.truncate(count),
            Self::Bytes(bytes, ends) | Self::Fixed(bytes, ends) => {
                bytes.truncate(own_bytes);
                ends.truncate(count);
            }
        }
    }
}

fn write(
    writer: &mut ColumnWriter<'_>,
    values: &mut Values,
    definitions: Option<&[i16]>,
    repetitions: Option<&[i16]>,
) -> Result<()> {
    match (writer, values) {
        (ColumnWriter::BoolColumnWriter(writer), Values::Boolean(list)) => {
            writer.write_batch(list, definitions, repetitions)?;
        }
        (ColumnWriter::Int32ColumnWriter(writer), Values::Int(list)) => {
            writer.write_batch(list, definitions, repetitions)?;
        }
        (ColumnWriter::Int64ColumnWriter(writer), Values::Long(list)) => {
            writer.write_batch(list, definitions, repetitions)?;
        }
        (ColumnWriter::FloatColumnWriter(writer), Values::Float(list)) => {
            writer.write_batch(list, definitions, repetitions)?;
        }
        (ColumnWriter::DoubleColumnWriter(writer), Values::Double(list)) => {
            writer.write_batch(list, definitions, repetitions)?;
        }
        (ColumnWriter::ByteArrayColumnWriter(writer), Values::Bytes(bytes, ends)) => {
            let list: Vec<_> = slices(bytes, ends).map(ByteArray::from).collect();
            writer.write_batch(&list, definitions, repetitions)?;
        }
        (ColumnWriter::FixedLenByteArrayColumnWriter(writer), Values::Fixed(bytes, ends)) => {
            let list = slices(bytes, ends).map(|one| FixedLenByteArray::from(ByteArray::from(one)));
            writer.write_batch(&list.collect::<Vec<_>>(), definitions, repetitions)?;
        }
        _ => return Err(ParquetError::General("a column has values of another type".to_owned())),
    }
    Ok(())
}

/// The values, as parts of one piece of memory.
fn slices(bytes: &mut Vec<u8>, ends: &[usize]) -> impl Iterator<Item = Bytes> {
    let mut rest = Bytes::from(std::mem::take(bytes));
    let mut start = 0;
    ends.iter().map(move |&end| {
        let length = end.saturating_sub(start).min(rest.len());
        start = end;
        rest.split_to(length)
    })
}

/// Where pages of a column wait, shared with the writer that makes them.
#[derive(Clone, Debug, Default)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl Pages {
    fn length(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Pages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes the pages of one column.
struct Sink {
    out: TrackedWrite<Pages>,
}

impl PageWriter for Sink {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec> {
        let written = SerializedPageWriter::new(&mut self.out).write_page(page)?;
        self.out.flush()?;
        Ok(written)
    }

    fn close(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }
}
