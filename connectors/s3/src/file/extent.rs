//! How many records an object holds whose metadata do not say it.
//!
//! An upload in parts is described before its end is known. What a container says of itself is
//! read then: the footer of a Parquet file, and an Avro file from its beginning to its end, since only
//! its blocks know.

use ::parquet::file::metadata::ParquetMetaDataReader;
use connect_api::error::{ConnectorError, Result};

use crate::store::Store;
use connect_storage::body::MARK_BYTES;

/// Longest head of an Avro file that is read: its schema is in it.
const MOST_HEAD_BYTES: usize = 16 << 20;

/// Counts the records of an Avro file.
///
/// # Errors
/// By the server's answer; `Invalid` when the object is no Avro file.
pub(super) async fn avro_records(store: &Store, key: &str) -> Result<u64> {
    let mut counter = Counter::default();
    let mut object = store.read(key).await?;
    while let Some(chunk) = object.next().await? {
        counter.take(&chunk).map_err(|Broken| no_container(key, "Avro"))?;
    }
    counter.total().ok_or_else(|| no_container(key, "Avro"))
}

/// Reads how many records a Parquet file holds.
///
/// # Errors
/// As [`avro_records`].
pub(super) async fn parquet_records(store: &Store, key: &str) -> Result<u64> {
    // The length of the footer and a magic word are at the very end.
    let tail = store.tail(key, 8).await?;
    let length = match tail.as_ref() {
        [a, b, c, d, b'P', b'A', b'R', b'1'] => u32::from_le_bytes([*a, *b, *c, *d]),
        _ => return Err(no_container(key, "Parquet")),
    };
    let footer = store.tail(key, u64::from(length) + 8).await?;
    let thrift = usize::try_from(length).ok().and_then(|length| footer.get(..length));
    let thrift = thrift.ok_or_else(|| no_container(key, "Parquet"))?;
    let metadata = ParquetMetaDataReader::decode_metadata(thrift)
        .map_err(|error| no_container(key, "Parquet").caused_by(error))?;
    let records = metadata.file_metadata().num_rows();
    u64::try_from(records).map_err(|_| no_container(key, "Parquet"))
}

fn no_container(key: &str, format: &str) -> ConnectorError {
    ConnectorError::invalid(format!(
        "The object \"{key}\" claims to hold records of this connector and is no {format} file"
    ))
    .hint("Move the object away, or change topics.dir")
}

/// The bytes cannot belong to an Avro file.
#[derive(Debug)]
struct Broken;

/// Adds up the counts at the front of blocks.
#[derive(Debug, Default)]
struct Counter {
    /// What is not understood yet.
    rest: Vec<u8>,
    /// Bytes to pass over.
    skip: u64,
    has_head: bool,
    records: u64,
}

impl Counter {
    /// Takes the next bytes.
    fn take(&mut self, chunk: &[u8]) -> Result<(), Broken> {
        let passed = self.pass(chunk.len());
        self.rest.extend_from_slice(chunk.get(passed..).unwrap_or_default());
        while !self.rest.is_empty() {
            let Some(used) = self.step()? else { break };
            let passed = self.pass(self.rest.len() - used);
            self.rest.drain(..used + passed);
        }
        Ok(())
    }

    /// How many of the bytes at hand belong to what is passed over.
    fn pass(&mut self, at_hand: usize) -> usize {
        let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(at_hand);
        self.skip -= u64::try_from(passed).unwrap_or_default();
        passed
    }

    /// Understands a head or the front of a block: the bytes it takes, nothing as long as there
    /// are too few.
    fn step(&mut self) -> Result<Option<usize>, Broken> {
        if !self.has_head {
            let length = head_bytes(&self.rest)?;
            self.has_head = length.is_some();
            let goes_on = self.has_head || self.rest.len() <= MOST_HEAD_BYTES;
            return if goes_on { Ok(length) } else { Err(Broken) };
        }
        let mut input = self.rest.as_slice();
        let (Some(count), Some(size)) = (number(&mut input)?, number(&mut input)?) else {
            return Ok(None);
        };
        let (Ok(count), Ok(size)) = (u64::try_from(count), u64::try_from(size)) else {
            return Err(Broken);
        };
        self.records = self.records.checked_add(count).ok_or(Broken)?;
        // Two numbers of at most 63 bits each.
        self.skip = size + u64::try_from(MARK_BYTES).unwrap_or_default();
        Ok(Some(self.rest.len() - input.len()))
    }

