//! When the next request may be sent.
//!
//! Requests have places in time, one interval apart. A request that could not be sent at its place,
//! because the task was busy or nothing was free, is made up for, but never more than one second's
//! worth, and little by little: requests that are late go a twentieth faster than the others. While
//! there is nothing to send no places are saved up.
//!
//! So over any time the number of requests is at most the rate times that time and one second's worth,
//! and within any second it is 8% above the rate at most, and one request: a service that counts
//! seconds does not get what it missed at once. Making up for nothing at all was rejected: then each
//! answer that takes long lengthens the whole.

use std::time::Duration;

use tokio::time::Instant;

/// What may be made up for.
const ARREARS: Duration = Duration::from_secs(1);
/// So much faster go requests that are late.
const HURRY: f64 = 1.05;
/// Requests of so much time may go at once: timers are no more exact than a millisecond, and the worker
/// looks after other things in between.
const AT_ONCE: Duration = Duration::from_millis(25);

/// Spaces requests out.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Time between two places, and between two requests that are late; none without a limit.
    intervals: Option<(Duration, Duration)>,
    /// Place of the next request.
    place: Instant,
    /// When the next request goes that is late, but for those that may go at once.
    soonest: Instant,
    /// The service asked us to wait until then.
    held_until: Instant,
}

impl Pace {
    /// So many requests per second; as many as there are when none.
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        let interval = |rate: f64| Duration::from_secs_f64(1.0 / rate);
        let intervals = per_second.map(|rate| (interval(rate), interval(rate * HURRY)));
        let now = Instant::now();
        Self { intervals, place: now, soonest: now, held_until: now }
    }

    /// When the next request may be sent.
    pub(crate) fn next(&self) -> Instant {
        if self.intervals.is_none() {
            return self.held_until;
        }
        let soonest = self.soonest.checked_sub(AT_ONCE).unwrap_or(self.soonest);
        self.place.max(soonest).max(self.held_until)
    }

    /// A request is sent now.
    pub(crate) fn take(&mut self, now: Instant) {
        if let Some((interval, hurried)) = self.intervals {
            self.place = self.place.max(now.checked_sub(ARREARS).unwrap_or(now)) + interval;
            self.soonest = self.soonest.max(now) + hurried;
        }
    }

    /// There is nothing to send: places up to now are not made up for.
    pub(crate) fn rest(&mut self, now: Instant) {
        self.place = self.place.max(now);
    }

    /// Whether the service asked us to wait until some time from now.
    pub(crate) fn is_held(&self, now: Instant) -> bool {
        self.held_until > now
    }

    /// No request is sent before this, and what is not sent until then is not made up for: the
    /// service has said that it is too much.
    pub(crate) fn hold(&mut self, until: Instant) {
        self.held_until = self.held_until.max(until);
        self.place = self.place.max(until);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sends whenever it may, with pauses in which it cannot, and says when it sent.
    fn sent(rate: f64, pauses: &[(u64, bool)]) -> Vec<Duration> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let begin = Instant::now();
            let (mut pace, mut times) = (Pace::new(Some(rate)), Vec::new());
            for &(pause_ms, is_idle) in pauses {
                tokio::time::advance(Duration::from_millis(pause_ms)).await;
                if is_idle {
                    pace.rest(Instant::now());
                }
                for _ in 0..5 {
                    tokio::time::sleep_until(pace.next()).await;
                    pace.take(Instant::now());
                    times.push(begin.elapsed());
                }
            }
            times
        })
    }

    proptest! {
        #[test]
        fn no_span_of_time_has_more_than_its_share(
            rate in 1.0..200.0_f64,
            pauses in prop::collection::vec((0_u64..5000, any::<bool>()), 1..20),
        ) {
            let times = sent(rate, &pauses);
            for (first, begin) in times.iter().enumerate() {
                for (last, end) in times.iter().enumerate().skip(first) {
                    let span = (*end - *begin).as_secs_f64() + 0.002;
                    let count = f64::from(u32::try_from(last - first + 1).unwrap());
                    prop_assert!(count <= rate * (span + 1.0) + 1.0, "{count} in {span} s at {rate}");
                    let most = rate * 1.05 * (span + 0.025) + 1.0;
                    prop_assert!(count <= most, "{count} in {span} s at {rate}: {most} at most");
                }
            }
        }
    }

    #[test]
    fn a_thousand_requests_take_their_time_to_the_millisecond() {
        let times = sent(7.0, &[(0, false); 200]);
        let expected = 999.0 / 7.0;
        let last = times.last().unwrap().as_secs_f64();
        assert!((last - expected).abs() < 0.01, "{last} instead of {expected}");
    }

    #[test]
    fn a_second_after_a_slow_answer_is_no_busier_than_others() {
        let busy = sent(100.0, &[[(3000, false)].as_slice(), &[(0, false); 60]].concat());
        let within = |begin: Duration| {
            let of = busy.iter().filter(|at| (begin..begin + Duration::from_secs(1)).contains(*at));
            of.count()
        };
        let most = busy.iter().map(|begin| within(*begin)).max().unwrap();
        assert!((104..=108).contains(&most), "{most} requests within a second");
    }

    #[test]
    fn what_was_late_is_made_up_for_and_idle_time_is_not() {
        let late = sent(100.0, &[[(500, false)].as_slice(), &[(0, false); 300]].concat());
        let took = late.last().unwrap().as_secs_f64();
        assert!((took - 15.04).abs() < 0.02, "{took} s instead of 15.04");
        let idle = sent(10.0, &[(0, false), (5000, true), (0, false)]);
        assert!(idle[14] >= Duration::from_millis(5900), "{idle:?}");
    }
}
