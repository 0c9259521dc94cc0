//! Where the members of an object are, in text that was checked and has Jackson's form: no blanks
//! around anything, and no escapes in names.

use std::ops::Range;

use super::scan::plain_length;

/// A member of an object: where its name is, without quotes, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: Range<usize>,
    pub(crate) value: Range<usize>,
}

/// The members of the object that a text is, in their order.
pub(crate) struct Members<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Members<'a> {
    pub(crate) const fn of(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 1 }
    }

    /// The member of this name.
    pub(crate) fn find(mut self, name: &str) -> Option<Member> {
        let bytes = self.bytes;
        self.find_map(|it| (bytes.get(it.name.clone())? == name.as_bytes()).then_some(it))
    }

    /// Passes over text from its quote on.
    fn skip_text(&mut self) {
        self.at += 1;
        loop {
            self.at += plain_length(self.bytes.get(self.at..).unwrap_or_default());
            let is_escape = self.bytes.get(self.at) == Some(&b'\\');
            self.at += if is_escape { 2 } else { 1 };
            if !is_escape {
                return;
            }
        }
    }

    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.skip_text();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b',' | b'}' | b']' if depth == 0 => return,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
    }
}

impl Iterator for Members<'_> {
    type Item = Member;

    #[inline]
    fn next(&mut self) -> Option<Member> {
        if *self.bytes.get(self.at)? != b'"' {
            return None;
        }
        let start = self.at + 1;
        self.skip_text();
        let name = start..self.at - 1;
        // Over the colon.
        self.at += 1;
        let start = self.at;
        self.skip_value();
        let value = start..self.at;
        // Over the comma, or the end.
        self.at += 1;
        Some(Member { name, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_found_whatever_is_in_it() {
        let text = r#"{"a":1,"":"x\"},{\\","b":{"a":[",",{}],"c":"]"},"é":[[1],-2.5],"z":null}"#;
        let part = |range| text.get(range).unwrap();
        let found: Vec<_> = Members::of(text).map(|it| (part(it.name), part(it.value))).collect();
        assert_eq!(
            found,
            [
                ("a", "1"),
                ("", r#""x\"},{\\""#),
                ("b", r#"{"a":[",",{}],"c":"]"}"#),
                ("é", "[[1],-2.5]"),
                ("z", "null"),
            ]
        );
        assert_eq!(part(Members::of(text).find("b").unwrap().value), found[2].1);
        assert_eq!(Members::of(text).find("c"), None);
        assert_eq!(Members::of("{}").next(), None);
    }
}
