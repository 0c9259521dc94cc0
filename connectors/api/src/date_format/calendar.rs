//! Days of the calendar: the Julian one until 4 October 1582, the Gregorian one after it.

use crate::value_text::{MS_PER_DAY, civil_date, days_of_civil};

/// Names of the months.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names of the days of a week, from Sunday.
pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Day since the epoch of 15 October 1582, the first Gregorian one.
const CUTOVER_DAY: i64 = -141_427;

/// Days between the epoch and 1 March of the Julian year 0.
const JULIAN_EPOCH: i64 = 719_470;

/// A point in time by the calendar.
#[derive(Debug)]
pub(super) struct Civil {
    /// 0 is the year before 1.
    pub(super) year: i64,
    /// From 1.
    pub(super) month: i64,
    day: i64,
    /// From 0, Sunday.
    pub(super) weekday: i64,
    /// Since the epoch.
    epoch_day: i64,
    ms_of_day: i64,
}

impl Civil {
    /// Of a millisecond since the epoch.
    pub(super) fn of(ms: i64) -> Self {
        let epoch_day = ms.div_euclid(MS_PER_DAY);
        let (year, month, day) = date_of(epoch_day);
        Self {
            year,
            month,
            day,
            weekday: (epoch_day + 4).rem_euclid(7),
            epoch_day,
            ms_of_day: ms.rem_euclid(MS_PER_DAY),
        }
    }

    pub(super) fn year_of_era(&self) -> i64 {
        if self.year > 0 { self.year } else { 1 - self.year }
    }

    pub(super) fn hour(&self) -> i64 {
        self.ms_of_day / 3_600_000
    }

    /// Year that most of the week belongs to which holds its first day: that of its Saturday.
    pub(super) fn week_year(&self) -> i64 {
        date_of(self.saturday()).0
    }

    /// The number that a letter of a pattern stands for.
    pub(super) fn number(&self, letter: char) -> i64 {
        let hour = self.hour();
        match letter {
            'M' | 'L' => self.month,
            'd' => self.day,
            'D' => self.epoch_day - day_of(self.year, 1, 1) + 1,
            'F' => (self.day - 1) / 7 + 1,
            'w' => (self.saturday() - day_of(self.week_year(), 1, 1)) / 7 + 1,
            'W' => (self.day - 1 + (self.weekday - (self.day - 1)).rem_euclid(7)) / 7 + 1,
            'u' => (self.weekday + 6) % 7 + 1,
            'H' => hour,
            'k' => (hour + 23) % 24 + 1,
            'K' => hour % 12,
            'h' => (hour + 11) % 12 + 1,
            'm' => self.ms_of_day / 60_000 % 60,
            's' => self.ms_of_day / 1000 % 60,
            'S' => self.ms_of_day % 1000,
            _ => 0,
        }
    }

    /// Day since the epoch on which the week ends.
    fn saturday(&self) -> i64 {
        self.epoch_day + 6 - self.weekday
    }
}

fn date_of(epoch_day: i64) -> (i64, i64, i64) {
    if epoch_day >= CUTOVER_DAY {
        return civil_date(epoch_day);
    }
    let days = epoch_day + JULIAN_EPOCH;
    let (cycle, of_cycle) = (days.div_euclid(1461), days.rem_euclid(1461));
    let year_of_cycle = (of_cycle - of_cycle / 1460) / 365;
    let day_of_year = of_cycle - 365 * year_of_cycle;
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let (month, carry) =
        if shifted_month < 10 { (shifted_month + 3, 0) } else { (shifted_month - 9, 1) };
    (cycle * 4 + year_of_cycle + carry, month, day)
}

/// Day since the epoch; months and days beyond their bounds run on into the next ones. Years beyond
/// some hundred thousand millions are not for this.
pub(super) fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let gregorian = days_of_civil(year, month, 1) + day - 1;
    if gregorian >= CUTOVER_DAY {
        return gregorian;
    }
    let (year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    year.div_euclid(4) * 1461 + year.rem_euclid(4) * 365 + day_of_year - JULIAN_EPOCH
}
