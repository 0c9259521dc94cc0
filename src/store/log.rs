//! A log of records that can be read to its end and written to.

use std::{
    fmt::Debug,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;

use super::error::Result;

/// A record with a key, in the bytes of a compacted topic.
pub trait LogRecord: Clone + Debug + Send + Sync + Sized + 'static {
    /// Key that names what the record is about; the last record of a key wins.
    fn key(&self) -> String;

    /// The record as JSON; none is a tombstone.
    fn value(&self) -> Option<Bytes>;

    /// Reads a record.
    ///
    /// # Errors
    /// Why it cannot be read; whoever reads a log says so and goes on.
    fn decode(key: &[u8], value: Option<&[u8]>) -> std::result::Result<Self, String>;
}

/// Where the worker keeps records of one kind, oldest first.
#[async_trait]
pub trait RecordLog<R: LogRecord>: Debug + Send + Sync {
    /// Everything written since the last call, by anyone; the first call brings everything.
    ///
    /// # Errors
    /// When the log cannot be read to its end now; the next call brings the same records.
    async fn read(&self) -> Result<Vec<R>>;

    /// Writes records in their order and waits until they are safe.
    ///
    /// # Errors
    /// When it is not known that all of them are safe.
    async fn write(&self, records: &[R]) -> Result<()>;
}

/// A log that is gone with the process, as standalone workers have it.
#[derive(Debug)]
pub struct MemoryLog<R> {
    unread: Mutex<Vec<R>>,
}

impl<R> MemoryLog<R> {
    /// A log that starts with these records.
    #[must_use]
    pub const fn new(records: Vec<R>) -> Self {
        Self { unread: Mutex::new(records) }
    }
}

impl<R> Default for MemoryLog<R> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

#[async_trait]
impl<R: LogRecord> RecordLog<R> for MemoryLog<R> {
    async fn read(&self) -> Result<Vec<R>> {
        Ok(std::mem::take(&mut self.unread.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn write(&self, records: &[R]) -> Result<()> {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        unread.extend(records.iter().cloned());
        Ok(())
    }
}
