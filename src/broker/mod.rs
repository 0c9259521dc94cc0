//! The broker: topics, groups and offsets, on Kafka or on the embedded log.
//!
//! Everything above this room speaks to an [`Arc<dyn Broker>`](Broker) and cannot tell which it is.
//! Two rooms implement it, `kafka` with librdkafka and `embedded` on SQLite, and one conformance
//! suite (`tests/it/broker/`) is the definition of what both must do.
//!
//! Records move in batches: [`Producer::send`] takes a batch and answers once for all of it;
//! a [`Consumer`] hands out what arrived as one event. Both brokers drive a consumer from a thread
//! of its own and talk to its task through bounded queues, because librdkafka blocks.

mod consumer;
pub mod embedded;
mod error;
#[cfg(feature = "kafka")]
pub mod kafka;
mod options;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use bytes::Bytes;
use connect_api::{
    config::Props,
    record::{TimestampType, TopicPartition},
    sink::SinkOffsets,
};
use tokio::sync::oneshot;

pub use connect_api::record::RawHeader;
pub use consumer::{
    Assignment, COMMAND_QUEUE, Consumer, ConsumerCommand, ConsumerEnd, ConsumerEvent, EVENT_QUEUE,
    GroupMember, Revocation,
};
pub use error::{BrokerError, Result};
#[cfg(feature = "kafka")]
pub use kafka::use_of_setting;
pub use options::ClientKind;

/// A cluster, or what stands in for one.
#[async_trait]
pub trait Broker: Debug + Send + Sync {
    /// Identity of the cluster, as `GET /` shows it.
    ///
    /// # Errors
    /// When the cluster does not answer in time.
    async fn cluster_id(&self) -> Result<String>;

    /// A client that creates topics and looks after groups.
    ///
    /// # Errors
    /// When the settings are refused.
    async fn admin(&self, settings: &ClientSettings) -> Result<Arc<dyn Admin>>;

    /// A client that writes records.
    ///
    /// # Errors
    /// When the settings are refused, or, with a transactional id, when transactions cannot be
    /// initialised; an older producer with the same id is fenced by that.
    async fn producer(&self, settings: &ProducerSettings) -> Result<Box<dyn Producer>>;

    /// Says whether a client can be made with these settings, without making one. What Kafka's own
    /// clients would say of them is told by [`ClientKind::check`].
    ///
    /// # Errors
    /// `Invalid` when not.
    fn check_client(&self, kind: ClientKind, settings: &ClientSettings) -> Result<()>;

    /// A client that reads topics as a member of a group.
    ///
    /// # Errors
    /// When the settings are refused.
    async fn consumer(&self, settings: &ConsumerSettings) -> Result<Consumer>;

    /// A client that reads one topic without a group.
    ///
    /// # Errors
    /// When the topic does not exist or the cluster does not answer in time.
    async fn reader(&self, settings: &ReaderSettings) -> Result<Box<dyn TopicReader>>;

    /// Whether a transaction costs nothing here, so that every source task may use them.
    fn has_free_transactions(&self) -> bool;
}

/// What the clients of a worker do with a key of its properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingUse {
    /// They obey it.
    Read,
    /// Clients in Java know it; it means nothing to these.
    Idle,
    /// Nobody knows it.
    Unknown,
}

/// What clients of Kafka do with a setting: without them, nothing.
#[cfg(not(feature = "kafka"))]
#[must_use]
pub const fn use_of_setting(_key: &str, _value: &str) -> SettingUse {
    SettingUse::Idle
}

/// What every client is made from.
#[derive(Clone, Debug, Default)]
pub struct ClientSettings {
    /// `client.id`.
    pub client_id: String,
    /// Settings in the names of Kafka's clients, on top of the broker's own; of these the embedded
    /// log obeys `auto.offset.reset`, `max.poll.records` and `fetch.max.bytes` of consumers.
    pub overrides: Props,
}

impl ClientSettings {
    /// Settings of a connector's client: `KIND.*` of the worker, and over them
    /// `KIND.override.*` of the connector.
    #[must_use]
    pub fn of_connector(
        client_id: String,
        kind: ClientKind,
        (worker, connector): (&Props, &Props),
    ) -> Self {
        let mut overrides = worker.with_prefix(&format!("{}.", kind.name()));
        overrides.extend(connector.with_prefix(&kind.override_prefix()));
        Self { client_id, overrides }
    }
}

/// What a producer is made from.
#[derive(Clone, Debug, Default)]
pub struct ProducerSettings {
    /// Identity and settings.
    pub client: ClientSettings,
    /// `transactional.id`; with one, records are sent inside transactions only.
    pub transactional_id: Option<String>,
}

/// What a member of a group is made from.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// Identity and settings.
    pub client: ClientSettings,
    /// `group.id`.
    pub group_id: String,
    /// What to read.
    pub subscription: Subscription,
    /// Text that is committed with each offset, and told with it to whoever reads the partition
    /// next; may be empty.
    pub offset_metadata: String,
}

/// The topics a member of a group reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// These topics; one that does not exist yet is read once it does.
    Topics(Vec<String>),
    /// Every topic whose whole name matches this regular expression, also later ones.
    Pattern(String),
}

/// What a reader of a whole topic is made from.
#[derive(Clone, Debug)]
pub struct ReaderSettings {
    /// Identity and settings.
    pub client: ClientSettings,
    /// The topic.
    pub topic: String,
    /// Where to begin.
    pub from: ReadFrom,
    /// Whether records of open and aborted transactions are left out.
    pub is_read_committed: bool,
}

