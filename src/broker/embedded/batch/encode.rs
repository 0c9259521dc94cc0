//! Writes frames.

use bytes::Bytes;
use connect_api::record::TimestampType;

use super::{CHECKED_FROM, FLAG_APPEND_TIME, FLAG_SPARSE, HEAD_BYTES, VERSION};
use crate::broker::RawHeader;

/// A record to put into a frame.
#[derive(Clone, Copy, Debug)]
pub(in crate::broker::embedded) struct Entry<'a> {
    /// Milliseconds since the epoch.
    pub(in crate::broker::embedded) timestamp_ms: i64,
    /// Key.
    pub(in crate::broker::embedded) key: Option<&'a Bytes>,
    /// Value; none is a tombstone.
    pub(in crate::broker::embedded) value: Option<&'a Bytes>,
    /// Headers in their order.
    pub(in crate::broker::embedded) headers: &'a [RawHeader],
}

/// A whole frame and what the log's index says of it.
#[derive(Clone, Debug)]
pub(in crate::broker::embedded) struct Frame {
    /// The bytes.
    pub(in crate::broker::embedded) bytes: Vec<u8>,
    /// Number of records.
    pub(in crate::broker::embedded) records: u32,
    /// Latest timestamp of its records.
    pub(in crate::broker::embedded) max_timestamp_ms: i64,
}

/// Puts records into a frame.
#[derive(Debug)]
pub(in crate::broker::embedded) struct FrameBuilder {
    bytes: Vec<u8>,
    flags: u8,
    records: u32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
}

impl FrameBuilder {
    /// A frame whose records have consecutive offsets.
    pub(in crate::broker::embedded) fn dense(stamped_by: TimestampType) -> Self {
        let flags = match stamped_by {
            TimestampType::CreateTime => 0,
            TimestampType::LogAppendTime => FLAG_APPEND_TIME,
        };
        Self {
            bytes: vec![0; HEAD_BYTES],
            flags,
            records: 0,
            base_timestamp_ms: 0,
            max_timestamp_ms: i64::MIN,
        }
    }

    /// A frame whose records say their offsets, each relative to the frame's base.
    pub(in crate::broker::embedded) fn sparse(stamped_by: TimestampType) -> Self {
        let mut builder = Self::dense(stamped_by);
        builder.flags |= FLAG_SPARSE;
        builder
    }

    /// Adds a record to a frame with consecutive offsets.
    pub(in crate::broker::embedded) fn push(&mut self, entry: Entry<'_>) {
        if self.records == 0 {
            self.base_timestamp_ms = entry.timestamp_ms;
        }
        self.records += 1;
        self.max_timestamp_ms = self.max_timestamp_ms.max(entry.timestamp_ms);
        let delta = entry.timestamp_ms.wrapping_sub(self.base_timestamp_ms);
        put_number(&mut self.bytes, zigzag(delta));
        put_optional(&mut self.bytes, entry.key);
        put_optional(&mut self.bytes, entry.value);
        put_length(&mut self.bytes, entry.headers.len());
        for (name, value) in entry.headers {
            put_length(&mut self.bytes, name.len());
            self.bytes.extend_from_slice(name.as_bytes());
            put_optional(&mut self.bytes, value.as_ref());
        }
    }

    /// Adds a record with its distance from the frame's base offset.
    pub(in crate::broker::embedded) fn push_at(&mut self, distance: u64, entry: Entry<'_>) {
        put_number(&mut self.bytes, distance);
        self.push(entry);
    }

    /// Bytes so far.
    pub(in crate::broker::embedded) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The frame, with its head and checksum.
    pub(in crate::broker::embedded) fn finish(mut self) -> Frame {
        let head = [VERSION, self.flags]
            .into_iter()
            .chain(self.records.to_le_bytes())
            .chain(self.base_timestamp_ms.to_le_bytes());
        for (place, byte) in self.bytes.iter_mut().skip(CHECKED_FROM).zip(head) {
            *place = byte;
        }
        let checksum = self.bytes.get(CHECKED_FROM..).map_or(0, crc32fast::hash);
        for (place, byte) in self.bytes.iter_mut().zip(checksum.to_le_bytes()) {
            *place = byte;
        }
        Frame { bytes: self.bytes, records: self.records, max_timestamp_ms: self.max_timestamp_ms }
    }
}

/// Puts the sign into the lowest bit, so that small negative numbers stay short.
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    // Lossless: no machine has wider addresses than 64 bits.
    put_number(bytes, u64::try_from(length).unwrap_or(u64::MAX));
}

fn put_optional(bytes: &mut Vec<u8>, data: Option<&Bytes>) {
    match data {
        None => bytes.push(0),
        Some(data) => {
            put_length(bytes, data.len() + 1);
            bytes.extend_from_slice(data);
        }
    }
}
