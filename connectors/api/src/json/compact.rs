//! Checks an object and brings it into the form in which Jackson writes, without building anything.

use bytes::Bytes;
use bytestring::ByteString;

use super::{
    node::Schemaless,
    parse::{Build as _, MAX_DEPTH, Parser, is_blank},
    scan::plain_length,
    text::Text,
    write::{write_scalar, write_text},
};

/// Names that the objects around one place may have together.
const MOST_NAMES: usize = 64;
/// Digits of a decimal fraction that a double keeps exactly.
const EXACT_DIGITS: usize = 15;
/// Digits before the point up to which Java writes a double without an exponent.
const PLAIN_DIGITS: usize = 7;
/// Digits that fit into 64 bits, whichever they are.
const LONG_DIGITS: usize = 18;
/// Zeros behind the point from which on Java writes a double with an exponent.
const SMALL: &[u8] = b"000";

/// The object that a document begins with, as [`Schemaless`] would read and Jackson write it: a part
/// of the document where it has that form already. None when it is no object, is not JSON, or has a
/// form that this does not handle: a name twice, more than 64 names, an escape in a name.
pub(crate) fn compact_object(document: &ByteString) -> Option<ByteString> {
    let mut parser = Parser::new(document);
    if parser.peek() != Some(b'{') {
        return None;
    }
    let start = parser.at();
    let mut compact = Compact {
        document,
        bytes: document.as_bytes(),
        at: start,
        kept: start,
        depth: 0,
        out: Vec::new(),
        names: [0; MOST_NAMES],
        named: 0,
    };
    compact.object()?;
    compact.end(start)
}

struct Compact<'a> {
    document: &'a ByteString,
    bytes: &'a [u8],
    at: usize,
    /// Begin of what goes on as it is and was not copied yet.
    kept: usize,
    depth: usize,
    /// What was copied, if anything had to be replaced.
    out: Vec<u8>,
    /// Fingerprints of the names of the objects around this place.
    names: [u64; MOST_NAMES],
    named: usize,
}

