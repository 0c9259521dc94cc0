//! The lines of one file.
//!
//! Source: apache/kafka `FileStreamSourceConnector.java`, `FileStreamSourceTask.java`.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use connect_api::{
    budget::{MemoryBudget, Reservation},
    config::{Config, ConfigDef, ConfigValue, Props, validate},
    error::{ConnectorError, Result},
    record::{SchemaAndValue, SourceBatch, SourceOffset, SourcePartition, SourceRecord},
    schema::Schema,
    source::{ExactlyOnceSupport, SourceConnector, SourceContext, SourceTask},
    time::Clock,
    value::Value,
};
use connect_disk::on_disk;
use serde_json::{Map, Value as Json};
use tokio::{
    io::{AsyncReadExt as _, Stdin},
    time::sleep,
};
use tracing::warn;

use super::input::Input;

/// Bytes read at once: a system call costs nothing per line then.
const READ_BYTES: usize = 256 << 10;
/// Bytes that are tried where a file does not tell that it has more.
const PROBE_BYTES: usize = 4 << 10;
/// How long an empty or missing file is left alone.
const PAUSE: Duration = Duration::from_secs(1);

const FILENAME: &str = "filename";
const POSITION: &str = "position";

/// Options of the file stream source.
#[derive(Config, Debug)]
struct FileStreamSourceConfig {
    /// Source filename. If not specified, the standard input will be used
    #[config(importance = High)]
    file: Option<String>,
    /// The topic to publish data to
    #[config(importance = High, check = NOT_EMPTY)]
    topic: String,
    /// The maximum number of records the source task can read from the file each time it is polled
    #[config(key = "batch.size", default = 2000, importance = Low)]
    batch_size: i32,
}

impl FileStreamSourceConfig {
    fn file(&self) -> Option<&str> {
        self.file.as_deref().filter(|file| !file.is_empty())
    }
}

/// `org.apache.kafka.connect.file.FileStreamSourceConnector`: the lines of one file.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileStreamSource;

#[async_trait]
impl SourceConnector for FileStreamSource {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.file.FileStreamSourceConnector"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        FileStreamSourceConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        validate::<FileStreamSourceConfig>(props)
    }

    /// One task: there is one file.
    fn task_configs(&self, props: &Props, _max_tasks: usize) -> Result<Vec<Props>> {
        FileStreamSourceConfig::parse(props)?;
        Ok(vec![props.clone()])
    }

    async fn start_task(
        &self,
        props: &Props,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>> {
        let config = FileStreamSourceConfig::parse(props)?;
        let reader = match config.file() {
            None => Reader::Standard(tokio::io::stdin()),
            Some(name) => {
                let committed = context.offsets.committed().await?;
                let position = start_position(name, &committed)?;
                Reader::Named(NamedFile { name: name.to_owned(), file: None, read_to: position })
            }
        };
        Ok(Box::new(FileStreamSourceTask {
            topic: config.topic.as_str().into(),
            batch_size: usize::try_from(config.batch_size).unwrap_or(0).max(1),
            delivered_to: reader.position(),
            reader,
            input: Input::default(),
            held: None,
            schema: Schema::string(),
            clock: context.clock,
            budget: context.budget,
        }))
    }

    fn exactly_once_support(&self, props: &Props) -> ExactlyOnceSupport {
        match FileStreamSourceConfig::parse(props) {
            Ok(config) if config.file().is_some() => ExactlyOnceSupport::Supported,
            _ => ExactlyOnceSupport::Unsupported,
        }
    }

    fn alter_offsets(
        &self,
        props: &Props,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<bool> {
        let config = FileStreamSourceConfig::parse(props)?;
        if config.file().is_none() {
            return Err(ConnectorError::internal(
                "Offsets cannot be modified if the 'file' configuration is unspecified. This is \
                 because stdin is used for input and offsets are not tracked.",
            ));
        }
        for (partition, offset) in offsets {
            // Forgetting is always possible, also what an older version has left behind.
            let Some(offset) = offset else { continue };
            check_offset(offset)?;
            if !partition.0.contains_key(FILENAME) {
                return Err(ConnectorError::internal(
                    "Partition objects should contain the key 'filename'",
                ));
            }
        }
        Ok(true)
    }
}

fn check_offset(offset: &SourceOffset) -> Result<()> {
    let Some(position) = offset.0.get(POSITION) else {
        return Err(ConnectorError::internal(
            "Offset objects should either be null or contain the key 'position'",
        ));
    };
    match position.as_i64() {
        None => Err(ConnectorError::internal(
            "The value for the 'position' key in the offset is expected to be a Long value",
        )),
        Some(..0) => Err(ConnectorError::internal(
            "The value for the 'position' key in the offset should be a non-negative value",
        )),
        Some(_) => Ok(()),
    }
}

/// Where the offsets say that a file was left.
fn start_position(name: &str, committed: &[(SourcePartition, SourceOffset)]) -> Result<u64> {
    let own = committed
        .iter()
        .find(|(partition, _)| partition.0.get(FILENAME).and_then(Json::as_str) == Some(name));
    let position = own.and_then(|(_, offset)| offset.0.get(POSITION));
    match position {
        None | Some(Json::Null) => Ok(0),
        Some(position) => position
            .as_u64()
            .ok_or_else(|| ConnectorError::internal("Offset position is the incorrect type")),
    }
}

/// Where the bytes come from.
#[derive(Debug)]
enum Reader {
    Standard(Stdin),
    Named(NamedFile),
}

/// A file that need not be there yet; once open it is kept, whatever becomes of its name.
#[derive(Debug)]
struct NamedFile {
    name: String,
    file: Option<File>,
    /// Position after the last byte that was read.
    read_to: u64,
}

impl Reader {
    const fn position(&self) -> u64 {
        match self {
            Self::Standard(_) => 0,
            Self::Named(named) => named.read_to,
        }
    }
}

impl NamedFile {
    /// How many bytes the file says it has beyond those that were read; none while it is missing.
    fn waiting(&mut self) -> Result<usize> {
        let file = match &self.file {
            Some(file) => file,
            None => match File::open(&self.name) {
                Ok(file) => self.file.insert(file),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    warn!(
                        "Couldn't find file {} for FileStreamSourceTask, sleeping to wait for it \
                           to be created",
                        self.name
                    );
                    return Ok(0);
                }
                Err(error) => return Err(self.failure("open", error)),
            },
        };
        let size = file.metadata().map_err(|error| self.failure("read", error))?.len();
        Ok(usize::try_from(size.saturating_sub(self.read_to)).unwrap_or(usize::MAX))
    }

    /// The next bytes; none while the file is missing or has no more.
    fn read(&mut self, want: usize) -> Result<Vec<u8>> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let mut bytes = vec![0; want];
        match file.read_at(&mut bytes, self.read_to) {
            Ok(read) => {
                bytes.truncate(read);
                self.read_to += read as u64;
                Ok(bytes)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Vec::new()),
            Err(error) => Err(self.failure("read", error)),
        }
    }

    fn failure(&self, verb: &str, error: io::Error) -> ConnectorError {
        let message = format!("Could not {verb} file \"{}\"", self.name);
        let failure = match error.kind() {
            ErrorKind::PermissionDenied => ConnectorError::retriable(message)
                .hint("Give the user of the worker read permission"),
            _ => ConnectorError::retriable(message),
        };
        failure.caused_by(error)
    }
}

