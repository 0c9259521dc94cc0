//! The primitives of Avro's binary form, taken from a message.
//!
//! Source: the Avro specification, apache/avro `BinaryDecoder.java`.

use bytes::{Buf as _, Bytes};
use bytestring::ByteString;

use super::decode::{Cost, Malformed};

/// Items and fields that take no bytes, in all lists and records of one message.
const MOST_FREE_ITEMS: usize = 65_536;

/// Bytes of the longest number.
const MOST_DIGITS: u32 = 10;

/// What is left of a message.
#[derive(Debug)]
pub(super) struct Input {
    rest: Bytes,
    free_items: usize,
}

impl Input {
    pub(super) const fn new(rest: Bytes) -> Self {
        Self { rest, free_items: MOST_FREE_ITEMS }
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Malformed> {
        Ok(self.byte()? == 1)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.rest.try_get_u8().map_err(|_| ended())
    }

    pub(super) fn int(&mut self) -> Result<i32, Malformed> {
        i32::try_from(self.long()?).map_err(|_| "Invalid int encoding".to_owned())
    }

    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Malformed> {
        if let [byte @ ..0x80, ..] = *self.rest {
            // Most are short.
            self.rest.advance(1);
            return Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1));
        }
        self.longer()
    }

    fn longer(&mut self) -> Result<i64, Malformed> {
        let (mut bits, mut length) = (0_u64, 0_usize);
        let mut is_whole = false;
        for (&byte, place) in self.rest.iter().zip(0..MOST_DIGITS) {
            bits |= u64::from(byte & 0x7f) << (7 * place).min(63);
            length += 1;
            if byte & 0x80 == 0 {
                is_whole = true;
                break;
            }
        }
        if !is_whole {
            let is_long = length >= usize::try_from(MOST_DIGITS).unwrap_or(usize::MAX);
            return Err(if is_long { "Invalid long encoding".to_owned() } else { ended() });
        }
        self.rest.advance(length);
        // Zigzag: the lowest bit is the sign.
        Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
    }

    pub(super) fn float(&mut self) -> Result<f32, Malformed> {
        self.rest.try_get_f32_le().map_err(|_| ended())
    }

    pub(super) fn double(&mut self) -> Result<f64, Malformed> {
        self.rest.try_get_f64_le().map_err(|_| ended())
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes, Malformed> {
        let length = self.length()?;
        self.take(length)
    }

    /// Text; what is no UTF-8 becomes replacement characters, as in Java.
    pub(super) fn string(&mut self) -> Result<ByteString, Malformed> {
        let length = self.length()?;
        let bytes = self.rest.get(..length).ok_or_else(ended)?;
        let text = match ByteString::try_from(self.rest.slice(..length)) {
            Ok(text) => text,
            Err(_malformed) => String::from_utf8_lossy(bytes).into_owned().into(),
        };
        self.rest.advance(length);
        Ok(text)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<Bytes, Malformed> {
        if length > self.rest.len() {
            return Err(ended());
        }
        Ok(self.rest.split_to(length))
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        let length = self.long()?;
        usize::try_from(length).map_err(|_| format!("Malformed data. Length is negative: {length}"))
    }

    /// Place of a branch or a symbol.
    pub(super) fn index(&mut self) -> Result<usize, Malformed> {
        let index = self.int()?;
        usize::try_from(index).map_err(|_| format!("The data name the negative place {index}"))
    }

    /// Items of the next block of a list, which are never more than there can be; none at its end.
    pub(super) fn block(&mut self, cost: Cost) -> Result<Option<usize>, Malformed> {
        let mut count = self.long()?;
        if count == 0 {
            return Ok(None);
        }
        if count < 0 {
            count = count.checked_neg().ok_or("A list has too many items")?;
            let _size_bytes = self.long()?;
        }
        let count = usize::try_from(count).map_err(|_| "A list has too many items".to_owned())?;
        match cost {
            Cost::Bytes if count > self.rest.len() => return Err(ended()),
            Cost::Bytes => {}
            Cost::Nothing => self.spend(count)?,
        }
        Ok(Some(count))
    }

    /// Counts what takes no bytes.
    pub(super) fn spend(&mut self, count: usize) -> Result<(), Malformed> {
        self.free_items = self.free_items.checked_sub(count).ok_or_else(|| {
            format!("The data hold more than {MOST_FREE_ITEMS} items and fields that take no bytes")
        })?;
        Ok(())
    }
}

fn ended() -> Malformed {
    "The data end within a value".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &'static [u8]) -> Input {
        Input::new(Bytes::from_static(bytes))
    }

    #[test]
    fn numbers_are_zigzag() {
        for (bytes, number) in [
            (&b"\x00"[..], 0),
            (b"\x01", -1),
            (b"\x02", 1),
            (b"\x80\x01", 64),
            (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", i64::MAX),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", i64::MIN),
        ] {
            assert_eq!(Input::new(Bytes::copy_from_slice(bytes)).long().unwrap(), number);
        }
    }

    #[test]
    fn what_ends_too_early_or_never_is_told() {
        assert!(input(b"\x80").long().unwrap_err().contains("end"));
        assert!(input(&[0x80; 11]).long().unwrap_err().contains("Invalid"));
        assert!(input(b"\x04a").bytes().unwrap_err().contains("end"));
        assert!(input(b"\x01").bytes().unwrap_err().contains("negative"));
        assert!(input(b"\x00\x00").float().is_err());
        assert_eq!(&*input(b"\x04a\xff").string().unwrap(), "a\u{fffd}");
    }

    #[test]
    fn a_list_never_claims_more_than_there_can_be() {
        assert!(input(b"\xfe\xff\xff\xff\x0f").block(Cost::Bytes).is_err());
        assert!(input(b"\xfe\xff\xff\xff\x0f").block(Cost::Nothing).is_err());
        assert!(input(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00").block(Cost::Bytes).is_err());
        assert_eq!(input(b"\x03\x04xy").block(Cost::Bytes).unwrap(), Some(2));
        assert_eq!(input(b"\x00").block(Cost::Bytes).unwrap(), None);
    }
}
