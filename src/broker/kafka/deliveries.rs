//! What became of each record of each batch, at the price of one integer per record.
//!
//! A record travels through librdkafka with a number: the batch in the upper half, the position in
//! the batch in the lower. When the last record of a batch is reported, its [`Delivery`] resolves.
//!
//! [`Delivery`]: crate::broker::Delivery

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::oneshot;

use super::refusal::Refusal;
use crate::broker::{BrokerError, DeliveryReport, ProducerRecord};

/// Bits of a number that are the position in the batch.
const POSITION_BITS: u32 = usize::BITS / 2;

/// Names a batch; numbers are used again long after the batch is gone.
pub(super) type BatchNumber = u32;

/// Batches whose records were not all reported yet.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// Number of the first batch in the queue.
    first: BatchNumber,
    /// Batches in the order they were begun; those that are done wait for the ones before them.
    batches: VecDeque<Batch>,
}

#[derive(Debug)]
struct Batch {
    unreported: usize,
    failed: Vec<(usize, BrokerError)>,
    /// Where records of another topic begin.
    topics: Vec<(usize, Arc<str>)>,
    resolve: Option<oneshot::Sender<DeliveryReport>>,
}

impl Deliveries {
    /// Begins to count a batch.
    pub(super) fn begin(
        &self,
        records: &[ProducerRecord],
        resolve: oneshot::Sender<DeliveryReport>,
    ) -> BatchNumber {
        let mut topics: Vec<(usize, Arc<str>)> = Vec::new();
        for (position, record) in records.iter().enumerate() {
            let is_same = topics
                .last()
                .is_some_and(|(_, last)| Arc::ptr_eq(last, &record.topic) || *last == record.topic);
            if !is_same {
                topics.push((position, Arc::clone(&record.topic)));
            }
        }
        let batch =
            Batch { unreported: records.len(), failed: Vec::new(), topics, resolve: Some(resolve) };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // A producer has far fewer batches on their way than there are numbers.
        let ahead = BatchNumber::try_from(open.batches.len()).unwrap_or(BatchNumber::MAX);
        open.batches.push_back(batch);
        let number = open.first.wrapping_add(ahead);
        drop(open);
        number
    }

    /// The number that a record travels with.
    pub(super) fn number(batch: BatchNumber, position: usize) -> usize {
        usize::try_from(batch).unwrap_or(0) << POSITION_BITS | position
    }

    /// Notes what became of a record.
    pub(super) fn report(&self, number: usize, outcome: Result<(), Code>) {
        let position = number & ((1 << POSITION_BITS) - 1);
        let batch = BatchNumber::try_from(number >> POSITION_BITS).unwrap_or(0);
        self.change(batch, |batch| {
            batch.unreported = batch.unreported.saturating_sub(1);
            if let Err(code) = outcome {
                let topic = batch.topic(position);
                let operation = format!("Writing a record to topic \"{topic}\"");
                let error = Refusal::new(code).about_topic(&topic, operation);
                batch.failed.push((position, error));
            }
        });
    }

    /// Forgets the records of a batch that were never taken.
    pub(super) fn forget(&self, batch: BatchNumber, records: usize) {
        self.change(batch, |batch| batch.unreported = batch.unreported.saturating_sub(records));
    }

    fn change(&self, number: BatchNumber, change: impl FnOnce(&mut Batch)) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(number.wrapping_sub(open.first)).unwrap_or(usize::MAX);
        let Some(batch) = open.batches.get_mut(at) else { return };
        change(batch);
        if batch.unreported > 0 {
            return;
        }
        if let Some(resolve) = batch.resolve.take() {
            let mut failed = std::mem::take(&mut batch.failed);
            failed.sort_by_key(|(position, _)| *position);
            // Nobody waits for it any more: then nobody wants to know.
            let _unwanted = resolve.send(DeliveryReport { failed });
        }
        while open.batches.front().is_some_and(|batch| batch.unreported == 0) {
            open.batches.pop_front();
            open.first = open.first.wrapping_add(1);
        }
    }
}

impl Batch {
    fn topic(&self, position: usize) -> Arc<str> {
        let after = self.topics.partition_point(|(first, _)| *first <= position);
        let found = after.checked_sub(1).and_then(|at| self.topics.get(at));
        found.map_or_else(|| "".into(), |(_, topic)| Arc::clone(topic))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::broker::Delivery;

    fn records(topics: &[&str]) -> Vec<ProducerRecord> {
        let record = |topic: &&str| ProducerRecord {
            topic: (*topic).into(),
            partition: None,
            key: None,
            value: None,
            timestamp_ms: None,
            headers: Vec::new(),
        };
        topics.iter().map(record).collect()
    }

    #[tokio::test]
    async fn a_failed_record_is_named_by_its_position_and_topic() {
        let deliveries = Deliveries::default();
        let (resolve, delivery) = Delivery::pending();
        let batch = deliveries.begin(&records(&["a", "a", "b"]), resolve);
        deliveries.report(Deliveries::number(batch, 2), Err(Code::UnknownTopic));
        deliveries.report(Deliveries::number(batch, 0), Err(Code::MessageTimedOut));
        deliveries.report(Deliveries::number(batch, 1), Ok(()));
        let failed = delivery.await.unwrap().failed;
        assert!(
            matches!(
                failed.as_slice(),
                [(0, BrokerError::Unavailable { .. }), (2, BrokerError::UnknownTopic(topic))]
                    if topic == "b"
            ),
            "{failed:?}"
        );
    }

    proptest! {
        #[test]
        fn each_batch_resolves_exactly_when_its_last_record_is_reported(
            sizes in prop::collection::vec(1_usize..5, 1..8),
            order in prop::collection::vec(any::<prop::sample::Index>(), 40),
            first in any::<u32>(),
        ) {
            let deliveries = Deliveries::default();
            deliveries.open.lock().unwrap().first = first;
            let mut pending = Vec::new();
            let mut waiting = Vec::new();
            for (at, &size) in sizes.iter().enumerate() {
                let (resolve, outcome) = oneshot::channel();
                let batch = deliveries.begin(&records(&vec!["t"; size]), resolve);
                pending.extend((0..size).map(|position| (at, Deliveries::number(batch, position))));
                waiting.push((size, outcome));
            }
            for index in order {
                if pending.is_empty() {
                    break;
                }
                let (at, number) = pending.swap_remove(index.index(pending.len()));
                deliveries.report(number, Ok(()));
                let (left, outcome) = &mut waiting[at];
                *left -= 1;
                prop_assert_eq!(outcome.try_recv().is_ok(), *left == 0);
            }
        }
    }
}
