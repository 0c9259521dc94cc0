//! Offsets in a file, as a standalone worker of Apache Kafka keeps them.
//!
//! Source: apache/kafka `FileOffsetBackingStore.java`.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use connect_api::record::{SourceOffset, SourcePartition};
use tracing::warn;

use super::{
    SourceOffsets, into_broker_error,
    java_map::{self, Entry},
};
use crate::{
    broker::{BrokerError, ProducerRecord},
    store::{
        error::{Result, StoreError},
        offset_state::OffsetState,
    },
};

/// Offsets in the file of `offset.storage.file.filename`.
///
/// The file is replaced as a whole: written beside, synchronised, renamed. Either worker, ours and
/// the JVM's, reads what the other has written.
#[derive(Debug)]
pub struct FileOffsets {
    path: PathBuf,
    content: Mutex<Content>,
}

/// What the file says.
#[derive(Clone, Debug, Default)]
struct Content {
    state: OffsetState,
    /// Entries that are no offset of a connector; they are somebody's, and stay.
    strange: BTreeMap<Option<Bytes>, Option<Bytes>>,
}

impl FileOffsets {
    /// Reads the file; one that is absent or empty holds no offsets.
    ///
    /// # Errors
    /// `File` when it cannot be read, `DamagedFile` when it holds something else.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let content = match fs::read(&path) {
            Ok(bytes) if bytes.is_empty() => Content::default(),
            Ok(bytes) => Content::parse(&bytes.into())
                .map_err(|reason| StoreError::DamagedFile { path: path.clone(), reason })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            Err(source) => return Err(StoreError::File { operation: "read", path, source }),
        };
        if !content.strange.is_empty() {
            warn!(
                "Left {} entries of the offset file \"{}\" as they are, which are no offsets of a \
                 connector",
                content.strange.len(),
                path.display()
            );
        }
        Ok(Self { path, content: Mutex::new(content) })
    }
}

impl Content {
    fn parse(stream: &Bytes) -> Result<Self, String> {
        let mut content = Self::default();
        for (key, value) in java_map::read(stream)? {
            let applied = key.as_deref().map(|key| content.state.apply(key, value.as_deref()));
            if !matches!(applied, Some(Ok(()))) {
                content.strange.insert(key, value);
            }
        }
        Ok(content)
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = self.strange.clone();
        let known = self.state.records().into_iter();
        entries.extend(known.map(|(key, value)| (Some(key), Some(value))));
        entries.into_iter().collect()
    }

    fn save(&self, path: &Path) -> Result<()> {
        let failed =
            |source| StoreError::File { operation: "write", path: path.to_owned(), source };
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let write = || -> io::Result<()> {
            let mut file = File::create(&beside)?;
            file.write_all(&java_map::write(self.entries().iter()))?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()
        };
        write().map_err(failed)
    }
}

#[async_trait]
impl SourceOffsets for FileOffsets {
    async fn committed(
        &self,
        connector: &str,
    ) -> Result<Vec<(SourcePartition, SourceOffset)>, BrokerError> {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(content.state.committed(connector))
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
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = content.clone();
        for (partition, offset) in offsets {
            let (key, value) = changed.state.encode(connector, partition, offset.as_ref());
            changed.state.apply(&key, value.as_deref()).map_err(|reason| {
                BrokerError::Invalid(format!(
                    "Could not store an offset of \"{connector}\": {reason}"
                ))
            })?;
        }
        changed.save(&self.path).map_err(into_broker_error)?;
        *content = changed;
        drop(content);
        Ok(())
    }
}
