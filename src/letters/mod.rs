//! What lies in the dead letter queues of sinks, and its way back.
//!
//! The herder asks for a page of letters ([`Letters::page`]) or starts a redrive
//! ([`Letters::redrive`]), which reads the queue once from its beginning to where it ended at the
//! start, and brings every letter it selects either to the topic it was in first or to the
//! connector alone. It promises that no letter is redriven twice: the record and the marker that
//! says so are written in one transaction, by a producer whose transactional id belongs to the
//! queue, and the markers are read after an older producer of that id was fenced off. It does not
//! take letters out of the queue, and it commits nothing for any group.
//!
//! Decision: `docs/decisions/0005-letters-come-back-by-a-topic-of-their-own.md`.

mod context;
mod error;
mod filter;
mod markers;
mod page;
mod queue;
mod redrive;
mod scan;
mod shown;
#[cfg(test)]
mod tests;

use self::redrive::Redrives;
pub use self::{
    error::{LettersError, Result},
    filter::Filter,
    page::{LetterInfo, LetterPage, PageRequest},
    queue::Queue,
    redrive::{Destination, Owner, Progress, RedriveRequest, RedriveState},
};

use std::sync::Arc;

use connect_api::time::Clock;

use crate::{broker::Broker, tasks::TaskGroup};

/// The dead letter queues of a worker's connectors; clones share the redrives.
#[derive(Clone, Debug)]
pub struct Letters {
    broker: Arc<dyn Broker>,
    clock: Arc<dyn Clock>,
    redrives: Redrives,
}

impl Letters {
    /// The queues on a broker; redrives run under the group.
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>, clock: Arc<dyn Clock>, group: &TaskGroup) -> Self {
        Self { broker, clock, redrives: Redrives::new(group.child()) }
    }

    /// Letters of a connector, oldest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor that is none, `Broker` when the broker does not answer.
    pub async fn page(&self, queue: &Queue, request: &PageRequest) -> Result<LetterPage> {
        page::read(&self.broker, queue, request).await
    }

    /// Starts a redrive.
    ///
    /// # Errors
    /// `Invalid` for a request that cannot be obeyed, `Busy` while the queue is redriven.
    pub fn redrive(
        &self,
        queue: Queue,
        request: RedriveRequest,
        owner: Arc<dyn Owner>,
    ) -> Result<Progress> {
        self.redrives.start((&self.broker, &self.clock), queue, request, owner)
    }

    /// The latest redrives of a connector since the worker started, the last one first.
    #[must_use]
    pub fn redrives(&self, connector: &str) -> Vec<Progress> {
        self.redrives.list(connector)
    }

    /// One of them.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn find_redrive(&self, connector: &str, id: &str) -> Result<Progress> {
        self.redrives.find(connector, id)
    }

    /// Tells a redrive to end after the letters it is writing; one that has ended stays as it is.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn cancel(&self, connector: &str, id: &str) -> Result<Progress> {
        self.redrives.cancel(connector, id)
    }

    /// Ends every redrive after the letters it is writing, and waits for that.
    pub async fn stop(&self) {
        self.redrives.stop().await;
    }
}
