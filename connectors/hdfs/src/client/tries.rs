//! How often a request that may be repeated is, and how long the pauses are.

use std::{ops::ControlFlow, time::Duration};

use super::Outcome;

/// Doublings of the pause between tries.
const MOST_DOUBLINGS: u32 = 6;

/// How often something is tried again.
#[derive(Debug)]
pub(super) struct Tries {
    left: u32,
    /// Longest pause before the next try.
    longest: Duration,
    doublings: u32,
}

impl Tries {
    pub(super) const fn new(left: u32, longest: Duration) -> Self {
        Self { left, longest, doublings: 0 }
    }

    /// Whether an outcome is the last one, or how long to wait for another.
    pub(super) fn judge<T>(&mut self, outcome: Outcome<T>) -> ControlFlow<Outcome<T>, Duration> {
        match outcome {
            // Who waits for an answer in vain has waited for long enough to say so.
            Err(failure) if failure.is_silent() => ControlFlow::Break(Err(failure)),
            Err(failure) if self.left > 0 && failure.error.class().is_retriable() => {
                tracing::debug!("Trying again: {}", failure.error);
                let pause = self.longest.mul_f64(rand::random());
                if self.doublings < MOST_DOUBLINGS {
                    self.longest = self.longest.saturating_mul(2);
                }
                (self.left, self.doublings) = (self.left - 1, self.doublings + 1);
                ControlFlow::Continue(pause)
            }
            outcome => ControlFlow::Break(outcome),
        }
    }
}
