//! Times as records write them.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

/// Milliseconds since the epoch of a text: ISO-8601 with a zone; or without one, with `T` or a
/// space, with or without a fraction, or a date alone, which are times in `zone`.
pub(crate) fn parse_time(text: &str, zone: Tz) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M:%S,%3f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return local_ms(time, zone);
        }
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z"]
    {
        if let Ok(time) = DateTime::parse_from_str(text, format) {
            return Some(time.timestamp_millis());
        }
    }
    local_ms(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?, zone)
}

/// The instant of a local time: the first one where the clock is set back, and the same distance
/// after midnight's side of the gap where it is set forward.
pub(crate) fn local_ms(time: NaiveDateTime, zone: Tz) -> Option<i64> {
    match zone.from_local_datetime(&time) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => {
            Some(time.timestamp_millis())
        }
        LocalResult::None => {
            let before = zone.from_local_datetime(&(time - TimeDelta::hours(3))).earliest()?;
            Some(before.timestamp_millis() + 3 * 3_600_000)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let zone = chrono_tz::Europe::Berlin;
        for (text, time) in [
            ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
            ("2026-11-21T10:00:00.250+02:00", "2026-11-21T08:00:00.25Z"),
            ("2026-11-21 10:00:00", "2026-11-21T09:00:00Z"),
            ("2026-11-21 10:00:00.123", "2026-11-21T09:00:00.123Z"),
            ("2026-11-21 10:00:00,123", "2026-11-21T09:00:00.123Z"),
            ("2026-11-21T10:00:00", "2026-11-21T09:00:00Z"),
            ("2026-11-21 10:00:00+0000", "2026-11-21T10:00:00Z"),
            ("2026-07-01", "2026-06-30T22:00:00Z"),
            ("2026-10-25 02:30:00", "2026-10-25T00:30:00Z"), // twice that night: the first one
            ("2026-03-29 02:30:00", "2026-03-29T01:30:00Z"), // not at all that night
        ] {
            let expected = DateTime::parse_from_rfc3339(time).unwrap().timestamp_millis();
            assert_eq!(parse_time(text, zone), Some(expected), "{text}");
        }
        for text in ["", "today", "2026-13-01", "10:00:00"] {
            assert_eq!(parse_time(text, zone), None, "{text}");
        }
    }
}
