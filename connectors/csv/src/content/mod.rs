//! The text of a file: decompressed, and as UTF-8.

mod charset;
mod packing;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use self::tests::zip;

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Error, ErrorKind, Read, Seek as _, SeekFrom},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use encoding_rs::{Encoding, UTF_8};

use self::{
    charset::Decoded,
    packing::{Counted, Packing},
};
use crate::offset::Identity;

/// The text of a file, read in one direction.
pub(crate) enum Content {
    /// It is the bytes of the file.
    Plain(BufReader<File>),
    /// It is made of them.
    Made(BufReader<Box<dyn Read + Send>>, Arc<AtomicU64>),
}

impl Content {
    /// Reads a file from its start.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` where the file is not what its name says.
    pub(crate) fn open(
        file: File,
        path: &Path,
        encoding: &'static Encoding,
        buffer_bytes: usize,
    ) -> io::Result<Self> {
        let packing = Packing::of(path);
        if packing.is_none() && encoding == UTF_8 {
            return Ok(Self::Plain(BufReader::with_capacity(buffer_bytes, file)));
        }
        let read = Arc::new(AtomicU64::new(0));
        let file = Counted { file, read: Arc::clone(&read) };
        let bytes: Box<dyn Read + Send> = match packing {
            Some(packing) => packing.open(file)?,
            None => Box::new(file),
        };
        let text: Box<dyn Read + Send> =
            if encoding == UTF_8 { bytes } else { Box::new(Decoded::new(bytes, encoding)) };
        // The decoder of an encoding needs room for a whole character.
        Ok(Self::Made(BufReader::with_capacity(buffer_bytes.max(64), text), read))
    }

    /// How many bytes of the file were read to come to this position of the text.
    pub(crate) fn bytes_read(&self, position: u64) -> u64 {
        match self {
            Self::Plain(_) => position,
            Self::Made(_, read) => read.load(Ordering::Relaxed),
        }
    }

    /// What the file is now, when it is larger than it was; only a plain one grows.
    pub(crate) fn grown_from(&self, known: Identity) -> Option<Identity> {
        let Self::Plain(text) = self else { return None };
        let now = Identity::of(&text.get_ref().metadata().ok()?);
        (now.size > known.size).then_some(now)
    }

    /// The text that comes next; none at the end.
    ///
    /// # Errors
    /// What the file system or the decoder says.
    pub(crate) fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Plain(text) => text.fill_buf(),
            Self::Made(text, _) => text.fill_buf(),
        }
    }

    /// Goes on over so many bytes of what [`Content::fill_buf`] gave.
    pub(crate) fn consume(&mut self, bytes: usize) {
        match self {
            Self::Plain(text) => text.consume(bytes),
            Self::Made(text, _) => text.consume(bytes),
        }
    }

    /// Goes from one position on to another.
    ///
    /// # Errors
    /// What the file system or the decoder says; `UnexpectedEof` when the text ends before.
    pub(crate) fn skip(&mut self, from: u64, to: u64) -> io::Result<()> {
        let missing = || Error::new(ErrorKind::UnexpectedEof, "The file ends before the position");
        let mut left = to.checked_sub(from).ok_or_else(missing)?;
        if let Self::Plain(text) = self {
            if to > text.get_ref().metadata()?.len() {
                return Err(missing());
            }
            text.seek(SeekFrom::Start(to))?;
            return Ok(());
        }
        while left > 0 {
            let there = self.fill_buf()?.len();
            if there == 0 {
                return Err(missing());
            }
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(there);
            self.consume(step);
            left -= step as u64;
        }
        Ok(())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain"),
            Self::Made(..) => f.write_str("Made"),
        }
    }
}
