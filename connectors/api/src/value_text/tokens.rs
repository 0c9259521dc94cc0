//! The tokens of a text that may be a structure.
//!
//! Source: apache/kafka `Values.Parser`.

const fn is_delimiter(c: char) -> bool {
    matches!(c, ':' | ',' | '[' | ']' | '{' | '}' | '"')
}

/// What Java takes for blank.
pub(super) fn is_blank(text: &str) -> bool {
    java_trim(text).is_empty()
}

pub(super) fn java_trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

/// Delimiters one by one, and what is between them; a backslash takes a delimiter's meaning away.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    peeked: Option<&'a str>,
    previous: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self { text, at: 0, peeked: None, previous: "" }
    }

    /// The whole text.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn has_next(&self) -> bool {
        self.peeked.is_some() || self.has_more()
    }

    const fn has_more(&self) -> bool {
        self.at < self.text.len()
    }

    pub(super) fn mark(&self) -> usize {
        self.at - self.peeked.map_or(0, str::len)
    }

    pub(super) fn rewind(&mut self, to: usize) {
        (self.at, self.peeked, self.previous) = (to, None, "");
    }

    pub(super) fn next(&mut self) -> &'a str {
        self.previous = self.peeked.take().unwrap_or_else(|| self.scan());
        self.previous
    }

    /// So many tokens as one text; none, and none taken, where there are fewer.
    pub(super) fn several(&mut self, count: usize) -> Option<&'a str> {
        let start = self.mark();
        for _ in 0..count {
            if !self.has_next() {
                self.rewind(start);
                return None;
            }
            self.next();
        }
        self.text.get(start..self.at)
    }

    fn scan(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut is_escaped = false;
        let mut length = rest.len();
        for (place, letter) in rest.char_indices() {
            if is_delimiter(letter) && !is_escaped {
                length = place.max(1);
                break;
            }
            is_escaped = letter == '\\' && !is_escaped;
        }
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Takes the next token that is not blank, if it is this one.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        let Some(mut token) = self.peeked.or_else(|| self.has_more().then(|| self.scan())) else {
            return false;
        };
        while is_blank(token) && self.has_more() {
            token = self.scan();
        }
        let is_expected = java_trim(token) == expected;
        self.peeked = (!is_expected).then_some(token);
        is_expected
    }
}
