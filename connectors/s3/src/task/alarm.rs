//! What is said once an hour at most, however often it happens.

use std::time::Duration;

use tokio::time::Instant;

/// How long one warning holds for.
const WINDOW: Duration = Duration::from_hours(1);

/// Tells when something has happened too often.
#[derive(Debug)]
pub(super) struct Alarm {
    /// How often within an hour is too often.
    limit: u32,
    /// When the first one of this hour was, and how many there were since.
    seen: Option<(Instant, u32)>,
}

impl Alarm {
    /// One that rings at the first, the second, … within an hour.
    pub(super) const fn at(limit: u32) -> Self {
        Self { limit, seen: None }
    }

    /// Counts one more, and says whether to warn of it.
    pub(super) fn rings(&mut self, now: Instant) -> bool {
        let (since, count) = match self.seen {
            Some((since, count)) if now.duration_since(since) < WINDOW => (since, count),
            _ => (now, 0),
        };
        self.seen = Some((since, count.saturating_add(1)));
        count.saturating_add(1) == self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_rings_once_an_hour_and_only_for_what_is_frequent() {
        let start = crate::task::now();
        let minutes = |n: u64| start + Duration::from_mins(n);
        let mut alarm = Alarm::at(3);
        let rings = [0, 1, 2, 3, 59, 60, 61, 130, 131].map(|n| alarm.rings(minutes(n)));
        assert_eq!(rings, [false, false, true, false, false, false, false, false, false]);
        assert!(alarm.rings(minutes(132)), "a new hour");
        let mut alarm = Alarm::at(1);
        assert_eq!([0, 1, 60].map(|n| alarm.rings(minutes(n))), [true, false, true]);
    }
}
