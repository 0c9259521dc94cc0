//! A JSON reader that builds what its caller needs.
//!
//! Texts without escapes stay slices of the document. Numbers reach the builder as text, because
//! decimals keep every digit; zeros in front of a number are accepted, and what follows the first
//! value is not looked at, as Jackson does in Kafka Connect.

use bytestring::ByteString;

/// What some editors put in front of a document.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Deepest nesting; Jackson's limit.
const MAX_DEPTH: usize = 1000;

/// Objects with fewer members are searched for repeated names one by one.
const FEW_MEMBERS: usize = 24;

/// What is wrong with a document, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct JsonError {
    what: &'static str,
    at: usize,
}

/// Takes the parts of a document.
pub trait Build {
    /// What a value becomes.
    type Out;
    /// `null`.
    fn null() -> Self::Out;
    /// `true` or `false`.
    fn boolean(flag: bool) -> Self::Out;
    /// A number's text, and whether it has neither fraction nor exponent.
    fn number(text: ByteString, is_integer: bool) -> Self::Out;
    /// Text.
    fn string(text: ByteString) -> Self::Out;
    /// An array.
    fn array(items: Vec<Self::Out>) -> Self::Out;
    /// An object; each name once, the last value counts.
    fn object(members: Vec<(ByteString, Self::Out)>) -> Self::Out;
}

/// Reads a document from its start.
pub struct Parser<'a> {
    document: &'a ByteString,
    at: usize,
    depth: usize,
}

type Result<T> = std::result::Result<T, JsonError>;

impl<'a> Parser<'a> {
    /// Starts at the first byte, or after a byte order mark.
    pub fn new(document: &'a ByteString) -> Self {
        let at = if document.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        Self { document, at, depth: 0 }
    }

    fn bytes(&self) -> &'a [u8] {
        self.document.as_bytes()
    }

    fn error<T>(&self, what: &'static str) -> Result<T> {
        Err(JsonError { what, at: self.at })
    }

    /// The next byte that is not blank.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Takes this byte, if it comes next.
    pub fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Reads the first value of a document; something must end it if it is a number.
    ///
    /// # Errors
    /// When the document does not begin with JSON.
    pub fn first<B: Build>(&mut self) -> Result<B::Out> {
        let is_number = matches!(self.peek(), Some(b'-' | b'0'..=b'9'));
        let value = self.value::<B>()?;
        let is_ended = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        if is_number && !self.bytes().get(self.at).is_none_or(is_ended) {
            return self.error("Expected a blank after a number");
        }
        Ok(value)
    }

    /// Reads one value.
    ///
    /// # Errors
    /// When the document is no JSON here.
    pub fn value<B: Build>(&mut self) -> Result<B::Out> {
        match self.peek() {
            Some(b'"') => Ok(B::string(self.string()?)),
            Some(b'{') => self.nested(Self::object::<B>),
            Some(b'[') => self.nested(Self::array::<B>),
            Some(b'-' | b'0'..=b'9') => self.number::<B>(),
            Some(b't') => self.word("true", B::boolean(true)),
            Some(b'f') => self.word("false", B::boolean(false)),
            Some(b'n') => self.word("null", B::null()),
            Some(_) => self.error("Unexpected character"),
            None => self.error("Unexpected end of the document"),
        }
    }

    /// Reads the first value of a document and forgets it.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub fn skip_first(&mut self) -> Result<()> {
        self.first::<Skip>()
    }

    /// Reads one value and gives its text.
    ///
    /// # Errors
    /// When the document is no JSON here.
    pub fn skipped(&mut self) -> Result<ByteString> {
        self.peek();
        let start = self.at;
        self.value::<Skip>()?;
        Ok(self.slice(start))
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return self.error("Too deeply nested");
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array<B: Build>(&mut self) -> Result<B::Out> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(B::array(items));
        }
        loop {
            items.push(self.value::<B>()?);
            if self.take(b']') {
                return Ok(B::array(items));
            }
            if !self.take(b',') {
                return self.error("Expected a comma or the end of the array");
            }
        }
    }

    fn object<B: Build>(&mut self) -> Result<B::Out> {
        let mut members = Vec::new();
        if self.take(b'}') {
            return Ok(B::object(members));
        }
        loop {
            let name = self.name()?;
            let value = self.value::<B>()?;
            members.push((name, value));
            if self.take(b'}') {
                return Ok(B::object(without_repetition(members)));
            }
            if !self.take(b',') {
                return self.error("Expected a comma or the end of the object");
            }
        }
    }

    /// Reads a member's name and its colon.
    ///
    /// # Errors
    /// When the document is no JSON here.
    pub fn name(&mut self) -> Result<ByteString> {
        if self.peek() != Some(b'"') {
            return self.error("Expected a name in quotes");
        }
        let name = self.string()?;
        if !self.take(b':') {
            return self.error("Expected a colon");
        }
        Ok(name)
    }

    fn word<T>(&mut self, word: &str, value: T) -> Result<T> {
        let rest = self.bytes().get(self.at..).unwrap_or_default();
        let after = rest.get(word.len()).copied().unwrap_or(b' ');
        if !rest.starts_with(word.as_bytes()) || after.is_ascii_alphanumeric() {
            return self.error("Unexpected word");
        }
        self.at += word.len();
        Ok(value)
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while self.bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { self.error("Expected a digit") } else { Ok(()) }
    }

    fn next_is(&self, any: &[u8]) -> bool {
        self.bytes().get(self.at).is_some_and(|byte| any.contains(byte))
    }

    fn number<B: Build>(&mut self) -> Result<B::Out> {
        let start = self.at;
        self.at += usize::from(self.next_is(b"-"));
        self.digits()?;
        let mut is_integer = true;
        if self.next_is(b".") {
            is_integer = false;
            self.at += 1;
            self.digits()?;
        }
        if self.next_is(b"eE") {
            is_integer = false;
            self.at += 1;
            self.at += usize::from(self.next_is(b"+-"));
            self.digits()?;
        }
        if self.bytes().get(self.at).is_some_and(u8::is_ascii_alphanumeric) {
            return self.error("Unexpected character in a number");
        }
        Ok(B::number(self.slice(start), is_integer))
    }

    /// Text of the document from here to where the reader stands; both are ASCII bytes.
    fn slice(&self, start: usize) -> ByteString {
        let text: &str = self.document;
        text.get(start..self.at).map_or_else(ByteString::new, |part| self.document.slice_ref(part))
    }

    fn string(&mut self) -> Result<ByteString> {
        self.at += 1;
        let start = self.at;
        self.at += plain_length(self.bytes().get(start..).unwrap_or_default());
        match self.bytes().get(self.at) {
            Some(b'"') => {
                let text = self.slice(start);
                self.at += 1;
                Ok(text)
            }
            Some(b'\\') => self.escaped(start),
            Some(_) => self.error("Unescaped control character in a string"),
            None => self.error("Unexpected end of a string"),
        }
    }

    /// The slow way, from the first escape on.
    fn escaped(&mut self, start: usize) -> Result<ByteString> {
        let mut text = String::from(&*self.slice(start));
        loop {
            match self.bytes().get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text.into());
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                Some(0x20..) => {
                    let start = self.at;
                    self.at += plain_length(self.bytes().get(start..).unwrap_or_default());
                    let whole: &str = self.document;
                    text.push_str(whole.get(start..self.at).unwrap_or_default());
                }
                Some(_) => return self.error("Unescaped control character in a string"),
                None => return self.error("Unexpected end of a string"),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let Some(byte) = self.bytes().get(self.at).copied() else {
            return self.error("Unexpected end of a string");
        };
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return self.error("Unknown escape in a string"),
        })
    }

    /// A character of one `\uXXXX`, or of a pair; half a pair becomes the replacement character.
    fn unicode(&mut self) -> Result<char> {
        let first = self.hexadecimal()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        if self.bytes().get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
            self.at += 2;
            let second = self.hexadecimal()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hexadecimal(&mut self) -> Result<u32> {
        let text: &str = self.document;
        let code = text
            .get(self.at..self.at + 4)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => self.error("Expected four hexadecimal digits"),
        }
    }
}

