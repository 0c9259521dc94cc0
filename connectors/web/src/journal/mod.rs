//! Events that wait on disk: a log in segments, written in groups, read in batches.
//!
//! Requests put frames into a buffer, and one task writes what came meanwhile with a single call;
//! then all of them are answered. A reader follows behind, through the system's cache. What the
//! broker has is noted in the file `position`, and segments that lie wholly before it are removed.
//!
//! A directory has one owner (the file `lock`) and a name of its own (the file `id`), under which
//! the worker keeps the offset: a directory that was emptied begins anew, and one that comes back
//! goes on where it was.

mod files;
mod reader;
mod segment;
mod state;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use connect_api::error::{Result, chain};
use connect_disk::on_disk;
use tokio::sync::Notify;
use tracing::warn;

pub(crate) use self::reader::Reader;
use self::{
    files::{Appender, Directory},
    segment::Segment,
    state::State,
};
use crate::{
    event::Event,
    inbox::{Receipt, Refusal, Verdict, tell},
};

/// Segments that a full buffer has: room comes back one of them at a time.
const SEGMENTS: u64 = 8;
/// Bytes after which a segment of a large buffer ends.
const MAX_SEGMENT_BYTES: u64 = 16 << 20;

/// How a journal is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Most bytes on disk.
    pub(crate) most_bytes: u64,
    /// Whether the disk itself must have an event before it counts.
    pub(crate) is_synced: bool,
}

/// A journal, shared by requests, the task that writes and the task that reads.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    id: String,
    bounds: Bounds,
    state: Mutex<State>,
    /// None once the journal is closed; its lock is held while the disk is written to, never across
    /// an await.
    files: Mutex<Option<Files>>,
    /// The file that says what the broker has; none once the journal is closed.
    position_file: Mutex<Option<File>>,
    submitted: Notify,
    written: Notify,
}

#[derive(Debug)]
struct Files {
    appender: Appender,
    /// Held as long as the directory is ours.
    _lock: File,
    is_failing: bool,
}

/// Whether there was something to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Wrote,
    Idle,
    Closed,
}

impl Journal {
    /// Opens the journal of a directory, which is made when it is missing.
    ///
    /// # Errors
    /// `Retriable` when the directory cannot be used now, or another task uses it.
    pub(crate) fn open(path: &Path, bounds: Bounds) -> Result<Self> {
        let directory = Directory::open(path)?;
        let files = Files {
            appender: Appender::new(path, directory.next),
            _lock: directory.lock,
            is_failing: false,
        };
        Ok(Self {
            path: path.to_owned(),
            id: directory.id,
            bounds,
            state: Mutex::new(State::new(directory.segments, directory.position)),
            files: Mutex::new(Some(files)),
            position_file: Mutex::new(Some(directory.position_file)),
            submitted: Notify::new(),
            written: Notify::new(),
        })
    }

    /// The journal's own name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Number of the first event that the broker is not known to have.
    pub(crate) fn position(&self) -> u64 {
        self.state().position
    }

    /// Whether a directory has been one's.
    pub(crate) fn is_in(path: &Path) -> bool {
        files::has_identity(path)
    }

    /// Whether it has this event or one behind it.
    pub(crate) fn has_events_from(&self, number: u64) -> bool {
        self.state().segments.iter().any(|segment| segment.end() > number)
    }

    /// Numbers new events from here on at least: what lies before is with the broker, and nobody reads
    /// it any more. A buffer that was cut, or that comes from a backup, ends before.
    pub(crate) fn go_on_from(&self, start: u64) {
        let Some(end) = self.files().as_mut().and_then(|files| files.appender.skip_to(start))
        else {
            return;
        };
        warn!(
            "The buffer in \"{}\" lacks its end: it has no events from {end} on, of which the broker has \
             those before {start}. What was answered after them is lost, if there was any; new events \
             are numbered from {start} on. Set buffer.fsync=true for a buffer that survives a loss of \
             power",
            self.path.display()
        );
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, Option<Files>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the events of a request; its receipt comes when they are on disk.
    pub(crate) fn submit(&self, events: &[Event], receipt: Option<Receipt>) -> Verdict {
        let mut frames = Vec::new();
        for event in events {
            segment::write_frame(&mut frames, event);
        }
        self.state().submit(&frames, events.len(), receipt, self.bounds.most_bytes)?;
        self.submitted.notify_one();
        Ok(())
    }

    /// Waits until more was written. Cancel safe.
    pub(crate) async fn arrival(&self) {
        self.written.notified().await;
    }

    /// Writes what is submitted until the journal is closed.
    pub(crate) async fn write(&self) {
        loop {
            self.submitted.notified().await;
            loop {
                let flow = if self.bounds.is_synced {
                    on_disk(|| self.write_pending())
                } else {
                    self.write_pending()
                };
                match flow {
                    // Others run meanwhile, and what they submit goes with the next write.
                    Flow::Wrote => tokio::task::yield_now().await,
                    Flow::Idle => break,
                    Flow::Closed => return,
                }
            }
        }
    }

    fn write_pending(&self) -> Flow {
        let mut files = self.files();
        let Some(files) = files.as_mut() else { return Flow::Closed };
        let Some(work) = self.state().begin() else { return Flow::Idle };
        let segment_bytes = (self.bounds.most_bytes / SEGMENTS).min(MAX_SEGMENT_BYTES);
        let written = files.appender.append(&work, segment_bytes, self.bounds.is_synced);
        if let Err(error) = &written
            && !files.is_failing
        {
            warn!(
                "Could not write events to the buffer in \"{}\", clients are asked to come again: {}",
                self.path.display(),
                chain(error)
            );
        }
        files.is_failing = written.is_err();
        let verdict = written.as_ref().map(|_segment| ()).map_err(|_error| Refusal::Disk);
        let receipts = self.state().end(work, written.ok());
        self.written.notify_one();
        for receipt in receipts {
            tell(receipt, verdict);
        }
        Flow::Wrote
    }

    /// Forgets what lies before this number: the broker has it.
    pub(crate) fn release(&self, position: u64) {
        let file = self.position_file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = file.as_ref() else { return };
        let gone = self.state().release(position);
        if let Err(error) = files::write_position(file, position) {
            warn!(
                "Could not note in \"{}\" what the broker has; after a crash some events come twice: \
                 {error}",
                self.path.display()
            );
        }
        for segment in gone {
            files::remove(&self.path, segment);
        }
    }

    /// Takes no more, writes what was taken and gives the directory free.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        while self.write_pending() == Flow::Wrote {}
        drop(self.position_file.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(self.files().take());
        self.submitted.notify_one();
    }

    /// Segments that may be read, oldest first.
    fn segments(&self) -> Vec<Segment> {
        self.state().segments.iter().copied().collect()
    }
}
