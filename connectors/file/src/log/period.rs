//! The stretch of time that a dated file's name stands for.

use chrono::{Datelike as _, Days, Months, NaiveDate, NaiveDateTime, Offset as _, TimeDelta};
use chrono::{LocalResult, TimeZone as _};
use chrono_tz::Tz;

/// From when to when a dated file is written by its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    /// First millisecond since the epoch.
    pub(super) start_ms: i64,
    /// First millisecond after it.
    pub(super) end_ms: i64,
}

/// One part of a date in a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DatePart {
    Year,
    ShortYear,
    Month,
    Day,
    DayOfYear,
    Hour,
    Minute,
    Second,
}

impl DatePart {
    /// The part that a strftime letter stands for.
    pub(super) const fn of_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'Y' => Self::Year,
            'y' => Self::ShortYear,
            'm' => Self::Month,
            'd' => Self::Day,
            'j' => Self::DayOfYear,
            'H' => Self::Hour,
            'M' => Self::Minute,
            'S' => Self::Second,
            _ => return None,
        })
    }

    /// How many digits the part has.
    pub(super) const fn digits(self) -> usize {
        match self {
            Self::Year => 4,
            Self::DayOfYear => 3,
            _ => 2,
        }
    }
}

/// The parts of a date that a path has shown so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DateParts {
    year: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour: Option<u32>,
    minute: Option<u32>,
    second: Option<u32>,
}

impl DateParts {
    /// Notes a part; `false` when the path has said otherwise before.
    pub(super) fn set(&mut self, part: DatePart, number: u32) -> bool {
        let (slot, number) = match part {
            DatePart::Year => (&mut self.year, number),
            DatePart::ShortYear => (&mut self.year, 2000 + number),
            DatePart::Month => (&mut self.month, number),
            DatePart::Day => (&mut self.day, number),
            DatePart::DayOfYear => (&mut self.day_of_year, number),
            DatePart::Hour => (&mut self.hour, number),
            DatePart::Minute => (&mut self.minute, number),
            DatePart::Second => (&mut self.second, number),
        };
        *slot.get_or_insert(number) == number
    }

    /// Whether the path has no date at all.
    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The larger part that is missing for the smaller ones to make a date.
    pub(super) const fn gap(self) -> Option<&'static str> {
        let has_day = self.day.is_some() || self.day_of_year.is_some();
        let has_month = self.month.is_some() || self.day_of_year.is_some();
        if self.second.is_some() && self.minute.is_none() {
            return Some("%S needs %M");
        }
        if self.minute.is_some() && self.hour.is_none() {
            return Some("%M (the minute) needs %H");
        }
        if self.hour.is_some() && !has_day {
            return Some("%H needs %d");
        }
        if self.day.is_some() && !has_month {
            return Some("%d needs %m");
        }
        if has_month && self.year.is_none() {
            return Some("A date needs its year, %Y");
        }
        None
    }

    /// The stretch of time in this zone; none when there is no such date.
    pub(super) fn period(self, zone: Tz) -> Option<Period> {
        let (start, end) = self.local()?;
        Some(Period { start_ms: to_utc_ms(zone, start), end_ms: to_utc_ms(zone, end) })
    }

    fn local(self) -> Option<(NaiveDateTime, NaiveDateTime)> {
        let year = i32::try_from(self.year?).ok()?;
        let date = match self.day_of_year {
            Some(day) => NaiveDate::from_yo_opt(year, day)?,
            None => NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        if self.month.is_some_and(|month| month != date.month()) {
            return None;
        }
        let start = date.and_hms_opt(
            self.hour.unwrap_or(0),
            self.minute.unwrap_or(0),
            self.second.unwrap_or(0),
        )?;
        let end = if self.second.is_some() {
            start.checked_add_signed(TimeDelta::seconds(1))
        } else if self.minute.is_some() {
            start.checked_add_signed(TimeDelta::minutes(1))
        } else if self.hour.is_some() {
            start.checked_add_signed(TimeDelta::hours(1))
        } else if self.day.is_some() || self.day_of_year.is_some() {
            start.checked_add_days(Days::new(1))
        } else if self.month.is_some() {
            start.checked_add_months(Months::new(1))
        } else {
            start.checked_add_months(Months::new(12))
        };
        Some((start, end?))
    }
}

/// Seconds that this zone is ahead of UTC at this local time.
///
/// A time that happens twice is taken as the first; one that the clock skips as if it had not.
pub(super) fn offset_seconds(zone: Tz, local: NaiveDateTime) -> i32 {
    let offset = match zone.offset_from_local_datetime(&local) {
        LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => offset,
        LocalResult::None => zone.offset_from_utc_datetime(&(local - TimeDelta::hours(24))),
    };
    offset.fix().local_minus_utc()
}

/// Milliseconds since the epoch of a local time.
pub(super) fn to_utc_ms(zone: Tz, local: NaiveDateTime) -> i64 {
    local.and_utc().timestamp_millis() - i64::from(offset_seconds(zone, local)) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[(DatePart, u32)]) -> DateParts {
        let mut date = DateParts::default();
        for &(part, number) in parts {
            assert!(date.set(part, number));
        }
        date
    }

    #[test]
    fn a_day_ends_at_midnight_of_its_zone_also_when_the_clocks_change() {
        let day = |month, day| {
            parts(&[(DatePart::Year, 2026), (DatePart::Month, month), (DatePart::Day, day)])
        };
        let hours = |period: Period| (period.end_ms - period.start_ms) / 3_600_000;
        let berlin = chrono_tz::Europe::Berlin;
        let summer = day(3, 29).period(berlin).unwrap();
        assert_eq!((summer.start_ms, hours(summer)), (1_774_738_800_000, 23));
        assert_eq!(hours(day(10, 25).period(berlin).unwrap()), 25);
        assert_eq!(hours(day(11, 21).period(Tz::UTC).unwrap()), 24);
        assert_eq!(day(2, 30).period(berlin), None);
    }

    #[test]
    fn the_smallest_part_says_how_long_it_is() {
        let mut date = parts(&[(DatePart::Year, 2026)]);
        let days = |date: DateParts| {
            let period = date.period(Tz::UTC).unwrap();
            (period.end_ms - period.start_ms) / 86_400_000
        };
        assert_eq!(days(date), 365);
        assert!(date.set(DatePart::Month, 2));
        assert_eq!(days(date), 28);
        assert!(!date.set(DatePart::Month, 3), "the path says two months");
    }

    #[test]
    fn a_part_without_the_larger_one_is_no_date() {
        assert_eq!(parts(&[(DatePart::Hour, 1)]).gap(), Some("%H needs %d"));
        assert_eq!(parts(&[(DatePart::Month, 1)]).gap(), Some("A date needs its year, %Y"));
        assert_eq!(parts(&[(DatePart::ShortYear, 26), (DatePart::DayOfYear, 7)]).gap(), None);
    }
}