/// Bytes before the next quote, backslash or control character.
fn plain_length(bytes: &[u8]) -> usize {
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    bytes.iter().position(is_special).unwrap_or(bytes.len())
}

/// Keeps each name once, at its first place with its last value.
fn without_repetition<T>(members: Vec<(ByteString, T)>) -> Vec<(ByteString, T)> {
    if !has_repetition(&members) {
        return members;
    }
    let mut places = std::collections::HashMap::new();
    let mut unique: Vec<(ByteString, T)> = Vec::with_capacity(members.len());
    for (name, value) in members {
        let place = *places.entry(name.clone()).or_insert(unique.len());
        match unique.get_mut(place) {
            Some((_, known)) => *known = value,
            None => unique.push((name, value)),
        }
    }
    unique
}

fn has_repetition<T>(members: &[(ByteString, T)]) -> bool {
    if members.len() < FEW_MEMBERS {
        let mut rest = members;
        while let Some(((name, _), others)) = rest.split_first() {
            if others.iter().any(|(other, _)| other == name) {
                return true;
            }
            rest = others;
        }
        return false;
    }
    let mut names = std::collections::HashSet::with_capacity(members.len());
    !members.iter().all(|(name, _)| names.insert(&**name))
}

/// Builds nothing.
struct Skip;

impl Build for Skip {
    type Out = ();
    fn null() {}
    fn boolean(_flag: bool) {}
    fn number(_text: ByteString, _is_integer: bool) {}
    fn string(_text: ByteString) {}
    fn array(_items: Vec<()>) {}
    fn object(_members: Vec<(ByteString, ())>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_json(text: &str) -> bool {
        Parser::new(&text.into()).value::<Skip>().is_ok()
    }

    #[test]
    fn the_document_may_go_on_after_its_first_value() {
        assert!(is_json("{} rest"));
        assert!(is_json("007"));
        assert!(is_json("\u{feff}{}"));
        assert!(Parser::new(&"7 8".into()).first::<Skip>().is_ok());
        assert!(Parser::new(&"7}".into()).first::<Skip>().is_err());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "nul",
            "truex",
            "1x",
            "-",
            "1.",
            "1e",
            "\"a",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "{a:1}",
            "'a'",
        ] {
            assert!(!is_json(text), "{text}");
        }
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_json(&nested(1000)));
        assert!(!is_json(&nested(1001)));
    }
}
