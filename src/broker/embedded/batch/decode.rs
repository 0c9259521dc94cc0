//! Reads frames.

use std::sync::Arc;

use bytes::Bytes;
use connect_api::record::TimestampType;

use super::{CHECKED_FROM, FLAG_APPEND_TIME, FLAG_SPARSE, FrameError, HEAD_BYTES, VERSION};
use crate::broker::{ConsumerRecord, RawHeader};

/// Fewest bytes a record takes: timestamp, key, value and number of headers.
const LEAST_RECORD_BYTES: usize = 4;

/// The records of a frame whose first offset is `base_offset`; they share the frame's bytes.
pub(in crate::broker::embedded) fn records(
    frame: &Bytes,
    base_offset: i64,
) -> Result<Vec<ConsumerRecord>, FrameError> {
    let checked = frame.get(CHECKED_FROM..).ok_or(FrameError::Short)?;
    let mut cursor = Cursor { frame, at: 0 };
    if u32::from_le_bytes(cursor.array()?) != crc32fast::hash(checked) {
        return Err(FrameError::Checksum);
    }
    let [version, flags] = cursor.array()?;
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    let count = usize::try_from(u32::from_le_bytes(cursor.array()?))
        .map_err(|_narrow| FrameError::Malformed)?;
    let head = Head {
        base_offset,
        base_timestamp_ms: i64::from_le_bytes(cursor.array()?),
        timestamp_type: match flags & FLAG_APPEND_TIME {
            0 => TimestampType::CreateTime,
            _ => TimestampType::LogAppendTime,
        },
        is_sparse: flags & FLAG_SPARSE != 0,
    };
    if count > frame.len().saturating_sub(HEAD_BYTES) / LEAST_RECORD_BYTES {
        return Err(FrameError::Short);
    }
    let mut records = Vec::with_capacity(count);
    for (_, place) in (0..count).zip(0..) {
        records.push(cursor.record(&head, place)?);
    }
    Ok(records)
}

/// What the records of a frame have in common.
struct Head {
    base_offset: i64,
    base_timestamp_ms: i64,
    timestamp_type: TimestampType,
    is_sparse: bool,
}

/// A place in a frame.
struct Cursor<'a> {
    frame: &'a Bytes,
    at: usize,
}

impl Cursor<'_> {
    fn record(&mut self, head: &Head, place: i64) -> Result<ConsumerRecord, FrameError> {
        let distance = if head.is_sparse {
            i64::try_from(self.number()?).map_err(|_wide| FrameError::Malformed)?
        } else {
            place
        };
        let offset = head.base_offset.checked_add(distance).ok_or(FrameError::Malformed)?;
        let delta = unzigzag(self.number()?);
        Ok(ConsumerRecord {
            offset,
            timestamp_ms: Some(head.base_timestamp_ms.wrapping_add(delta)),
            timestamp_type: head.timestamp_type,
            key: self.optional()?,
            value: self.optional()?,
            headers: self.headers()?,
        })
    }

    fn headers(&mut self) -> Result<Vec<RawHeader>, FrameError> {
        let count = self.number()?;
        let mut headers = Vec::new();
        for _ in 0..count {
            let length = self.length()?;
            let name = self.bytes(length)?;
            let name = std::str::from_utf8(&name).map_err(|_text| FrameError::Malformed)?;
            headers.push((Arc::from(name), self.optional()?));
        }
        Ok(headers)
    }

    fn optional(&mut self) -> Result<Option<Bytes>, FrameError> {
        match self.length()? {
            0 => Ok(None),
            length => self.bytes(length - 1).map(Some),
        }
    }

    fn bytes(&mut self, length: usize) -> Result<Bytes, FrameError> {
        let end = self.at.checked_add(length).ok_or(FrameError::Short)?;
        if end > self.frame.len() {
            return Err(FrameError::Short);
        }
        let bytes = self.frame.slice(self.at..end);
        self.at = end;
        Ok(bytes)
    }

    fn length(&mut self) -> Result<usize, FrameError> {
        usize::try_from(self.number()?).map_err(|_narrow| FrameError::Malformed)
    }

    fn number(&mut self) -> Result<u64, FrameError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.frame.get(self.at).ok_or(FrameError::Short)?;
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(FrameError::Malformed)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let rest = self.frame.get(self.at..).ok_or(FrameError::Short)?;
        let array = *rest.first_chunk().ok_or(FrameError::Short)?;
        self.at += N;
        Ok(array)
    }
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}
