//! Events that wait in memory.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use connect_api::budget::{MemoryBudget, Reservation};
use tokio::sync::Notify;

use super::{Batch, Receipt, Refusal, Verdict, tell};
use crate::event::Event;

/// A queue as long as the memory budget allows.
#[derive(Debug)]
pub(crate) struct Memory {
    state: Mutex<State>,
    arrived: Notify,
    budget: MemoryBudget,
}

#[derive(Debug, Default)]
struct State {
    parcels: VecDeque<Parcel>,
    is_closed: bool,
}

/// The events of one request: they stay together, so that one batch decides about all of them.
#[derive(Debug)]
struct Parcel {
    events: Vec<Event>,
    held: Reservation,
    receipt: Option<Receipt>,
}

impl Memory {
    pub(crate) fn new(budget: MemoryBudget) -> Self {
        Self { state: Mutex::default(), arrived: Notify::new(), budget }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn submit(&self, events: Vec<Event>, receipt: Option<Receipt>) -> Verdict {
        let weight = events.iter().map(Event::weight).sum();
        let held = self.budget.reserve(weight).ok_or(Refusal::Memory)?;
        let mut state = self.state();
        if state.is_closed {
            return Err(Refusal::Stopping);
        }
        state.parcels.push_back(Parcel { events, held, receipt });
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    pub(super) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// The oldest events, up to about so many records or bytes; none when there is nothing.
    pub(crate) fn take(&self, most_records: usize, most_bytes: usize) -> Option<Batch> {
        let mut state = self.state();
        let mut batch = Batch::default();
        let mut bytes = 0;
        while batch.events.len() < most_records && bytes < most_bytes {
            let Some(parcel) = state.parcels.pop_front() else { break };
            bytes += parcel.held.bytes();
            batch.events.extend(parcel.events);
            batch.receipts.extend(parcel.receipt);
            batch.held.push(parcel.held);
        }
        (!batch.held.is_empty()).then_some(batch)
    }

    /// Takes nothing any more and answers who waits; those who were answered before lose their events,
    /// of which this is the number.
    pub(super) fn close(&self) -> usize {
        let mut state = self.state();
        state.is_closed = true;
        let parcels = std::mem::take(&mut state.parcels);
        drop(state);
        let mut lost = 0;
        for parcel in parcels {
            match parcel.receipt {
                Some(receipt) => tell(receipt, Err(Refusal::Stopping)),
                None => lost += parcel.events.len(),
            }
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::event::Content;

    fn event() -> Event {
        let content = Content::Text("x".into());
        Event { topic: "t".into(), timestamp_ms: 0, key: None, headers: Vec::new(), content }
    }

    #[test]
    fn the_budget_bounds_what_waits_and_a_batch_keeps_it() {
        let memory = Memory::new(MemoryBudget::new(3 * event().weight()));
        assert_eq!(memory.submit(vec![event(), event()], None), Ok(()));
        assert_eq!(memory.submit(vec![event(), event()], None), Err(Refusal::Memory));
        assert_eq!(memory.submit(vec![event()], None), Ok(()));
        let batch = memory.take(1, usize::MAX).unwrap();
        assert_eq!(batch.events.len(), 2, "the events of a request stay together");
        assert_eq!(
            memory.submit(vec![event()], None),
            Err(Refusal::Memory),
            "not acknowledged yet"
        );
        batch.settle(Ok(()));
        assert_eq!(memory.submit(vec![event()], None), Ok(()));
    }

    #[test]
    fn who_waits_at_the_end_is_told_so() {
        let memory = Memory::new(MemoryBudget::new(10_000));
        let (receipt, mut answer) = oneshot::channel();
        memory.submit(vec![event()], Some(receipt)).unwrap();
        memory.submit(vec![event(), event()], None).unwrap();
        assert_eq!(memory.close(), 2, "nobody waits for these");
        assert_eq!(answer.try_recv(), Ok(Err(Refusal::Stopping)));
        assert_eq!(memory.submit(vec![event()], None), Err(Refusal::Stopping));
        assert!(memory.take(1, 1).is_none());
    }
}
