//! Reading texts that have an inside: addresses, headers, replacements.

use connect_api::config::Problems;
use regex::Regex;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use crate::template::Template;

/// An address whose references do not matter: `http` or `https`, with a host.
pub(super) fn address(text: &str) -> Result<(), String> {
    let template = Template::parse(text)?;
    let url =
        Url::parse(&template.with_all("x")).map_err(|error| format!("No address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("An address begins with http:// or https://".to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("An address needs a host".to_owned());
    }
    Ok(())
}

/// A template that can be read.
pub(super) fn template(text: &str) -> Result<(), String> {
    Template::parse(text).map(drop)
}

/// The template of a text that was checked.
pub(super) fn parsed(text: &str) -> Template {
    Template::parse(text).unwrap_or_default()
}

/// A positive rate, or none.
pub(super) fn rate(text: &str) -> Result<(), String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && (rate <= 0.0 || (0.001..=1e6).contains(&rate)) => Ok(()),
        _ => Err("A rate lies between 0.001 and 1000000 per second; 0 is no limit".to_owned()),
    }
}

/// The name of a header.
pub(super) fn header_name(text: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(text.trim().as_bytes())
        .map_err(|_invalid| "It is no name of a header".to_owned())
}

/// `Name:Value`. Nothing of it is told: without its colon even the name may be a secret.
fn header(item: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = item.split_once(':').ok_or("is not of the form Name:Value")?;
    let name = header_name(name).map_err(|_told| "has no name of a header before its colon")?;
    let value = secret_value(value.trim())
        .map_err(|()| "has characters in its value that no header may have")?;
    Ok((name, value))
}

/// A value that is not printed.
pub(super) fn secret_value(text: &str) -> Result<HeaderValue, ()> {
    let mut value = HeaderValue::from_str(text).map_err(|_invalid| ())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Headers, the last of each name; what is wrong is noted under the key.
pub(super) fn headers<'a>(
    items: impl Iterator<Item = &'a str>,
    key: &str,
    problems: &mut Problems,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (number, item) in (1..).zip(items.map(str::trim)).filter(|(_, item)| !item.is_empty()) {
        match header(item) {
            Ok((name, value)) => drop(headers.insert(name, value)),
            Err(reason) => {
                let text =
                    format!("Invalid value for configuration {key}: Entry {number} {reason}");
                problems.add_text(key, text);
            }
        }
    }
    headers
}

/// Items between separators; none in an empty text.
pub(super) fn items<'a>(text: &'a str, separator: &'a str) -> Vec<&'a str> {
    if text.is_empty() {
        Vec::new()
    } else if separator.is_empty() {
        vec![text]
    } else {
        text.split(separator).collect()
    }
}

/// Patterns with what stands in the place of what they match.
pub(super) fn replacements(
    (patterns, replacements): (&[&str], &[&str]),
    problems: &mut Problems,
) -> Vec<(Regex, String)> {
    if patterns.len() != replacements.len() && !(patterns.len() == 1 && replacements.is_empty()) {
        problems.add_text(
            "regex.replacements",
            format!(
                "regex.patterns has {} items and regex.replacements {}: they have to be as many",
                patterns.len(),
                replacements.len()
            ),
        );
    }
    let with = replacements.iter().copied().chain(std::iter::repeat(""));
    let mut found = Vec::new();
    for (pattern, with) in patterns.iter().zip(with) {
        match Regex::new(pattern) {
            Ok(regex) => found.push((regex, replacement(with))),
            Err(error) => problems.add("regex.patterns", pattern, error),
        }
    }
    found
}

/// A replacement as Java writes it: `$1`, `${name}`, `\$`.
fn replacement(java: &str) -> String {
    let mut out = String::new();
    let mut rest = java.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => {}
            },
            '$' if rest.peek().is_some_and(char::is_ascii_digit) => {
                let digit = rest.next().unwrap_or('0');
                out.push_str(&format!("${{{digit}}}"));
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_are_read_as_java_reads_them() {
        let mut problems = Problems::new();
        let found = replacements((&[r"(\d+)", "x"], &["<$1a>", r"\$\\"]), &mut problems);
        assert!(problems.is_empty());
        let text = found.iter().fold("12 x".to_owned(), |text, (regex, with)| {
            regex.replace_all(&text, with.as_str()).into_owned()
        });
        assert_eq!(text, r"<12a> $\");
        replacements((&["(", "b"], &["c"]), &mut problems);
        assert_eq!(problems.finish().unwrap_err().len(), 2);
    }

    #[test]
    fn addresses_are_checked_without_their_references() {
        for good in ["http://h/p?x=${x}&y=${a.b}", "https://${topic}.h:8443/${key}"] {
            assert_eq!(address(good), Ok(()), "{good}");
        }
        for bad in ["h/p", "ftp://h/", "http://", "http://h/${x", "http://h/${}"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
