//! Numbers of records.

use std::cmp::Ordering;

use serde_json::Value as Json;

/// A number as the record holds it; never infinite and never "not a number".
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// A whole number.
    Whole(i64),
    /// A number with a fraction, or too large for the other.
    Real(f64),
}

impl Number {
    /// A finite number.
    pub(crate) fn real(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self::Real(number))
    }

    /// The smaller one.
    pub(crate) fn min(self, other: Self) -> Self {
        if self.order(other).is_gt() { other } else { self }
    }

    /// The larger one.
    pub(crate) fn max(self, other: Self) -> Self {
        if self.order(other).is_lt() { other } else { self }
    }

    /// The number as JSON.
    pub(crate) fn shown(self) -> Json {
        match self {
            Self::Whole(number) => number.into(),
            Self::Real(number) => number.into(),
        }
    }

    /// The number as milliseconds since the epoch, without a fraction of one.
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of a millisecond is dropped")]
    pub(crate) fn as_millis(self) -> Option<i64> {
        /// Beyond it a double no longer holds every millisecond.
        const MOST: f64 = 9.0e15;
        match self {
            Self::Whole(number) => Some(number),
            Self::Real(number) => (number.abs() <= MOST).then_some(number.floor() as i64),
        }
    }

    /// The order of numbers.
    pub(crate) fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => left.cmp(&right),
            _ => self.as_real().total_cmp(&other.as_real()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "only compared with a double")]
    const fn as_real(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Real(number) => number,
        }
    }
}
