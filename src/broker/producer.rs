//! Records on their way to the broker.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use bytes::Bytes;
use connect_api::{record::RawHeader, sink::SinkOffsets};
use tokio::sync::oneshot;

use super::{BrokerError, GroupMember, Result};

/// A record to write, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerRecord {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition; without one the hash of the key decides (murmur2, as Kafka's Java clients), and
    /// without a key any partition may be taken.
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<Bytes>,
    /// Value; none is a tombstone.
    pub value: Option<Bytes>,
    /// Milliseconds since the epoch; the time of sending when absent.
    pub timestamp_ms: Option<i64>,
    /// Headers in their order.
    pub headers: Vec<RawHeader>,
}

/// Writes records.
#[async_trait]
pub trait Producer: Send {
    /// Takes a batch, and waits while the queue to the broker is full. The records of a partition
    /// are stored in the order they were given, over batches too.
    ///
    /// Not cancel safe: a batch may have been taken in part.
    ///
    /// # Errors
    /// When nothing more can be sent; what becomes of a single record is in the [`Delivery`].
    async fn send(&mut self, batch: Vec<ProducerRecord>) -> Result<Delivery>;

    /// Begins a transaction.
    ///
    /// # Errors
    /// `Fenced` when a newer producer has the transactional id.
    async fn begin(&mut self) -> Result<()>;

    /// Puts offsets of a group into the open transaction, in the place of a member that has the
    /// partitions: they are committed together with what is sent in it, or not at all. An offset
    /// that the member committed by itself before is replaced by them.
    ///
    /// # Errors
    /// `Rejected` or `TransactionAborted` where the member has lost its partitions, or is not one of
    /// this broker's.
    async fn send_offsets(&mut self, member: &GroupMember, offsets: &SinkOffsets) -> Result<()>;

    /// Waits for everything sent and makes it visible to read-committed readers, all or nothing.
    ///
    /// # Errors
    /// `Fenced`, or `TransactionAborted` when nothing of it was stored.
    async fn commit(&mut self) -> Result<()>;

    /// Throws away everything sent since `begin`; nothing when no transaction is open.
    ///
    /// # Errors
    /// `Fenced`.
    async fn abort(&mut self) -> Result<()>;
}

/// Resolves once every record of a batch was acknowledged or has failed for good.
#[derive(Debug)]
pub struct Delivery {
    outcome: oneshot::Receiver<DeliveryReport>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct DeliveryReport {
    /// The records that were not stored, by their position in the batch; usually empty.
    pub failed: Vec<(usize, BrokerError)>,
}

impl Delivery {
    /// A delivery and the end that resolves it.
    #[must_use]
    pub fn pending() -> (oneshot::Sender<DeliveryReport>, Self) {
        let (resolve, outcome) = oneshot::channel();
        (resolve, Self { outcome })
    }

    /// A delivery whose every record is stored already.
    #[must_use]
    pub fn done() -> Self {
        let (resolve, delivery) = Self::pending();
        // The receiver is held by `delivery`, so that this cannot fail.
        let _sent = resolve.send(DeliveryReport::default());
        delivery
    }
}

impl Future for Delivery {
    type Output = Result<DeliveryReport>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.outcome)
            .poll(context)
            .map(|outcome| outcome.map_err(|_closed| BrokerError::Closed))
    }
}
