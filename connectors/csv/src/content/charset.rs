//! Bytes of any encoding as UTF-8.

use std::{
    fmt,
    io::{self, Read},
};

use encoding_rs::{CoderResult, Decoder, Encoding};

/// Bytes read at once.
const RAW_BYTES: usize = 64 << 10;

/// Reads text of another encoding as UTF-8; what is no text becomes U+FFFD, as in Java.
pub(super) struct Decoded {
    input: Box<dyn Read + Send>,
    decoder: Decoder,
    raw: Vec<u8>,
    /// Bytes of `raw` that were decoded.
    used: usize,
    is_at_end: bool,
    is_finished: bool,
}

impl Decoded {
    /// Reads this input.
    pub(super) fn new(input: Box<dyn Read + Send>, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder();
        Self { input, decoder, raw: Vec::new(), used: 0, is_at_end: false, is_finished: false }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.raw.resize(RAW_BYTES, 0);
        let read = self.input.read(&mut self.raw);
        self.raw.truncate(read.as_ref().copied().unwrap_or(0));
        self.used = 0;
        self.is_at_end = read? == 0;
        Ok(())
    }
}

impl Read for Decoded {
    /// The buffer must have room for a character of four bytes.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.is_finished {
            if self.used == self.raw.len() && !self.is_at_end {
                self.refill()?;
            }
            let rest = self.raw.get(self.used..).unwrap_or_default();
            let (result, read, written, _) = self.decoder.decode_to_utf8(rest, out, self.is_at_end);
            self.used += read;
            self.is_finished = self.is_at_end && result == CoderResult::InputEmpty;
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoded({})", self.decoder.encoding().name())
    }
}
