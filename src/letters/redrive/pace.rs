//! How fast letters go.

use std::time::Duration;

use tokio::time::Instant;

/// Most letters of a transaction.
const BATCH: u32 = 500;

/// Keeps to a number of records a second.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Option<u32>,
    /// When the next batch may go.
    next: Instant,
}

impl Pace {
    /// At most so many records a second.
    pub(super) fn new(rate: Option<u32>) -> Self {
        Self { rate, next: Instant::now() }
    }

    /// Letters of a transaction: a second's worth at most.
    pub(super) fn batch(&self) -> usize {
        usize::try_from(self.rate.unwrap_or(BATCH).clamp(1, BATCH)).unwrap_or(1)
    }

    /// When the next batch may go.
    pub(super) const fn due(&self) -> Instant {
        self.next
    }

    /// So many records went. Time that was not made use of is not made up for.
    pub(super) fn went(&mut self, records: usize) {
        let Some(rate) = self.rate else { return };
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        let span = Duration::from_secs(1).saturating_mul(records) / rate.max(1);
        self.next = Instant::now().max(self.next) + span;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_takes_no_more_than_its_share() {
        let mut pace = Pace::new(Some(10));
        let begun = Instant::now();
        assert_eq!(pace.batch(), 10);
        for _ in 0..3 {
            tokio::time::sleep_until(pace.due()).await;
            pace.went(10);
        }
        assert_eq!(pace.due() - begun, Duration::from_secs(3));
        tokio::time::sleep(Duration::from_secs(60)).await;
        pace.went(5);
        assert_eq!(pace.due() - begun, Duration::from_millis(60_000 + 2_000 + 500));
        assert_eq!(Pace::new(None).batch(), 500);
        assert_eq!(Pace::new(Some(1_000_000)).batch(), 500);
    }
}