impl Compact<'_> {
    fn end(mut self, start: usize) -> Option<ByteString> {
        if self.kept == start && self.out.is_empty() {
            return Some(self.document.slice_ref(self.document.get(start..self.at)?));
        }
        self.out.extend_from_slice(self.bytes.get(self.kept..self.at)?);
        ByteString::try_from(Bytes::from(self.out)).ok()
    }

    /// Puts something else in the place of what was read last.
    fn replace(&mut self, start: usize, by: &[u8]) -> Option<()> {
        self.out.extend_from_slice(self.bytes.get(self.kept..start)?);
        self.out.extend_from_slice(by);
        self.kept = self.at;
        Some(())
    }

    /// The next byte that is not blank.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        if is_blank(byte) { self.skip_blanks() } else { Some(byte) }
    }

    fn skip_blanks(&mut self) -> Option<u8> {
        let start = self.at;
        self.at += self.bytes.get(start..)?.iter().position(|byte| !is_blank(*byte))?;
        self.replace(start, &[])?;
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'{' => self.object(),
            b'[' => self.array(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => None,
        }
    }

    fn object(&mut self) -> Option<()> {
        self.enter()?;
        let first = self.named;
        if self.peek()? != b'}' {
            loop {
                self.name(first)?;
                self.take(b':')?;
                self.value()?;
                if self.peek()? == b'}' {
                    break;
                }
                self.take(b',')?;
            }
        }
        self.named = first;
        self.leave();
        Some(())
    }

    fn array(&mut self) -> Option<()> {
        self.enter()?;
        if self.peek()? != b']' {
            loop {
                self.value()?;
                if self.peek()? == b']' {
                    break;
                }
                self.take(b',')?;
            }
        }
        self.leave();
        Some(())
    }

    fn enter(&mut self) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// A name that none of the names of this object, from the first on, is like.
    #[inline]
    fn name(&mut self, first: usize) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        if self.text()? {
            return None;
        }
        let name = fingerprint(self.bytes.get(start..self.at - 1)?);
        if self.names.get(first..self.named)?.contains(&name) {
            return None;
        }
        *self.names.get_mut(self.named)? = name;
        self.named += 1;
        Some(())
    }

    /// A text; whether there are escapes in it.
    #[inline]
    fn text(&mut self) -> Option<bool> {
        self.at += 1;
        let mut is_escaped = false;
        loop {
            self.at += plain_length(self.bytes.get(self.at..)?);
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(is_escaped);
                }
                b'\\' => {
                    is_escaped = true;
                    self.escape()?;
                }
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let start = self.at;
        self.at += 1;
        if let b'"' | b'\\' | b'n' | b'r' | b't' | b'b' | b'f' = self.bytes.get(self.at)? {
            self.at += 1;
            return Some(());
        }
        let mut parser = Parser::starting_at(self.document, self.at);
        let resolved = parser.escape().ok()?;
        self.at = parser.at();
        let mut quoted = Vec::new();
        write_text(&mut quoted, resolved.encode_utf8(&mut [0; 4]));
        self.replace(start, quoted.get(1..quoted.len() - 1)?)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let rest = self.bytes.get(self.at..)?.strip_prefix(word)?;
        self.at += word.len();
        (!rest.first()?.is_ascii_alphanumeric()).then_some(())
    }

    fn digits(&mut self) -> Option<&[u8]> {
        let rest = self.bytes.get(self.at..)?;
        let length = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        self.at += length;
        rest.get(..length).filter(|digits| !digits.is_empty())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let is_negative = *self.bytes.get(start)? == b'-';
        self.at += usize::from(is_negative);
        let whole = self.digits()?;
        let has_zeros = whole.len() > 1 && whole.starts_with(b"0");
        let (digits, is_zero) = (whole.len(), whole == b"0");
        let mut is_integer = true;
        let mut is_kept = !has_zeros && digits <= LONG_DIGITS && !(is_zero && is_negative);
        if self.bytes.get(self.at) == Some(&b'.') {
            is_integer = false;
            self.at += 1;
            let fraction = self.digits()?;
            let is_short = fraction == b"0" || !fraction.ends_with(b"0");
            let is_plain = if is_zero {
                fraction == b"0" || !fraction.starts_with(SMALL)
            } else {
                !has_zeros && digits <= PLAIN_DIGITS
            };
            is_kept = is_short && is_plain && digits + fraction.len() <= EXACT_DIGITS;
        }
        if let b'e' | b'E' = self.bytes.get(self.at)? {
            (is_integer, is_kept) = (false, false);
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at)?, b'+' | b'-'));
            self.digits()?;
        }
        if self.bytes.get(self.at)?.is_ascii_alphanumeric() {
            return None;
        }
        if is_kept {
            return Some(());
        }
        let mut written = Vec::new();
        let text = Text::part(self.document, start, self.at);
        write_scalar(&mut written, &Schemaless::number(text, is_integer));
        self.replace(start, &written)
    }
}

