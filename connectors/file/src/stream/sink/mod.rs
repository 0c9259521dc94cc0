//! Values as lines of a file.
//!
//! Source: apache/kafka `FileStreamSinkConnector.java`, `FileStreamSinkTask.java`.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
};

use async_trait::async_trait;
use connect_api::{
    config::{Config, ConfigDef, ConfigValue, Props, validate},
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    sink::{Preview, Previews, SinkConnector, SinkContext, SinkTask},
    value::Value,
    value_text::write_java_text,
};
use connect_disk::{explained, on_disk};

/// Bytes of lines that are written at once: a system call costs nothing per line then.
const WRITE_BYTES: usize = 1 << 20;

/// Options of the file stream sink.
#[derive(Config, Debug)]
struct FileStreamSinkConfig {
    /// Destination filename. If not specified, the standard output will be used
    #[config(importance = High)]
    file: Option<String>,
}

/// `org.apache.kafka.connect.file.FileStreamSinkConnector`: one line per record.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileStreamSink;

#[async_trait]
impl SinkConnector for FileStreamSink {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.file.FileStreamSinkConnector"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        FileStreamSinkConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        validate::<FileStreamSinkConfig>(props)
    }

    async fn start_task(&self, props: &Props, _context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = FileStreamSinkConfig::parse(props)?;
        let target = match config.file.filter(|file| !file.is_empty()) {
            None => Target::Standard(io::stdout()),
            Some(name) => {
                let opened = on_disk(|| File::options().append(true).create(true).open(&name));
                match opened {
                    Ok(file) => Target::Named(name, file),
                    Err(error) => {
                        return Err(ConnectorError::internal(format!(
                            "Couldn't find or create file '{name}' for FileStreamSinkTask"
                        ))
                        .caused_by(error));
                    }
                }
            }
        };
        Ok(Box::new(FileStreamSinkTask {
            target,
            lines: Vec::new(),
            written: 0,
            text: String::new(),
            interrupted: None,
        }))
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Previews>> {
        let config = FileStreamSinkConfig::parse(props)?;
        let place = config.file.filter(|file| !file.is_empty());
        let place = place.unwrap_or_else(|| "standard output".to_owned());
        let preview = |record: &SinkRecord| {
            let mut line = Vec::new();
            append(&mut line, &mut String::new(), &record.value.value);
            Ok(Some(Preview { place: place.clone(), content: line.into() }))
        };
        Ok(Some(records.iter().map(preview).collect()))
    }
}

/// Writes the line of a value behind others.
fn append(lines: &mut Vec<u8>, text: &mut String, value: &Value) {
    match value {
        Value::String(text) => lines.extend_from_slice(text.as_bytes()),
        Value::Bytes(bytes) => lines.extend_from_slice(bytes),
        other => {
            text.clear();
            write_java_text(text, other);
            lines.extend_from_slice(text.as_bytes());
        }
    }
    lines.push(b'\n');
}

/// Where the lines go.
#[derive(Debug)]
enum Target {
    Standard(io::Stdout),
    Named(String, File),
}

impl Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(stdout) => stdout.write(bytes),
            Self::Named(_, file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(stdout) => stdout.flush(),
            Self::Named(_, file) => match file.sync_data() {
                // A pipe or a device has nothing to bring to a disk.
                Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
                result => result,
            },
        }
    }

    fn failure(&self, error: io::Error) -> ConnectorError {
        let failure = ConnectorError::retriable(match self {
            Self::Standard(_) => "Could not write to standard output".to_owned(),
            Self::Named(name, _) => format!("Could not write to file \"{name}\""),
        });
        explained(failure, error)
    }
}

/// A batch that was written in part: it comes again, and must not be written twice.
#[derive(Debug, PartialEq, Eq)]
struct Interrupted {
    origin: TopicPartition,
    offset: i64,
    records: usize,
    /// How many of its records are written or in the buffer.
    taken: usize,
}

#[derive(Debug)]
struct FileStreamSinkTask {
    target: Target,
    /// Lines on their way to the file.
    lines: Vec<u8>,
    /// How many bytes of them are there already.
    written: usize,
    /// Text of the value at hand.
    text: String,
    interrupted: Option<Interrupted>,
}

impl FileStreamSinkTask {
    fn write(&mut self, batch: &[SinkRecord]) -> Result<()> {
        let taken = match (batch.first(), self.interrupted.take()) {
            (Some(first), Some(interrupted))
                if interrupted.offset == first.offset
                    && interrupted.origin == first.origin
                    && interrupted.records == batch.len() =>
            {
                interrupted.taken
            }
            _ => 0,
        };
        for (place, record) in batch.iter().enumerate().skip(taken) {
            append(&mut self.lines, &mut self.text, &record.value.value);
            if self.lines.len() >= WRITE_BYTES {
                self.write_out().inspect_err(|_| self.interrupt(batch, place + 1))?;
            }
        }
        self.write_out().inspect_err(|_| self.interrupt(batch, batch.len()))
    }

    fn interrupt(&mut self, batch: &[SinkRecord], taken: usize) {
        self.interrupted = batch.first().map(|first| Interrupted {
            origin: first.origin.clone(),
            offset: first.offset,
            records: batch.len(),
            taken,
        });
    }

    fn write_out(&mut self) -> Result<()> {
        while let Some(rest) = self.lines.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.target.write(rest) {
                Ok(0) => return Err(self.target.failure(ErrorKind::WriteZero.into())),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.target.failure(error)),
            }
        }
        self.lines.clear();
        self.written = 0;
        Ok(())
    }
}

#[async_trait]
impl SinkTask for FileStreamSinkTask {
    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        if batch.is_empty() && self.lines.is_empty() {
            return Ok(());
        }
        on_disk(|| self.write(batch))
    }

    async fn flush(&mut self) -> Result<()> {
        on_disk(|| {
            self.write_out()?;
            self.target.flush().map_err(|error| self.target.failure(error))
        })
    }
}

#[cfg(test)]
mod tests;
