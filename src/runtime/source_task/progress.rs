//! Which offsets may be committed: those of the batches before the first unacknowledged one.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use super::{Offsets, Sizes};
use crate::broker::{Delivery, DeliveryReport, Result};

/// Batches that were sent and not yet acknowledged as a whole, oldest first.
#[derive(Debug, Default)]
pub(super) struct Progress {
    in_flight: VecDeque<(Delivery, Offsets, Sizes)>,
    /// Offsets of acknowledged batches, the latest per partition.
    committable: Offsets,
}

impl Progress {
    /// A batch was sent.
    pub(super) fn sent(&mut self, delivery: Delivery, offsets: Offsets, sizes: Sizes) {
        self.in_flight.push_back((delivery, offsets, sizes));
    }

    /// Number of batches that are not acknowledged yet.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Waits until the oldest batch was acknowledged or has failed; for ever while nothing is in
    /// flight. [`Self::settle`] or [`Self::give_up`] follows. Cancel safe.
    pub(super) async fn next(&mut self) -> (Offsets, Sizes, Result<DeliveryReport>) {
        poll_fn(|context| {
            let Some((delivery, ..)) = self.in_flight.front_mut() else { return Poll::Pending };
            let outcome = std::task::ready!(Pin::new(delivery).poll(context));
            let Some((_, offsets, sizes)) = self.in_flight.pop_front() else {
                return Poll::Pending;
            };
            Poll::Ready((offsets, sizes, outcome))
        })
        .await
    }

    /// The oldest batch is done with, so that its offsets may be committed.
    pub(super) fn settle(&mut self, offsets: Offsets) {
        merge(&mut self.committable, offsets);
    }

    /// The oldest batch is lost to the task: neither it nor what follows it may be committed.
    pub(super) fn give_up(&mut self) {
        self.in_flight.clear();
    }

    /// Takes what may be committed now.
    pub(super) fn take_committable(&mut self) -> Offsets {
        std::mem::take(&mut self.committable)
    }

    /// Puts back what could not be committed; newer offsets win.
    pub(super) fn put_back(&mut self, offsets: Offsets) {
        let newer = std::mem::replace(&mut self.committable, offsets);
        merge(&mut self.committable, newer);
    }
}

/// Lays newer offsets over older ones.
pub(super) fn merge(into: &mut Offsets, newer: Offsets) {
    for (partition, offset) in newer {
        match into.iter_mut().find(|(known, _)| *known == partition) {
            Some((_, slot)) => *slot = offset,
            None => into.push((partition, offset)),
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_api::record::{SourceOffset, SourcePartition};
    use futures::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    fn offsets(position: usize) -> Offsets {
        let offset = [("position".to_owned(), position.into())].into_iter().collect();
        vec![(SourcePartition::default(), Some(SourceOffset(offset)))]
    }

    fn position(offsets: &Offsets) -> Option<u64> {
        offsets.first()?.1.as_ref()?.0.get("position")?.as_u64()
    }

    proptest! {
        #[test]
        fn a_committed_offset_never_passes_an_unacknowledged_batch(
            order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let mut progress = Progress::default();
            let mut resolvers: Vec<_> = (0..order.len())
                .map(|batch| {
                    let (resolve, delivery) = Delivery::pending();
                    progress.sent(delivery, offsets(batch + 1), Sizes::default());
                    Some(resolve)
                })
                .collect();
            let mut acknowledged = vec![false; order.len()];
            for batch in order {
                resolvers[batch].take().unwrap().send(DeliveryReport::default()).unwrap();
                acknowledged[batch] = true;
                while let Some((offsets, _, report)) = progress.next().now_or_never() {
                    report.unwrap();
                    progress.settle(offsets);
                }
                let prefix = acknowledged.iter().take_while(|&&is_acknowledged| is_acknowledged);
                let prefix = u64::try_from(prefix.count()).unwrap();
                let committable = progress.take_committable();
                prop_assert_eq!(position(&committable).unwrap_or(prefix), prefix);
                progress.put_back(committable);
            }
            prop_assert_eq!(progress.in_flight(), 0);
        }
    }

    #[test]
    fn offsets_that_are_put_back_do_not_hide_newer_ones() {
        let mut progress = Progress::default();
        progress.put_back(offsets(7));
        progress.put_back(offsets(3));
        assert_eq!(position(&progress.take_committable()), Some(7));
    }
}
