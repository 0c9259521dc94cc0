//! Time zones by Joda's ids, and its arithmetic across gaps and overlaps.

use chrono::{FixedOffset, NaiveDateTime, Offset as _, TimeZone as _};
use chrono_tz::{OffsetName as _, Tz};

use crate::{instant, offset_ms};

/// Milliseconds of a day without a change of the clocks.
const DAY_MS: i64 = 86_400_000;

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// One of the time zone database.
    Named(Tz),
    /// Always the same offset.
    Fixed(FixedOffset),
}

impl Zone {
    /// Universal time.
    pub const UTC: Self = Self::Named(Tz::UTC);

    /// Reads an id of the time zone database, or `+hh:mm`.
    ///
    /// # Errors
    /// The reason, when it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sign = match text.chars().next() {
            Some('+') => 1,
            Some('-') => -1,
            _ => return text.parse().map(Self::Named).map_err(|_unknown| refusal(text)),
        };
        let digits: String = text.chars().skip(1).filter(|&c| c != ':').collect();
        let is_plain = digits.len() <= 4 && digits.chars().all(|c| c.is_ascii_digit());
        let number: i32 = digits.parse().map_err(|_none| refusal(text))?;
        let (hours, minutes) =
            if digits.len() <= 2 { (number, 0) } else { (number / 100, number % 100) };
        FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60))
            .filter(|_| is_plain && minutes < 60)
            .map(Self::Fixed)
            .ok_or_else(|| refusal(text))
    }

    /// Milliseconds that local time is ahead of universal time at an instant.
    #[must_use]
    pub fn offset_ms(self, utc_ms: i64) -> i64 {
        match self {
            Self::Named(Tz::UTC) => 0,
            Self::Named(zone) => {
                let utc = instant(utc_ms).naive_utc();
                offset_ms(zone.offset_from_utc_datetime(&utc).fix())
            }
            Self::Fixed(offset) => offset_ms(offset),
        }
    }

    /// What clocks show at an instant.
    pub(crate) fn local(self, utc_ms: i64) -> NaiveDateTime {
        instant(utc_ms.saturating_add(self.offset_ms(utc_ms))).naive_utc()
    }

    /// Short name at an instant, such as `CET`.
    pub(crate) fn abbreviation(self, utc_ms: i64) -> String {
        match self {
            Self::Named(zone) => {
                let utc = instant(utc_ms).naive_utc();
                let offset = zone.offset_from_utc_datetime(&utc);
                offset.abbreviation().map_or_else(|| offset.fix().to_string(), str::to_owned)
            }
            Self::Fixed(offset) => offset.to_string(),
        }
    }

    /// The id.
    pub(crate) fn id(self) -> String {
        match self {
            Self::Named(zone) => zone.name().to_owned(),
            Self::Fixed(offset) => offset.to_string(),
        }
    }

    /// Milliseconds shown by local clocks at an instant.
    #[must_use]
    pub fn to_local_ms(self, utc_ms: i64) -> i64 {
        utc_ms.saturating_add(self.offset_ms(utc_ms))
    }

    /// The instant of a local time; one that a gap skips, or that comes twice, gets Joda's choice.
    ///
    /// Source: joda-time `DateTimeZone.convertLocalToUTC(long, boolean)`, not strict.
    #[must_use]
    pub fn to_utc_ms(self, local_ms: i64) -> i64 {
        let guess = self.offset_ms(local_ms);
        let offset = self.offset_ms(local_ms.saturating_sub(guess));
        // Between the two candidates lies a change of the clocks: west of Greenwich the first
        // guess is the one that was made with the offset before it.
        let has_change_between = guess != offset
            && guess < 0
            && self.offset_ms(local_ms.saturating_sub(offset)) != offset;
        local_ms.saturating_sub(if has_change_between { guess } else { offset })
    }

    /// Start of the time bucket of an instant, in local milliseconds: counted from 1970-01-01,
    /// rounded toward it.
    #[must_use]
    pub fn bucket_ms(self, utc_ms: i64, duration_ms: i64) -> i64 {
        self.to_local_ms(utc_ms) / duration_ms * duration_ms
    }

    /// The next time of a schedule that starts anew at every local midnight.
    ///
    /// A day has 23, 24 or 25 hours; an interval that does not divide it ends in a short slot.
    #[must_use]
    pub fn next_slot_ms(self, now_ms: i64, interval_ms: i64) -> i64 {
        let midnight = self.to_local_ms(now_ms).div_euclid(DAY_MS) * DAY_MS;
        let start = self.to_utc_ms(midnight);
        let end = self.to_utc_ms(midnight + DAY_MS);
        let passed = (now_ms - start).max(0) / interval_ms;
        let next = passed.saturating_add(1).saturating_mul(interval_ms);
        start.saturating_add(next).min(end)
    }
}

fn refusal(text: &str) -> String {
    format!("The time zone \"{text}\" is unknown, use an id such as Europe/Berlin, or +hh:mm")
}
