//! The encoding of Protobuf: numbers, fields, and the path of a message before them.
//!
//! Source: the encoding chapter of the Protocol Buffers documentation; confluentinc/schema-registry
//! `MessageIndexes.java`, apache/kafka `ByteUtils.java`.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use connect_api::error::{ConnectorError, Result};

/// Most bytes of a number of 64 bits.
const VARINT_BYTES: u32 = 10;

/// Deepest nesting of groups that are skipped, and longest path of a message: that of `protoc`.
pub(super) const MAX_DEPTH: usize = 100;

/// How the bytes of a field are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireType {
    Varint,
    Fixed64,
    Length,
    GroupStart,
    GroupEnd,
    Fixed32,
}

impl WireType {
    const fn bits(self) -> u32 {
        match self {
            Self::Varint => 0,
            Self::Fixed64 => 1,
            Self::Length => 2,
            Self::GroupStart => 3,
            Self::GroupEnd => 4,
            Self::Fixed32 => 5,
        }
    }
}

/// An error about the bytes of a message.
pub(super) fn broken(what: &str) -> ConnectorError {
    ConnectorError::record(format!("The Protobuf message is broken: {what}"))
}

fn truncated() -> ConnectorError {
    broken("it ends in the middle of a field")
}

/// Reads a message from its start.
pub(super) struct Reader {
    rest: Bytes,
}

impl Reader {
    pub(super) const fn new(bytes: Bytes) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet.
    pub(super) fn into_rest(self) -> Bytes {
        self.rest
    }

    /// A number of up to 64 bits.
    pub(super) fn varint(&mut self) -> Result<u64> {
        let mut number = 0_u64;
        for place in 0..VARINT_BYTES {
            let byte = self.rest.try_get_u8().map_err(|_| truncated())?;
            number |= u64::from(byte & 0x7f).checked_shl(place * 7).unwrap_or(0);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(broken("a number has more than 10 bytes"))
    }

    /// Number and wire type of the next field.
    pub(super) fn field(&mut self) -> Result<(u32, WireType)> {
        let key =
            u32::try_from(self.varint()?).map_err(|_| broken("a field's number is too large"))?;
        let wire = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Length,
            3 => WireType::GroupStart,
            4 => WireType::GroupEnd,
            5 => WireType::Fixed32,
            _ => return Err(broken("a field has an unknown wire type")),
        };
        match key >> 3 {
            0 => Err(broken("a field has the number 0")),
            number => Ok((number, wire)),
        }
    }

    pub(super) fn fixed32(&mut self) -> Result<u32> {
        self.rest.try_get_u32_le().map_err(|_| truncated())
    }

    pub(super) fn fixed64(&mut self) -> Result<u64> {
        self.rest.try_get_u64_le().map_err(|_| truncated())
    }

    /// Bytes with their length in front.
    pub(super) fn chunk(&mut self) -> Result<Bytes> {
        let length = usize::try_from(self.varint()?).map_err(|_| truncated())?;
        if length > self.rest.len() {
            return Err(truncated());
        }
        Ok(self.rest.split_to(length))
    }

    /// Passes over a field that the schema does not have.
    pub(super) fn skip(&mut self, number: u32, wire: WireType) -> Result<()> {
        let mut open = match wire {
            WireType::GroupStart => vec![number],
            WireType::GroupEnd => return Err(broken("a group ends that did not begin")),
            other => return self.skip_plain(other),
        };
        while let Some(group) = open.last().copied() {
            match self.field()? {
                (number, WireType::GroupStart) if open.len() < MAX_DEPTH => open.push(number),
                (_, WireType::GroupStart) => {
                    return Err(broken("its groups are nested too deeply"));
                }
                (number, WireType::GroupEnd) if number == group => {
                    open.pop();
                }
                (_, WireType::GroupEnd) => return Err(broken("another group ends than began")),
                (_, wire) => self.skip_plain(wire)?,
            }
        }
        Ok(())
    }

    fn skip_plain(&mut self, wire: WireType) -> Result<()> {
        match wire {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.fixed64().map(drop),
            WireType::Fixed32 => self.fixed32().map(drop),
            _ => self.chunk().map(drop),
        }
    }

    /// Path of the message in its schema, in front of it; the first message's is a single 0.
    pub(super) fn message_indexes(&mut self) -> Result<Vec<usize>> {
        let count = self.index()?;
        if count == 0 {
            return Ok(vec![0]);
        }
        if count > MAX_DEPTH {
            return Err(broken("the path of its type is too long"));
        }
        (0..count).map(|_| self.index()).collect()
    }

