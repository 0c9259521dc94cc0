//! Patterns for dates as Java's `SimpleDateFormat` has them, in UTC and English.
//!
//! The letters `G y Y M L w W D d F E u a H k K h m s S z Z X` are written and read; a week (`w`,
//! `W`, `F`, `E`, `u`, and `Y` as a year of weeks) is read and then not asked, since the month and
//! the day say more. Reading is lenient, as the original is: the 32nd of January is the first of
//! February, and what follows the date is not looked at.
//!
//! Source: Java `SimpleDateFormat`, `GregorianCalendar`.

mod calendar;
mod read;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use self::calendar::{Civil, MONTHS, WEEKDAYS};
use crate::time::{Clock as _, SystemClock};

/// Letters that have a meaning.
const LETTERS: &str = "GyMdkHmsSEDFwWahKzZYuXL";

/// Milliseconds of the 80 years that a year of two digits may lie in the past.
const EIGHTY_YEARS_MS: i64 = 80 * 31_556_952_000;

/// A pattern.
#[derive(Debug)]
pub struct DateFormat {
    pattern: String,
    pieces: Vec<Piece>,
    /// Start of the hundred years that years of two digits are in, as milliseconds since the epoch.
    century_start_ms: i64,
}

/// A part of a pattern.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// Text that stands as it is.
    Text(String),
    /// A letter, and how often it is repeated.
    Field(char, usize),
}

impl DateFormat {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in Java's words.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let century_start_ms = SystemClock.now_ms().saturating_sub(EIGHTY_YEARS_MS);
        Ok(Self { pattern: pattern.to_owned(), pieces: pieces(pattern)?, century_start_ms })
    }

    /// The pattern as it was given.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// A millisecond since the epoch as text.
    #[must_use]
    pub fn format(&self, ms: i64) -> String {
        let civil = Civil::of(ms);
        let mut text = String::with_capacity(self.pattern.len() + 8);
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Field(letter, count) => write_field(&mut text, &civil, *letter, *count),
            }
        }
        text
    }

    /// The millisecond since the epoch that a text begins with; none when it does not fit.
    #[must_use]
    pub fn parse(&self, text: &str) -> Option<i64> {
        read::parse(&self.pieces, text, self.century_start_ms)
    }
}

fn write_field(text: &mut String, civil: &Civil, letter: char, count: usize) {
    let named = |names: &[&'static str], at: i64| {
        usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or_default()
    };
    match letter {
        'G' => text.push_str(if civil.year > 0 { "AD" } else { "BC" }),
        'y' => write_year(text, civil.year_of_era(), count),
        'Y' => write_year(text, civil.week_year(), count),
        'M' | 'L' if count >= 3 => {
            let name = named(&MONTHS, civil.month - 1);
            text.push_str(if count == 3 { abbreviated(name) } else { name });
        }
        'E' => {
            let name = named(&WEEKDAYS, civil.weekday);
            text.push_str(if count < 4 { abbreviated(name) } else { name });
        }
        'a' => text.push_str(if civil.hour() < 12 { "AM" } else { "PM" }),
        'z' => text.push_str(if count < 4 { "UTC" } else { "Coordinated Universal Time" }),
        'Z' => text.push_str("+0000"),
        'X' => text.push('Z'),
        _ => write_padded(text, civil.number(letter), count),
    }
}

fn write_year(text: &mut String, year: i64, count: usize) {
    write_padded(text, if count == 2 { year % 100 } else { year }, count);
}

fn write_padded(text: &mut String, number: i64, count: usize) {
    // Writing to a string cannot fail.
    let _written = write!(text, "{number:0count$}");
}

fn abbreviated(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

/// Splits a pattern: letters are fields, quoted text and everything else stands as it is.
fn pieces(pattern: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut is_quoted = false;
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' if rest.peek() == Some(&'\'') => {
                rest.next();
                push_text(&mut pieces, '\'');
            }
            '\'' => {
                // Two fields of one letter stand apart when quotes are between them.
                is_quoted = !is_quoted;
                pieces.push(Piece::Text(String::new()));
            }
            c if is_quoted || !c.is_ascii_alphabetic() => push_text(&mut pieces, c),
            c if !LETTERS.contains(c) => return Err(format!("Illegal pattern character '{c}'")),
            c => push_letter(&mut pieces, c),
        }
    }
    if is_quoted {
        return Err("Unterminated quote".to_owned());
    }
    pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
    match pieces.iter().find(|piece| matches!(piece, Piece::Field('X', 4..))) {
        Some(Piece::Field(_, count)) => Err(format!("invalid ISO 8601 format: length={count}")),
        _ => Ok(pieces),
    }
}

fn push_text(pieces: &mut Vec<Piece>, c: char) {
    match pieces.last_mut() {
        Some(Piece::Text(text)) => text.push(c),
        _ => pieces.push(Piece::Text(c.into())),
    }
}

fn push_letter(pieces: &mut Vec<Piece>, c: char) {
    match pieces.last_mut() {
        Some(Piece::Field(letter, count)) if *letter == c => *count += 1,
        _ => pieces.push(Piece::Field(c, 1)),
    }
}
