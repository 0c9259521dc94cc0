//! Which values were most frequent, with a fixed number of counters.
//!
//! Source: Metwally et al., "Efficient computation of frequent and top-k elements in data streams"
//! (2005); Agarwal et al., "Mergeable summaries" (2012), for the merge.

use std::cmp::Reverse;

/// Counters per shown value: a count is too high by at most one in this many times `k`.
const COUNTERS_PER_SHOWN: usize = 10;

/// Bytes that a counter takes beside its text.
const COUNTER_BYTES: usize = size_of::<Counter>();

/// A value with its count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counter {
    /// The value as JSON text.
    pub(crate) value: Box<str>,
    /// Times it was seen, never too low.
    pub(crate) count: u64,
    /// By how much the count may be too high.
    pub(crate) error: u64,
}

/// Counters of the values that may be the most frequent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Top {
    counters: Vec<Counter>,
    capacity: usize,
}

impl Top {
    /// Counters that are kept in order to show `k` of them.
    pub(crate) const fn capacity_for(k: usize) -> usize {
        k.saturating_mul(COUNTERS_PER_SHOWN)
    }

    /// A summary without values that will show `k` of them.
    pub(crate) const fn showing(k: usize) -> Self {
        Self { counters: Vec::new(), capacity: Self::capacity_for(k) }
    }

    /// A summary with these counters, as one was stored; the highest of them when there are too many.
    pub(crate) fn of(k: usize, counters: Vec<Counter>) -> Self {
        let mut top = Self { counters, capacity: Self::capacity_for(k) };
        top.trim();
        top
    }

    /// Counts a value and says by how many bytes the summary grew.
    pub(crate) fn insert(&mut self, value: &str) -> usize {
        if let Some(known) = self.counters.iter_mut().find(|counter| &*counter.value == value) {
            known.count += 1;
            return 0;
        }
        if self.counters.len() < self.capacity {
            self.counters.push(Counter { value: value.into(), count: 1, error: 0 });
            return COUNTER_BYTES + value.len();
        }
        let Some(least) = self.counters.iter_mut().min_by_key(|counter| counter.count) else {
            return 0;
        };
        let grown = value.len().saturating_sub(least.value.len());
        *least = Counter { value: value.into(), count: least.count + 1, error: least.count };
        grown
    }

    /// Counts what the other one counted too. A value that a full summary does not know may have
    /// been seen there as often as its least one.
    pub(crate) fn merge(&mut self, other: &Self) {
        let (here, there) = (self.least_unseen(), other.least_unseen());
        let mut unknown = Vec::new();
        for theirs in &other.counters {
            match self.counters.iter_mut().find(|counter| counter.value == theirs.value) {
                Some(counter) => {
                    counter.count += theirs.count;
                    counter.error += theirs.error;
                }
                None => unknown.push(Counter {
                    value: theirs.value.clone(),
                    count: theirs.count + here,
                    error: theirs.error + here,
                }),
            }
        }
        if there > 0 {
            for counter in &mut self.counters {
                if !other.counters.iter().any(|theirs| theirs.value == counter.value) {
                    counter.count += there;
                    counter.error += there;
                }
            }
        }
        self.counters.append(&mut unknown);
        self.trim();
    }

    /// The most frequent values, highest first, equal ones by value.
    pub(crate) fn highest(&self, k: usize) -> Vec<&Counter> {
        let mut sorted: Vec<_> = self.counters.iter().collect();
        sorted.sort_by_key(|counter| (Reverse(counter.count), &counter.value));
        sorted.truncate(k);
        sorted
    }

    /// Every counter, in no particular order.
    pub(crate) fn counters(&self) -> &[Counter] {
        &self.counters
    }

    /// Highest count that a value without a counter can have.
    fn least_unseen(&self) -> u64 {
        if self.counters.len() < self.capacity {
            return 0;
        }
        self.counters.iter().map(|counter| counter.count).min().unwrap_or(0)
    }

    fn trim(&mut self) {
        if self.counters.len() > self.capacity {
            self.counters.sort_by_key(|counter| Reverse(counter.count));
            self.counters.truncate(self.capacity);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u16]) -> Top {
        let mut top = Top::showing(1);
        for value in values {
            top.insert(&value.to_string());
        }
        top
    }

    fn check(top: &Top, values: &[u16]) {
        let mut truth: BTreeMap<String, u64> = BTreeMap::new();
        for value in values {
            *truth.entry(value.to_string()).or_default() += 1;
        }
        let bound = values.len() as u64 / Top::capacity_for(1) as u64;
        for counter in top.counters() {
            let count = truth.get(&*counter.value).copied().unwrap_or(0);
            assert!(counter.count >= count, "{counter:?} is below {count}");
            assert!(counter.count - counter.error <= count, "{counter:?} guarantees too much");
            assert!(counter.error <= bound, "{counter:?} is beyond {bound}");
        }
        for (value, count) in truth {
            let kept = top.counters().iter().any(|counter| *counter.value == value);
            assert!(kept || count <= bound, "{value} was seen {count} times and is not kept");
        }
    }

    proptest! {
        #[test]
        fn counts_stay_within_the_bound(values in proptest::collection::vec(0_u16..40, 0..400)) {
            check(&of(&values), &values);
        }

        #[test]
        fn merged_counts_stay_within_the_bound(
            left in proptest::collection::vec(0_u16..40, 0..300),
            right in proptest::collection::vec(20_u16..60, 0..300),
        ) {
            let mut merged = of(&left);
            merged.merge(&of(&right));
            check(&merged, &[left, right].concat());
        }
    }

    #[test]
    fn few_values_are_counted_exactly_and_sorted() {
        let top = of(&[3, 1, 3, 2, 3, 2]);
        let shown: Vec<_> = top.highest(2).iter().map(|c| (&*c.value, c.count, c.error)).collect();
        assert_eq!(shown, [("3", 3, 0), ("2", 2, 0)]);
    }
}
