//! What a journal knows: what waits to be written, and what is on disk.

use std::collections::VecDeque;

use super::segment::Segment;
use crate::inbox::{Receipt, Refusal, Verdict};

/// Bytes that may wait for the writer at once, but for those of one request: enough for the time that
/// a slow disk takes.
const MAX_PENDING_BYTES: usize = 8 << 20;

#[derive(Debug)]
pub(super) struct State {
    pending: Work,
    /// Oldest first; the last one is written to.
    pub(super) segments: VecDeque<Segment>,
    /// Bytes on disk or on their way there.
    stored_bytes: u64,
    pub(super) position: u64,
    pub(super) is_closed: bool,
}

/// What one write takes.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) frames: Vec<u8>,
    pub(super) events: u64,
    receipts: Vec<Receipt>,
}

impl State {
    pub(super) fn new(segments: VecDeque<Segment>, position: u64) -> Self {
        let stored_bytes = segments.iter().map(|segment| segment.bytes).sum();
        Self { pending: Work::default(), segments, stored_bytes, position, is_closed: false }
    }

    pub(super) fn submit(
        &mut self,
        frames: &[u8],
        events: usize,
        receipt: Option<Receipt>,
        most_bytes: u64,
    ) -> Verdict {
        if self.is_closed {
            return Err(Refusal::Stopping);
        }
        let after = self.stored_bytes.saturating_add(length(frames));
        let waiting = self.pending.frames.len();
        let is_behind = waiting > 0 && waiting + frames.len() > MAX_PENDING_BYTES;
        if after > most_bytes || is_behind {
            return Err(Refusal::Full);
        }
        self.stored_bytes = after;
        self.pending.frames.extend_from_slice(frames);
        self.pending.events += u64::try_from(events).unwrap_or(u64::MAX);
        self.pending.receipts.extend(receipt);
        Ok(())
    }

    /// Takes what is to be written.
    pub(super) fn begin(&mut self) -> Option<Work> {
        (self.pending.events > 0).then(|| std::mem::take(&mut self.pending))
    }

    /// Notes what became of a write: the segment it went to, as it is now, or none.
    pub(super) fn end(&mut self, work: Work, segment: Option<Segment>) -> Vec<Receipt> {
        match segment {
            None => self.stored_bytes = self.stored_bytes.saturating_sub(length(&work.frames)),
            Some(segment) => match self.segments.back_mut() {
                Some(last) if last.first == segment.first => *last = segment,
                _ => self.segments.push_back(segment),
            },
        }
        work.receipts
    }

    /// Forgets the segments that lie wholly before a number, but for the last.
    pub(super) fn release(&mut self, position: u64) -> Vec<Segment> {
        self.position = self.position.max(position);
        let mut gone = Vec::new();
        while self.segments.len() > 1
            && let Some(first) = self.segments.pop_front_if(|first| first.end() <= position)
        {
            self.stored_bytes = self.stored_bytes.saturating_sub(first.bytes);
            gone.push(first);
        }
        gone
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
