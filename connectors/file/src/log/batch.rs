//! The batch that is being filled.

use connect_api::{error::ConnectorError, record::SourceRecord};

/// Records of one poll, and whether there is room for more.
#[derive(Debug)]
pub(super) struct Batch {
    records: Vec<SourceRecord>,
    bytes: usize,
    max_records: usize,
    max_bytes: usize,
    failure: Option<ConnectorError>,
}

impl Batch {
    /// An empty batch.
    pub(super) const fn new(max_records: usize, max_bytes: usize) -> Self {
        Self { records: Vec::new(), bytes: 0, max_records, max_bytes, failure: None }
    }

    /// Makes room for records that are about to come.
    pub(super) fn expect(&mut self, records: usize) {
        self.records.reserve(records.min(self.room()));
    }

    /// Adds a record of so many bytes.
    pub(super) fn push(&mut self, record: SourceRecord, bytes: usize) {
        self.records.push(record);
        self.bytes += bytes;
    }

    /// Ends the batch before a record that fails the task.
    pub(super) fn fail(&mut self, error: ConnectorError) {
        self.failure = Some(error);
    }

    /// How many records fit.
    pub(super) const fn room(&self) -> usize {
        self.max_records.saturating_sub(self.records.len())
    }

    /// Whether nothing more goes in.
    pub(super) const fn is_full(&self) -> bool {
        self.room() == 0 || self.bytes >= self.max_bytes || self.failure.is_some()
    }

    /// The records. A failure comes first when it is all there is: what was read before it is
    /// delivered, and the next poll meets it again.
    ///
    /// # Errors
    /// The failure.
    pub(super) fn finish(self) -> Result<Vec<SourceRecord>, ConnectorError> {
        match self.failure {
            Some(error) if self.records.is_empty() => Err(error),
            _ => Ok(self.records),
        }
    }
}
