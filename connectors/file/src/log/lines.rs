//! Where lines begin and end.

use memchr::memchr;
use regex::bytes::Regex;

/// What happens to what follows the last line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It waits, and so does a record of several lines that may go on.
    Open,
    /// Whole lines are enough: a record of several lines goes on no more.
    WholeLines,
    /// Nothing will follow: half a line is one.
    Final,
}

/// One line, or one record of several lines, in a stretch of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its first byte.
    pub(super) start: usize,
    /// The byte after its last one, without the line end.
    pub(super) end: usize,
    /// Where the next one starts.
    pub(super) next: usize,
    /// Whether it was cut.
    pub(super) is_cut: bool,
}

/// Cuts bytes into lines or records of several lines.
#[derive(Clone, Debug)]
pub(super) struct Splitter {
    /// Bytes after which a line is cut.
    pub(super) max_bytes: usize,
    /// What the first line of a record of several lines looks like.
    pub(super) first_line: Option<Regex>,
}

impl Splitter {
    /// The pieces of these bytes, which start at the start of a line.
    pub(super) const fn pieces<'a>(&'a self, bytes: &'a [u8], ending: Ending) -> Pieces<'a> {
        Pieces { splitter: self, bytes, ending, at: 0 }
    }
}

/// The pieces of a stretch of bytes, in their order.
#[derive(Clone, Debug)]
pub(super) struct Pieces<'a> {
    splitter: &'a Splitter,
    bytes: &'a [u8],
    ending: Ending,
    at: usize,
}

impl Pieces<'_> {
    /// The end of the line that starts here.
    fn line_end(&self, from: usize) -> Option<usize> {
        memchr(b'\n', self.bytes.get(from..)?).map(|length| from + length)
    }

    fn piece(&mut self, line_end: usize, next: usize) -> Piece {
        let start = self.at;
        self.at = next;
        let carriage_return = line_end > start
            && line_end < next
            && line_end.checked_sub(1).and_then(|last| self.bytes.get(last)) == Some(&b'\r');
        let end = line_end - usize::from(carriage_return);
        let most = start.saturating_add(self.splitter.max_bytes);
        Piece { start, end: end.min(most), next, is_cut: end > most }
    }

    /// Half a line at the end, where nothing will follow.
    fn remainder(&mut self) -> Option<Piece> {
        let is_there = self.ending == Ending::Final && self.at < self.bytes.len();
        is_there.then(|| self.piece(self.bytes.len(), self.bytes.len()))
    }

    fn record(&mut self, first_line: &Regex) -> Option<Piece> {
        let start = self.at;
        let mut line = start;
        let is_first = |from: usize, to: usize| {
            self.bytes.get(from..to).is_some_and(|line| first_line.is_match(line))
        };
        while let Some(line_end) = self.line_end(line) {
            if line > start {
                let is_too_long = line_end - start > self.splitter.max_bytes;
                if is_first(line, line_end) {
                    return Some(self.piece(line - 1, line));
                }
                if is_too_long {
                    return Some(Piece { is_cut: true, ..self.piece(line - 1, line) });
                }
            }
            line = line_end + 1;
        }
        let ends_here = match self.ending {
            Ending::Open => false,
            Ending::WholeLines => true,
            Ending::Final => line == self.bytes.len() || is_first(line, self.bytes.len()),
        };
        if line > start && ends_here {
            return Some(self.piece(line - 1, line));
        }
        self.remainder()
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if let Some(first_line) = &self.splitter.first_line {
            return self.record(first_line);
        }
        match self.line_end(self.at) {
            Some(line_end) => Some(self.piece(line_end, line_end + 1)),
            None => self.remainder(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    fn split(splitter: &Splitter, text: &str, ending: Ending) -> Vec<(String, bool)> {
        let pieces = splitter.pieces(text.as_bytes(), ending);
        let text =
            |piece: Piece| String::from_utf8(text.as_bytes()[piece.start..piece.end].to_vec());
        pieces.map(|piece| (text(piece).unwrap(), piece.is_cut)).collect()
    }

    fn texts(splitter: &Splitter, text: &str, ending: Ending) -> Vec<String> {
        split(splitter, text, ending).into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn half_a_line_waits_and_line_ends_are_taken_off() {
        let lines = Splitter { max_bytes: 100, first_line: None };
        let text = "a\r\n\n\r\nb\0c\nd\r";
        assert_eq!(texts(&lines, text, Ending::Open), ["a", "", "", "b\0c"]);
        assert_eq!(texts(&lines, text, Ending::Final), ["a", "", "", "b\0c", "d\r"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_marked() {
        let lines = Splitter { max_bytes: 3, first_line: None };
        assert_eq!(
            split(&lines, "abc\r\nabcd\nx\n", Ending::Open),
            [("abc".to_owned(), false), ("abc".to_owned(), true), ("x".to_owned(), false)]
        );
    }

    #[test]
    fn lines_that_do_not_start_a_record_belong_to_the_one_before() {
        let records = Splitter { max_bytes: 100, first_line: Some(Regex::new(r"^\d").unwrap()) };
        let text = "1 a\n  at x\n  at y\n2 b\n3 c\n  at z\n4";
        assert_eq!(texts(&records, text, Ending::Open), ["1 a\n  at x\n  at y", "2 b"]);
        let whole = texts(&records, text, Ending::WholeLines);
        assert_eq!(whole, ["1 a\n  at x\n  at y", "2 b", "3 c\n  at z"]);
        let last = texts(&records, text, Ending::Final);
        assert_eq!(last[2..], ["3 c\n  at z", "4"]);
    }

    #[test]
    fn a_record_that_is_too_long_is_cut_between_its_lines() {
        let records = Splitter { max_bytes: 8, first_line: Some(Regex::new(r"^\d").unwrap()) };
        assert_eq!(
            split(&records, "1 a\n x\n y\n z\n2 b\n", Ending::WholeLines),
            [("1 a\n x".to_owned(), true), (" y\n z".to_owned(), false), ("2 b".to_owned(), false)]
        );
    }

    proptest! {
        #[test]
        fn pieces_cover_every_byte_once(
            text in "[ab1\r\n]{0,60}", max_bytes in 1_usize..20, several in proptest::bool::ANY
        ) {
            let first_line = several.then(|| Regex::new("^1").unwrap());
            let splitter = Splitter { max_bytes, first_line };
            let mut at = 0;
            for piece in splitter.pieces(text.as_bytes(), Ending::Final) {
                prop_assert_eq!(piece.start, at);
                at = piece.next;
            }
            prop_assert_eq!(at, text.len());
        }
    }
}
