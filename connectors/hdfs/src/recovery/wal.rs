//! The log that the original keeps of its commits, read once when a partition moves here.
//!
//! A log is `WAL`, a zero and a mark of 16 bytes, then entries of a length, the length of the key, the key
//! and the value, both Hadoop's `Text`. A length of -1 comes before a repetition of the mark. Pairs of a
//! temporary and a final path stand between `BEGIN` and `END`; what has no end never happened.
//!
//! Source: confluentinc/kafka-connect-hdfs `WALFile.java`, `FSWAL.java`.

use bytes::BytesMut;
use connect_api::error::Result;

use super::{marker::Marker, session};
use crate::{
    client::{Hdfs, Outcome, path::parent},
    naming::committed,
};

/// What a log begins with.
const MAGIC: [u8; 4] = *b"WAL\0";
/// Length of the mark.
const MARK_BYTES: usize = 16;
/// The newer log and the one before.
pub(super) const NAMES: [&str; 2] = ["log", "log.1"];
/// Most of a log that is read, from its beginning.
const MOST_BYTES: u64 = 256 << 20;
/// What is read of it at once.
const PIECE_BYTES: u64 = 16 << 20;

/// Pairs of a temporary and a final path.
type Batch = Vec<(String, String)>;

/// Goes on where the original has stopped: completes its last commits, takes its position over and puts
/// its logs aside, so that it finds its position in names if it is used again. Whether they say one.
///
/// # Errors
/// By the server's answer.
pub(super) async fn take_over(hdfs: &Hdfs, folder: &str, marker: &mut Marker) -> Result<bool> {
    let mut position = None;
    let mut read = Vec::new();
    for name in NAMES {
        let place = format!("{folder}/{name}");
        let Some(bytes) = content(hdfs, &place).await? else { continue };
        let batches = batches(&bytes);
        for (from, to) in batches.iter().flatten() {
            complete(hdfs, &path(from), &path(to)).await?;
        }
        position = position.or_else(|| batches.last().and_then(next));
        read.push(place);
    }
    let Some(position) = position else { return Ok(false) };
    marker.advance(hdfs, position).await?;
    for place in read {
        tracing::info!("\"{place}\" says that files go up to offset {position}: it is put aside");
        hdfs.rename(&place, &format!("{place}.taken")).await?;
    }
    Ok(true)
}

/// Gives a file its final name, unless it has it.
async fn complete(hdfs: &Hdfs, from: &str, to: &str) -> Result<()> {
    if hdfs.look(to).await?.is_none() && hdfs.look(from).await?.is_some() {
        hdfs.make_folder(parent(to)).await?;
        session::commit(hdfs, from, to).await?;
    }
    Ok(())
}

async fn content(hdfs: &Hdfs, place: &str) -> Outcome<Option<BytesMut>> {
    let Some(entry) = hdfs.look(place).await? else { return Ok(None) };
    let length = entry.length.min(MOST_BYTES);
    let mut bytes = BytesMut::new();
    let mut offset = 0;
    while offset < length {
        let piece = hdfs.read(place, offset, PIECE_BYTES.min(length - offset)).await?;
        if piece.is_empty() {
            break;
        }
        offset += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(bytes))
}

/// The offset after the last record that a batch has committed.
fn next(batch: &Batch) -> Option<i64> {
    let names = batch.iter().filter_map(|(_, to)| to.rsplit('/').next());
    names.filter_map(committed).map(|name| name.last.saturating_add(1)).max()
}

/// The path of an address.
fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    if rest.len() == url.len() {
        return url.to_owned();
    }
    rest.split_once('/').map_or_else(|| "/".to_owned(), |(_, path)| format!("/{path}"))
}

/// The complete batches of a log, in their order; what is broken at its end is passed over.
fn batches(bytes: &[u8]) -> Vec<Batch> {
    let mut complete = Vec::new();
    let mut open: Option<Batch> = None;
    let Some(mut rest) = bytes.strip_prefix(&MAGIC).and_then(|rest| rest.get(MARK_BYTES..)) else {
        return complete;
    };
    while let Some((key, value)) = entry(&mut rest) {
        match (key.as_str(), open.as_mut()) {
            ("BEGIN", _) => open = Some(Batch::new()),
            ("END", _) => complete.extend(open.take()),
            (_, Some(batch)) => batch.push((key, value)),
            (_, None) => {}
        }
    }
    complete
}

