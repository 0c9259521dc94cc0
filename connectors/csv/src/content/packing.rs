//! Compressed files.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Error, ErrorKind, Read, Seek as _, SeekFrom},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::GzDecoder;
use zip::{CompressionMethod, ZipArchive};

/// Most bytes that a file of raw Snappy may hold: it is one block that is decompressed whole.
const MOST_SNAPPY_BYTES: usize = 64 << 20;
/// First bytes of Snappy in frames.
const SNAPPY_FRAME: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Bzip2,
    Snappy,
    Lz4,
    Zstandard,
    Zip,
    /// Of `compress`, which cannot be read.
    Lzw,
}

impl Packing {
    /// What the last extension of a name says.
    pub(super) fn of(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()? {
            "gz" => Self::Gzip,
            "bz2" => Self::Bzip2,
            "snappy" => Self::Snappy,
            "lz4" => Self::Lz4,
            "zst" => Self::Zstandard,
            "zip" => Self::Zip,
            "z" | "Z" => Self::Lzw,
            _ => return None,
        })
    }

    /// What the file holds.
    pub(super) fn open(self, file: Counted) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Gzip => Box::new(Gzip::new(file)),
            Self::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(file)),
            Self::Zstandard => Box::new(zstd::stream::read::Decoder::new(file)?),
            Self::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(file)),
            Self::Snappy => snappy(file)?,
            Self::Zip => zipped(file)?,
            Self::Lzw => {
                return Err(invalid("Files of compress cannot be read: compress them with gzip"));
            }
        })
    }
}

/// Members of gzip one after the other; zeros after them, as tapes pad with, are none.
struct Gzip {
    member: Option<GzDecoder<BufReader<Counted>>>,
}

impl Gzip {
    fn new(file: Counted) -> Self {
        Self { member: Some(GzDecoder::new(BufReader::new(file))) }
    }
}

impl Read for Gzip {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            let Some(ended) = self.member.take() else { break };
            self.member = next_member(ended.into_inner())?;
        }
        Ok(0)
    }
}

/// The member that follows, if there is more than zeros.
fn next_member(mut file: BufReader<Counted>) -> io::Result<Option<GzDecoder<BufReader<Counted>>>> {
    loop {
        let bytes = file.fill_buf()?;
        let there = bytes.len();
        if there == 0 {
            return Ok(None);
        }
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        file.consume(zeros);
        if zeros < there {
            return Ok(Some(GzDecoder::new(file)));
        }
    }
}

/// Snappy in frames, or as one block as the original reads it.
fn snappy(mut file: Counted) -> io::Result<Box<dyn Read + Send>> {
    let mut start = Vec::new();
    (&mut file).take(SNAPPY_FRAME.len() as u64).read_to_end(&mut start)?;
    file.rewind()?;
    if start == SNAPPY_FRAME {
        return Ok(Box::new(snap::read::FrameDecoder::new(file)));
    }
    let mut block = Vec::new();
    let most = u64::try_from(MOST_SNAPPY_BYTES).unwrap_or(u64::MAX);
    (&mut file).take(most).read_to_end(&mut block)?;
    let length = snap::raw::decompress_len(&block).map_err(|error| invalid(&error.to_string()))?;
    if length > MOST_SNAPPY_BYTES {
        return Err(invalid("A block of Snappy holds more than 64 MiB: compress it with gzip"));
    }
    let text = snap::raw::Decoder::new()
        .decompress_vec(&block)
        .map_err(|error| invalid(&error.to_string()))?;
    Ok(Box::new(io::Cursor::new(text)))
}

/// The one file of an archive.
fn zipped(mut file: Counted) -> io::Result<Box<dyn Read + Send>> {
    let broken = |error: zip::result::ZipError| invalid(&error.to_string());
    let mut archive = ZipArchive::new(&mut file).map_err(broken)?;
    let mut found = None;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(broken)?;
        // What macOS puts beside a file.
        if !entry.is_file() || entry.name().map_err(broken)?.starts_with("__MACOSX/") {
            continue;
        }
        if entry.encrypted() {
            return Err(invalid("The archive is encrypted: pack it without a password"));
        }
        if found.is_some() {
            return Err(invalid("The archive holds several files: pack each by itself"));
        }
        let start = entry.data_start().ok_or_else(|| invalid("The archive has no data"))?;
        found = Some((start, entry.compressed_size(), entry.compression()));
    }
    drop(archive);
    let (start, length, method) = found.ok_or_else(|| invalid("The archive holds no file"))?;
    file.seek_to(start)?;
    let packed = file.take(length);
    match method {
        CompressionMethod::Stored => Ok(Box::new(packed)),
        CompressionMethod::DEFLATE => Ok(Box::new(flate2::read::DeflateDecoder::new(packed))),
        other => Err(invalid(&format!("The archive is compressed by {other}: use deflate"))),
    }
}

fn invalid(sentence: &str) -> Error {
    Error::new(ErrorKind::InvalidData, sentence)
}

/// A file that tells how many of its bytes were read.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) file: File,
    pub(super) read: Arc<AtomicU64>,
}

impl Counted {
    fn rewind(&mut self) -> io::Result<()> {
        self.seek_to(0)
    }

    fn seek_to(&mut self, position: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(position))?;
        self.read.store(position, Ordering::Relaxed);
        Ok(())
    }
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl io::Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
