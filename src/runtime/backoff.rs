//! Waits between tries: doubling, with jitter, up to a cap.

use std::time::Duration;

use rand::RngExt as _;

/// First wait. Source: KIP-298.
const FIRST: Duration = Duration::from_millis(300);

/// The waits of one run of failures.
#[derive(Debug)]
pub(super) struct Backoff {
    cap: Duration,
    tries: u32,
}

impl Backoff {
    pub(super) const fn capped_at(cap: Duration) -> Self {
        Self { cap, tries: 0 }
    }

    /// The next wait; random below the cap once the cap is reached, so that tasks that failed
    /// together do not try again together.
    pub(super) fn next(&mut self) -> Duration {
        let wait = FIRST.saturating_mul(1_u32.checked_shl(self.tries).unwrap_or(u32::MAX));
        self.tries = self.tries.saturating_add(1);
        if wait < self.cap { wait } else { self.cap.mul_f64(rand::rng().random_range(0.5..1.0)) }
    }

    /// Whether the last try was the first to fail.
    pub(super) const fn is_first(&self) -> bool {
        self.tries == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let mut backoff = Backoff::capped_at(Duration::from_secs(2));
        assert_eq!(backoff.next(), FIRST);
        assert!(backoff.is_first());
        let waits: Vec<_> = (0..40).map(|_| backoff.next()).collect();
        assert_eq!(waits[..2], [600, 1200].map(Duration::from_millis));
        let cap = Duration::from_secs(1)..=Duration::from_secs(2);
        assert!(waits[2..].iter().all(|wait| cap.contains(wait)), "{waits:?}");
    }
}
