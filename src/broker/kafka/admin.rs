//! Topics and groups of a cluster.
//!
//! A call waits for its answer on a thread of its own, so that an idle admin client has none; a
//! slow beat takes what librdkafka has to say about itself meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use connect_api::{record::TopicPartition, sink::SinkOffsets};
use rdkafka::{bindings::rd_kafka_IsolationLevel_t as Isolation, types::RDKafkaErrorCode as Code};
use tokio::time::Instant;

use super::{
    groups::Groups,
    native::{Callbacks, Kind, Native, PartitionEntry, partition_list},
    refusal::Refusal,
    report::Reporter,
    settings::Settings,
};
use crate::{
    broker::{Admin, BrokerError, NewTopic, Result, TopicCreation, TopicDescription, Watermarks},
    tasks::TaskGroup,
};

/// How often an idle client is asked for its log and errors.
const BEAT: Duration = Duration::from_secs(2);

/// How long a topic may take to appear or vanish after the controller has agreed: brokers learn
/// of it one after another.
const SPREAD: Duration = Duration::from_secs(5);

/// How often a topic is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// How long a call may take, as in Java.
///
/// Source: apache/kafka `AdminClientConfig`, `default.api.timeout.ms`.
pub(super) const API_TIMEOUT_MS: u64 = 60_000;

/// What is being done when offsets are asked for by name.
const ASKING_OFFSETS: &str = "Asking where partitions begin and end";

/// librdkafka's name for the first offset there is.
pub(super) const BEGINNING: i64 = -2;

/// librdkafka's name for the offset after the last record.
pub(super) const END: i64 = -1;

/// An admin client.
pub(super) struct KafkaAdmin {
    native: Arc<Native>,
    groups: Groups,
    tasks: TaskGroup,
    timeout: Duration,
}