/// A number that is seldom the same for two names.
#[inline]
fn fingerprint(name: &[u8]) -> u64 {
    const STEP: usize = size_of::<u64>();
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let (steps, rest) = name.as_chunks::<STEP>();
    let mut last = [0; STEP];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let mix = |sum: u64, word: u64| (sum.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    let sum = steps.iter().fold(0, |sum, step| mix(sum, u64::from_le_bytes(*step)));
    let length = u64::try_from(name.len()).unwrap_or_default();
    mix(mix(sum, u64::from_le_bytes(last)), length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::Value;

    fn compact(text: &str) -> Option<String> {
        compact_object(&text.into()).map(|text| text.to_string())
    }

    /// Writes what the reader made, as converters do.
    fn write(out: &mut Vec<u8>, value: &Value) {
        let separate = |out: &mut Vec<u8>, place| {
            if place > 0 {
                out.push(b',');
            }
        };
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Array(items) => {
                out.push(b'[');
                for (place, item) in items.iter().enumerate() {
                    separate(out, place);
                    write(out, item);
                }
                out.push(b']');
            }
            Value::Map(map) => {
                out.push(b'{');
                for (place, (name, item)) in map.entries().iter().enumerate() {
                    separate(out, place);
                    write_scalar(out, name);
                    out.push(b':');
                    write(out, item);
                }
                out.push(b'}');
            }
            scalar => write_scalar(out, scalar),
        }
    }

    fn read_and_written(text: &str) -> Option<String> {
        let value = Parser::new(&text.into()).first::<Schemaless>().ok()?;
        let mut out = Vec::new();
        write(&mut out, &value);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_has_the_form_stays_where_it_is() {
        let document = ByteString::from(
            r#"{"a":1,"b":[-20,0.5,12.25,true,null],"c":{"d":"x\n\"é"},"e":"","f":{}}, and more"#,
        );
        let text = compact_object(&document).unwrap();
        assert_eq!(text.as_bytes().as_ptr(), document.as_bytes().as_ptr());
        assert_eq!(&*text, document.strip_suffix(", and more").unwrap());
    }

    #[test]
    fn what_has_another_form_is_replaced() {
        for (text, expected) in [
            ("\u{feff} { \"a\" : [ 1 , 2 ] ,\n \"b\" : { } } x", "{\"a\":[1,2],\"b\":{}}"),
            (r#"{"a":"\/\u00e9\u000a\ud83d\ude00\u0001"}"#, "{\"a\":\"/é\\n😀\\u0001\"}"),
            (
                r#"{"a":[007,-0,1e3,1.50,0.0001,12345678.5]}"#,
                "{\"a\":[7,0,1000.0,1.5,1.0E-4,1.23456785E7]}",
            ),
            (r#"{"a":12345678901234567890}"#, r#"{"a":-6101065172474983726}"#),
        ] {
            assert_eq!(compact(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_handled_is_left_to_others() {
        let many: Vec<_> = (0..=MOST_NAMES).map(|number| format!("\"{number}\":0")).collect();
        let many = format!("{{{}}}", many.join(","));
        let deep = format!("{}{}", "{\"a\":".repeat(MAX_DEPTH + 1), "}".repeat(MAX_DEPTH + 1));
        for text in [
            "",
            "[1]",
            "1",
            "{",
            "{\"a\"}",
            "{\"a\":1,}",
            "{\"a\":tru}",
            "{\"a\":truex}",
            "{\"a\":1x}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"",
            "{\"a\":1,\"a\":2}",
            r#"{"\u0061":1}"#,
            &many,
            &deep,
        ] {
            assert_eq!(compact(text), None, "{text}");
        }
    }

    fn document() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\n",
            "\"a\"",
            "\"b\"",
            "\"\"",
            "\"é\\u0041\"",
            "\"\\n\"",
            "1",
            "-0",
            "0.5",
            "1.0",
            "1e2",
            "00",
            "9223372036854775808",
            "123456.125",
            "true",
            "null",
            "x",
        ]);
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| format!("{{{}", pieces.concat()))
    }

    fn tree() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            any::<f64>()
                .prop_filter("finite", |number| number.is_finite())
                .prop_map(|n| n.to_string()),
            (any::<i32>(), 0_u32..100_000).prop_map(|(whole, part)| format!("{whole}.{part}")),
            any::<i64>().prop_map(|n| n.to_string()),
            ".{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
            Just("null".to_owned()),
        ];
        let value = scalar.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| format!("[{}]", items.join(", "))),
                prop::collection::vec((".{0,9}", inner), 0..5).prop_map(object),
            ]
        });
        prop::collection::vec(("[a-d]{1,2}|.{0,20}", value), 0..6).prop_map(object)
    }

    fn object(members: Vec<(String, String)>) -> String {
        let member = |(name, value): &(String, String)| {
            format!("{}: {value}", serde_json::to_string(name).unwrap())
        };
        format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
    }

    proptest! {
        #[test]
        fn what_comes_out_is_what_a_reader_and_a_writer_make(text in prop_oneof![document(), tree()]) {
            if let Some(compacted) = compact(&text) {
                prop_assert_eq!(Some(compacted), read_and_written(&text));
            }
        }

        #[test]
        fn whole_objects_with_plain_names_are_handled(
            values in prop::collection::btree_map("[a-z_]{1,20}", any::<i64>(), 0..60)
        ) {
            let members = values.iter().map(|(name, value)| (name.clone(), value.to_string()));
            prop_assert!(compact(&object(members.collect())).is_some());
        }
    }
}