    /// A zigzag number that may not be negative.
    fn index(&mut self) -> Result<usize> {
        let number = self.varint()?;
        let number = (number & 1 == 0).then_some(number >> 1);
        number
            .and_then(|number| i32::try_from(number).ok())
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| broken("the path of its type is no path"))
    }
}

/// The number that a zigzag number stands for.
pub(super) const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// A number whose small absolute values are small.
pub(super) const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// Appends a number.
pub(super) fn put_varint(out: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        out.put_u8(low | 0x80);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    out.put_u8(low);
}

/// Appends number and wire type of a field.
pub(super) fn put_field(out: &mut BytesMut, number: u32, wire: WireType) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire.bits()));
}

/// Appends a body with its length in front.
pub(super) fn put_chunk(
    out: &mut BytesMut,
    body: impl FnOnce(&mut BytesMut) -> Result<()>,
) -> Result<()> {
    let start = out.len();
    // Most bodies are short: a longer length moves its body.
    out.put_u8(0);
    body(out)?;
    let length = out.len() - start - 1;
    let mut prefix = BytesMut::with_capacity(1);
    put_varint(&mut prefix, u64::try_from(length).unwrap_or(u64::MAX));
    let more = prefix.len() - 1;
    let end = out.len();
    out.put_bytes(0, more);
    if more > 0 {
        out.copy_within(start + 1..end, start + 1 + more);
    }
    if let Some(place) = out.get_mut(start..=start + more) {
        place.copy_from_slice(&prefix);
    }
    Ok(())
}

/// Appends the path of a message in its schema.
pub(super) fn put_message_indexes(out: &mut BytesMut, indexes: &[usize]) {
    if indexes == [0] {
        return out.put_u8(0);
    }
    let put = |out: &mut BytesMut, number: usize| {
        put_varint(out, zigzag(i64::try_from(number).unwrap_or(i64::MAX)));
    };
    put(out, indexes.len());
    for index in indexes {
        put(out, *index);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reader(bytes: &BytesMut) -> Reader {
        Reader::new(bytes.clone().freeze())
    }

    #[test]
    fn the_first_message_has_the_short_path() {
        let mut out = BytesMut::new();
        put_message_indexes(&mut out, &[0]);
        assert_eq!(&*out, [0]);
        put_message_indexes(&mut out, &[1, 0]);
        assert_eq!(&*out, [0, 4, 2, 0]);
    }

    #[test]
    fn broken_paths_are_refused() {
        for bytes in [&[1_u8][..], &[2], &[0xff, 0xff, 0xff, 0xff, 0x1f], &[2, 3]] {
            assert!(Reader::new(Bytes::copy_from_slice(bytes)).message_indexes().is_err());
        }
    }

    #[test]
    fn groups_must_match() {
        let skip = |bytes: &'static [u8]| {
            let mut reader = Reader::new(Bytes::from_static(bytes));
            let (number, wire) = reader.field()?;
            reader.skip(number, wire)
        };
        assert!(skip(&[0x0b, 0x10, 0x01, 0x0c]).is_ok());
        assert!(skip(&[0x0b, 0x14]).is_err());
        assert!(skip(&[0x0c]).is_err());
        assert!(skip(&[0x0b]).is_err());
        assert!(skip(&[0x0b; 200]).is_err());
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_written(number: u64, signed: i64) {
            let mut out = BytesMut::new();
            put_varint(&mut out, number);
            prop_assert_eq!(reader(&out).varint().unwrap(), number);
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        }

        #[test]
        fn paths_are_read_as_written(path in proptest::collection::vec(0_usize..1 << 30, 1..9)) {
            let mut out = BytesMut::new();
            put_message_indexes(&mut out, &path);
            prop_assert_eq!(reader(&out).message_indexes().unwrap(), path);
        }

        #[test]
        fn bodies_of_any_length_follow_their_length(length in 0_usize..70_000) {
            let mut out = BytesMut::from(&b"before"[..]);
            put_chunk(&mut out, |out| { out.put_bytes(7, length); Ok(()) }).unwrap();
            let mut reader = reader(&out.split_off(6));
            prop_assert_eq!(reader.chunk().unwrap(), vec![7; length]);
            prop_assert!(reader.is_empty());
        }
    }
}
