//! One file that is being read.

use std::{fs::File, io, path::Path, sync::Arc};

use connect_api::{
    error::{ConnectorError, Result, chain},
    record::SourceRecord,
    schema::{Schema, logical},
    value::Value,
};

use crate::{
    cell::CellReader,
    config::{CsvConfig, TimestampMode},
    content::Content,
    headers::FileHeaders,
    lines::{Lines, Read},
    offset::{Identity, Stage, Stored},
    row::{Fields, RowParser},
    schema::{RowSchema, SAMPLE_BYTES, SAMPLE_ROWS, generate, header_of, numbered},
    spool::Found,
};

/// What became of reading a row.
#[derive(Debug)]
pub(crate) enum Next {
    /// There is a record.
    Record(Box<SourceRecord>),
    /// The row cannot be converted.
    Bad(ConnectorError),
    /// The rest of the file cannot be read.
    Broken(ConnectorError),
    /// There is no more.
    End,
}

/// A file that is open.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// The file.
    pub(crate) found: Found,
    /// Where it stands after the last row that was read.
    pub(crate) stored: Stored,
    lines: Lines,
    parser: RowParser,
    schema: RowSchema,
    cells: CellReader,
    headers: FileHeaders,
    topic: Arc<str>,
    timestamp: Timestamp,
    /// Lines before the first row.
    lines_before: u64,
    skips_blank: bool,
}

/// Where the time of records comes from.
#[derive(Clone, Copy, Debug)]
enum Timestamp {
    Field(usize),
    Of(i64),
    Sending,
}

/// Why a file is not read.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not there any more.
    Gone,
    /// It may be read later.
    Later(ConnectorError),
    /// Its content is no good.
    Bad(ConnectorError),
}

impl OpenFile {
    /// Opens a file and goes on where it was left.
    ///
    /// # Errors
    /// Why it is not read.
    pub(crate) fn open(
        config: &CsvConfig,
        mut found: Found,
        stored: Option<Stored>,
    ) -> Result<Self, Refusal> {
        let path = found.path.clone();
        let file = File::open(&path).map_err(|error| refusal(&path, error))?;
        let metadata = file.metadata().map_err(|error| refusal(&path, error))?;
        found.identity = Identity::of(&metadata);
        let stored = stored.filter(|stored| stored.is_of(found.identity));
        let header = Header::read(config, &path)?;
        let content =
            Content::open(file, &path, config.csv.charset.0, config.spool.file_buffer_bytes);
        let content = content.map_err(|error| refusal(&path, error))?;
        let lines = lines(config, content);
        let schema = header.schema(config).map_err(|error| {
            let message = format!("Could not read file \"{}\"", path.display());
            Refusal::Bad(ConnectorError::record(message).caused_by(error))
        })?;
        let mut open = Self {
            lines,
            parser: RowParser::new(&config.csv),
            timestamp: timestamp(config, &schema.value, found.identity),
            schema,
            cells: CellReader::new(&config.schemas),
            headers: FileHeaders::new(&found, &config.spool.input_path),
            topic: config.spool.topic.as_str().into(),
            lines_before: header.lines,
            stored: Stored { identity: Some(found.identity), ..stored.unwrap_or_default() },
            skips_blank: config.csv.nulls != crate::config::NullIndicator::Neither,
            found,
        };
        open.resume(header.position).map_err(|error| refusal(&path, error))?;
        Ok(open)
    }

    /// Goes to the first row that was not read.
    fn resume(&mut self, first_row: u64) -> io::Result<()> {
        let lines = self.stored.lines;
        match self.stored.position {
            Some(position) if position >= first_row => {
                self.lines.skip_to(position, self.lines_before + lines)
            }
            Some(_) | None => {
                self.lines.skip_to(first_row, self.lines_before)?;
                while self.lines.count() < self.lines_before + lines {
                    if self.lines.advance()? != Read::Line {
                        break;
                    }
                }
                self.stored.position = Some(self.lines.position());
                Ok(())
            }
        }
    }

    /// Where it would be left now.
    pub(crate) fn left(&self) -> Stored {
        let bytes_read = self.lines.content().bytes_read(self.lines.position());
        Stored { bytes_read: bytes_read.min(self.found.identity.size), ..self.stored }
    }

    /// Whether there is more in the file than there was when it was looked at last. Compressed
    /// files are whole or broken.
    pub(crate) fn has_grown(&mut self) -> bool {
        let Some(now) = self.lines.content().grown_from(self.found.identity) else { return false };
        self.found.identity = now;
        self.stored.identity = Some(now);
        true
    }

