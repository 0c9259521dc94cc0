//! What a task counts of its files.

use std::time::Duration;

use connect_api::figures::{Counter, Figures, Gauge};
use tokio::time::Instant;

use super::{now, writer::PartitionWriter};
use crate::figures;

/// How often the open files are looked at: there may be thousands.
const EVERY: Duration = Duration::from_secs(1);

/// Records and bytes, of files that are objects by now and of those that are open.
#[derive(Debug)]
pub(super) struct Tally {
    records: Counter,
    content: Counter,
    open_files: Gauge,
    open_records: Gauge,
    open_content: Gauge,
}

impl Tally {
    pub(super) fn new(own: &Figures) -> Self {
        Self {
            records: figures::STORED_RECORDS.counter(own),
            content: figures::STORED_CONTENT_BYTES.counter(own),
            open_files: figures::OPEN_FILES.gauge(own),
            open_records: figures::OPEN_RECORDS.gauge(own),
            open_content: figures::OPEN_CONTENT_BYTES.gauge(own),
        }
    }

    /// A file with so many records and bytes of content has become objects.
    pub(super) fn stored(&self, records: u64, content_bytes: u64) {
        self.records.add(records);
        self.content.add(content_bytes);
    }

    /// Looks at the open files, unless it has done so a moment ago.
    pub(super) fn look<'a>(
        &self,
        looked_at: &mut Option<Instant>,
        writers: impl Iterator<Item = &'a PartitionWriter>,
    ) {
        let now = now();
        if looked_at.is_some_and(|at| now.duration_since(at) < EVERY) {
            return;
        }
        *looked_at = Some(now);
        let (mut files, mut records, mut content) = (0, 0, 0);
        for file in writers.flat_map(|writer| writer.files.values()) {
            files += 1;
            records += file.facts.held.count;
            content += file.content_bytes;
        }
        self.open_files.set(files);
        self.open_records.set(records);
        self.open_content.set(content);
    }
}
