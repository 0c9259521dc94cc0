//! Status codes: which are tried again, and when.

use std::time::Duration;

use chrono::DateTime;

/// Longest time that a service may put us off with one answer: it asks again then.
const LONGEST: Duration = Duration::from_secs(3600);

/// Codes and ranges of codes, as `400-`, `429,500-599`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusCodes(Vec<(u16, u16)>);

impl StatusCodes {
    /// # Errors
    /// The reason, when something is no code and no range.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(range).collect::<Result<_, _>>().map(Self)
    }

    /// Every code from 400 on.
    pub(crate) fn errors() -> Self {
        Self(vec![(400, u16::MAX)])
    }

    pub(crate) fn has(&self, code: u16) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&code))
    }
}

fn range(item: &str) -> Result<(u16, u16), String> {
    let (from, to) = item.split_once('-').map_or((item, Some(item)), |(from, to)| {
        (from.trim(), Some(to.trim()).filter(|to| !to.is_empty()))
    });
    let code = |text: &str| match text.parse::<u16>() {
        Ok(code) if (100..=599).contains(&code) => Ok(code),
        _ => {
            Err(format!("\"{item}\" is neither a status code from 100 to 599 nor a range of them"))
        }
    };
    let (from, to) = (code(from)?, to.map_or(Ok(u16::MAX), code)?);
    if from > to {
        Err(format!("The range \"{item}\" ends before it begins"))
    } else {
        Ok((from, to))
    }
}

/// How long a service asks us to wait: seconds, or a date.
///
/// Source: RFC 9110, 10.2.3.
pub(crate) fn retry_after(text: &str, now_ms: i64) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            let ms = date.timestamp_millis().saturating_sub(now_ms);
            Duration::from_millis(u64::try_from(ms).unwrap_or(0))
        }
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_single_ones_ranges_and_open_ranges() {
        let codes = StatusCodes::parse("404, 429,500-503,510-").unwrap();
        let found: Vec<u16> = [400, 404, 429, 499, 500, 503, 504, 510, 599]
            .into_iter()
            .filter(|c| codes.has(*c))
            .collect();
        assert_eq!(found, [404, 429, 500, 503, 510, 599]);
        assert!(!StatusCodes::parse("").unwrap().has(500));
        for wrong in ["abc", "500-400", "-400", "99", "600", "500-5000"] {
            assert!(StatusCodes::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_service_says_when_in_seconds_or_by_a_date() {
        assert_eq!(retry_after("7", 0), Some(Duration::from_secs(7)));
        let date = "Sat, 21 Nov 2026 10:00:30 GMT";
        assert_eq!(retry_after(date, 1_795_255_200_000), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(date, 1_795_255_300_000), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999", 0), Some(LONGEST));
        assert_eq!(retry_after("soon", 0), None);
    }
}
