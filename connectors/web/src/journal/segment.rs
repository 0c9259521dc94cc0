//! A segment: frames of length, checksum and event, one after the other.

use bytes::{Buf as _, BufMut as _, Bytes};

use crate::event::Event;

/// Bytes before an event: its length and its checksum.
pub(super) const HEAD_BYTES: usize = 8;

/// A file of events with consecutive numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Number of its first event, which is its name.
    pub(super) first: u64,
    /// Events in it.
    pub(super) count: u64,
    /// Bytes of them.
    pub(super) bytes: u64,
}

impl Segment {
    /// Number of the event behind its last.
    pub(super) const fn end(&self) -> u64 {
        self.first.saturating_add(self.count)
    }
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A whole one, without its head.
    Whole(Bytes),
    /// Its beginning; the whole takes so many bytes.
    Cut(usize),
    /// None that was written here.
    Damaged,
}

/// Appends an event with its head.
pub(super) fn write_frame(out: &mut Vec<u8>, event: &Event) {
    let start = out.len();
    out.put_bytes(0, HEAD_BYTES);
    event.encode(out);
    let Some((head, body)) =
        out.get_mut(start..).and_then(|frame| frame.split_at_mut_checked(HEAD_BYTES))
    else {
        return;
    };
    let mut head = head;
    head.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    head.put_u32(crc32fast::hash(body));
}

/// Takes the first frame off.
pub(super) fn take_frame(bytes: &mut Bytes) -> Frame {
    let mut head = bytes.clone();
    let (Ok(length), Ok(checksum)) = (head.try_get_u32(), head.try_get_u32()) else {
        return Frame::Cut(HEAD_BYTES);
    };
    let Ok(length) = usize::try_from(length) else { return Frame::Damaged };
    // An event has some bytes, so that a file filled with zeros is no row of empty ones.
    if length == 0 {
        return Frame::Damaged;
    }
    if head.len() < length {
        return Frame::Cut(HEAD_BYTES.saturating_add(length));
    }
    let body = head.split_to(length);
    if crc32fast::hash(&body) != checksum {
        return Frame::Damaged;
    }
    *bytes = head;
    Frame::Whole(body)
}
