//! The name that a request gives its body.
//!
//! Source: RFC 6266, 4.3, and RFC 8187.

use percent_encoding::percent_decode_str;

/// The file name in a `Content-Disposition` header, such as `attachment; filename="data.csv"`. One that
/// is written as `filename*=UTF-8''data.csv` counts before it.
pub(super) fn file_name(header: &[u8]) -> Option<String> {
    let header = std::str::from_utf8(header).ok()?;
    let mut plain = None;
    for parameter in split(header).into_iter().skip(1) {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        match &*name.trim().to_ascii_lowercase() {
            "filename" => plain = plain.or_else(|| Some(unquoted(value.trim()))),
            "filename*" => match extended(value.trim()) {
                Some(name) => return Some(name),
                None => continue,
            },
            _ => {}
        }
    }
    plain
}

/// The parts between semicolons, but for those within quotes.
fn split(header: &str) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_end = |letter: char| {
        let is_end = letter == ';' && !is_quoted;
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        is_end
    };
    header.split(is_end).collect()
}

/// A value without its quotes and the backslashes before quotes and backslashes.
fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"') else { return value.to_owned() };
    let mut name = String::new();
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => name.extend(letters.next()),
            _ => name.push(letter),
        }
    }
    name
}

/// A value with its character set; none for one that is not UTF-8.
fn extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (set, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !set.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (header, expected) in [
            (r#"attachment; filename="data.csv""#, Some("data.csv")),
            ("attachment;FileName = data.csv ; size=3", Some("data.csv")),
            (r#"attachment; filename="a;b \"c\".csv"; x=1"#, Some(r#"a;b "c".csv"#)),
            (r#"attachment; filename="x.csv"; filename*=utf-8'en'%C3%BC%20x.csv"#, Some("ü x.csv")),
            (r#"attachment; filename*=iso-8859-1''%FC.csv; filename="u.csv""#, Some("u.csv")),
            ("attachment; filename=\"ü.csv\"", Some("ü.csv")),
            (r#"attachment; name="filename=x""#, None),
            (r#"attachment; filename="open"#, Some("open")),
            ("filename=x", None),
            ("", None),
        ] {
            assert_eq!(file_name(header.as_bytes()).as_deref(), expected, "{header}");
        }
        assert_eq!(file_name(b"attachment; filename=\xFC"), None);
    }
}
