//! Plans, and the values they write.

use connect_avro::put_long;
use rand::{RngExt as _, rngs::SmallRng};
use regex_syntax::hir::Hir;

use super::{iteration::Iteration, regex};

/// Tries to find a text of a regular expression that has the length it should have.
const LENGTH_TRIES: usize = 100;
/// Characters of texts of which nothing more is said.
const PRINTABLE: std::ops::RangeInclusive<u8> = b' '..=b'~';

/// How a value is made.
#[derive(Debug)]
pub(super) enum Plan {
    /// One of these, written already.
    Options(Vec<Vec<u8>>),
    /// The next of a series.
    Iteration(Iteration, Written),
    Null,
    /// True with this probability.
    Boolean(f64),
    /// From the first number up to the second, which is not included.
    Whole(i64, i64),
    Single(f64, f64),
    Double(f64, f64),
    Bytes(Length),
    Fixed(usize),
    /// An unscaled number between two, in so many bytes or as many as it needs.
    Decimal(i64, i64, Option<usize>),
    Text(Text),
    Enum(i64),
    Array(Box<Plan>, Length),
    Map(Box<Plan>, Box<Plan>, Length),
    Record(Vec<Plan>),
    Union(Vec<Plan>),
}

/// How the number of a series is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Written {
    Boolean,
    Whole,
    Single,
    Double,
    /// As text between two others.
    Text(String, String),
}

/// A text.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) pattern: Option<Hir>,
    pub(super) length: Length,
    pub(super) prefix: String,
    pub(super) suffix: String,
}

/// A length from the first up to the second, which is not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length(pub(super) usize, pub(super) usize);

impl Length {
    fn draw(self, random: &mut SmallRng) -> usize {
        if self.1 <= self.0 { self.0 } else { random.random_range(self.0..self.1) }
    }

    const fn holds(self, length: usize) -> bool {
        length >= self.0 && (length < self.1 || length == self.0)
    }
}

impl Plan {
    /// Appends a value in Avro's binary form.
    pub(super) fn write(&mut self, random: &mut SmallRng, out: &mut Vec<u8>) {
        match self {
            Self::Options(options) => {
                if let Some(option) = options.get(random.random_range(0..options.len().max(1))) {
                    out.extend_from_slice(option);
                }
            }
            Self::Iteration(series, written) => write_series(series, written, out),
            Self::Null => {}
            Self::Boolean(odds) => out.push(u8::from(random.random::<f64>() < *odds)),
            Self::Whole(min, max) => put_long(out, random.random_range(*min..*max)),
            Self::Single(min, max) => put_single(out, random.random_range(*min..*max)),
            Self::Double(min, max) => {
                out.extend_from_slice(&random.random_range(*min..*max).to_le_bytes());
            }
            Self::Bytes(length) => {
                let length = length.draw(random);
                put_length(out, length);
                out.extend((0..length).map(|_| random.random::<u8>()));
            }
            Self::Fixed(length) => out.extend((0..*length).map(|_| random.random::<u8>())),
            Self::Decimal(min, max, size) => {
                put_decimal(out, random.random_range(*min..*max), *size);
            }
            Self::Text(text) => put_text(out, &text.draw(random)),
            Self::Enum(symbols) => put_long(out, random.random_range(0..*symbols)),
            Self::Union(branches) => {
                let place = random.random_range(0..branches.len().max(1));
                put_length(out, place);
                if let Some(branch) = branches.get_mut(place) {
                    branch.write(random, out);
                }
            }
            Self::Record(fields) => fields.iter_mut().for_each(|field| field.write(random, out)),
            Self::Array(items, length) => {
                block(random, *length, out, |random, out| items.write(random, out));
            }
            Self::Map(keys, values, length) => block(random, *length, out, |random, out| {
                keys.write(random, out);
                values.write(random, out);
            }),
        }
    }
}

/// A block of so many items, and the end of blocks.
fn block(
    random: &mut SmallRng,
    length: Length,
    out: &mut Vec<u8>,
    mut item: impl FnMut(&mut SmallRng, &mut Vec<u8>),
) {
    let length = length.draw(random);
    if length > 0 {
        put_length(out, length);
        (0..length).for_each(|_| item(random, out));
    }
    put_long(out, 0);
}

fn write_series(series: &mut Iteration, written: &Written, out: &mut Vec<u8>) {
    match written {
        Written::Boolean => out.push(u8::from(series.next_whole() != 0)),
        Written::Whole => put_long(out, series.next_whole()),
        Written::Single => put_single(out, series.next_fraction()),
        Written::Double => out.extend_from_slice(&series.next_fraction().to_le_bytes()),
        Written::Text(before, after) => {
            put_text(out, &format!("{before}{}{after}", series.next_text()));
        }
    }
}

impl Text {
    fn draw(&self, random: &mut SmallRng) -> String {
        let Some(pattern) = &self.pattern else {
            let length = self.length.draw(random);
            let text = (0..length).map(|_| char::from(random.random_range(PRINTABLE)));
            return format!("{}{}{}", self.prefix, text.collect::<String>(), self.suffix);
        };
        let mut text = String::new();
        for _try in 0..LENGTH_TRIES {
            text.clear();
            regex::write(pattern, random, &mut text);
            if self.length.holds(text.chars().count()) {
                break;
            }
        }
        format!("{}{text}{}", self.prefix, self.suffix)
    }
}

pub(super) fn put_length(out: &mut Vec<u8>, length: usize) {
    put_long(out, i64::try_from(length).unwrap_or(i64::MAX));
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

#[expect(clippy::cast_possible_truncation, reason = "the nearest number of 32 bits is meant")]
pub(super) fn put_single(out: &mut Vec<u8>, number: f64) {
    out.extend_from_slice(&(number as f32).to_le_bytes());
}

/// An unscaled number as Avro has decimals: big-endian, of two's complement.
fn put_decimal(out: &mut Vec<u8>, number: i64, size: Option<usize>) {
    let bytes = number.to_be_bytes();
    let fill = if number < 0 { 0xff } else { 0 };
    if let Some(size) = size {
        let missing = size.saturating_sub(bytes.len());
        out.extend(std::iter::repeat_n(fill, missing));
        let kept = bytes.len() - size.min(bytes.len());
        out.extend_from_slice(bytes.get(kept..).unwrap_or_default());
        return;
    }
    // The first bit of what is kept has to tell the sign.
    let is_spare = |pair: &[u8]| matches!(pair, [first, second] if *first == fill && (second ^ fill) & 0x80 == 0);
    let spare = bytes.windows(2).take_while(|pair| is_spare(pair)).count();
    let kept = bytes.get(spare..).unwrap_or_default();
    put_length(out, kept.len());
    out.extend_from_slice(kept);
}
