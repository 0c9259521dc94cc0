//! Waits between tries.

use std::time::Duration;

use rand::RngExt as _;

/// First wait: short enough that a blip is not noticed.
const FIRST: Duration = Duration::from_millis(250);

/// Longest wait: somebody who mends the other system sees the task go on within a minute.
const LONGEST: Duration = Duration::from_secs(60);

/// Doublings that reach the longest wait.
const MOST_DOUBLINGS: u32 = 8;

/// Doubles the wait with every failure, up to a minute; forgets them after a success.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure: between half and the whole of its step, so that tasks that
    /// failed together do not come back together.
    pub(super) fn next(&mut self) -> Duration {
        let step = (FIRST * 2_u32.pow(self.failures.min(MOST_DOUBLINGS))).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        step.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// Whether the last try failed, too: then it was logged already.
    pub(super) const fn is_repeated(&self) -> bool {
        self.failures > 1
    }

    /// Notes a success.
    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_start_over_after_a_success() {
        let mut backoff = Backoff::default();
        assert!(backoff.next() <= FIRST);
        assert!(!backoff.is_repeated());
        let second = backoff.next();
        assert!(second >= FIRST && second <= FIRST * 2, "{second:?}");
        assert!(backoff.is_repeated());
        let late = (0..40).map(|_| backoff.next()).last().unwrap();
        assert!(late >= LONGEST / 2 && late <= LONGEST, "{late:?}");
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
