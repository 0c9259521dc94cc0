//! Offsets of source connectors: on a topic, or in a file.

use std::{
    fmt::Debug,
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use connect_api::{
    error::chain,
    record::{SourceOffset, SourcePartition},
};
use tracing::warn;

use super::{
    error::{Result, StoreError},
    offset_state::OffsetState,
    topic::{CompactedTopic, TopicSettings},
};
use crate::broker::{Broker, BrokerError, ProducerRecord};

/// First bytes of a Java object stream.
const JAVA_STREAM: [u8; 4] = [0xac, 0xed, 0x00, 0x05];

/// Where sources left off.
#[async_trait]
pub trait SourceOffsets: Debug + Send + Sync {
    /// Every offset of a connector, read to the end of what is stored.
    ///
    /// # Errors
    /// When the store cannot be read to its end now.
    async fn committed(
        &self,
        connector: &str,
    ) -> Result<Vec<(SourcePartition, SourceOffset)>, BrokerError>;

    /// The records that store these offsets, for a producer that writes them beside the data; none
    /// when the store is not on the broker. An absent offset forgets its partition.
    fn as_records(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Option<Vec<ProducerRecord>>;

    /// Stores these offsets and waits until they are safe.
    ///
    /// # Errors
    /// When it is not known that all of them are safe.
    async fn write(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<(), BrokerError>;
}

/// Offsets on a compacted topic.
#[derive(Debug)]
pub struct TopicOffsets {
    topic: CompactedTopic,
    state: Mutex<OffsetState>,
}

impl TopicOffsets {
    /// Creates the topic if it is absent, checks it, and reads it to its end.
    ///
    /// # Errors
    /// As [`super::TopicLog::open`], and `Read`.
    pub async fn open(broker: &Arc<dyn Broker>, topic: &TopicSettings) -> Result<Self> {
        let topic = CompactedTopic::open(broker, topic).await?;
        let offsets = Self { topic, state: Mutex::default() };
        offsets.read().await?;
        Ok(offsets)
    }

    async fn read(&self) -> Result<()> {
        let records = self.topic.read().await?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            let Some(key) = record.key else { continue };
            if let Err(reason) = state.apply(&key, record.value.as_deref()) {
                let topic = self.topic.name();
                warn!(
                    %topic,
                    offset = record.offset,
                    "Passed over a record of topic \"{topic}\": {reason}"
                );
            }
        }
        Ok(())
    }

    fn records(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Vec<ProducerRecord> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let record = |(partition, offset): &(SourcePartition, Option<SourceOffset>)| {
            let (key, value) = state.encode(connector, partition, offset.as_ref());
            self.topic.record(key, value)
        };
        offsets.iter().map(record).collect()
    }
}

#[async_trait]
impl SourceOffsets for TopicOffsets {
    async fn committed(
        &self,
        connector: &str,
    ) -> Result<Vec<(SourcePartition, SourceOffset)>, BrokerError> {
        self.read().await.map_err(into_broker_error)?;
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner).committed(connector))
    }

    fn as_records(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Option<Vec<ProducerRecord>> {
        Some(self.records(connector, offsets))
    }

    async fn write(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<(), BrokerError> {
        let records = self.records(connector, offsets);
        self.topic.write(records).await.map_err(into_broker_error)
    }
}

/// Offsets in a file of JSON lines, `{"key":[connector,{partition}],"value":{offset}}`.
///
/// The file is replaced as a whole: written beside, synchronised, renamed.
#[derive(Debug)]
pub struct FileOffsets {
    path: PathBuf,
    state: Mutex<OffsetState>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Line {
    key: serde_json::Value,
    value: serde_json::Value,
}

impl FileOffsets {
    /// Reads the file; one that is absent or empty holds no offsets.
    ///
    /// # Errors
    /// `File` when it cannot be read, `JavaFile` when it was written by Kafka Connect on the JVM,
    /// `DamagedFile` when it holds something else.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let state = load(&path)?;
        Ok(Self { path, state: Mutex::new(state) })
    }
}

fn load(path: &Path) -> Result<OffsetState> {
    let failed = |source| StoreError::File { operation: "read", path: path.to_owned(), source };
    let mut state = OffsetState::default();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(state),
        Err(error) => return Err(failed(error)),
    };
    let mut reader = BufReader::new(file);
    if reader.fill_buf().map_err(failed)?.starts_with(&JAVA_STREAM) {
        return Err(StoreError::JavaFile { path: path.to_owned() });
    }
    for (number, line) in (1..).zip(reader.split(b'\n')) {
        let line = line.map_err(failed)?;
        read_line(&mut state, &line)
            .ok_or_else(|| StoreError::DamagedFile { path: path.to_owned(), line: number })?;
    }
    Ok(state)
}

fn read_line(state: &mut OffsetState, line: &[u8]) -> Option<()> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let key = serde_json::to_vec(&line.key).ok()?;
    let value = serde_json::to_vec(&line.value).ok()?;
    state.apply(&key, Some(&value)).ok()
}

fn save(path: &Path, state: &OffsetState) -> Result<()> {
    let failed = |source| StoreError::File { operation: "write", path: path.to_owned(), source };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let write = || -> io::Result<()> {
        let mut file = io::BufWriter::new(File::create(&beside)?);
        for (key, value) in state.records() {
            file.write_all(b"{\"key\":")?;
            file.write_all(&key)?;
            file.write_all(b",\"value\":")?;
            file.write_all(&value)?;
            file.write_all(b"}\n")?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&beside, path)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()
    };
    write().map_err(failed)
}

#[async_trait]
impl SourceOffsets for FileOffsets {
    async fn committed(
        &self,
        connector: &str,
    ) -> Result<Vec<(SourcePartition, SourceOffset)>, BrokerError> {
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner).committed(connector))
    }

    fn as_records(
        &self,
        _connector: &str,
        _offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Option<Vec<ProducerRecord>> {
        None
    }

    /// The state changes only once the file did.
    async fn write(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<(), BrokerError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = state.clone();
        for (partition, offset) in offsets {
            let (key, value) = changed.encode(connector, partition, offset.as_ref());
            changed.apply(&key, value.as_deref()).map_err(|reason| {
                BrokerError::Invalid(format!(
                    "Could not store an offset of \"{connector}\": {reason}"
                ))
            })?;
        }
        save(&self.path, &changed).map_err(into_broker_error)?;
        *state = changed;
        drop(state);
        Ok(())
    }
}

fn into_broker_error(error: StoreError) -> BrokerError {
    match error {
        StoreError::Write { source, .. } | StoreError::Read { source, .. } => source,
        error => BrokerError::Unavailable { operation: chain(&error), source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests;
