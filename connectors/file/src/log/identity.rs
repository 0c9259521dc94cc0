//! What makes a file the same file: its place on the disk and the bytes already read from it.
//!
//! A name says nothing: files are renamed, and names are used again. The inode says much, but it
//! is used again as well, and a copy has another. So a [`Witness`] keeps the first and the last
//! bytes before the position, which only the file itself or a copy of it has at that place.

use std::{fs::Metadata, io, os::unix::fs::MetadataExt as _, time::UNIX_EPOCH};

use super::content::{Content, End};

/// Most bytes at the start of a file that identify it: a few lines, one block of the disk at most.
pub(super) const HEAD_BYTES: usize = 1024;
/// Most bytes before the position that identify it: a line or two, nearly always with a time.
const TAIL_BYTES: usize = 256;

/// Where the file system keeps a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Node {
    /// Number of the file system.
    pub(super) device: u64,
    /// Number of the file in it; used again after the file is gone.
    pub(super) inode: u64,
}

impl Node {
    /// Where this file is.
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Tells whether a file was written since it was looked at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Size in bytes.
    pub(super) size: u64,
    /// Time of the last change, in nanoseconds since the epoch.
    pub(super) changed_ns: i64,
}

impl Stamp {
    /// What the file system says now.
    pub(super) fn of(metadata: &Metadata) -> Self {
        let seconds_ns = metadata.mtime().saturating_mul(1_000_000_000);
        Self { size: metadata.size(), changed_ns: seconds_ns.saturating_add(metadata.mtime_nsec()) }
    }
}

/// When the file came into being, in nanoseconds since the epoch, where the file system knows it.
pub(super) fn created_ns(metadata: &Metadata) -> Option<i64> {
    let since = metadata.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok().filter(|ns| *ns > 0)
}

/// A number that stands for some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    /// 128-bit FNV-1a: short, the same on every machine and in every version.
    pub(super) hash: u128,
    /// How many bytes.
    pub(super) bytes: usize,
}

impl Fingerprint {
    /// Of no bytes at all.
    const NOTHING: Self = Self { hash: 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, bytes: 0 };

    /// The fingerprint of these bytes.
    ///
    /// Source: draft-eastlake-fnv, "The FNV Non-Cryptographic Hash Algorithm".
    pub(super) fn of(bytes: &[u8]) -> Self {
        let prime = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        let hash = bytes
            .iter()
            .fold(Self::NOTHING.hash, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(prime));
        Self { hash, bytes: bytes.len() }
    }
}

/// Some bytes of a file, or what is remembered of them.
#[derive(Clone, Debug)]
enum Sample {
    Bytes(Vec<u8>),
    Print(Fingerprint),
}

impl Sample {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Print(print) => print.bytes,
        }
    }

    fn print(&self) -> Fingerprint {
        match self {
            Self::Bytes(bytes) => Fingerprint::of(bytes),
            Self::Print(print) => *print,
        }
    }

    fn is(&self, other: &[u8]) -> bool {
        match self {
            Self::Bytes(bytes) => bytes == other,
            Self::Print(print) => *print == Fingerprint::of(other),
        }
    }
}

/// What a file's bytes say when they are compared with what was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same bytes are there.
    Same,
    /// Other bytes, or too few.
    Different,
    /// A compressed file that is still being written does not reach that far yet.
    TooEarly,
}

/// The bytes that prove a position: those at the start of the file and those right before it.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    head: Sample,
    tail: Sample,
}

impl Witness {
    /// Of a file of which nothing was read.
    pub(super) const fn new() -> Self {
        Self { head: Sample::Bytes(Vec::new()), tail: Sample::Bytes(Vec::new()) }
    }

    /// As it was stored.
    pub(super) const fn restored(head: Fingerprint, tail: Fingerprint) -> Self {
        Self { head: Sample::Print(head), tail: Sample::Print(tail) }
    }

    /// The fingerprints of the first bytes and of those before the position.
    pub(super) fn prints(&self) -> (Fingerprint, Fingerprint) {
        (self.head.print(), self.tail.print())
    }

