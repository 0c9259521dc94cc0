//! The bytes of an open file, decompressed where its name says so.

use std::{
    fmt,
    fs::{File, Metadata},
    io::{self, BufReader, ErrorKind, Read},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// Bytes read from a compressed file at once: what the decoders themselves use.
const PACKED_READ_BYTES: usize = 128 * 1024;

/// An open file, addressed by positions in its decompressed bytes.
#[derive(Debug)]
pub(super) enum Content {
    /// As it is.
    Plain(File),
    /// Through a decoder.
    Packed(Packed),
}

/// How far a file's bytes can be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// More may come.
    Open,
    /// A compressed file ends here for good.
    Final,
    /// A compressed file stops in the middle: it is still being written.
    Unfinished,
}

impl Content {
    /// Opens a file.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        match Packing::of(path) {
            None => Ok(Self::Plain(file)),
            Some(packing) => Ok(Self::Packed(Packed::new(path.to_owned(), file, packing)?)),
        }
    }

    /// What the file system says about the open file, wherever its name is by now.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        match self {
            Self::Plain(file) => file.metadata(),
            Self::Packed(packed) => packed.file.metadata(),
        }
    }

    /// Bytes from this position on: as many as wanted, or up to the end.
    ///
    /// # Errors
    /// What the file system or the decoder says.
    pub(super) fn read_at(&mut self, from: u64, want: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(file) => read_plain(file, from, want),
            Self::Packed(packed) => packed.read_at(from, want),
        }
    }

    /// What follows the last bytes that were read.
    pub(super) const fn end(&self) -> End {
        match self {
            Self::Plain(_) => End::Open,
            Self::Packed(packed) => packed.end,
        }
    }

    /// Whether the bytes are decompressed.
    pub(super) const fn is_packed(&self) -> bool {
        matches!(self, Self::Packed(_))
    }
}

fn read_plain(file: &File, from: u64, want: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; want];
    let mut filled = 0;
    let mut at = from;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read_at(room, at) {
            Ok(0) => break,
            Ok(read) => {
                filled += read;
                at += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstandard,
}

impl Packing {
    /// What the end of the name says.
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstandard),
            _ => None,
        }
    }

    fn decoder(self, file: File) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Gzip => {
                let file = BufReader::with_capacity(PACKED_READ_BYTES, file);
                Box::new(flate2::bufread::MultiGzDecoder::new(file))
            }
            Self::Zstandard => Box::new(zstd::stream::read::Decoder::new(file)?),
        })
    }
}

/// A compressed file: it is read in one direction only, so what was decoded is kept until used.
pub(super) struct Packed {
    path: PathBuf,
    file: File,
    packing: Packing,
    decoder: Box<dyn Read + Send>,
    /// Position of the first byte in `decoded`.
    start: u64,
    decoded: Vec<u8>,
    end: End,
}

impl Packed {
    fn new(path: PathBuf, file: File, packing: Packing) -> io::Result<Self> {
        let decoder = packing.decoder(file.try_clone()?)?;
        Ok(Self { path, file, packing, decoder, start: 0, decoded: Vec::new(), end: End::Open })
    }

    fn read_at(&mut self, from: u64, want: usize) -> io::Result<Vec<u8>> {
        if from < self.start {
            // Decoders do not go back: decode again from the start.
            *self = Self::new(self.path.clone(), File::open(&self.path)?, self.packing)?;
        }
        loop {
            let skip = usize::try_from(from - self.start).unwrap_or(usize::MAX);
            let dropped = skip.min(self.decoded.len());
            self.decoded.drain(..dropped);
            self.start += dropped as u64;
            if skip == dropped && (self.decoded.len() >= want || self.end != End::Open) {
                let most = want.min(self.decoded.len());
                return Ok(self.decoded.get(..most).unwrap_or_default().to_vec());
            }
            if self.end != End::Open {
                return Ok(Vec::new());
            }
            self.decode()?;
        }
    }

    fn decode(&mut self) -> io::Result<()> {
        let before = self.decoded.len();
        self.decoded.resize(before + PACKED_READ_BYTES, 0);
        let room = self.decoded.get_mut(before..).unwrap_or_default();
        let read = self.decoder.read(room);
        self.decoded.truncate(before + read.as_ref().map_or(0, |read| *read));
        match read {
            Ok(0) => self.end = End::Final,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => self.end = End::Unfinished,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packed({}, {:?})", self.path.display(), self.packing)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(text).unwrap();
        writer.finish().unwrap()
    }

    fn text() -> Vec<u8> {
        (0..100_000).flat_map(|number| format!("line {number}\n").into_bytes()).collect()
    }

    #[test]
    fn compressed_bytes_are_read_at_any_position() {
        let directory = tempfile::tempdir().unwrap();
        for (name, packed) in
            [("a.gz", gzip(&text())), ("a.zst", zstd::stream::encode_all(&text()[..], 1).unwrap())]
        {
            let path = directory.path().join(name);
            std::fs::write(&path, packed).unwrap();
            let mut content = Content::open(&path).unwrap();
            for (from, want) in [(0, 10), (500_000, 20), (7, 300_000), (1_088_880, 100)] {
                let start = usize::try_from(from).unwrap();
                let end = (start + want).min(text().len());
                assert_eq!(content.read_at(from, want).unwrap(), &text()[start..end], "{name}");
            }
            assert_eq!(content.end(), End::Final);
            assert_eq!(content.read_at(9_000_000, 5).unwrap(), b"");
        }
    }

    #[test]
    fn a_half_written_archive_gives_what_it_has_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        for (name, packed) in
            [("a.gz", gzip(&text())), ("a.zst", zstd::stream::encode_all(&text()[..], 1).unwrap())]
        {
            let path = directory.path().join(name);
            std::fs::write(&path, &packed[..packed.len() / 2]).unwrap();
            let mut content = Content::open(&path).unwrap();
            assert!(text().starts_with(&content.read_at(0, 10_000_000).unwrap()));
            assert_eq!(content.end(), End::Unfinished, "{name}");
        }
    }
}
