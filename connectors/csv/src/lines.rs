//! The lines of a text, and where they lie in it.

use std::io;

use memchr::{memchr, memchr2};

use crate::content::Content;

/// The mark that says that a text is UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What became of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// There is one.
    Line,
    /// There is no more.
    End,
    /// It is longer than it may be.
    TooLong,
}

/// Reads lines one after the other.
#[derive(Debug)]
pub(crate) struct Lines {
    content: Content,
    keeps_carriage_return: bool,
    max_bytes: usize,
    line: Vec<u8>,
    /// Position after the last line.
    position: u64,
    /// How many lines were read.
    count: u64,
}

impl Lines {
    /// The lines of a text.
    pub(crate) const fn new(
        content: Content,
        keeps_carriage_return: bool,
        max_bytes: usize,
    ) -> Self {
        Self { content, keeps_carriage_return, max_bytes, line: Vec::new(), position: 0, count: 0 }
    }

    /// Position after the last line, in bytes of the decompressed text as UTF-8.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// How many lines were read.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The last line that was read.
    pub(crate) fn line(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.line)
    }

    /// Most bytes of a line.
    pub(crate) const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The file.
    pub(crate) const fn content(&self) -> &Content {
        &self.content
    }

    /// Goes on at a position further on, which so many lines lie before.
    ///
    /// # Errors
    /// What the file system or the decoder says; `UnexpectedEof` when there is no such position.
    pub(crate) fn skip_to(&mut self, position: u64, count: u64) -> io::Result<()> {
        self.content.skip(self.position, position)?;
        self.position = position;
        self.count = count;
        Ok(())
    }

    /// Reads the next line.
    ///
    /// # Errors
    /// What the file system or the decoder says.
    pub(crate) fn advance(&mut self) -> io::Result<Read> {
        self.line.clear();
        if self.position == 0 {
            self.skip_mark()?;
        }
        let mut has_any = false;
        loop {
            let bytes = self.content.fill_buf()?;
            if bytes.is_empty() {
                self.count += u64::from(has_any);
                return Ok(if has_any { Read::Line } else { Read::End });
            }
            has_any = true;
            let end = if self.keeps_carriage_return {
                memchr(b'\n', bytes)
            } else {
                memchr2(b'\n', b'\r', bytes)
            };
            let (text, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            let is_return = rest.first() == Some(&b'\r');
            if self.line.len() + text.len() > self.max_bytes {
                return Ok(Read::TooLong);
            }
            self.line.extend_from_slice(text);
            let used = text.len() + usize::from(end.is_some());
            self.consume(used);
            if end.is_some() {
                // What ends in a carriage return may go on with a line feed.
                if is_return && self.content.fill_buf()?.first() == Some(&b'\n') {
                    self.consume(1);
                }
                self.count += 1;
                return Ok(Read::Line);
            }
        }
    }

    fn skip_mark(&mut self) -> io::Result<()> {
        if self.content.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            self.consume(BYTE_ORDER_MARK.len());
        }
        Ok(())
    }

    fn consume(&mut self, bytes: usize) {
        self.content.consume(bytes);
        self.position += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use encoding_rs::UTF_8;

    use super::*;

    /// Lines of a text with the positions after them, read through a buffer of this size.
    fn lines(text: &[u8], keeps: bool, buffer: usize) -> Vec<(String, u64)> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let content = Content::open(File::open(&path).unwrap(), &path, UTF_8, buffer).unwrap();
        let mut lines = Lines::new(content, keeps, 20);
        let mut found = Vec::new();
        loop {
            match lines.advance().unwrap() {
                Read::Line => found.push((lines.line().into_owned(), lines.position())),
                Read::End => return found,
                Read::TooLong => {
                    found.push(("too long".to_owned(), lines.position()));
                    return found;
                }
            }
        }
    }

    #[test]
    fn every_line_end_ends_a_line() {
        let text = b"\xEF\xBB\xBFa\r\nb\n\rc\rd";
        let expected =
            [("a", 6), ("b", 8), ("", 9), ("c", 11), ("d", 12)].map(|(l, p)| (l.to_owned(), p));
        for buffer in [1, 2, 3, 4, 100] {
            let text = if buffer < 3 { &text[3..] } else { &text[..] };
            let shift = if buffer < 3 { 3 } else { 0 };
            let expected: Vec<_> =
                expected.iter().map(|(line, at)| (line.clone(), at - shift)).collect();
            assert_eq!(lines(text, false, buffer), expected, "{buffer}");
        }
        let kept = [("a\r", 3), ("b", 5)].map(|(line, at)| (line.to_owned(), at));
        assert_eq!(lines(b"a\r\nb\n", true, 100), kept);
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        assert_eq!(lines(&[b'x'; 100], false, 8).len(), 1);
        assert_eq!(lines(&[b'x'; 100], false, 8)[0].0, "too long");
    }
}