impl fmt::Debug for KafkaAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaAdmin").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl KafkaAdmin {
    /// Makes a client.
    ///
    /// # Errors
    /// `Invalid` settings.
    pub(super) fn open(settings: &Settings, client_id: &str, tasks: &TaskGroup) -> Result<Self> {
        let reporter = Arc::new(Reporter::new(client_id));
        reporter.ignored(&settings.ignored);
        let callbacks: Arc<dyn Callbacks> = Arc::<Reporter>::clone(&reporter);
        let native = Native::open(Kind::Producer, &settings.config(), callbacks)
            .map_err(|refusal| BrokerError::Invalid(refusal.to_string()))?;
        let native = Arc::new(native);
        let idle = Arc::downgrade(&native);
        let token = tasks.token().clone();
        tasks.spawn(format!("kafka admin {client_id}"), async move {
            while token.run_until_cancelled(tokio::time::sleep(BEAT)).await.is_some() {
                let Some(native) = idle.upgrade() else { return };
                native.poll(Duration::ZERO);
            }
        });
        let timeout = Duration::from_millis(settings.api_timeout_ms.unwrap_or(API_TIMEOUT_MS));
        let groups = Groups::new(settings.clone(), reporter, tasks.clone(), timeout);
        Ok(Self { native, groups, tasks: tasks.clone(), timeout })
    }

    /// Identity of the cluster.
    ///
    /// # Errors
    /// `Unavailable` when the cluster does not answer in time.
    pub(super) async fn cluster_id(&self) -> Result<String> {
        let operation = "Asking for the cluster's id";
        let answer = self
            .call(|native, wait| {
                native.client().fetch_cluster_id(wait).ok_or_else(Refusal::timed_out)
            })
            .await;
        answer.map_err(|refusal| refusal.during(operation))
    }

    /// Turns an offset by name, [`BEGINNING`] or [`END`], into numbers.
    ///
    /// # Errors
    /// `UnknownTopic`, or when the cluster does not answer in time.
    pub(super) async fn offsets_by_name(
        &self,
        partitions: Vec<TopicPartition>,
        offset: i64,
        isolation: Isolation,
    ) -> Result<BTreeMap<TopicPartition, i64>> {
        let answer = self.call(move |native, wait| {
            Ok(offsets_by_name(native, &partitions, (offset, isolation), wait))
        });
        answer.await.map_err(|refusal| refusal.during(ASKING_OFFSETS))?
    }

    /// Members of a group of any kind, as `client id at host`.
    ///
    /// # Errors
    /// When the cluster does not answer in time, or does not tell.
    pub(super) async fn group_members(&self, group_id: &str) -> Result<Vec<String>> {
        let group = group_id.to_owned();
        let answer = self
            .call(move |native, wait| {
                let found = native.client().fetch_group_list(Some(&group), wait)?;
                let members = found.groups().iter().flat_map(rdkafka::groups::GroupInfo::members);
                let shown = members.map(|member| {
                    let host = member.client_host().trim_start_matches('/');
                    format!("{} at {host}", member.client_id())
                });
                Ok(shown.collect())
            })
            .await;
        answer.map_err(|refusal| refusal.during(format!("Asking who is in group \"{group_id}\"")))
    }

    /// Runs a blocking call on a thread of its own.
    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Native, Duration) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (native, timeout) = (Arc::clone(&self.native), self.timeout);
        let thread = self.tasks.spawn_thread("kafka admin call", move || {
            let answer = call(&native, timeout);
            native.poll(Duration::ZERO);
            answer
        });
        thread.await.unwrap_or_else(|_ended| Err(Refusal::new(Code::Interrupted)))
    }

    /// Waits until every broker that we ask knows of a change; the change itself is certain.
    async fn await_spread(&self, topic: &str, is_wanted: bool) {
        let end = Instant::now() + SPREAD;
        while Instant::now() < end {
            let found = self.describe_topics(&[topic.to_owned()]).await;
            if found.is_ok_and(|found| found.contains_key(topic) == is_wanted) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// librdkafka says of partitions without a leader only that it has found none; the cluster knows
/// whether that is because their topic does not exist.
fn explained(
    native: &Native,
    partitions: &[TopicPartition],
    refusal: Refusal,
    wait: Duration,
) -> BrokerError {
    if refusal.code != Code::NoEnt {
        return refusal.during(ASKING_OFFSETS);
    }
    let names: BTreeSet<String> = partitions.iter().map(|at| at.topic.to_string()).collect();
    let names: Vec<String> = names.into_iter().collect();
    match native.describe_topics(&names, wait) {
        Err(refusal) => refusal.during(ASKING_OFFSETS),
        Ok(found) => {
            let is_missing = |at: &&TopicPartition| {
                found.get(at.topic.as_ref()).is_none_or(|&count| at.partition >= count)
            };
            match partitions.iter().find(is_missing) {
                Some(missing) => BrokerError::UnknownTopic(missing.topic.to_string()),
                None => {
                    Refusal::because(Code::LeaderNotAvailable, refusal.text).during(ASKING_OFFSETS)
                }
            }
        }
    }
}

/// Time between two questions to a partition whose leader is not known yet.
const LEADER_PAUSE: Duration = Duration::from_millis(50);

/// Turns an offset by name (beginning, end) into numbers. Leaders are known everywhere only a while
/// after a topic was created, so that it asks again as long as it may wait.
///
/// # Errors
/// `UnknownTopic`, or when the cluster does not answer in time.
pub(super) fn offsets_by_name(
    native: &Native,
    partitions: &[TopicPartition],
    (offset, isolation): (i64, Isolation),
    wait: Duration,
) -> Result<BTreeMap<TopicPartition, i64>> {
    let mut left = wait;
    loop {
        match ask_offsets(native, partitions, (offset, isolation), wait) {
            Err(BrokerError::Unavailable { .. }) if left > LEADER_PAUSE => {
                std::thread::sleep(LEADER_PAUSE);
                left -= LEADER_PAUSE;
            }
            answer => return answer,
        }
    }
}

fn ask_offsets(
    native: &Native,
    partitions: &[TopicPartition],
    (offset, isolation): (i64, Isolation),
    wait: Duration,
) -> Result<BTreeMap<TopicPartition, i64>> {
    if partitions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let entries = partitions.iter().map(|at| (at.topic.as_ref(), at.partition, Some(offset)));
    let found = partition_list(entries)
        .and_then(|list| native.list_offsets(&list, isolation, wait))
        .map_err(|refusal| explained(native, partitions, refusal, wait))?;
    let number = |entry: PartitionEntry| match entry.code {
        Code::NoError => Ok((TopicPartition::new(entry.topic, entry.partition), entry.offset)),
        code => Err(Refusal::new(code).about_topic(&entry.topic, ASKING_OFFSETS)),
    };
    found.into_iter().map(number).collect()
}

#[async_trait]
impl Admin for KafkaAdmin {
    async fn create_topic(&self, topic: &NewTopic) -> Result<TopicCreation> {
        let new = topic.clone();
        let answer = self.call(move |native, wait| native.create_topic(&new, wait)).await;
        match answer {
            Ok(()) => {
                self.await_spread(&topic.name, true).await;
                Ok(TopicCreation::Created)
            }
            Err(refusal) if refusal.code == Code::TopicAlreadyExists => Ok(TopicCreation::Existed),
            Err(refusal) => Err(refusal.during(format!("Creating topic \"{}\"", topic.name))),
        }
    }

    async fn describe_topics(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, TopicDescription>> {
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let wanted = names.to_vec();
        let answer = self.call(move |native, wait| native.describe_topics(&wanted, wait)).await;
        let found = answer.map_err(|refusal| refusal.during("Describing topics"))?;
        let describe = |(name, partitions)| (name, TopicDescription { partitions });
        Ok(found.into_iter().map(describe).collect())
    }

    async fn list_topics(&self) -> Result<Vec<String>> {
        let answer = self.call(topic_names).await;
        answer.map_err(|refusal| refusal.during("Listing topics"))
    }

    async fn topic_settings(&self, name: &str) -> Result<BTreeMap<String, String>> {
        let topic = name.to_owned();
        let answer = self.call(move |native, wait| native.topic_settings(&topic, wait)).await;
        answer.map_err(|refusal| {
            refusal.about_topic(name, format!("Reading the settings of topic \"{name}\""))
        })
    }

    async fn delete_topic(&self, name: &str) -> Result<()> {
        let topic = name.to_owned();
        let answer = self.call(move |native, wait| native.delete_topic(&topic, wait)).await;
        answer
            .map_err(|refusal| refusal.about_topic(name, format!("Deleting topic \"{name}\"")))?;
        self.await_spread(name, false).await;
        Ok(())
    }

    async fn watermarks(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Watermarks>> {
        let partitions = partitions.to_vec();
        let answer = self.call(move |native, wait| {
            let all = Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED;
            let low = offsets_by_name(native, &partitions, (BEGINNING, all), wait);
            Ok(low
                .and_then(|low| Ok((low, offsets_by_name(native, &partitions, (END, all), wait)?))))
        });
        let (low, high) =
            answer.await.map_err(|refusal| refusal.during("Asking for watermarks"))??;
        let both = |(at, low)| {
            let high = high.get(&at).copied().unwrap_or(low);
            (at, Watermarks { low, high })
        };
        Ok(low.into_iter().map(both).collect())
    }

    async fn committed_offsets(&self, group_id: &str) -> Result<SinkOffsets> {
        self.groups.committed_offsets(group_id).await
    }

    async fn alter_offsets(
        &self,
        group_id: &str,
        offsets: &[(TopicPartition, Option<i64>)],
    ) -> Result<()> {
        self.groups.alter_offsets(group_id, offsets).await
    }

    async fn delete_group(&self, group_id: &str) -> Result<()> {
        self.groups.delete(group_id).await
    }
}

/// Names of all topics.
pub(super) fn topic_names(native: &Native, wait: Duration) -> Result<Vec<String>, Refusal> {
    let metadata = native.client().fetch_metadata(None, wait)?;
    Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
}
