//! Gives records another topic by a pattern.
//!
//! Source: apache/kafka `RegexRouter.java`.

use std::sync::{Arc, Mutex, PoisonError};

use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
};
use regex::{Captures, Regex};

use super::{ConnectRecord, Transform, Verdict};

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct RegexRouterConfig {
    /// Regular expression to use for matching.
    #[config(importance = High, check = REGEX)]
    regex: String,
    /// Replacement string.
    #[config(importance = High)]
    replacement: String,
}

/// Replaces topics that match as a whole.
#[derive(Debug)]
pub(super) struct RegexRouter {
    whole: Regex,
    replacement: Vec<Piece>,
    /// The last topic and what became of it: the records of a batch share theirs.
    last: Mutex<Option<Routed>>,
}

/// A topic and what becomes of it.
type Routed = (Arc<str>, Arc<str>);

/// A part of a Java replacement.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Number(usize),
    Name(String),
}

impl RegexRouter {
    pub(super) fn configured(props: &Props) -> Result<Self> {
        let config = RegexRouterConfig::parse(props)?;
        let whole = Regex::new(&format!("^(?:{})$", config.regex)).map_err(|error| {
            ConnectorError::invalid(format!(
                "Invalid value {} for configuration regex: Invalid regex: {error}",
                config.regex
            ))
        })?;
        let groups = whole.captures_len();
        let replacement = pieces(&config.replacement, groups);
        for piece in &replacement {
            let is_known = match piece {
                Piece::Text(_) => true,
                Piece::Number(group) => *group < groups,
                Piece::Name(name) => whole.capture_names().flatten().any(|known| known == name),
            };
            if !is_known {
                return Err(ConnectorError::invalid(format!(
                    "Invalid value {} for configuration replacement: No such group in the regex",
                    config.replacement
                )));
            }
        }
        Ok(Self { whole, replacement, last: Mutex::default() })
    }

    fn route(&self, topic: &Arc<str>) -> Arc<str> {
        match self.whole.captures(topic) {
            Some(found) => self.replaced(&found).into(),
            None => Arc::clone(topic),
        }
    }

    fn replaced(&self, found: &Captures<'_>) -> String {
        let part = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Number(group) => found.get(*group).map_or("", |part| part.as_str()).to_owned(),
            Piece::Name(name) => found.name(name).map_or("", |part| part.as_str()).to_owned(),
        };
        self.replacement.iter().map(part).collect()
    }
}

/// Splits a Java replacement: `$1` takes as many digits as there are groups for, `${name}` a name,
/// and a backslash takes the next character as it is.
fn pieces(replacement: &str, groups: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        let piece = match (c, chars.peek().copied()) {
            ('\\', Some(next)) => {
                text.push(next);
                chars.next();
                continue;
            }
            ('$', Some('{')) => {
                chars.next();
                Piece::Name(chars.by_ref().take_while(|c| *c != '}').collect())
            }
            ('$', Some(digit)) if digit.is_ascii_digit() => {
                chars.next();
                let mut group = value_of(digit);
                while let Some(more) = chars.peek().copied().filter(char::is_ascii_digit) {
                    let longer = group * 10 + value_of(more);
                    if longer >= groups {
                        break;
                    }
                    group = longer;
                    chars.next();
                }
                Piece::Number(group)
            }
            _ => {
                text.push(c);
                continue;
            }
        };
        pieces.extend((!text.is_empty()).then(|| Piece::Text(std::mem::take(&mut text))));
        pieces.push(piece);
    }
    pieces.extend((!text.is_empty()).then_some(Piece::Text(text)));
    pieces
}

fn value_of(digit: char) -> usize {
    digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).unwrap_or(0)
}

impl Transform for RegexRouter {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.transforms.RegexRouter"
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let routed = match &*last {
            Some((topic, routed)) if Arc::ptr_eq(topic, record.topic()) => Arc::clone(routed),
            _ => {
                let routed = self.route(record.topic());
                *last = Some((Arc::clone(record.topic()), Arc::clone(&routed)));
                routed
            }
        };
        record.set_topic(routed);
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(regex: &str, replacement: &str, topic: &str) -> String {
        let props = Props::from([("regex", regex), ("replacement", replacement)]);
        RegexRouter::configured(&props).unwrap().route(&topic.into()).to_string()
    }

    #[test]
    fn only_whole_names_are_replaced() {
        assert_eq!(routed("a(.*)", "b$1", "ax"), "bx");
        assert_eq!(routed("a", "b", "aa"), "aa");
    }

    #[test]
    fn replacements_are_written_as_in_java() {
        assert_eq!(routed("(?<y>\\d+)-(.*)", "$2_${y}", "2026-log"), "log_2026");
        assert_eq!(routed("(.)(.*)", "$12", "ab"), "a2");
        assert_eq!(routed("(.*)", "\\$1", "a"), "$1");
        let props = Props::from([("regex", "a"), ("replacement", "$1")]);
        assert!(RegexRouter::configured(&props).is_err());
    }
}