    /// Reads the next row.
    pub(crate) fn next(&mut self) -> Next {
        loop {
            let first_line = self.lines.count() + 1;
            let row = match self.row() {
                Ok(Some(row)) => row,
                Ok(None) => {
                    self.stored.stage = Stage::Finished;
                    return Next::End;
                }
                Err(sentence) => {
                    let place = format!("Could not read file \"{}\"", self.found.path.display());
                    let error = ConnectorError::record(format!("{place}, line {first_line}"));
                    return Next::Broken(error.caused_by(sentence));
                }
            };
            if self.skips_blank && matches!(row.as_slice(), [None]) {
                self.move_on();
                continue;
            }
            let converted = self.convert(row, first_line);
            self.move_on();
            self.stored.rows += 1;
            return match converted {
                Ok(record) => Next::Record(Box::new(record)),
                Err(error) => {
                    self.stored.failed += 1;
                    Next::Bad(error)
                }
            };
        }
    }

    fn move_on(&mut self) {
        self.stored.lines = self.lines.count().saturating_sub(self.lines_before);
        self.stored.position = Some(self.lines.position());
    }

    /// The fields of the next row; none at the end.
    fn row(&mut self) -> Result<Option<Fields>, String> {
        next_row(&mut self.lines, &mut self.parser)
    }

    fn convert(&mut self, mut row: Fields, line: u64) -> Result<SourceRecord> {
        let path = self.found.path.display();
        let columns = &self.schema.columns;
        if row.len() < columns.len() {
            return Err(ConnectorError::record(format!(
                "Could not convert line {line} of file \"{path}\": it has {} fields and needs {}",
                row.len(),
                columns.len()
            )));
        }
        let fields = self.schema.value.fields();
        let mut values = vec![None; fields.len()];
        for (column, ((name, place), cell)) in columns.iter().zip(&mut row).enumerate() {
            let Some(place) = *place else { continue };
            let Some(field) = fields.get(place) else { continue };
            let value = self.cells.read(&field.schema, cell.take()).map_err(|reason| {
                ConnectorError::record(format!(
                    "Could not convert line {line}, column {} (\"{name}\") of file \"{path}\": \
                     {reason}",
                    column + 1
                ))
            })?;
            if let Some(slot) = values.get_mut(place) {
                *slot = Some(value);
            }
        }
        let mut complete = Vec::with_capacity(values.len());
        for (value, field) in values.into_iter().zip(fields) {
            complete.push(match value {
                Some(value) => value,
                None => self.cells.read(&field.schema, None).map_err(|_required| {
                    ConnectorError::record(format!(
                        "Could not convert line {line} of file \"{path}\": it has no column for \
                         the required field \"{}\"",
                        field.name
                    ))
                })?,
            });
        }
        Ok(self.record(complete))
    }

    fn record(&self, values: Vec<Value>) -> SourceRecord {
        let timestamp_ms = match self.timestamp {
            Timestamp::Field(index) => values.get(index).and_then(Value::as_i64),
            Timestamp::Of(ms) => Some(ms),
            Timestamp::Sending => None,
        };
        let (key, value) = self.schema.record(values);
        let offset = self.lines.count().saturating_sub(self.lines_before);
        SourceRecord {
            key,
            timestamp_ms,
            headers: self.headers.of(offset),
            ..SourceRecord::new(Arc::clone(&self.topic), value)
        }
    }
}

fn timestamp(config: &CsvConfig, schema: &Schema, identity: Identity) -> Timestamp {
    match config.schemas.timestamp_mode {
        TimestampMode::FileTime => Timestamp::Of(identity.modified_ms),
        TimestampMode::ProcessTime => Timestamp::Sending,
        TimestampMode::Field => {
            let index = schema.field_index(&config.schemas.timestamp_field);
            index.map_or(Timestamp::Sending, Timestamp::Field)
        }
    }
}

fn lines(config: &CsvConfig, content: Content) -> Lines {
    Lines::new(content, config.csv.keeps_carriage_return, config.spool.max_row_bytes)
}

