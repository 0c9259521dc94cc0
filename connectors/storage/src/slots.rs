//! Rotation by schedule: files end where a slot of the clock does.

use connect_joda::Zone;

/// The slots of a schedule, which begins anew at every local midnight.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    zone: Zone,
    /// Nothing ends by schedule where it is not positive.
    interval_ms: i64,
    /// End of the slot at hand.
    end_ms: Option<i64>,
}

impl Slots {
    /// The slot of this time is at hand.
    #[must_use]
    pub fn new(zone: Zone, interval_ms: i64, now_ms: i64) -> Self {
        let mut slots = Self { zone, interval_ms, end_ms: None };
        slots.begin(now_ms);
        slots
    }

    /// Goes on to the slot of this time.
    pub fn begin(&mut self, now_ms: i64) {
        let interval_ms = self.interval_ms;
        self.end_ms = (interval_ms > 0).then(|| self.zone.next_slot_ms(now_ms, interval_ms));
    }

    /// Whether the slot at hand is over.
    #[must_use]
    pub fn is_over(&self, now_ms: i64) -> bool {
        self.end_ms.is_some_and(|end| now_ms >= end)
    }

    /// Goes on to the slot of this time where the one at hand is further away than a slot is long: the clock
    /// was set back since, and nothing waits until it is where it was, which may take days.
    pub fn follow_clock(&mut self, now_ms: i64) {
        if self.end_ms.is_some_and(|end| end.saturating_sub(now_ms) > self.interval_ms) {
            self.begin(now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    #[test]
    fn a_clock_that_is_set_back_ends_no_slot_early_and_none_late() {
        let mut slots = Slots::new(Zone::UTC, 10 * MINUTE_MS, 1003 * MINUTE_MS);
        assert!(!slots.is_over(1010 * MINUTE_MS - 1) && slots.is_over(1010 * MINUTE_MS));
        slots.follow_clock(1001 * MINUTE_MS);
        assert!(!slots.is_over(1010 * MINUTE_MS - 1), "still the same slot");
        slots.follow_clock(985 * MINUTE_MS);
        assert!(!slots.is_over(990 * MINUTE_MS - 1) && slots.is_over(990 * MINUTE_MS));
    }

    #[test]
    fn without_an_interval_nothing_is_ever_over() {
        let mut slots = Slots::new(Zone::UTC, 0, 0);
        slots.begin(1);
        slots.follow_clock(i64::MIN);
        assert!(!slots.is_over(i64::MAX));
    }
}
