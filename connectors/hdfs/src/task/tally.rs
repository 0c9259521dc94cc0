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
    appends: Counter,
    growing_files: Gauge,
    open_files: Gauge,
    open_records: Gauge,
}

impl Tally {
    pub(super) fn new(own: &Figures) -> Self {
        Self {
            files: figures::FILES.counter(own),
            records: figures::STORED_RECORDS.counter(own),
            content: figures::STORED_CONTENT_BYTES.counter(own),
            appends: figures::APPENDS.counter(own),
            growing_files: figures::GROWING_FILES.gauge(own),
            open_files: figures::OPEN_FILES.gauge(own),
            open_records: figures::OPEN_RECORDS.gauge(own),
        }
    }

    /// The records of a file were committed.
    pub(super) fn stored(&self, file: &OpenFile) {
        self.records.add(file.count);
        self.content.add(file.content_bytes);
    }

    /// So many files got their final names.
    pub(super) fn named(&self, files: usize) {
        self.files.add(u64::try_from(files).unwrap_or_default());
    }

    /// So many growing files were begun or grew.
    pub(super) fn grew(&self, files: usize) {
        self.appends.add(u64::try_from(files).unwrap_or_default());
    }

    /// Looks at the open files.
    pub(super) fn look<'a>(&self, writers: impl Iterator<Item = &'a PartitionWriter>) {
        let (mut files, mut records, mut growing) = (0, 0, 0);
        for writer in writers {
            growing += writer.claim.as_ref().map_or(0, |claim| claim.growing.len());
            for file in writer.files.values() {
                files += 1;
                records += file.count;
            }
        }
        self.growing_files.set(growing.try_into().unwrap_or_default());
        self.open_files.set(files);
        self.open_records.set(records);
    }
}
