//! How a batch of records is laid out as bytes.
//!
//! A frame is what one row of the log holds. Its base offset is not inside: the writer gives it
//! one when it stores the frame, so that producers encode without knowing where they will land.
//!
//! | at | bytes | what |
//! | --- | --- | --- |
//! | 0 | 4 | CRC-32 (IEEE) of everything after it, little endian as all numbers here |
//! | 4 | 1 | version of the layout, 1 |
//! | 5 | 1 | flags: 1 the broker stamped the records; 2 each record says its offset |
//! | 6 | 4 | number of records |
//! | 10 | 8 | timestamp that those of the records are relative to |
//! | 18 | | the records |
//!
//! A record is its offset relative to the base (flag 2 only; else it is its place), its timestamp
//! relative to the frame's (zigzag), key, value, number of headers, and per header its name and
//! value. Numbers are LEB128; bytes that may be absent are preceded by their length plus one, with
//! 0 for absent ones, and names by their length.
//!
//! Kafka's own layout was considered: it costs more bytes and time per record, and nothing but
//! this room ever reads these rows.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use thiserror::Error;

pub(super) use decode::records;
pub(super) use encode::{Entry, Frame, FrameBuilder};

/// Where the part that the checksum covers begins.
const CHECKED_FROM: usize = 4;
/// Bytes before the first record.
const HEAD_BYTES: usize = 18;
/// The layout described above.
const VERSION: u8 = 1;
/// The broker stamped the records.
const FLAG_APPEND_TIME: u8 = 1;
/// Each record says its offset: compaction has taken some away.
const FLAG_SPARSE: u8 = 2;

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum FrameError {
    /// Bytes have changed since they were written.
    #[error("A batch of records does not match its checksum")]
    Checksum,
    /// A length points behind the end.
    #[error("A batch of records is cut short")]
    Short,
    /// Written by a later version.
    #[error("A batch of records has the unknown layout {0}")]
    Version(u8),
    /// A number is out of its range, or a header's name is not UTF-8.
    #[error("A batch of records is malformed")]
    Malformed,
}
