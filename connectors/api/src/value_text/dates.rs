//! Dates and times as text, in UTC.

use std::fmt::Write as _;

/// Milliseconds of a day.
pub const MS_PER_DAY: i64 = 86_400_000;

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Year, month and day of a day since the epoch.
///
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms".
#[must_use]
pub const fn civil_date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Day since the epoch of a year, month and day; the inverse of [`civil_date`].
#[must_use]
pub const fn days_of_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// `2022-01-08` of a day since the epoch.
#[must_use]
pub fn date_text(days: i64) -> String {
    let (year, month, day) = civil_date(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `10:20:30.400Z` of a millisecond of the day.
#[must_use]
pub fn time_text(ms: i64) -> String {
    let (hour, minute, second) = clock_of(ms);
    format!("{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// `2022-01-08T10:20:30.400Z` of a millisecond since the epoch.
#[must_use]
pub fn timestamp_text(ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(MS_PER_DAY), ms.rem_euclid(MS_PER_DAY));
    format!("{}T{}", date_text(days), time_text(of_day))
}

const fn clock_of(ms: i64) -> (i64, i64, i64) {
    (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60)
}

/// Appends a date as Java's `Date.toString` gives it: `Sat Jan 08 10:20:30 UTC 2022`.
pub(super) fn write_java_date(out: &mut String, ms: i64) {
    let days = ms.div_euclid(MS_PER_DAY);
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = clock_of(ms.rem_euclid(MS_PER_DAY));
    let named = |names: &[&'static str], place: i64| {
        usize::try_from(place).ok().and_then(|place| names.get(place).copied()).unwrap_or_default()
    };
    let weekday = named(&WEEKDAYS, days.rem_euclid(7));
    let month = named(&MONTHS, month - 1);
    // Writing to a string cannot fail.
    let _written =
        write!(out, "{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year:04}");
}

/// Day since the epoch of `2022-01-08`. Months and days that do not exist run over, and what comes
/// after the day is passed over, as Java's lenient `SimpleDateFormat` does.
pub(super) fn lenient_date(text: &str) -> Option<i32> {
    let (days, _rest) = date_of(text)?;
    i32::try_from(days).ok()
}

/// Millisecond of `10:20:30.400Z`; leniently, as [`lenient_date`].
pub(super) fn lenient_time(text: &str) -> Option<i32> {
    i32::try_from(time_of(text)?).ok()
}

/// Millisecond since the epoch of `2022-01-08T10:20:30.400Z`; leniently, as [`lenient_date`].
pub(super) fn lenient_timestamp(text: &str) -> Option<i64> {
    let (days, rest) = date_of(text)?;
    days.checked_mul(MS_PER_DAY)?.checked_add(time_of(rest.strip_prefix('T')?)?)
}

fn date_of(text: &str) -> Option<(i64, &str)> {
    let (year, rest) = leading_number(text)?;
    let (month, rest) = leading_number(rest.strip_prefix('-')?)?;
    let (day, rest) = leading_number(rest.strip_prefix('-')?)?;
    let month = month - 1;
    let first = days_of_civil(year + month.div_euclid(12), month.rem_euclid(12) + 1, 1);
    Some((first + day - 1, rest))
}

fn time_of(text: &str) -> Option<i64> {
    let (hour, rest) = leading_number(text)?;
    let (minute, rest) = leading_number(rest.strip_prefix(':')?)?;
    let (second, rest) = leading_number(rest.strip_prefix(':')?)?;
    let (ms, rest) = leading_number(rest.strip_prefix('.')?)?;
    rest.starts_with('Z').then_some(((hour * 60 + minute) * 60 + second) * 1000 + ms)
}

/// A number, blanks before it passed over, and what follows.
fn leading_number(text: &str) -> Option<(i64, &str)> {
    /// More would not fit beside the rest in what is read here.
    const MAX_DIGITS: usize = 12;
    let text = text.trim_start_matches([' ', '\t']);
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    (digits.len() <= MAX_DIGITS).then_some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_exist_runs_over() {
        assert_eq!(lenient_date("2024-02-29"), Some(19_782));
        assert_eq!(lenient_date("2023-02-29"), lenient_date("2023-03-01"));
        assert_eq!(lenient_date("2024-13-45"), lenient_date("2025-02-14"));
        assert_eq!(lenient_date("1970-1-2xx"), Some(1));
        assert_eq!(lenient_date("1970/01/02"), None);
        assert_eq!(lenient_time("99:99:99.999Z"), Some(362_439_999));
        assert_eq!(lenient_time("10:00:00.0000"), None);
    }

    proptest! {
        #[test]
        fn timestamps_read_back_as_they_were(ms in 0_i64..253_402_300_799_999) {
            prop_assert_eq!(lenient_timestamp(&timestamp_text(ms)), Some(ms));
        }
    }
}
