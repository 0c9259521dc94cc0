//! A JSON reader that builds what its caller needs.
//!
//! Texts without escapes stay slices of the document. Numbers reach the builder as text, because
//! decimals keep every digit; zeros in front of a number are accepted, and what follows the first
//! value is not looked at, as Jackson does in Kafka Connect.

use bytestring::ByteString;

use super::{Text, scan::plain_length};

/// What some editors put in front of a document.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Deepest nesting; Jackson's limit.
pub(super) const MAX_DEPTH: usize = 1000;

/// Members that there is room for in an object before its size is known.
const USUAL_MEMBERS: usize = 12;

/// What is wrong with a document, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct JsonError {
    what: &'static str,
    at: usize,
}

/// Takes the parts of a document.
pub trait Build<'a> {
    /// What a value becomes.
    type Out;
    /// What a member of an object becomes.
    type Member;
    /// `null`.
    fn null() -> Self::Out;
    /// `true` or `false`.
    fn boolean(flag: bool) -> Self::Out;
    /// A number's text, and whether it has neither fraction nor exponent.
    fn number(text: Text<'a>, is_integer: bool) -> Self::Out;
    /// Text.
    fn string(text: Text<'a>) -> Self::Out;
    /// An array.
    fn array(items: Vec<Self::Out>) -> Self::Out;
    /// A name with its value.
    fn member(name: Text<'a>, value: Self::Out) -> Self::Member;
    /// An object; a name may be in it several times, and the last value counts.
    fn object(members: Vec<Self::Member>) -> Self::Out;
}

/// Reads a document from its start. A clone goes on by itself, from where the reader stands.
#[derive(Clone)]
pub struct Parser<'a> {
    document: &'a ByteString,
    at: usize,
    depth: usize,
}

type Result<T> = std::result::Result<T, JsonError>;

/// Whether a byte only keeps others apart.
#[inline]
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

impl<'a> Parser<'a> {
    /// Starts at the first byte, or after a byte order mark.
    pub fn new(document: &'a ByteString) -> Self {
        let at = if document.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        Self::starting_at(document, at)
    }

    /// Starts further on, at what the caller knows to be the begin of a value.
    pub const fn starting_at(document: &'a ByteString, at: usize) -> Self {
        Self { document, at, depth: 0 }
    }

    #[inline]
    fn bytes(&self) -> &'a [u8] {
        self.document.as_bytes()
    }

    fn error<T>(&self, what: &'static str) -> Result<T> {
        Err(JsonError { what, at: self.at })
    }

    /// The next byte that is not blank.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes().get(self.at)?;
            if !is_blank(byte) {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Takes this byte, if it comes next.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Reads the first value of a document; something must end it if it is a number.
    ///
    /// # Errors
    /// When the document does not begin with JSON.
    pub fn first<B: Build<'a>>(&mut self) -> Result<B::Out> {
        let is_number = matches!(self.peek(), Some(b'-' | b'0'..=b'9'));
        let value = self.value::<B>()?;
        if is_number && !self.bytes().get(self.at).is_none_or(|byte| is_blank(*byte)) {
            return self.error("Expected a blank after a number");
        }
        Ok(value)
    }

    /// Reads one value.
    ///
    /// # Errors
    /// When the document is no JSON here.
    pub fn value<B: Build<'a>>(&mut self) -> Result<B::Out> {
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
    pub fn skipped(&mut self) -> Result<Text<'a>> {
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

    fn array<B: Build<'a>>(&mut self) -> Result<B::Out> {
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

    fn object<B: Build<'a>>(&mut self) -> Result<B::Out> {
        if self.take(b'}') {
            return Ok(B::object(Vec::new()));
        }
        let mut members = Vec::with_capacity(USUAL_MEMBERS);
        loop {
            let name = self.name()?;
            let value = self.value::<B>()?;
            members.push(B::member(name, value));
            if self.take(b'}') {
                return Ok(B::object(members));
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
    #[inline]
    pub fn name(&mut self) -> Result<Text<'a>> {
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

    #[inline]
    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while self.bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { self.error("Expected a digit") } else { Ok(()) }
    }

    #[inline]
    fn next_is(&self, any: &[u8]) -> bool {
        self.bytes().get(self.at).is_some_and(|byte| any.contains(byte))
    }

    fn number<B: Build<'a>>(&mut self) -> Result<B::Out> {
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

    /// Text of the document from there to where the reader stands; both are ASCII bytes.
    #[inline]
    fn slice(&self, start: usize) -> Text<'a> {
        Text::part(self.document, start, self.at)
    }

    /// Reads a text from its quote on.
    ///
    /// # Errors
    /// When the document is no JSON here.
    pub fn string(&mut self) -> Result<Text<'a>> {
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
    fn escaped(&mut self, start: usize) -> Result<Text<'a>> {
        let mut text = String::from(&*self.slice(start));
        loop {
            match self.bytes().get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text::New(text));
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

    /// Where the reader stands.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Reads an escape from behind its backslash on.
    pub(super) fn escape(&mut self) -> Result<char> {
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

/// Builds nothing.
struct Skip;

impl<'a> Build<'a> for Skip {
    type Out = ();
    type Member = ();
    fn null() {}
    fn boolean(_flag: bool) {}
    fn number(_text: Text<'a>, _is_integer: bool) {}
    fn string(_text: Text<'a>) {}
    fn array(_items: Vec<()>) {}
    fn member(_name: Text<'a>, _value: ()) {}
    fn object(_members: Vec<()>) {}
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
