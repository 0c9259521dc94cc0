//! Bytes and times as a reader sees them.

use bytes::Bytes;
use chrono::DateTime;
use serde::Serialize;

/// Bytes as text where they are UTF-8, else in hexadecimal; cut off at a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The bytes as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The bytes in hexadecimal, two digits each.
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    /// How many there are, all told.
    size: usize,
    /// Whether some are not shown.
    truncated: bool,
}

impl Shown {
    /// At most so many of the bytes.
    pub(super) fn of(bytes: &Bytes, most: usize) -> Self {
        let size = bytes.len();
        let shown = bytes.get(..most.min(size)).unwrap_or_default();
        let text = match std::str::from_utf8(shown) {
            Ok(text) => Some(text),
            // Cut off in mid-character, which is no fault of the bytes.
            Err(error) if shown.len() < size && error.error_len().is_none() => {
                let whole = shown.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(whole).ok()
            }
            Err(_) => None,
        };
        let hex = text.is_none().then(|| shown.iter().map(|byte| format!("{byte:02x}")).collect());
        let text = text.map(str::to_owned);
        Self { text, hex, size, truncated: shown.len() < size }
    }

    /// Bytes that it takes in an answer, about.
    pub(super) fn weight(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        length(&self.text) + length(&self.hex)
    }
}

/// Cuts text off at a bound, at the end of a character.
pub(super) fn cut(text: &str, most: usize) -> String {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// A moment as `2026-11-21T10:00:00.000Z`.
pub(super) fn moment(at_ms: i64) -> String {
    let at = DateTime::from_timestamp_millis(at_ms).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bytes: &'static [u8], most: usize) -> (Option<String>, Option<String>, bool) {
        let Shown { text, hex, truncated, .. } = Shown::of(&Bytes::from_static(bytes), most);
        (text, hex, truncated)
    }

    #[test]
    fn text_is_shown_as_text_and_the_rest_in_hexadecimal() {
        assert_eq!(shown(b"abc", 10), (Some("abc".to_owned()), None, false));
        assert_eq!(shown("aé".as_bytes(), 2), (Some("a".to_owned()), None, true));
        assert_eq!(shown(b"\xff\x01", 1), (None, Some("ff".to_owned()), true));
        assert_eq!(shown(b"a\xc3", 10), (None, Some("61c3".to_owned()), false));
        assert_eq!(cut("aé", 2), "a");
    }

    proptest! {
        #[test]
        fn never_more_is_shown_than_was_asked_for(bytes: Vec<u8>, most in 0_usize..50) {
            let shown = Shown::of(&Bytes::from(bytes.clone()), most);
            prop_assert_eq!(shown.size, bytes.len());
            prop_assert!(shown.weight() <= 2 * most);
            prop_assert_eq!(shown.truncated, bytes.len() > most);
        }
    }
}
