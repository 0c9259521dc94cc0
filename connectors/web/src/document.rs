//! JSON documents that records can hold.

use bytestring::ByteString;
use connect_api::json::{Node, NodeRef, Parser, write_text};

/// Characters of a number that a sentence shows.
const SHOWN: usize = 40;

/// Checks that a text is one JSON document, and that a record can hold what it says: nothing of it may
/// come out as something else.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub(crate) fn check(text: &ByteString) -> Result<(), String> {
    if text.trim_ascii().is_empty() {
        return Err("The body is empty".to_owned());
    }
    let mut parser = Parser::new(text);
    parser.skip_first().map_err(|error| format!("The body is not JSON: {error}"))?;
    if parser.peek().is_some() {
        return Err("The body is not JSON: something follows the document".to_owned());
    }
    check_content(text)
}

/// Appends a part of a document, with its numbers as they were written.
pub(crate) fn write(out: &mut Vec<u8>, node: &NodeRef<'_>) {
    match node {
        Node::Null => out.extend_from_slice(b"null"),
        Node::Boolean(true) => out.extend_from_slice(b"true"),
        Node::Boolean(false) => out.extend_from_slice(b"false"),
        Node::Number(text, _) => out.extend_from_slice(text.as_bytes()),
        Node::String(text) => write_text(out, text),
        Node::Array(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                out.extend((place > 0).then_some(b','));
                write(out, item);
            }
            out.push(b']');
        }
        Node::Object(members) => {
            out.push(b'{');
            for (place, (name, value)) in members.iter().enumerate() {
                out.extend((place > 0).then_some(b','));
                write_text(out, name);
                out.push(b':');
                write(out, value);
            }
            out.push(b'}');
        }
    }
}

/// Goes through the numbers and texts of what is JSON.
fn check_content(document: &str) -> Result<(), String> {
    let is_begin = |c: char| c == '"' || c == '-' || c.is_ascii_digit();
    let mut rest = document;
    while let Some((_, found)) = rest.find(is_begin).and_then(|at| rest.split_at_checked(at)) {
        rest = match found.strip_prefix('"') {
            Some(text) => after_text(text)?,
            None => after_number(found)?,
        };
    }
    Ok(())
}

fn after_number(rest: &str) -> Result<&str, String> {
    let is_behind = |c: char| !(c.is_ascii_digit() || "+-.eE".contains(c));
    let end = rest.find(is_behind).unwrap_or(rest.len());
    let (number, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let reason = if !number.contains(['.', 'e', 'E']) {
        number.parse::<i64>().is_err().then_some("whole numbers have 64 bits with a sign")
    } else {
        let is_finite = number.parse::<f64>().is_ok_and(f64::is_finite);
        (!is_finite).then_some("it is larger than any with a fraction or an exponent")
    };
    let Some(reason) = reason else { return Ok(rest) };
    let shown = number.get(..SHOWN).map_or_else(|| number.to_owned(), |start| format!("{start}…"));
    Err(format!(
        "The body has a number that no record can hold, {shown}: {reason}. Send it as a text"
    ))
}

/// What stands behind a text, which begins behind its quote.
fn after_text(mut rest: &str) -> Result<&str, String> {
    loop {
        let Some((_, found)) = rest.find(['"', '\\']).and_then(|at| rest.split_at_checked(at))
        else {
            return Ok("");
        };
        let Some(escape) = found.strip_prefix('\\') else {
            return Ok(found.get(1..).unwrap_or_default());
        };
        rest = match code(found) {
            None => escape.get(1..).unwrap_or_default(),
            Some((0xd800..0xdc00, behind)) if matches!(code(behind), Some((0xdc00..0xe000, _))) => {
                behind.get(6..).unwrap_or_default()
            }
            Some((half @ 0xd800..0xe000, _)) => {
                return Err(format!("The body has half a character, \\u{half:04x}, in a text"));
            }
            Some((_, behind)) => behind,
        };
    }
}

/// The code of an escape in hexadecimal digits, and what stands behind it.
fn code(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.strip_prefix("\\u")?.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        check(&text.into()).err().unwrap_or_default()
    }

    #[test]
    fn what_no_record_can_hold_is_refused() {
        for (text, expected) in [
            ("9223372036854775808", "no record can hold, 9223372036854775808: whole numbers"),
            ("{\"a\":[1,-9223372036854775809]}", "-9223372036854775809"),
            ("[18446744073709551615 ]", "18446744073709551615"),
            ("{\"a\":1e999}", "1e999: it is larger"),
            ("-1.0E+400", "-1.0E+400: it is larger"),
            (&"9".repeat(1000), "9999999999…"),
            (r#""\ud800""#, "half a character, \\ud800,"),
            (r#"{"\uDE00":1}"#, "half a character, \\ude00,"),
            (r#"["\ud83d\u0041"]"#, "half a character"),
            (r#"["\ud83d\\ude00"]"#, "half a character"),
            (" ", "The body is empty"),
            ("1 1", "The body is not JSON: something follows"),
            ("1e", "The body is not JSON: "),
        ] {
            assert!(told(text).contains(expected), "{text}: {}", told(text));
        }
    }

    #[test]
    fn all_else_is_taken() {
        for text in [
            "9223372036854775807",
            "-9223372036854775808",
            "[-0,0.5,1E+3,1e-999,12345678901234567890.5]",
            r#"{"18446744073709551615":"1e999 \" 99999999999999999999 \\"}"#,
            r#"["\ud83d\ude00","\\ud800","\u00e9\n","é😀"]"#,
            "\u{feff}{}",
            "[true,null,false]",
        ] {
            assert_eq!(told(text), "", "{text}");
        }
    }
}
