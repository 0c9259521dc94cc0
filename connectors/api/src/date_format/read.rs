//! Reading a date by a pattern.

use crate::value_text::MS_PER_DAY;

use super::{
    Piece, abbreviated,
    calendar::{Civil, MONTHS, WEEKDAYS, day_of},
};

/// Years beyond are no years but an overflow of the calendar.
const LAST_YEAR: i64 = 290_000_000;

/// What was read so far. A later field wins over an earlier one that says the same otherwise.
#[derive(Debug, Default)]
struct Found {
    year: Option<i64>,
    /// The year has two digits and might be one of two.
    is_ambiguous: bool,
    is_before_christ: bool,
    /// From 1.
    month: Option<i64>,
    day: Option<Day>,
    hour: Option<i64>,
    hour_of_half: Option<i64>,
    is_afternoon: Option<bool>,
    minute: i64,
    second: i64,
    ms: i64,
    zone_ms: i64,
}

#[derive(Clone, Copy, Debug)]
enum Day {
    OfMonth(i64),
    OfYear(i64),
}

/// What is left of a text.
struct Cursor<'a> {
    rest: &'a str,
}

/// The millisecond since the epoch that a text begins with.
pub(super) fn parse(pieces: &[Piece], text: &str, century_start_ms: i64) -> Option<i64> {
    let mut found = Found::default();
    let mut cursor = Cursor { rest: text };
    let mut pieces = pieces.iter().peekable();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Text(text) => cursor.rest = cursor.rest.strip_prefix(text.as_str())?,
            Piece::Field(letter, count) => {
                let is_followed = matches!(pieces.peek(), Some(Piece::Field(next, count))
                    if is_number(*next, *count));
                let width = is_followed.then_some(*count);
                cursor.skip_blanks()?;
                match letter {
                    'y' | 'Y' => found.read_year(&mut cursor, *count, width, century_start_ms)?,
                    letter if is_number(*letter, *count) => {
                        found.set(*letter, cursor.number(width)?);
                    }
                    letter => found.read_word(&mut cursor, *letter)?,
                }
            }
        }
    }
    found.ms(century_start_ms)
}

/// Whether a field is digits, so that those before it must know where they end.
const fn is_number(letter: char, count: usize) -> bool {
    match letter {
        'M' | 'L' => count < 3,
        'G' | 'E' | 'a' | 'z' | 'Z' | 'X' => false,
        _ => true,
    }
}

impl<'a> Cursor<'a> {
    /// Goes on to what is not blank; none at the end.
    fn skip_blanks(&mut self) -> Option<()> {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        (!self.rest.is_empty()).then_some(())
    }