    /// Records of the whole file; nothing when it ends in the middle of a block.
    fn total(&self) -> Option<u64> {
        (self.has_head && self.skip == 0 && self.rest.is_empty()).then_some(self.records)
    }
}

/// Length of the head, its mark included; nothing when it goes on.
fn head_bytes(bytes: &[u8]) -> Result<Option<usize>, Broken> {
    let magic = b"Obj\x01";
    let Some(mut input) = bytes.get(magic.len()..) else { return Ok(None) };
    if !bytes.starts_with(magic) {
        return Err(Broken);
    }
    loop {
        let Some(count) = number(&mut input)? else { return Ok(None) };
        if count == 0 {
            let used = bytes.len() - input.len() + MARK_BYTES;
            return Ok((used <= bytes.len()).then_some(used));
        }
        if count < 0 && number(&mut input)?.is_none() {
            return Ok(None);
        }
        for _ in 0..count.unsigned_abs().saturating_mul(2) {
            let Some(length) = number(&mut input)? else { return Ok(None) };
            let length = usize::try_from(length).map_err(|_| Broken)?;
            let Some(rest) = input.get(length..) else { return Ok(None) };
            input = rest;
        }
    }
}

/// The next number; nothing when it goes on.
fn number(input: &mut &[u8]) -> Result<Option<i64>, Broken> {
    let mut bits = 0_u64;
    for (place, &byte) in (0..10_usize).zip(*input) {
        bits |= u64::from(byte & 0x7f) << (7 * place).min(63);
        if byte & 0x80 == 0 {
            *input = input.get(place + 1..).unwrap_or_default();
            return Ok(Some((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()));
        }
    }
    if input.len() < 10 { Ok(None) } else { Err(Broken) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connect_api::budget::MemoryBudget;
    use connect_storage::{
        body::{Blocks, Buffer, Head},
        words::AvroCodec,
    };

    /// An Avro file of these records.
    fn file(records: &[Vec<u8>]) -> Vec<u8> {
        let budget = MemoryBudget::new(64 << 20);
        let head = Head::new(AvroCodec::Null, "\"bytes\"");
        let out = Buffer::new(&budget, 1 << 20).unwrap();
        let mut blocks = Blocks::begin(&head, out, &budget).unwrap();
        for record in records {
            assert!(blocks.reserve(record).unwrap());
            blocks.append(record);
        }
        blocks.finish().unwrap();
        blocks.out.bytes
    }

    #[test]
    fn blocks_tell_how_many_records_they_hold_however_they_arrive() {
        let bytes = file(&vec![vec![1; 999]; 200]);
        for step in [1, 7, 1000, bytes.len()] {
            let mut counter = Counter::default();
            for chunk in bytes.chunks(step) {
                counter.take(chunk).unwrap();
            }
            assert_eq!(counter.total(), Some(200), "{step}");
        }
    }

    #[test]
    fn what_is_no_file_or_half_of_one_is_told() {
        let bytes = file(&[vec![1; 9]]);
        for cut in [0, 3, 30, bytes.len() - 1] {
            let mut counter = Counter::default();
            counter.take(bytes.get(..cut).unwrap()).unwrap();
            assert_eq!(counter.total(), None, "{cut}");
        }
        assert!(Counter::default().take(b"{\"a\":1}").is_err());
        assert!(Counter::default().take(&[b"Obj\x01".as_slice(), &[0xff; 20]].concat()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_counted_or_refused(bytes in proptest::collection::vec(0_u8.., 0..200)) {
            let mut counter = Counter::default();
            let _outcome = counter.take(&[b"Obj\x01".as_slice(), &bytes].concat());
        }
    }
}
