//! One row's numbers: they can be updated by a record, merged, stored and shown.

mod codec;
mod number;

pub(crate) use self::{codec::DecodeError, number::Number};

use serde_json::{Value as Json, json};

use crate::{
    definition::{Definition, Operation},
    sketch::{HyperLogLog, Top},
};

/// What a measure has gathered.
#[derive(Clone, Debug, PartialEq)]
enum Stat {
    Sum(Sum),
    Min(Option<Number>),
    Max(Option<Number>),
    Avg(Sum),
    Distinct(HyperLogLog),
    Top(Top),
}

/// A sum that is exact as long as only whole numbers come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum {
    /// Sum of the whole numbers.
    whole: i128,
    /// Sum of the others.
    real: f64,
    /// Whole numbers added.
    wholes: u64,
    /// Others added.
    reals: u64,
}

impl Sum {
    fn add(&mut self, number: Number) {
        match number {
            Number::Whole(number) => {
                self.whole += i128::from(number);
                self.wholes += 1;
            }
            Number::Real(number) => {
                self.real += number;
                self.reals += 1;
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.whole += other.whole;
        self.real += other.real;
        self.wholes += other.wholes;
        self.reals += other.reals;
    }

    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is shown")]
    const fn total(&self) -> f64 {
        self.whole as f64 + self.real
    }

    fn shown(&self) -> Json {
        match (self.reals, i64::try_from(self.whole)) {
            (0, Ok(whole)) => whole.into(),
            _ => self.total().into(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean is a double")]
    fn mean(&self) -> Json {
        match self.wholes + self.reals {
            0 => Json::Null,
            count => (self.total() / count as f64).into(),
        }
    }
}

/// A value of a measure's field, as the record holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// The record does not have the field.
    Missing,
    /// A number.
    Number(Number),
    /// Any value as JSON text, for what counts values.
    Text(&'a str),
}

/// The count and the measures of one group in one window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    count: u64,
    stats: Vec<Stat>,
}

impl Cell {
    /// A cell that has seen nothing.
    pub(crate) fn new(definition: &Definition) -> Self {
        let stat = |operation: &Operation| match operation {
            Operation::Sum => Stat::Sum(Sum::default()),
            Operation::Min => Stat::Min(None),
            Operation::Max => Stat::Max(None),
            Operation::Avg => Stat::Avg(Sum::default()),
            Operation::Distinct => Stat::Distinct(HyperLogLog::default()),
            Operation::Top => Stat::Top(Top::showing(definition.top_k)),
        };
        let stats = definition.measures.iter().map(|(_, operation, _)| stat(operation)).collect();
        Self { count: 0, stats }
    }

    /// Bytes that a new cell takes.
    pub(crate) const fn bytes(measures: usize) -> usize {
        size_of::<Self>() + measures * size_of::<Stat>()
    }

    /// Counts a record.
    pub(crate) const fn count_record(&mut self) {
        self.count += 1;
    }

    /// Brings a value to a measure and says by how many bytes the cell grew.
    pub(crate) fn update(&mut self, measure: usize, input: Input<'_>) -> usize {
        match (self.stats.get_mut(measure), input) {
            (Some(Stat::Sum(sum) | Stat::Avg(sum)), Input::Number(number)) => sum.add(number),
            (Some(Stat::Min(least)), Input::Number(number)) => {
                *least = Some(least.map_or(number, |least| least.min(number)));
            }
            (Some(Stat::Max(most)), Input::Number(number)) => {
                *most = Some(most.map_or(number, |most| most.max(number)));
            }
            (Some(Stat::Distinct(sketch)), Input::Text(text)) => {
                return sketch.insert(text.as_bytes());
            }
            (Some(Stat::Top(top)), Input::Text(text)) => return top.insert(text),
            _ => {}
        }
        0
    }

    /// Adds what another cell of the same definition has seen.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        for pair in self.stats.iter_mut().zip(&other.stats) {
            match pair {
                (Stat::Sum(mine), Stat::Sum(theirs)) | (Stat::Avg(mine), Stat::Avg(theirs)) => {
                    mine.merge(theirs);
                }
                (Stat::Min(mine), Stat::Min(theirs)) => {
                    *mine = mine.take().into_iter().chain(*theirs).reduce(Number::min);
                }
                (Stat::Max(mine), Stat::Max(theirs)) => {
                    *mine = mine.take().into_iter().chain(*theirs).reduce(Number::max);
                }
                (Stat::Distinct(mine), Stat::Distinct(theirs)) => mine.merge(theirs),
                (Stat::Top(mine), Stat::Top(theirs)) => mine.merge(theirs),
                _ => {}
            }
        }
    }

    /// Records seen.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The measures as they are shown, in the order of the definition.
    pub(crate) fn shown<'a>(
        &'a self,
        definition: &'a Definition,
    ) -> impl Iterator<Item = (&'a str, Json)> {
        let names = definition.measures.iter().map(|(name, ..)| &**name);
        names.zip(self.stats.iter().map(|stat| stat.shown(definition.top_k)))
    }
}

impl Stat {
    fn shown(&self, top_k: usize) -> Json {
        match self {
            Self::Sum(sum) => sum.shown(),
            Self::Avg(sum) => sum.mean(),
            Self::Min(number) | Self::Max(number) => number.map_or(Json::Null, Number::shown),
            Self::Distinct(sketch) => whole(sketch.estimate()),
            Self::Top(top) => top
                .highest(top_k)
                .into_iter()
                .map(|counter| {
                    let value: Json = serde_json::from_str(&counter.value).unwrap_or_default();
                    json!({"value": value, "count": counter.count, "error": counter.error})
                })
                .collect(),
        }
    }
}

/// An estimate without a fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate is never negative, and beyond 2^64 the highest number is near enough"
)]
fn whole(estimate: f64) -> Json {
    (estimate.round() as u64).into()
}

#[cfg(test)]
mod tests;