/// Reads the lines of one row; none at the end.
fn next_row(lines: &mut Lines, parser: &mut RowParser) -> Result<Option<Fields>, String> {
    let max_bytes = lines.max_bytes();
    loop {
        match lines.advance() {
            Ok(Read::Line) => {}
            Ok(Read::End) if parser.forget() => {
                return Err("The quotes of a field do not end before the file does".to_owned());
            }
            Ok(Read::End) => return Ok(None),
            Ok(Read::TooLong) => return Err(too_long(max_bytes)),
            Err(error) => return Err(chain(&error)),
        }
        if let Some(row) = parser.line(&lines.line()) {
            return Ok(Some(row));
        }
        if parser.pending_bytes() > max_bytes {
            parser.forget();
            return Err(too_long(max_bytes));
        }
    }
}

fn too_long(max_bytes: usize) -> String {
    format!("The row is longer than csv.max.row.bytes, which is {max_bytes}")
}

fn refusal(path: &Path, error: io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::NotFound => Refusal::Gone,
        io::ErrorKind::InvalidData
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::Other => {
            let message = format!("Could not read file \"{}\"", path.display());
            Refusal::Bad(ConnectorError::record(message).caused_by(error))
        }
        _ => Refusal::Later(connect_disk::failure("open file", path, error)),
    }
}

/// What the beginning of a file says.
#[derive(Debug)]
pub(crate) struct Header {
    /// Names of the columns.
    pub(crate) names: Vec<String>,
    sample: Vec<Fields>,
    /// Position of the first row, and how many lines lie before it.
    position: u64,
    lines: u64,
}

impl Header {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    /// Why the file is not read.
    pub(crate) fn read(config: &CsvConfig, path: &Path) -> Result<Self, Refusal> {
        let file = File::open(path).map_err(|error| refusal(path, error))?;
        let buffer_bytes = config.spool.file_buffer_bytes;
        let content = Content::open(file, path, config.csv.charset.0, buffer_bytes)
            .map_err(|error| refusal(path, error))?;
        let mut lines = lines(config, content);
        let mut parser = RowParser::new(&config.csv);
        let mut row = |lines: &mut Lines| {
            next_row(lines, &mut parser).map_err(|sentence| {
                let place = format!("Could not read the beginning of file \"{}\"", path.display());
                Refusal::Bad(ConnectorError::record(place).caused_by(sentence))
            })
        };
        for _ in 0..config.csv.skip_lines {
            lines.advance().map_err(|error| refusal(path, error))?;
        }
        let mut names = None;
        if config.csv.has_header {
            names = Some(row(&mut lines)?.map(|row| header_of(&row)).unwrap_or_default());
        }
        let (position, count) = (lines.position(), lines.count());
        let mut sample = Vec::new();
        let is_generated = config.schemas.value_schema.0.is_none();
        let wanted = if is_generated { SAMPLE_ROWS } else { 0 };
        while sample.len() < wanted && lines.position() - position < SAMPLE_BYTES {
            // A row that is broken is told of when it is read.
            let Ok(Some(row)) = row(&mut lines) else { break };
            sample.push(row);
            if !config.schemas.needs_sample() && (names.is_some() || sample.len() == 1) {
                break;
            }
        }
        let names = names.unwrap_or_else(|| match &config.schemas.value_schema.0 {
            Some(schema) => schema.fields().iter().map(|field| field.name.to_string()).collect(),
            None => sample.first().map(numbered).unwrap_or_default(),
        });
        Ok(Self { names, sample, position, lines: count })
    }

    fn schema(&self, config: &CsvConfig) -> Result<RowSchema> {
        let (value, key) = match &config.schemas.value_schema.0 {
            Some(value) => (Arc::clone(value), config.schemas.key_schema.0.clone()),
            None => {
                let (value, key) = generate(&config.schemas, &self.names, &self.sample);
                self.check_timestamp(config, &value)?;
                (value, Some(key))
            }
        };
        RowSchema::new(value, key, &self.names, config.csv.is_case_sensitive)
    }

    /// The field of times, where the schema was made, is only known now.
    fn check_timestamp(&self, config: &CsvConfig, value: &Schema) -> Result<()> {
        let name = &config.schemas.timestamp_field;
        let field = value.fields().iter().find(|field| *field.name == **name);
        let is_timestamp =
            field.is_some_and(|field| field.schema.name() == Some(logical::TIMESTAMP));
        if config.schemas.timestamp_mode != TimestampMode::Field
            || is_timestamp
            || self.sample.is_empty()
        {
            return Ok(());
        }
        Err(ConnectorError::record(format!(
            "The column \"{name}\" of timestamp.field is missing or does not look like a time"
        )))
    }
}
