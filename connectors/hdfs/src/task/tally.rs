//! What a task counts of its files.

use connect_api::figures::{Counter, Figures, Gauge};

use super::writer::PartitionWriter;
use crate::{figures, file::OpenFile};

/// Files and records, of those that are committed and of those that are open.
#[derive(Debug)]
pub(super) struct Tally {
    files: Counter,
    records: Counter,
    content: Counter,
    open_files: Gauge,
    open_records: Gauge,
}

impl Tally {
    pub(super) fn new(own: &Figures) -> Self {
        Self {
            files: figures::FILES.counter(own),
            records: figures::STORED_RECORDS.counter(own),
            content: figures::STORED_CONTENT_BYTES.counter(own),
            open_files: figures::OPEN_FILES.gauge(own),
            open_records: figures::OPEN_RECORDS.gauge(own),
        }
    }

    /// A file was committed.
    pub(super) fn stored(&self, file: &OpenFile) {
        self.files.add(1);
        self.records.add(file.count);
        self.content.add(file.content_bytes);
    }

    /// Looks at the open files.
    pub(super) fn look<'a>(&self, writers: impl Iterator<Item = &'a PartitionWriter>) {
        let (mut files, mut records) = (0, 0);
        for file in writers.flat_map(|writer| writer.files.values()) {
            files += 1;
            records += file.count;
        }
        self.open_files.set(files);
        self.open_records.set(records);
    }
}
