//! Lines of a stream, whose bytes come in pieces.

use std::borrow::Cow;

use bytes::Bytes;
use bytestring::ByteString;
use memchr::memchr2;

/// Bytes that were read and not delivered yet.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Bytes,
    /// Up to where the bytes are known to hold no line end.
    searched: usize,
}

impl Input {
    /// Puts more bytes behind those that are there.
    pub(super) fn push(&mut self, more: Vec<u8>) {
        if self.bytes.is_empty() {
            self.bytes = more.into();
            return;
        }
        self.bytes = [&self.bytes[..], &more].concat().into();
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The next whole line, and how many bytes it took with its end.
    ///
    /// `\n`, `\r` and `\r\n` end a line; after a `\r` at the end of the bytes a `\n` may follow.
    pub(super) fn next_line(&mut self) -> Option<(ByteString, usize)> {
        let fresh = self.bytes.get(self.searched..)?;
        let Some(found) = memchr2(b'\n', b'\r', fresh) else {
            self.searched = self.bytes.len();
            return None;
        };
        let end = self.searched + found;
        let taken = match (self.bytes.get(end), self.bytes.get(end + 1)) {
            (Some(b'\n'), _) => end + 1,
            (_, Some(b'\n')) => end + 2,
            (_, Some(_)) => end + 1,
            (_, None) => {
                self.searched = end;
                return None;
            }
        };
        let line = text(self.bytes.slice(..end));
        self.bytes = self.bytes.slice(taken..);
        self.searched = 0;
        Some((line, taken))
    }
}

/// Text of a line; what is no UTF-8 is replaced, as Java does.
fn text(bytes: Bytes) -> ByteString {
    match ByteString::try_from(bytes.clone()) {
        Ok(text) => text,
        Err(_) => match String::from_utf8_lossy(&bytes) {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    fn lines(input: &mut Input) -> Vec<(String, usize)> {
        std::iter::from_fn(|| input.next_line())
            .map(|(line, taken)| (line.to_string(), taken))
            .collect()
    }

    #[test]
    fn every_line_end_counts_and_a_return_at_the_end_waits() {
        let mut input = Input::default();
        input.push(b"a\nb\rc\r\n\nd\xff\ne\r".to_vec());
        let expected = [("a", 2), ("b", 2), ("c", 3), ("", 1), ("d\u{fffd}", 3)];
        assert_eq!(lines(&mut input), expected.map(|(line, taken)| (line.to_owned(), taken)));
        input.push(b"\nhalf".to_vec());
        assert_eq!(lines(&mut input), [("e".to_owned(), 3)]);
        assert_eq!(input.len(), 4);
    }

    proptest! {
        #[test]
        fn pieces_make_the_same_lines_as_the_whole(
            text in "[ab\r\n]{0,40}", cuts in proptest::collection::vec(any::<u8>(), 0..6)
        ) {
            let mut whole = Input::default();
            whole.push(text.clone().into_bytes());
            let mut pieces = Input::default();
            let mut cuts: Vec<_> =
                cuts.into_iter().map(|cut| usize::from(cut) % (text.len() + 1)).collect();
            cuts.sort_unstable();
            let mut found = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                pieces.push(text.as_bytes()[from..cut].to_vec());
                found.extend(lines(&mut pieces));
                from = cut;
            }
            prop_assert_eq!(found, lines(&mut whole));
        }
    }
}