/// Where a reader begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// Where each partition begins.
    Beginning,
    /// At these offsets of these partitions; the others are not read.
    Offsets(BTreeMap<i32, i64>),
}

/// Creates, describes and deletes topics; reads and changes what groups have committed.
#[async_trait]
pub trait Admin: Debug + Send + Sync {
    /// Creates a topic; one that is there already is left as it is and reported.
    ///
    /// # Errors
    /// `Rejected` with the broker's reason.
    async fn create_topic(&self, topic: &NewTopic) -> Result<TopicCreation>;

    /// Describes those of the topics that exist.
    ///
    /// # Errors
    /// When the cluster does not answer in time.
    async fn describe_topics(&self, names: &[String])
    -> Result<BTreeMap<String, TopicDescription>>;

    /// Names of all topics.
    ///
    /// # Errors
    /// When the cluster does not answer in time.
    async fn list_topics(&self) -> Result<Vec<String>>;

    /// Settings of a topic with their effective values.
    ///
    /// # Errors
    /// `UnknownTopic`, or when the cluster does not answer in time.
    async fn topic_settings(&self, name: &str) -> Result<BTreeMap<String, String>>;

    /// Deletes a topic with its records.
    ///
    /// # Errors
    /// `UnknownTopic`, or when the cluster does not answer in time.
    async fn delete_topic(&self, name: &str) -> Result<()>;

    /// First offset there is and the offset the next record will get, per partition.
    ///
    /// # Errors
    /// `UnknownTopic`, or when the cluster does not answer in time.
    async fn watermarks(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Watermarks>>;

    /// Offsets that a group has committed; empty for a group that does not exist.
    ///
    /// # Errors
    /// When the cluster does not answer in time.
    async fn committed_offsets(&self, group_id: &str) -> Result<SinkOffsets>;

    /// Sets (`Some`) or forgets (`None`) committed offsets of a group without members.
    ///
    /// # Errors
    /// `GroupNotEmpty` while it has members.
    async fn alter_offsets(
        &self,
        group_id: &str,
        offsets: &[(TopicPartition, Option<i64>)],
    ) -> Result<()>;

    /// Deletes a group without members; one that does not exist counts as deleted.
    ///
    /// # Errors
    /// `GroupNotEmpty` while it has members.
    async fn delete_group(&self, group_id: &str) -> Result<()>;
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Name.
    pub name: String,
    /// Number of partitions; none leaves it to the broker.
    pub partitions: Option<i32>,
    /// Copies of each partition; none leaves it to the broker.
    pub replication_factor: Option<i16>,
    /// Topic settings such as `cleanup.policy`.
    pub settings: BTreeMap<String, String>,
}

/// What became of a topic that was to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicCreation {
    /// It is new.
    Created,
    /// It was there already and was left as it is.
    Existed,
}

/// A topic as the broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Number of partitions.
    pub partitions: i32,
}

/// Where a partition begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// First offset there is.
    pub low: i64,
    /// Offset that the next record will get.
    pub high: i64,
}

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

    /// Throws away everything sent since `begin`.
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

/// A record that was read, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// Offset in its partition.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
    /// Who stamped it.
    pub timestamp_type: TimestampType,
    /// Key.
    pub key: Option<Bytes>,
    /// Value; none is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in their order.
    pub headers: Vec<RawHeader>,
}

/// Consecutive records of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRecords {
    /// Where they were read.
    pub partition: TopicPartition,
    /// The records, by rising offset.
    pub records: Vec<ConsumerRecord>,
    /// Offset to read next: after the last record, and past what is not shown (aborted records,
    /// transaction markers, offsets lost to compaction) where the broker tells.
    pub next_offset: i64,
}

/// Reads one topic and follows it.
#[async_trait]
pub trait TopicReader: Send {
    /// Reads on to where the topic ends at the time of the call; empty when already there.
    ///
    /// # Errors
    /// When the cluster does not answer in time, or the topic is gone.
    async fn read_to_end(&mut self) -> Result<Vec<PartitionRecords>>;

    /// Waits for more records. Cancel safe.
    ///
    /// # Errors
    /// When the topic is gone or the client is broken for good.
    async fn next(&mut self) -> Result<Vec<PartitionRecords>>;

    /// Where [`Self::read_to_end`] would end now, by partition: before what is in open transactions
    /// where only committed records are read.
    ///
    /// # Errors
    /// When the cluster does not answer in time, or the topic is gone.
    async fn ends(&self) -> Result<BTreeMap<i32, i64>>;

    /// Offset that the reader has come to in a partition: behind what it handed out last, and past
    /// what it never shows as far as the broker has told. None in partitions it does not read.
    fn position(&self, partition: i32) -> Option<i64>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_overrides_the_workers_client_settings() {
        let worker = Props::from([("consumer.a", "1"), ("consumer.b", "1"), ("producer.a", "9")]);
        let connector = Props::from([("consumer.override.b", "2"), ("consumer.c", "3")]);
        let settings = ClientSettings::of_connector(
            "id".to_owned(),
            ClientKind::Consumer,
            (&worker, &connector),
        );
        assert_eq!(settings.overrides, Props::from([("a", "1"), ("b", "2")]));
    }
}
