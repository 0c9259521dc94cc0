//! When a refused request is tried again, and when the task says that it cannot go on.

use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;

/// Doublings after which a pause is beyond any limit anyway.
const MOST_DOUBLINGS: u32 = 20;
/// Longest pause, as the original has it.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// Counts the rounds of failures that follow one another.
///
/// Several bulks that were on their way when the cluster went away fail together: they are one round.
#[derive(Debug)]
pub(super) struct Patience {
    most: u32,
    base: Duration,
    failed: u32,
    round: u64,
    until: Option<Instant>,
}

impl Patience {
    pub(super) const fn new(most: u32, base: Duration) -> Self {
        Self { most, base, failed: 0, round: 0, until: None }
    }

    /// The round that a request which begins now is of.
    pub(super) const fn round(&self) -> u64 {
        self.round
    }

    /// When requests may go again; none when they may go now.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Instant> {
        self.until = self.until.filter(|until| *until > now);
        self.until
    }

    /// Something went through.
    pub(super) const fn renew(&mut self) {
        self.failed = 0;
    }

    /// A request of a round failed, and the server asked for a pause or not; `false` when it has
    /// been tried often enough. It is tried on, with pauses that grow no longer.
    pub(super) fn failed(&mut self, round: u64, asked: Option<Duration>, now: Instant) -> bool {
        if round != self.round {
            return true;
        }
        self.round += 1;
        let pause = self.random_pause().max(asked.unwrap_or_default()).min(LONGEST_PAUSE);
        self.until = Some(now + pause);
        let may_try = self.failed < self.most;
        self.failed += u32::from(may_try);
        may_try
    }

    /// Any time up to a limit that doubles, so that many tasks do not come back at once.
    fn random_pause(&self) -> Duration {
        let most = self.base.saturating_mul(2_u32.pow(self.failed.min(MOST_DOUBLINGS)));
        most.min(LONGEST_PAUSE).mul_f64(rand::rng().random_range(0.0..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_that_fail_together_are_one_round() {
        let mut patience = Patience::new(2, Duration::from_millis(100));
        let now = Instant::now();
        let first = patience.round();
        assert!(patience.failed(first, None, now));
        assert!(patience.failed(first, None, now));
        assert!(patience.failed(first, None, now));
        assert!(patience.failed(patience.round(), None, now));
        assert!(!patience.failed(patience.round(), None, now), "after two tries");
        assert!(!patience.failed(patience.round(), None, now), "nothing went through since");
        patience.renew();
        assert!(patience.failed(patience.round(), None, now), "counted anew");
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_may_ask_for_a_longer_pause() {
        let mut patience = Patience::new(0, Duration::from_millis(100));
        let now = Instant::now();
        assert!(!patience.failed(0, Some(Duration::from_secs(7)), now), "no try is left");
        assert_eq!(patience.pause(now), Some(now + Duration::from_secs(7)));
        assert_eq!(patience.pause(now + Duration::from_secs(7)), None);
    }
}