/// The next entry; nothing at the end, or where nothing can be understood.
fn entry(rest: &mut &[u8]) -> Option<(String, String)> {
    let mut length = number(rest)?;
    if length == -1 {
        *rest = rest.get(MARK_BYTES..)?;
        length = number(rest)?;
    }
    let key_length = usize::try_from(number(rest)?).ok()?;
    let (whole, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let (key, value) = whole.split_at_checked(key_length)?;
    *rest = after;
    Some((text(key)?, text(value)?))
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    let (bytes, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(i32::from_be_bytes(*bytes))
}

/// A length in Hadoop's form of variable size, and so many bytes of UTF-8.
///
/// Source: apache/hadoop `WritableUtils.readVLong`.
fn text(bytes: &[u8]) -> Option<String> {
    let (&first, rest) = bytes.split_first()?;
    let first = first.cast_signed();
    let (length, rest) = if first >= -112 {
        (i64::from(first), rest)
    } else {
        let count =
            usize::try_from(if first >= -120 { -112 - i32::from(first) } else { return None });
        let (digits, rest) = rest.split_at_checked(count.ok()?)?;
        let value = digits.iter().try_fold(0_i64, |value, &byte| {
            value.checked_mul(256).and_then(|value| value.checked_add(byte.into()))
        });
        (value?, rest)
    };
    let text = rest.get(..usize::try_from(length).ok()?)?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hadoop_text(text: &str) -> Vec<u8> {
        let length = text.len();
        let mut out = match length {
            0..=127 => vec![u8::try_from(length).unwrap()],
            128..=255 => vec![(-113_i8).cast_unsigned(), u8::try_from(length).unwrap()],
            _ => {
                let length = u16::try_from(length).unwrap().to_be_bytes();
                [&[(-114_i8).cast_unsigned()][..], &length].concat()
            }
        };
        out.extend_from_slice(text.as_bytes());
        out
    }

    fn log(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mark = [7; MARK_BYTES];
        let mut out = [&MAGIC[..], &mark].concat();
        for (place, (key, value)) in pairs.iter().enumerate() {
            if place % 3 == 2 {
                out.extend((-1_i32).to_be_bytes());
                out.extend(mark);
            }
            let (key, value) = (hadoop_text(key), hadoop_text(value));
            out.extend(i32::try_from(key.len() + value.len()).unwrap().to_be_bytes());
            out.extend(i32::try_from(key.len()).unwrap().to_be_bytes());
            out.extend(key);
            out.extend(value);
        }
        out
    }

    #[test]
    fn complete_batches_are_read_and_broken_ends_passed_over() {
        let long = format!("hdfs://nn:8020/topics/+tmp/t/{}", "x".repeat(300));
        let bytes = log(&[
            ("BEGIN", ""),
            (&long, "hdfs://nn:8020/topics/t/partition=0/t+0+0000000000+0000000002.avro"),
            ("/tmp/b", "/topics/t/partition=0/t+0+0000000003+0000000005.avro"),
            ("END", ""),
            ("BEGIN", ""),
            ("/tmp/c", "/topics/t/partition=0/t+0+0000000006+0000000008.avro"),
        ]);
        let batches = batches(&bytes);
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0][0].0, long);
        assert_eq!(next(&batches[0]), Some(6));
        for cut in 0..bytes.len() {
            assert!(super::batches(&bytes[..cut]).len() <= 1, "{cut}");
        }
    }

    #[test]
    fn addresses_become_paths() {
        assert_eq!(path("hdfs://nn:8020/a/b"), "/a/b");
        assert_eq!(path("/a/b"), "/a/b");
        assert_eq!(path("hdfs://nn"), "/");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_passed_over(bytes in proptest::collection::vec(0_u8.., 0..200)) {
            let _batches = batches(&[&MAGIC[..], &[0; MARK_BYTES], &bytes].concat());
        }
    }
}