    /// A whole number, of at most so many characters.
    fn number(&mut self, width: Option<usize>) -> Option<i64> {
        let within = match width {
            Some(width) => self.rest.get(..width)?,
            None => self.rest,
        };
        let (is_negative, digits) = match within.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, within),
        };
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        let digits = digits.get(..count).filter(|digits| !digits.is_empty())?;
        let number: i64 = digits.parse().map_or(i32::MAX.into(), |number: i32| number.into());
        self.rest = self.rest.get(count + usize::from(is_negative)..)?;
        Some(if is_negative { -number } else { number })
    }

    /// The place of the longest of some words that comes next, in any case.
    fn word<'w>(&mut self, words: impl Iterator<Item = &'w str>) -> Option<usize> {
        let starts = |word: &str| {
            self.rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        let found = words.enumerate().filter(|(_, word)| starts(word));
        let (at, word) = found.max_by_key(|(_, word)| word.len())?;
        self.rest = self.rest.get(word.len()..)?;
        Some(at)
    }

    fn take(&mut self, prefix: &str) -> bool {
        let rest: Option<&'a str> = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Two digits.
    fn pair(&mut self) -> Option<i64> {
        let digits = self.rest.get(..2).filter(|pair| pair.bytes().all(|b| b.is_ascii_digit()))?;
        self.rest = self.rest.get(2..)?;
        digits.parse().ok()
    }

    /// `Z`, a name of UTC, or an offset from it, as milliseconds.
    fn zone(&mut self, letter: char) -> Option<i64> {
        if letter == 'X' && self.take("Z") {
            return Some(0);
        }
        let names = ["UTC", "GMT", "UT", "Coordinated Universal Time", "Greenwich Mean Time"];
        if letter != 'X'
            && self.word(names.into_iter()).is_some()
            && !self.rest.starts_with(['+', '-'])
        {
            return Some(0);
        }
        let sign = if self.take("-") { -1 } else { i64::from(self.take("+")) };
        let hours = self.pair().filter(|_| sign != 0)?;
        self.take(":");
        let minutes = self.pair().or_else(|| (letter == 'X').then_some(0))?;
        Some(sign * (hours * 60 + minutes) * 60_000)
    }
}

impl Found {
    /// A year; two digits, where the pattern has no more, are a year of this or the last century.
    fn read_year(
        &mut self,
        cursor: &mut Cursor<'_>,
        count: usize,
        width: Option<usize>,
        century_start_ms: i64,
    ) -> Option<()> {
        let before = cursor.rest;
        let year = cursor.number(width)?;
        let length = before.len() - cursor.rest.len();
        let has_two_digits = length == 2 && !before.starts_with('-');
        self.is_ambiguous = false;
        self.year = Some(if count <= 2 && has_two_digits {
            let start = Civil::of(century_start_ms).year;
            self.is_ambiguous = year == start.rem_euclid(100);
            let century = start.div_euclid(100) * 100;
            century + year + if year < start.rem_euclid(100) { 100 } else { 0 }
        } else {
            year
        });
        Some(())
    }

    fn set(&mut self, letter: char, number: i64) {
        match letter {
            'M' | 'L' => self.month = Some(number),
            'd' => self.day = Some(Day::OfMonth(number)),
            'D' => self.day = Some(Day::OfYear(number)),
            'H' => self.set_hour(number),
            'k' => self.set_hour(if number == 24 { 0 } else { number }),
            'K' => self.set_hour_of_half(number),
            'h' => self.set_hour_of_half(if number == 12 { 0 } else { number }),
            'm' => self.minute = number,
            's' => self.second = number,
            'S' => self.ms = number,
            _ => {} // a part of a week
        }
    }

    fn set_hour(&mut self, hour: i64) {
        self.hour = Some(hour);
        self.hour_of_half = None;
    }

    fn set_hour_of_half(&mut self, hour: i64) {
        self.hour_of_half = Some(hour);
        if self.is_afternoon.is_some() {
            self.hour = None;
        }
    }

    fn read_word(&mut self, cursor: &mut Cursor<'_>, letter: char) -> Option<()> {
        let both = |names: &'static [&'static str]| {
            names.iter().copied().chain(names.iter().map(|name| abbreviated(name)))
        };
        match letter {
            'G' => self.is_before_christ = cursor.word(["AD", "BC"].into_iter())? == 1,
            'M' | 'L' => {
                let at = cursor.word(both(&MONTHS))? % MONTHS.len();
                self.month = Some(i64::try_from(at).ok()? + 1);
            }
            'E' => {
                cursor.word(both(&WEEKDAYS))?;
            }
            'a' => {
                self.is_afternoon = Some(cursor.word(["AM", "PM"].into_iter())? == 1);
                if self.hour_of_half.is_some() {
                    self.hour = None;
                }
            }
            _ => self.zone_ms = cursor.zone(letter)?,
        }
        Some(())
    }

    fn ms(&self, century_start_ms: i64) -> Option<i64> {
        let ms = self.ms_in(0)?;
        if self.is_ambiguous && ms < century_start_ms { self.ms_in(100) } else { Some(ms) }
    }

    fn ms_in(&self, more_years: i64) -> Option<i64> {
        let year = self.year.unwrap_or(1970) + more_years;
        let year = if self.is_before_christ { 1 - year } else { year };
        if year.abs() > LAST_YEAR {
            return None;
        }
        let day = match self.day {
            Some(Day::OfYear(day)) => day_of(year, 1, 1) + day - 1,
            Some(Day::OfMonth(day)) => day_of(year, self.month.unwrap_or(1), day),
            None => day_of(year, self.month.unwrap_or(1), 1),
        };
        let half = if self.is_afternoon == Some(true) { 12 } else { 0 };
        let hour = self.hour.unwrap_or_else(|| self.hour_of_half.unwrap_or(0) + half);
        let of_day = ((hour * 60 + self.minute) * 60 + self.second) * 1000 + self.ms;
        day.checked_mul(MS_PER_DAY)?.checked_add(of_day)?.checked_sub(self.zone_ms)
    }
}