#[derive(Debug)]
struct FileStreamSourceTask {
    topic: Arc<str>,
    batch_size: usize,
    reader: Reader,
    input: Input,
    /// The place of the input in the budget.
    held: Option<Reservation>,
    /// Position after the last line that was delivered.
    delivered_to: u64,
    schema: Arc<Schema>,
    clock: Arc<dyn Clock>,
    budget: MemoryBudget,
}

impl FileStreamSourceTask {
    /// Takes lines from the input; none when it holds no whole line.
    fn take_lines(&mut self) -> Option<SourceBatch> {
        let now_ms = self.clock.now_ms();
        let mut records = Vec::new();
        while records.len() < self.batch_size
            && let Some((line, taken)) = self.input.next_line()
        {
            self.delivered_to += taken as u64;
            let value = SchemaAndValue::new(Arc::clone(&self.schema), Value::String(line));
            let mut record = SourceRecord::new(Arc::clone(&self.topic), value);
            record.timestamp_ms = Some(now_ms);
            records.push(record);
        }
        if self.input.len() == 0 {
            self.held = None;
        }
        let offsets = vec![self.offset()];
        (!records.is_empty()).then_some(SourceBatch { records, offsets })
    }

    fn offset(&self) -> (SourcePartition, Option<SourceOffset>) {
        let (name, position) = match &self.reader {
            Reader::Standard(_) => (Json::Null, Json::Null),
            Reader::Named(named) => {
                (named.name.as_str().into(), self.delivered_to.cast_signed().into())
            }
        };
        let partition = SourcePartition(Map::from_iter([(FILENAME.to_owned(), name)]));
        let offset = SourceOffset(Map::from_iter([(POSITION.to_owned(), position)]));
        (partition, Some(offset))
    }

    /// How much to read: what there is, and of that as much again as waits, so that a very long
    /// line is not copied for ever.
    fn want(&mut self) -> Result<usize> {
        let most = READ_BYTES.max(self.input.len());
        let there = match &mut self.reader {
            Reader::Named(named) => on_disk(|| named.waiting())?,
            Reader::Standard(_) => most,
        };
        let want = there.clamp(PROBE_BYTES, most);
        if !self.hold(self.input.len() + want) {
            return Err(ConnectorError::retriable(format!(
                "The line at byte {} does not fit into the memory budget",
                self.delivered_to
            )));
        }
        Ok(want)
    }

    /// Holds so many bytes of the budget and no more; `false` when it has no room for them.
    fn hold(&mut self, bytes: usize) -> bool {
        self.held = None;
        if bytes > 0 {
            self.held = self.budget.reserve(bytes);
        }
        bytes == 0 || self.held.is_some()
    }
}

#[async_trait]
impl SourceTask for FileStreamSourceTask {
    /// # Cancel safety
    /// What was read stays in the input until a batch of it is returned, without a wait between.
    async fn poll(&mut self) -> Result<SourceBatch> {
        loop {
            if let Some(batch) = self.take_lines() {
                return Ok(batch);
            }
            let want = self.want()?;
            let bytes = match &mut self.reader {
                Reader::Named(named) => on_disk(|| named.read(want))?,
                Reader::Standard(stdin) => {
                    let mut bytes = Vec::with_capacity(want);
                    stdin.read_buf(&mut bytes).await.map_err(|error| {
                        ConnectorError::retriable("Could not read standard input").caused_by(error)
                    })?;
                    bytes
                }
            };
            if bytes.is_empty() {
                // Whoever waits must not keep others from reading.
                let _fits = self.hold(self.input.len());
                sleep(PAUSE).await;
                return Ok(SourceBatch::default());
            }
            self.input.push(bytes);
        }
    }

    async fn stop(&mut self) -> Result<()> {
        if let Reader::Named(named) = &mut self.reader {
            named.file = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
