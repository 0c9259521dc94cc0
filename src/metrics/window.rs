//! Figures over the last moments: how much per second, how much on average, at most and at least.
//!
//! Source: apache/kafka `SampledStat.java`, `Rate.java`: time is cut into samples, and a figure is
//! made of the last few of them, so that it forgets in steps and needs no memory per event.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// How far figures look back: `metrics.num.samples` of `metrics.sample.window.ms` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Length of a sample.
    pub window: Duration,
    /// Number of samples.
    pub samples: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { window: Duration::from_secs(30), samples: 2 }
    }
}

impl Sampling {
    fn horizon(self) -> Duration {
        self.window.saturating_mul(self.samples)
    }
}

#[derive(Debug)]
struct Sample {
    began: Instant,
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
}

/// The last samples of one figure.
#[derive(Debug)]
pub(super) struct Window {
    sampling: Sampling,
    /// Oldest first.
    samples: VecDeque<Sample>,
}

impl Window {
    pub(super) const fn new(sampling: Sampling) -> Self {
        Self { sampling, samples: VecDeque::new() }
    }

    pub(super) fn record(&mut self, value: f64, now: Instant) {
        self.forget(now);
        let is_full =
            self.samples.back().is_none_or(|last| now - last.began >= self.sampling.window);
        if is_full {
            let fresh = Sample { began: now, count: 1, sum: value, least: value, most: value };
            self.samples.push_back(fresh);
        } else if let Some(last) = self.samples.back_mut() {
            last.count += 1;
            last.sum += value;
            last.least = last.least.min(value);
            last.most = last.most.max(value);
        }
    }

    fn forget(&mut self, now: Instant) {
        let horizon = self.sampling.horizon();
        while self.samples.front().is_some_and(|first| now - first.began >= horizon) {
            self.samples.pop_front();
        }
    }

    /// Sum per second. A figure that has just begun is spread over the time it would have had, so
    /// that the first event is no storm.
    pub(super) fn rate(&mut self, now: Instant) -> f64 {
        self.forget(now);
        let Some(first) = self.samples.front() else { return 0.0 };
        let least = self.sampling.window.saturating_mul(self.sampling.samples.max(2) - 1);
        let elapsed = (now - first.began).max(least);
        let sum: f64 = self.samples.iter().map(|sample| sample.sum).sum();
        sum / elapsed.as_secs_f64()
    }

    /// Mean; not a number while there was nothing.
    pub(super) fn mean(&mut self, now: Instant) -> f64 {
        self.forget(now);
        let count: u64 = self.samples.iter().map(|sample| sample.count).sum();
        let sum: f64 = self.samples.iter().map(|sample| sample.sum).sum();
        sum / float(count)
    }

    /// Largest value; not a number while there was nothing.
    pub(super) fn most(&mut self, now: Instant) -> f64 {
        self.forget(now);
        self.samples.iter().map(|sample| sample.most).fold(f64::NAN, f64::max)
    }

    /// Smallest value; not a number while there was nothing.
    pub(super) fn least(&mut self, now: Instant) -> f64 {
        self.forget(now);
        self.samples.iter().map(|sample| sample.least).fold(f64::NAN, f64::min)
    }
}

/// Something that is counted for ever and watched per second.
#[derive(Debug)]
pub(super) struct Counter {
    pub(super) total: u64,
    window: Window,
}

impl Counter {
    pub(super) const fn new(sampling: Sampling) -> Self {
        Self { total: 0, window: Window::new(sampling) }
    }

    pub(super) fn add(&mut self, count: u64, now: Instant) {
        self.total += count;
        self.window.record(float(count), now);
    }

    pub(super) fn rate(&mut self, now: Instant) -> f64 {
        self.window.rate(now)
    }
}

/// A count as a figure; exact to 2^53.
#[expect(clippy::cast_precision_loss, reason = "figures are floating point in every reader")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}

/// A number of records as a count.
pub(super) fn size(records: usize) -> u64 {
    u64::try_from(records).unwrap_or(u64::MAX)
}

/// A duration as a figure, in milliseconds.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLING: Sampling = Sampling { window: Duration::from_secs(30), samples: 2 };

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_rate_is_taken_over_the_samples_that_are_kept() {
        let (start, mut window) = (Instant::now(), Window::new(SAMPLING));
        window.record(60.0, start);
        assert!((window.rate(start) - 2.0).abs() < 1e-9, "spread over one sample at least");
        window.record(60.0, at(start, 40));
        assert!((window.rate(at(start, 40)) - 3.0).abs() < 1e-9, "120 in 40 s");
        assert!((window.rate(at(start, 60)) - 2.0).abs() < 1e-9, "the first sample is forgotten");
        assert!(window.rate(at(start, 100)).abs() < 1e-9, "and then the second");
    }

    #[test]
    fn what_never_happened_is_not_a_number() {
        let (start, mut window) = (Instant::now(), Window::new(SAMPLING));
        assert!(window.mean(start).is_nan() && window.most(start).is_nan());
        for value in [4.0, 1.0] {
            window.record(value, start);
        }
        let figures = (window.mean(start), window.most(start), window.least(start));
        assert_eq!(figures, (2.5, 4.0, 1.0));
        assert!(window.most(at(start, 60)).is_nan());
    }
}
