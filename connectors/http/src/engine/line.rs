//! Which request is next.
//!
//! One at a time, requests are sent in the order of their records, and one that is to be tried again
//! holds up the others. With more at a time, records with the same key keep their order: what has a key
//! of a request that is on its way, that waits to be tried again, or that stands before it in the line,
//! is passed over.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use connect_api::record::TopicPartition;
use tokio::time::Instant;

use crate::request::Draft;

/// Requests that may wait to be tried again, for each that may be on its way: a service that takes
/// nothing any more does not get new ones.
const WAITING_PER_FLIGHT: usize = 16;

type Key = (TopicPartition, Bytes);

/// Requests that are not on their way.
#[derive(Debug, Default)]
pub(super) struct Line {
    queue: VecDeque<Draft>,
    /// Requests to be tried again, with the time from which on.
    waiting: Vec<(Instant, Draft)>,
    /// Keys of these and of what is on its way.
    busy: HashSet<Key>,
}

impl Line {
    pub(super) fn push(&mut self, draft: Draft) {
        self.queue.push_back(draft);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.waiting.is_empty()
    }

    /// Tries a request again from then on.
    pub(super) fn put_off(&mut self, draft: Draft, until: Instant) {
        self.waiting.push((until, draft));
    }

    /// A request has ended.
    pub(super) fn release(&mut self, draft: &Draft) {
        for key in draft.keys() {
            self.busy.remove(&key);
        }
    }

    /// Takes away what is of these partitions.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.queue.retain(|draft| !partitions.contains(&draft.origin));
        self.waiting.retain(|(_, draft)| !partitions.contains(&draft.origin));
        self.busy.retain(|(at, _)| !partitions.contains(at));
    }

    /// When a request that waits can be tried again at the earliest.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.iter().map(|(at, _)| *at).min()
    }

    /// Takes the next request that may be sent now, of so many at a time.
    pub(super) fn next(&mut self, now: Instant, at_once: usize) -> Option<Draft> {
        if let Some(place) = self.first_due(now) {
            return Some(self.waiting.swap_remove(place).1);
        }
        let is_strict = at_once == 1;
        let most = at_once.saturating_mul(WAITING_PER_FLIGHT);
        if (is_strict && !self.waiting.is_empty()) || self.waiting.len() >= most {
            return None;
        }
        let place = if is_strict { 0 } else { self.first_free()? };
        let draft = self.queue.remove(place)?;
        self.busy.extend(draft.keys());
        Some(draft)
    }

    fn first_due(&self, now: Instant) -> Option<usize> {
        let due = self.waiting.iter().enumerate().filter(|(_, (at, _))| *at <= now);
        due.min_by_key(|(_, (at, _))| *at).map(|(place, _)| place)
    }

    /// The first request none of whose keys is in the way.
    fn first_free(&self) -> Option<usize> {
        let mut passed: HashSet<Key> = HashSet::new();
        self.queue.iter().position(|draft| {
            let is_free =
                draft.keys().all(|key| !self.busy.contains(&key) && !passed.contains(&key));
            if !is_free {
                passed.extend(draft.keys());
            }
            is_free
        })
    }
}
