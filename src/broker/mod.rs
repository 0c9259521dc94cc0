//! The broker: topics, groups and offsets, on Kafka or on the embedded log.
//!
//! Everything above this room speaks to an [`Arc<dyn Broker>`](Broker) and cannot tell which it is.
//! Two rooms implement it, `kafka` with librdkafka and `embedded` on SQLite, and one conformance
//! suite (`tests/it/broker/`) is the definition of what both must do.
//!
//! Records move in batches: [`Producer::send`] takes a batch and answers once for all of it;
//! a [`Consumer`] hands out what arrived as one event. Both brokers drive a consumer from a thread
//! of its own and talk to its task through bounded queues, because librdkafka blocks.

mod admin;
mod consumer;
pub mod embedded;
mod error;
#[cfg(feature = "kafka")]
pub mod kafka;
mod options;
mod producer;
mod reader;
mod settings;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;

pub use admin::{Admin, NewTopic, TopicCreation, TopicDescription, Watermarks};
pub use connect_api::record::RawHeader;
pub use consumer::{
    Assignment, COMMAND_QUEUE, Consumer, ConsumerCommand, ConsumerEnd, ConsumerEvent, EVENT_QUEUE,
    GroupMember, Revocation,
};
pub use error::{BrokerError, Result};
#[cfg(feature = "kafka")]
pub use kafka::use_of_setting;
pub use options::ClientKind;
pub use producer::{Delivery, DeliveryReport, Producer, ProducerRecord};
pub use reader::{ConsumerRecord, PartitionRecords, TopicReader};
pub use settings::{
    ClientSettings, ConsumerSettings, ProducerSettings, ReadFrom, ReaderSettings, Subscription,
};

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
