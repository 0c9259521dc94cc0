//! Reads a journal from the first event that is not known to be with the broker.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use bytes::Bytes;
use connect_api::error::{ConnectorError, Result};
use tracing::error;

use super::{
    Journal, files,
    segment::{Frame, HEAD_BYTES, Segment, take_frame},
};
use crate::{event::Event, inbox::Batch};

/// Follows the journal; its place is moved when a batch is handed out, never before.
#[derive(Debug)]
pub(crate) struct Reader {
    journal: Arc<Journal>,
    /// The segment that is read, with its file.
    current: Option<(Segment, File)>,
    /// Bytes of it that were read.
    offset: u64,
    /// Number of the next event in it.
    next: u64,
    /// Number of the first event to hand out.
    start: u64,
}

impl Reader {
    /// Reads from an event on, or from the first one behind it.
    pub(crate) const fn new(journal: Arc<Journal>, start: u64) -> Self {
        Self { journal, current: None, offset: 0, next: 0, start }
    }

    /// The next events, up to so many or about so many bytes; none when all were read.
    ///
    /// # Errors
    /// `Retriable` when the disk cannot be read; `Internal` when what it holds is damaged.
    pub(crate) fn take(&mut self, most_records: usize, most_bytes: usize) -> Result<Option<Batch>> {
        while let Some(segment) = self.readable()? {
            let batch = self.take_from(segment, most_records, most_bytes)?;
            if !batch.events.is_empty() {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// The segment with the next unread bytes.
    fn readable(&mut self) -> Result<Option<Segment>> {
        let segments = self.journal.segments();
        let at = self.current.as_ref().map(|(segment, _)| segment.first);
        for segment in segments {
            if at == Some(segment.first) {
                if self.offset < segment.bytes {
                    return Ok(Some(segment));
                }
            } else if at.is_none_or(|at| segment.first > at) && segment.bytes > 0 {
                let path = files::path_of(&self.journal.path, segment.first);
                let file = File::open(path).map_err(|error| self.unreadable(error))?;
                self.current = Some((segment, file));
                (self.offset, self.next) = (0, segment.first);
                return Ok(Some(segment));
            }
        }
        Ok(None)
    }

    fn take_from(
        &mut self,
        segment: Segment,
        most_records: usize,
        most_bytes: usize,
    ) -> Result<Batch> {
        let mut batch = Batch::default();
        let (mut offset, mut next) = (self.offset, self.next);
        let mut bytes = self.read(segment, most_bytes.max(HEAD_BYTES))?;
        while batch.events.len() < most_records {
            let before = bytes.len();
            match take_frame(&mut bytes) {
                Frame::Whole(body) => {
                    offset += length(before - bytes.len());
                    if next >= self.start {
                        self.decode(body, next, &mut batch);
                    }
                    next += 1;
                }
                // The first frame is larger than what was read: read all of it.
                Frame::Cut(whole) if offset == self.offset && offset < segment.bytes => {
                    let longer = self.read(segment, whole)?;
                    if longer.len() <= before {
                        return Err(self.damaged(segment, offset));
                    }
                    bytes = longer;
                }
                Frame::Cut(_) => break,
                Frame::Damaged => return Err(self.damaged(segment, offset)),
            }
        }
        (self.offset, self.next) = (offset, next);
        batch.end = Some(next);
        Ok(batch)
    }

    fn decode(&self, body: Bytes, number: u64, batch: &mut Batch) {
        match Event::decode(body) {
            Some(event) => batch.events.push(event),
            None => error!(
                "Event {number} of the buffer in \"{}\" is of another version and is skipped",
                self.journal.path.display()
            ),
        }
    }

    /// Bytes from where we are, up to so many.
    fn read(&self, segment: Segment, most: usize) -> Result<Bytes> {
        let Some((_, file)) = &self.current else { return Ok(Bytes::new()) };
        let left = segment.bytes.saturating_sub(self.offset);
        let mut bytes = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(most)];
        file.read_exact_at(&mut bytes, self.offset).map_err(|error| self.unreadable(error))?;
        Ok(bytes.into())
    }

    fn unreadable(&self, error: io::Error) -> ConnectorError {
        let path = self.journal.path.display();
        ConnectorError::retriable(format!("Could not read the buffer in \"{path}\""))
            .caused_by(error)
    }

    fn damaged(&self, segment: Segment, offset: u64) -> ConnectorError {
        let path = files::path_of(&self.journal.path, segment.first);
        ConnectorError::internal(format!(
            "Buffer file \"{}\" is damaged at byte {offset}",
            path.display()
        ))
        .hint("Restart the task to go on with the events behind the damage in later files")
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
