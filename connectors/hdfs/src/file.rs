//! A file that takes records: what waits in memory, and what is written by now, in a temporary file or at
//! the end of a growing one.

use std::sync::Arc;

use bytes::Bytes;
use connect_api::{
    error::{ConnectorError, Result},
    record::SinkRecord,
    schema::Schema,
};
use connect_storage::{
    body::{Body, BodyOptions, Room, START_BYTES},
    format::Draft,
};

use crate::{client::Hdfs, growing::GrowingFile, recovery::session::Session};

/// Least content that is worth a request of its own when memory is full.
pub(crate) const LEAST_PART_BYTES: usize = 64 << 10;

/// A file that takes records.
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// Its folder, as the partitioner calls it.
    pub(crate) folder: Arc<str>,
    /// Topic in its name.
    pub(crate) topic: Arc<str>,
    /// Offsets of its first and its last record.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: u64,
    /// Length of its content before it is compressed.
    pub(crate) content_bytes: u64,
    /// Schema of what it takes.
    pub(crate) schema: Option<Arc<Schema>>,
    part_bytes: usize,
    body: Body,
    /// Path of what is written of it.
    path: Option<String>,
    /// Bytes in there, of which those of a growing file were there before.
    length: u64,
    is_growing: bool,
}

impl OpenFile {
    /// Opens a file that begins with a record; nothing when the budget has no room for it.
    pub(crate) fn open(
        folder: &Arc<str>,
        record: &SinkRecord,
        draft: &Draft,
        part_bytes: usize,
        room: &Room,
    ) -> Option<Self> {
        let options = BodyOptions { gzip: None, part_bytes, start_bytes: START_BYTES };
        Some(Self {
            folder: Arc::clone(folder),
            topic: Arc::clone(&record.topic),
            first: record.offset,
            last: record.offset,
            count: 0,
            content_bytes: 0,
            schema: draft.schema.clone(),
            part_bytes,
            body: Body::open(options, draft.layout.as_ref(), room)?,
            path: None,
            length: 0,
            is_growing: false,
        })
    }

    /// Writes to the end of a growing file.
    pub(crate) fn onto(self, file: &GrowingFile) -> Self {
        Self { path: Some(file.open.clone()), length: file.length, is_growing: true, ..self }
    }

    /// Whether it is written to the end of a growing file.
    pub(crate) const fn is_growing(&self) -> bool {
        self.is_growing
    }

    /// Bytes that are written, with those of a growing file that were there before.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Appends a record; `false`, and nothing happens, when the budget has no room for it.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub(crate) fn append(&mut self, offset: i64, content: &[u8]) -> Result<bool> {
        if !self.body.reserve(content)? {
            return Ok(false);
        }
        self.body.append(content)?;
        self.last = offset;
        self.count += 1;
        self.content_bytes += u64::try_from(content.len()).unwrap_or_default();
        Ok(true)
    }

    pub(crate) fn is_part_full(&self) -> bool {
        self.body.pending_bytes() >= self.part_bytes
    }

    /// At most the bytes that [`OpenFile::spill`] writes.
    pub(crate) fn spillable_bytes(&self) -> usize {
        self.body.spillable_bytes()
    }

    /// Bytes taken from the budget.
    pub(crate) fn held_bytes(&self) -> usize {
        self.body.held_bytes()
    }

    /// Writes every part that is full.
    ///
    /// # Errors
    /// By the server's answer; the file is of no use then.
    pub(crate) async fn write_full_parts(
        &mut self,
        hdfs: &Hdfs,
        session: &Session,
        extension: &str,
    ) -> Result<()> {
        while self.is_part_full() {
            self.write_part(hdfs, session, extension).await?;
        }
        Ok(())
    }

    /// Writes what there is, to free memory.
    ///
    /// # Errors
    /// As [`OpenFile::write_full_parts`].
    pub(crate) async fn spill(
        &mut self,
        hdfs: &Hdfs,
        session: &Session,
        extension: &str,
    ) -> Result<()> {
        self.body.close_group()?;
        while self.body.pending_bytes() > 0 {
            self.write_part(hdfs, session, extension).await?;
        }
        Ok(())
    }

    /// Writes all of it, and gives the path of the whole file.
    ///
    /// # Errors
    /// As [`OpenFile::write_full_parts`].
    pub(crate) async fn finish(
        &mut self,
        hdfs: &Hdfs,
        session: &Session,
        extension: &str,
    ) -> Result<String> {
        self.body.finish()?;
        while self.body.pending_bytes() > 0 || self.path.is_none() {
            self.write_part(hdfs, session, extension).await?;
        }
        Ok(self.path.clone().unwrap_or_default())
    }

    async fn write_part(&mut self, hdfs: &Hdfs, session: &Session, extension: &str) -> Result<()> {
        let part: Bytes = self.body.take_part(self.part_bytes);
        let written = match &self.path {
            Some(path) => {
                if self.is_growing {
                    check_length(hdfs, session, path, self.length).await?;
                }
                hdfs.append(path, &part).await
            }
            None => {
                let path = session.new_file(extension);
                let made = hdfs.create(&path, &part).await;
                self.path = Some(path);
                made
            }
        };
        self.length += u64::try_from(part.len()).unwrap_or_default();
        self.body.settle();
        written.map_err(|failure| session.told(failure))
    }
}

/// Looks whether a growing file is as long as its owner has left it.
async fn check_length(hdfs: &Hdfs, session: &Session, path: &str, length: u64) -> Result<()> {
    match hdfs.look(path).await? {
        Some(there) if there.length == length => Ok(()),
        Some(there) => Err(ConnectorError::invalid(format!(
            "Could not append to \"{path}\": it has {} bytes and was left with {length}, so that \
             somebody else has written to it",
            there.length
        ))
        .hint(
            "Nobody else may write to growing files. A restart of the task cuts off what is too much, \
             and goes on with another file",
        )),
        None => Err(session.lost()),
    }
}
