//! Topics, and what groups have committed.

use std::{collections::BTreeMap, fmt::Debug};

use async_trait::async_trait;
use connect_api::{record::TopicPartition, sink::SinkOffsets};

use super::Result;

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
