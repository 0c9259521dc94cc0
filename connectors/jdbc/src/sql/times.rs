//! Dates and times, as databases read them.

use std::fmt::Write as _;

use chrono::{DateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use connect_api::value_text::{MS_PER_DAY, civil_date};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = MS_PER_DAY * 1000;

/// Microseconds that a zone is ahead of UTC at this time.
fn ahead_micros(micros: i64, zone: Tz) -> i64 {
    if zone == Tz::UTC {
        return 0;
    }
    let moment = DateTime::from_timestamp_micros(micros);
    let ahead = moment
        .map(|moment| zone.offset_from_utc_datetime(&moment.naive_utc()).fix().local_minus_utc());
    i64::from(ahead.unwrap_or(0)) * MICROS_PER_SECOND
}

fn write_date(out: &mut String, days: i64) -> &'static str {
    let (year, month, day) = civil_date(days);
    // There is no year 0: it is the first before Christ.
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    // Writing to a string cannot fail.
    let _written = write!(out, "{year:04}-{month:02}-{day:02}");
    era
}

fn write_clock(out: &mut String, micros: i64) {
    let (seconds, fraction) = (micros / MICROS_PER_SECOND, micros % MICROS_PER_SECOND);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _written = write!(out, "{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        let _written = write!(out, ".{fraction:06}");
    }
}

/// Appends the date on which a day begins in a zone.
pub(super) fn write_day(out: &mut String, days: i64, zone: Tz) {
    let micros = days.saturating_mul(MICROS_PER_DAY);
    let days = local_micros(micros, zone).div_euclid(MICROS_PER_DAY);
    let era = write_date(out, days);
    out.push_str(era);
}

/// Appends the date of a point in time.
pub(super) fn write_date_of(out: &mut String, micros: i64, zone: Tz) {
    let local = local_micros(micros, zone);
    let era = write_date(out, local.div_euclid(MICROS_PER_DAY));
    out.push_str(era);
}

/// Appends the time of a day, which is that of UTC, in a zone.
pub(super) fn write_time(out: &mut String, ms: i64, zone: Tz) {
    let micros = ms.saturating_mul(1000);
    let local = local_micros(micros, zone);
    write_clock(out, local.rem_euclid(MICROS_PER_DAY));
}

/// Microseconds that a zone's clock shows at a point in time.
pub(crate) fn local_micros(micros: i64, zone: Tz) -> i64 {
    micros.saturating_add(ahead_micros(micros, zone))
}

/// Appends a point in time as a zone's clock shows it.
pub(super) fn write_timestamp(out: &mut String, micros: i64, zone: Tz) {
    let local = local_micros(micros, zone);
    let era = write_date(out, local.div_euclid(MICROS_PER_DAY));
    out.push(' ');
    write_clock(out, local.rem_euclid(MICROS_PER_DAY));
    out.push_str(era);
}

/// Appends a point in time with its zone, which is UTC.
pub(super) fn write_instant(out: &mut String, micros: i64) {
    let era = write_date(out, micros.div_euclid(MICROS_PER_DAY));
    out.push(' ');
    write_clock(out, micros.rem_euclid(MICROS_PER_DAY));
    out.push_str("+00");
    out.push_str(era);
}

/// Milliseconds since the epoch at which a day begins.
pub(crate) const fn instant_ms(days: i64) -> i64 {
    days.saturating_mul(MS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn times_are_those_of_the_zone() {
        let (berlin, new_york) = (Tz::Europe__Berlin, Tz::America__New_York);
        let summer = 1_720_000_000_123_456;
        assert_eq!(text(|out| write_timestamp(out, summer, Tz::UTC)), "2024-07-03 09:46:40.123456");
        assert_eq!(text(|out| write_timestamp(out, summer, berlin)), "2024-07-03 11:46:40.123456");
        assert_eq!(text(|out| write_instant(out, summer)), "2024-07-03 09:46:40.123456+00");
        assert_eq!(text(|out| write_day(out, 19_782, Tz::UTC)), "2024-02-29");
        assert_eq!(text(|out| write_day(out, 19_782, new_york)), "2024-02-28");
        assert_eq!(text(|out| write_time(out, 3_600_000, berlin)), "02:00:00");
    }

    #[test]
    fn years_before_the_first_are_before_christ() {
        assert_eq!(text(|out| write_day(out, -719_528, Tz::UTC)), "0001-01-01 BC");
        let micros = -719_528 * MICROS_PER_DAY;
        assert_eq!(text(|out| write_timestamp(out, micros, Tz::UTC)), "0001-01-01 00:00:00 BC");
    }
}