    /// How many bytes before the position are known.
    pub(super) fn tail_bytes(&self) -> usize {
        match &self.tail {
            Sample::Bytes(bytes) => bytes.len(),
            Sample::Print(_) => 0,
        }
    }

    /// Whether these are the bytes before the position; as many as [`Witness::tail_bytes`].
    pub(super) fn ends_with(&self, bytes: &[u8]) -> bool {
        matches!(&self.tail, Sample::Bytes(known) if known == bytes)
    }

    /// Moves on over bytes that follow the position.
    pub(super) fn advance(&mut self, position: u64, read: &[u8]) {
        if let (Sample::Bytes(head), Ok(position)) = (&mut self.head, usize::try_from(position))
            && position == head.len()
            && head.len() < HEAD_BYTES
        {
            head.extend(read.iter().take(HEAD_BYTES - position));
        }
        if let Sample::Bytes(tail) = &mut self.tail {
            let kept = TAIL_BYTES.saturating_sub(read.len()).min(tail.len());
            tail.drain(..tail.len() - kept);
            tail.extend(read.iter().skip(read.len().saturating_sub(TAIL_BYTES)));
        }
    }

    /// Reads what proves this position from the file itself.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn load(content: &mut Content, position: u64) -> io::Result<Self> {
        let bytes = |most: usize| usize::try_from(position).map_or(most, |bytes| bytes.min(most));
        let head = content.read_at(0, bytes(HEAD_BYTES))?;
        let tail = bytes(TAIL_BYTES);
        let tail = content.read_at(position - tail as u64, tail)?;
        Ok(Self { head: Sample::Bytes(head), tail: Sample::Bytes(tail) })
    }

    /// Compares a file with what was read, and knows the bytes themselves if they are the same.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn verify(&mut self, content: &mut Content, position: u64) -> io::Result<Verdict> {
        let found = Self::load(content, position)?;
        let is_short = found.head.len() < self.head.len() || found.tail.len() < self.tail.len();
        if is_short && content.end() == End::Unfinished {
            return Ok(Verdict::TooEarly);
        }
        let (Sample::Bytes(head), Sample::Bytes(tail)) = (&found.head, &found.tail) else {
            return Ok(Verdict::Different);
        };
        // Stored by a version that kept fewer bytes, fewer are compared.
        let head = head.get(..self.head.len());
        let tail = tail.len().checked_sub(self.tail.len()).and_then(|from| tail.get(from..));
        let is_same = head.is_some_and(|head| self.head.is(head))
            && tail.is_some_and(|tail| self.tail.is(tail));
        if is_same {
            *self = found;
            return Ok(Verdict::Same);
        }
        Ok(Verdict::Different)
    }
}

/// Whether two files have the same first and last bytes in what is common to both.
///
/// # Errors
/// What the file system says.
pub(super) fn agree(one: &mut Content, other: &mut Content, common: u64) -> io::Result<bool> {
    let mine = Witness::load(one, common)?;
    let theirs = Witness::load(other, common)?;
    Ok(mine.prints() == theirs.prints())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn fingerprints_are_those_of_the_published_algorithm() {
        let hash = Fingerprint::of(b"a").hash;
        assert_eq!(hash, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }

    proptest! {
        #[test]
        fn a_witness_that_moved_on_knows_what_a_fresh_one_reads(
            pieces in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 0..700), 0..6)
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("a");
            std::fs::write(&path, pieces.concat()).unwrap();
            let mut content = Content::open(&path).unwrap();
            let mut witness = Witness::new();
            let mut position = 0;
            for piece in &pieces {
                witness.advance(position, piece);
                position += piece.len() as u64;
                let mut fresh = Witness::load(&mut content, position).unwrap();
                prop_assert_eq!(witness.prints(), fresh.prints());
                let (head, tail) = fresh.prints();
                fresh = Witness::restored(head, tail);
                prop_assert_eq!(fresh.verify(&mut content, position).unwrap(), Verdict::Same);
            }
        }
    }
}
