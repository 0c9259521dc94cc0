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

/// Day since the epoch of `2022-01-08`.
pub(super) fn parse_date(text: &str) -> Option<i64> {
    let [year, month, day] = numbers(text, "dddd-dd-dd")?;
    let days = days_of_civil(year, month, day);
    (civil_date(days) == (year, month, day)).then_some(days)
}

/// Millisecond of the day of `10:20:30.400Z`.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let [hour, minute, second, ms] = numbers(text, "dd:dd:dd.dddZ")?;
    let is_time = hour < 24 && minute < 60 && second < 60;
    is_time.then_some(((hour * 60 + minute) * 60 + second) * 1000 + ms)
}

/// Millisecond since the epoch of `2022-01-08T10:20:30.400Z`.
pub(super) fn parse_timestamp(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    Some(parse_date(date)? * MS_PER_DAY + parse_time(time)?)
}

/// The numbers in a text that has exactly this shape, where `d` is a digit.
fn numbers<const N: usize>(text: &str, shape: &str) -> Option<[i64; N]> {
    let fits = text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, expected)| match expected {
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        });
    if !fits {
        return None;
    }
    let parts = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let values: Vec<i64> = parts.filter_map(|part| part.parse().ok()).collect();
    values.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_that_does_not_exist_is_no_date() {
        assert_eq!(parse_date("2024-02-29"), Some(19_782));
        assert_eq!(parse_date("2023-02-29"), None);
        assert_eq!(parse_date("2023-2-9"), None);
        assert_eq!(parse_time("24:00:00.000Z"), None);
    }

    proptest! {
        #[test]
        fn timestamps_read_back_as_they_were(ms in 0_i64..253_402_300_799_999) {
            prop_assert_eq!(parse_timestamp(&timestamp_text(ms)), Some(ms));
        }
    }
}
