//! Where events wait between the request that brought them and the batch that takes them on.

mod memory;

use std::sync::Arc;

use connect_api::budget::Reservation;
use tokio::sync::oneshot;
use tracing::warn;

pub(crate) use self::memory::Memory;
use crate::{event::Event, journal::Journal};

/// Why an event was not taken, or is not safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no room in the buffer.
    Full,
    /// There is no memory.
    Memory,
    /// The connector ends.
    Stopping,
    /// The disk did not take it.
    Disk,
    /// The broker did not take it.
    Broker,
}

/// What became of the events of a request.
pub(crate) type Verdict = Result<(), Refusal>;

/// Brings a verdict to the request that waits for it.
pub(crate) type Receipt = oneshot::Sender<Verdict>;

/// Events on their way to the worker.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) events: Vec<Event>,
    /// Requests that are answered when the broker has the events.
    pub(crate) receipts: Vec<Receipt>,
    /// Memory that the events take.
    pub(crate) held: Vec<Reservation>,
    /// Number of the first event behind it in the journal, where there is one.
    pub(crate) end: Option<u64>,
}

impl Batch {
    /// Answers everybody who waits.
    pub(crate) fn settle(self, verdict: Verdict) {
        for receipt in self.receipts {
            tell(receipt, verdict);
        }
    }
}

/// Answers a request, unless its client has gone.
pub(crate) fn tell(receipt: Receipt, verdict: Verdict) {
    let _gone = receipt.send(verdict);
}

/// Where events wait.
#[derive(Clone, Debug)]
pub(crate) enum Inbox {
    /// In memory: a receipt tells that the broker has them.
    Memory(Arc<Memory>),
    /// On disk: a receipt tells that they are there.
    Journal(Arc<Journal>),
}

impl Inbox {
    /// Takes the events of a request, all or none.
    pub(crate) fn submit(&self, events: Vec<Event>, receipt: Option<Receipt>) -> Verdict {
        match self {
            Self::Memory(memory) => memory.submit(events, receipt),
            Self::Journal(journal) => journal.submit(&events, receipt),
        }
    }

    /// Waits until there may be more to take. Cancel safe.
    pub(crate) async fn arrival(&self) {
        match self {
            Self::Memory(memory) => memory.arrival().await,
            Self::Journal(journal) => journal.arrival().await,
        }
    }

    /// Takes nothing any more and lets go of its files; who waits is answered.
    pub(crate) fn close(&self) {
        match self {
            Self::Memory(memory) => {
                let lost = memory.close();
                if lost > 0 {
                    warn!(
                        "{lost} events that were answered at once (acks=0) are lost, as the connector \
                         ends before they were sent; with acks=1 they would wait on disk"
                    );
                }
            }
            Self::Journal(journal) => journal.close(),
        }
    }
}
