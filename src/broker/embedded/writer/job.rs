//! What the writer is asked to do.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use connect_api::record::TopicPartition;
use rusqlite::Transaction;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::broker::{
    BrokerError, Result,
    embedded::{
        fault::Fault,
        log::Committed,
        staging::{Area, Frames},
    },
};

/// One thing to do, whole or not at all.
#[derive(Debug)]
pub(in crate::broker::embedded) enum Job {
    /// Store records.
    Append(Append),
    /// Change anything else.
    Change(Change),
    /// Do what was asked for before this, then end; the sender is dropped once the log is closed.
    Stop(oneshot::Sender<()>),
}

/// Frames to store.
#[derive(Debug)]
pub(in crate::broker::embedded) struct Append {
    /// Each with the partition it goes to, in their order.
    pub(in crate::broker::embedded) frames: Arc<Frames>,
    /// What was sent before them in the same transaction and is on the disk already.
    pub(in crate::broker::embedded) staged: Option<Area>,
    /// Offsets of groups that are stored with them.
    pub(in crate::broker::embedded) offsets: Vec<GroupOffsets>,
    /// Nothing is stored if this has lapsed when the writer comes to it.
    pub(in crate::broker::embedded) lease: Option<Lease>,
    /// What the writer found then.
    pub(in crate::broker::embedded) is_fenced: bool,
    /// Told once everything is stored, or nothing.
    pub(in crate::broker::embedded) done: Done,
    /// Room in the queue that the frames take.
    pub(in crate::broker::embedded) room: OwnedSemaphorePermit,
}

/// Offsets of a group.
pub(in crate::broker::embedded) type GroupOffsets =
    (String, Vec<(TopicPartition, Option<Committed>)>);

impl Append {
    /// Whether the writer may store it now.
    pub(super) fn check_lease(&mut self) -> bool {
        self.is_fenced = self.lease.as_ref().is_some_and(|lease| !lease.is_valid());
        !self.is_fenced
    }

    pub(super) fn bytes(&self) -> usize {
        self.frames.iter().map(|(_, frame)| frame.bytes.len()).sum()
    }
}

/// Takes the outcome of an append.
pub(in crate::broker::embedded) struct Done(Box<Teller>);

type Teller = dyn FnOnce(Outcome<'_>) + Send;

/// What became of an append: nothing of it is stored if it failed.
#[derive(Clone, Copy, Debug)]
pub(in crate::broker::embedded) enum Outcome<'a> {
    /// Everything is stored for good.
    Stored,
    /// A newer producer has the transactional id.
    Fenced(&'a Lease),
    /// The log in this directory could not be written.
    Failed(&'a Fault, &'a Path),
}

impl Outcome<'_> {
    /// The error, one for each who needs it.
    pub(in crate::broker::embedded) fn error(self) -> Option<BrokerError> {
        match self {
            Self::Stored => None,
            Self::Fenced(lease) => Some(BrokerError::Fenced(lease.transactional_id.clone())),
            Self::Failed(fault, directory) => Some(fault.clone().into_error(directory)),
        }
    }
}

impl Done {
    pub(in crate::broker::embedded) fn new(
        done: impl FnOnce(Outcome<'_>) + Send + 'static,
    ) -> Self {
        Self(Box::new(done))
    }

    pub(super) fn tell(self, outcome: Outcome<'_>) {
        (self.0)(outcome);
    }
}

impl std::fmt::Debug for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Done")
    }
}

/// A producer's hold on its transactional id.
#[derive(Clone, Debug)]
pub(in crate::broker::embedded) struct Lease {
    pub(in crate::broker::embedded) transactional_id: String,
    /// Epoch of the producer that has the id now.
    pub(in crate::broker::embedded) current: Arc<AtomicU64>,
    /// Epoch of this producer.
    pub(in crate::broker::embedded) epoch: u64,
}

impl Lease {
    /// Whether no newer producer has taken the id over.
    pub(in crate::broker::embedded) fn is_valid(&self) -> bool {
        self.current.load(Ordering::SeqCst) == self.epoch
    }
}

/// A change of the database that is not an append.
pub(in crate::broker::embedded) struct Change {
    work: Box<dyn Work>,
    bytes: usize,
}

impl Change {
    /// `apply` changes the database, `publish` what is in memory once that is stored.
    pub(in crate::broker::embedded) fn new<T, A, P>(
        apply: A,
        publish: P,
        reply: oneshot::Sender<Result<T>>,
    ) -> Self
    where
        T: Send + 'static,
        A: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
        P: FnOnce(&T) + Send + 'static,
    {
        let work = Stages { apply: Some(apply), publish, reply, applied: None };
        Self { work: Box::new(work), bytes: 0 }
    }

    /// Says how many bytes of records it stores.
    pub(in crate::broker::embedded) fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn apply(&mut self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        self.work.apply(transaction)
    }

    pub(super) fn stored(self) {
        self.work.stored();
    }

    pub(super) fn failed(self, fault: &Fault, directory: &Path) {
        self.work.failed(fault.clone().into_error(directory));
    }
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Change")
    }
}

/// A change without the type of what it makes.
trait Work: Send {
    fn apply(&mut self, transaction: &Transaction<'_>) -> Result<(), Fault>;
    fn stored(self: Box<Self>);
    fn failed(self: Box<Self>, error: BrokerError);
}

struct Stages<T, A, P> {
    apply: Option<A>,
    publish: P,
    reply: oneshot::Sender<Result<T>>,
    applied: Option<T>,
}

impl<T, A, P> Work for Stages<T, A, P>
where
    T: Send,
    A: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send,
    P: FnOnce(&T) + Send,
{
    fn apply(&mut self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        if let Some(apply) = self.apply.take() {
            self.applied = Some(apply(transaction)?);
        }
        Ok(())
    }

    fn stored(self: Box<Self>) {
        let Self { publish, reply, applied, .. } = *self;
        if let Some(applied) = applied {
            publish(&applied);
            // Whoever asked may have stopped waiting: the change stands.
            let _sent = reply.send(Ok(applied));
        }
    }

    fn failed(self: Box<Self>, error: BrokerError) {
        let _sent = self.reply.send(Err(error));
    }
}
