//! Joda-Time's date patterns and time zones, as `path.format`, `timestamp.format` and `timezone` use
//! them.
//!
//! The letters are Joda's and not those of `java.time` or strftime: `Y` is the calendar year. A
//! pattern is compiled once; formatting is a walk over its tokens. Names are English whatever the
//! locale, and the long name of a zone (`zzzz`) is refused because it is locale data.
//!
//! Source: JodaOrg/joda-time `DateTimeFormat.java`, `DateTimeZone.java`.

#[cfg(test)]
mod tests;
mod zone;

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, TimeZone as _, Timelike, Utc};

pub use self::zone::Zone;

/// Full names of months; the first three letters are the short ones.
const MONTHS: [&str; 12] = [
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

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug)]
enum Token {
    Literal(String),
    /// A letter and how often it stands there.
    Field(char, usize),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The reason, in Joda's words where it has some.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(&first) = rest.peek() {
            if !first.is_ascii_alphabetic() {
                tokens.push(Token::Literal(literal(&mut rest)));
                continue;
            }
            let mut count = 0;
            while rest.next_if_eq(&first).is_some() {
                count += 1;
            }
            tokens.push(Token::field(first, count)?);
        }
        Ok(Self { tokens })
    }

    /// Whether the pattern has names in it, which a locale would change.
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.tokens
            .iter()
            .any(|token| matches!(token, Token::Field('E' | 'a' | 'G', _) | Token::Field('M', 3..)))
    }

    /// Appends the text of an instant in a zone.
    pub fn write(&self, out: &mut String, utc_ms: i64, zone: Zone) {
        let local = zone.local(utc_ms);
        for token in &self.tokens {
            match token {
                Token::Literal(text) => out.push_str(text),
                Token::Field(letter, count) => {
                    Instant { local, utc_ms, zone }.write(out, *letter, *count);
                }
            }
        }
    }
}

/// Takes everything up to the next letter outside of quotes.
fn literal(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::new();
    let mut is_quoted = false;
    while let Some(&next) = rest.peek() {
        if next == '\'' {
            rest.next();
            if rest.next_if_eq(&'\'').is_some() {
                text.push('\'');
            } else {
                is_quoted = !is_quoted;
            }
        } else if !is_quoted && next.is_ascii_alphabetic() {
            break;
        } else {
            text.push(next);
            rest.next();
        }
    }
    text
}

impl Token {
    fn field(letter: char, count: usize) -> Result<Self, String> {
        match letter {
            'z' if count >= 4 => Err("Long names of time zones (zzzz) are not supported, use z \
                                      for the short name or ZZZ for the id"
                .to_owned()),
            'G' | 'C' | 'Y' | 'y' | 'x' | 'w' | 'e' | 'E' | 'D' | 'M' | 'd' | 'a' | 'K' | 'h'
            | 'H' | 'k' | 'm' | 's' | 'S' | 'z' | 'Z' => Ok(Self::Field(letter, count)),
            _ => {
                let component: String = std::iter::repeat_n(letter, count).collect();
                Err(format!("Illegal pattern component: {component}"))
            }
        }
    }
}

/// One instant, ready to be asked for its fields.
#[derive(Clone, Copy)]
struct Instant {
    local: NaiveDateTime,
    utc_ms: i64,
    zone: Zone,
}

impl Instant {
    fn write(self, out: &mut String, letter: char, count: usize) {
        let date = self.local;
        let year_of_era = if date.year() > 0 { date.year() } else { 1 - date.year() };
        match letter {
            'G' => out.push_str(if date.year() > 0 { "AD" } else { "BC" }),
            'C' => pad(out, i64::from(year_of_era / 100), count),
            'Y' => year(out, year_of_era, count),
            'y' => year(out, date.year(), count),
            'x' => year(out, date.iso_week().year(), count),
            'w' => pad(out, date.iso_week().week().into(), count),
            'e' => pad(out, date.weekday().number_from_monday().into(), count),
            'D' => pad(out, date.ordinal().into(), count),
            'd' => pad(out, date.day().into(), count),
            'M' => self.write_month(out, count),
            'E' => self.write_weekday(out, count),
            'z' | 'Z' => self.write_zone(out, letter, count),
            _ => self.write_time(out, letter, count),
        }
    }

    fn write_time(self, out: &mut String, letter: char, count: usize) {
        let hour = self.local.hour();
        let number = match letter {
            'a' => return out.push_str(if hour < 12 { "AM" } else { "PM" }),
            'S' => return self.write_fraction(out, count),
            'K' => hour % 12,
            'h' => (hour + 11) % 12 + 1,
            'H' => hour,
            'k' => (hour + 23) % 24 + 1,
            'm' => self.local.minute(),
            _ => self.local.second(),
        };
        pad(out, number.into(), count);
    }

    /// The fraction's digits from the left; there are three, the rest are zeros.
    fn write_fraction(self, out: &mut String, count: usize) {
        let digits = format!("{:03}", self.local.and_utc().timestamp_subsec_millis());
        out.extend(digits.chars().chain(std::iter::repeat('0')).take(count));
    }

    fn write_month(self, out: &mut String, count: usize) {
        let name = usize::try_from(self.local.month0()).ok().and_then(|month| MONTHS.get(month));
        let name = name.copied().unwrap_or_default();
        match count {
            ..=2 => pad(out, self.local.month().into(), count),
            3 => out.extend(name.chars().take(3)),
            _ => out.push_str(name),
        }
    }

    fn write_weekday(self, out: &mut String, count: usize) {
        let name = match self.local.weekday() {
            chrono::Weekday::Mon => "Monday",
            chrono::Weekday::Tue => "Tuesday",
            chrono::Weekday::Wed => "Wednesday",
            chrono::Weekday::Thu => "Thursday",
            chrono::Weekday::Fri => "Friday",
            chrono::Weekday::Sat => "Saturday",
            chrono::Weekday::Sun => "Sunday",
        };
        out.extend(name.chars().take(if count >= 4 { name.len() } else { 3 }));
    }

    fn write_zone(self, out: &mut String, letter: char, count: usize) {
        if letter == 'z' {
            return out.push_str(&self.zone.abbreviation(self.utc_ms));
        }
        if count >= 3 {
            return out.push_str(&self.zone.id());
        }
        let minutes = self.zone.offset_ms(self.utc_ms) / 60_000;
        out.push(if minutes < 0 { '-' } else { '+' });
        pad(out, minutes.abs() / 60, 2);
        if count == 2 {
            out.push(':');
        }
        pad(out, minutes.abs() % 60, 2);
    }
}

/// Two letters are two digits, any other count is the fewest digits.
fn year(out: &mut String, year: i32, count: usize) {
    match count {
        2 => pad(out, i64::from(year.abs() % 100), 2),
        _ => pad(out, year.into(), count),
    }
}

fn pad(out: &mut String, number: i64, width: usize) {
    if number < 0 {
        out.push('-');
    }
    // Writing to a string cannot fail.
    let _written = write!(out, "{:0width$}", number.unsigned_abs());
}

/// The instant as chrono's, at the ends of its range where it lies beyond.
fn instant(utc_ms: i64) -> DateTime<Utc> {
    let end = if utc_ms < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    Utc.timestamp_millis_opt(utc_ms).single().unwrap_or(end)
}

/// Milliseconds of an offset.
fn offset_ms(offset: FixedOffset) -> i64 {
    i64::from(offset.local_minus_utc()) * 1000
}
