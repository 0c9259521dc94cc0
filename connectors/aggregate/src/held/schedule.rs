//! Slots of the day.

use chrono::{DateTime, Days, NaiveTime};
use chrono_tz::Tz;

use crate::record::local_ms;

/// End of the slot of this length that holds `now_ms`: slots start at midnight of the zone, and the
/// last one of a day ends at the next midnight however short it is.
pub(super) fn slot_end_ms(now_ms: i64, length_ms: i64, zone: Tz) -> i64 {
    let ends = DateTime::from_timestamp_millis(now_ms).and_then(|now| {
        let day = now.with_timezone(&zone).date_naive();
        let start = local_ms(day.and_time(NaiveTime::MIN), zone)?;
        let end = local_ms(day.checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN), zone)?;
        let slots = (now_ms - start).div_euclid(length_ms) + 1;
        Some(start.saturating_add(slots.saturating_mul(length_ms)).min(end))
    });
    // A clock beyond the calendar still gets slots, by the epoch.
    ends.unwrap_or_else(|| now_ms.saturating_add(length_ms - now_ms.rem_euclid(length_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    #[test]
    fn slots_start_at_local_midnight() {
        let minutes = 60_000;
        for (now, length, zone, end) in [
            ("2026-11-21T10:03:00Z", 10 * minutes, Tz::UTC, "2026-11-21T10:10:00Z"),
            ("2026-11-21T10:10:00Z", 10 * minutes, Tz::UTC, "2026-11-21T10:20:00Z"),
            ("2026-11-21T23:30:00Z", 420 * minutes, Tz::UTC, "2026-11-22T00:00:00Z"),
            ("2026-11-21T10:03:00Z", 60 * minutes, Tz::Asia__Kolkata, "2026-11-21T10:30:00Z"),
            // The day of 25 hours: the last slot ends with it.
            ("2026-10-25T20:00:00Z", 1440 * minutes, Tz::Europe__Berlin, "2026-10-25T22:00:00Z"),
        ] {
            assert_eq!(slot_end_ms(ms(now), length, zone), ms(end), "{now}");
        }
    }
}
