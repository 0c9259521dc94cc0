//! Offsets of groups, which their coordinators keep.
//!
//! A coordinator moves whenever its broker does. librdkafka passes that on and goes on asking the
//! broker that it knows, where the clients in Java look for the new one; so does this room: it asks
//! again for as long as a call may take, by a client that knows nothing yet.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use connect_api::{record::TopicPartition, sink::SinkOffsets};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::time::Instant;

use super::{
    native::{Callbacks, Kind, Native, PartitionEntry, partition_list},
    refusal::{Refusal, is_missing_topic},
    report::Reporter,
    settings::Settings,
};
use crate::{
    broker::{BrokerError, Result},
    tasks::TaskGroup,
};

/// Time between two questions to a coordinator that moves.
///
/// Source: apache/kafka `AdminClientConfig`, `retry.backoff.ms`.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks the coordinators of groups.
pub(super) struct Groups {
    desk: Arc<Desk>,
    tasks: TaskGroup,
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("timeout", &self.desk.timeout).finish_non_exhaustive()
    }
}

/// What the threads that wait for answers share.
struct Desk {
    settings: Settings,
    reporter: Arc<Reporter>,
    timeout: Duration,
    /// The client of the questions that are under way, which lives no longer than they do.
    client: Mutex<Weak<Native>>,
}

impl Groups {
    /// Connects nowhere before it is asked something.
    pub(super) fn new(
        settings: Settings,
        reporter: Arc<Reporter>,
        tasks: TaskGroup,
        timeout: Duration,
    ) -> Self {
        Self {
            desk: Arc::new(Desk { settings, reporter, timeout, client: Mutex::default() }),
            tasks,
        }
    }

    /// What a group has committed.
    ///
    /// # Errors
    /// When the cluster does not answer in time, or does not tell.
    pub(super) async fn committed_offsets(&self, group_id: &str) -> Result<SinkOffsets> {
        let answer = self.ask(group_id, Native::group_offsets).await;
        let operation = format!("Reading offsets of group \"{group_id}\"");
        let entries = match answer {
            Err(refusal) if refusal.code == Code::GroupIdNotFound => Vec::new(),
            answer => answer.map_err(|refusal| refusal.during(operation))?,
        };
        let committed = entries.into_iter().filter(|entry| entry.offset >= 0);
        Ok(committed
            .map(|entry| (TopicPartition::new(entry.topic, entry.partition), entry.offset))
            .collect())
    }

    /// Sets what a group without members has committed, or forgets it where no offset is given.
    ///
    /// # Errors
    /// `GroupNotEmpty`, `UnknownTopic`, or when the cluster does not answer in time.
    pub(super) async fn alter_offsets(
        &self,
        group_id: &str,
        offsets: &[(TopicPartition, Option<i64>)],
    ) -> Result<()> {
        let set = offsets.iter().filter_map(|(at, offset)| Some((at.clone(), (*offset)?)));
        let gone = offsets.iter().filter(|(_, offset)| offset.is_none());
        self.set_offsets(group_id, set.collect()).await?;
        self.forget_offsets(group_id, gone.map(|(at, _)| at.clone()).collect()).await
    }

    /// Deletes a group without members; one that does not exist is deleted already.
    ///
    /// # Errors
    /// `GroupNotEmpty`, or when the cluster does not answer in time.
    pub(super) async fn delete(&self, group_id: &str) -> Result<()> {
        match self.ask(group_id, Native::delete_group).await {
            Err(refusal) if refusal.code == Code::GroupIdNotFound => Ok(()),
            answer => answer.map_err(|refusal| {
                refusal.about_group(group_id, format!("Deleting group \"{group_id}\""))
            }),
        }
    }

    async fn set_offsets(&self, group_id: &str, offsets: SinkOffsets) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let answer = self.ask(group_id, move |native, group, wait| {
            let entries =
                offsets.iter().map(|(at, offset)| (at.topic.as_ref(), at.partition, Some(*offset)));
            settled(native.set_group_offsets(group, &partition_list(entries)?, wait)?)
        });
        let operation = format!("Setting offsets of group \"{group_id}\"");
        let entries =
            answer.await.map_err(|refusal| refusal.about_group(group_id, operation.clone()))?;
        for entry in entries {
            if is_missing_topic(entry.code) {
                return Err(BrokerError::UnknownTopic(entry.topic));
            }
            if entry.code != Code::NoError {
                return Err(Refusal::new(entry.code).about_group(group_id, operation));
            }
        }
        Ok(())
    }

    async fn forget_offsets(&self, group_id: &str, gone: BTreeSet<TopicPartition>) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        let answer = self.ask(group_id, move |native, group, wait| {
            let entries = gone.iter().map(|at| (at.topic.as_ref(), at.partition, None));
            settled(native.forget_group_offsets(group, &partition_list(entries)?, wait)?)
        });
        let operation = format!("Forgetting offsets of group \"{group_id}\"");
        let entries = match answer.await {
            // A group that does not exist has nothing to forget.
            Err(refusal) if refusal.code == Code::GroupIdNotFound => return Ok(()),
            answer => answer.map_err(|refusal| refusal.about_group(group_id, operation.clone()))?,
        };
        // Offsets of a topic that is gone went with it.
        let refused = entries
            .into_iter()
            .find(|entry| entry.code != Code::NoError && !is_missing_topic(entry.code));
        match refused {
            None => Ok(()),
            Some(entry) => Err(Refusal::new(entry.code).about_group(group_id, operation)),
        }
    }

    /// Puts a question that may be put twice.
    async fn ask<T: Send + 'static>(
        &self,
        group_id: &str,
        question: impl Fn(&Native, &str, Duration) -> Result<T, Refusal> + Send + Sync + 'static,
    ) -> Result<T, Refusal> {
        let end = Instant::now() + self.desk.timeout;
        let question = Arc::new(question);
        loop {
            let (desk, question) = (Arc::clone(&self.desk), Arc::clone(&question));
            let group_id = group_id.to_owned();
            let thread = self.tasks.spawn_thread("kafka group call", move || {
                desk.put(&group_id, |native| {
                    question(native, &group_id, end.saturating_duration_since(Instant::now()))
                })
            });
            let answer = thread.await.unwrap_or_else(|_ended| Err(Refusal::new(Code::Interrupted)));
            match answer {
                Err(refusal) if refusal.is_moving_coordinator() && Instant::now() + PAUSE < end => {
                    let pause = tokio::time::sleep(PAUSE);
                    if self.tasks.token().run_until_cancelled(pause).await.is_none() {
                        return Err(refusal);
                    }
                }
                answer => return answer,
            }
        }
    }
}

impl Desk {
    /// Puts a question once, on the thread that waits for its answer.
    fn put<T>(
        &self,
        group_id: &str,
        question: impl FnOnce(&Native) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let native = self.client(group_id)?;
        let answer = question(&native);
        native.poll(Duration::ZERO);
        if answer.as_ref().is_err_and(Refusal::is_moving_coordinator) {
            self.part_with(&native);
        }
        answer
    }

    /// The client that others use just now, or a new one.
    fn client(&self, group_id: &str) -> Result<Arc<Native>, Refusal> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(native) = client.upgrade() {
            return Ok(native);
        }
        let mut settings = self.settings.clone();
        settings.force("group.id", group_id);
        let callbacks: Arc<dyn Callbacks> = Arc::<Reporter>::clone(&self.reporter);
        let native = Arc::new(Native::open(Kind::Outsider, &settings.config(), callbacks)?);
        *client = Arc::downgrade(&native);
        Ok(native)
    }

    /// Leaves a client that remembers where coordinators were to those who still wait for it.
    fn part_with(&self, native: &Arc<Native>) {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if client.ptr_eq(&Arc::downgrade(native)) {
            *client = Weak::new();
        }
    }
}

/// Kafka reports beside each partition what concerns the whole group.
fn settled(entries: Vec<PartitionEntry>) -> Result<Vec<PartitionEntry>, Refusal> {
    let refusals = entries.iter().map(|entry| Refusal::new(entry.code));
    match refusals.into_iter().find(Refusal::is_moving_coordinator) {
        Some(refusal) => Err(refusal),
        None => Ok(entries),
    }
}

#[cfg(test)]
mod tests {
    use connect_api::config::Props;
    use rdkafka::{
        mocking::{MockCluster, MockCoordinator},
        types::{RDKafkaApiKey as Api, RDKafkaRespErr as Raw},
    };

    use super::*;
    use crate::broker::{Broker, ClientSettings, kafka::KafkaBroker};

    #[tokio::test]
    async fn a_coordinator_that_moves_is_looked_for_until_it_answers() {
        let cluster = MockCluster::new(2).unwrap();
        cluster.create_topic("t", 1, 1).unwrap();
        cluster.coordinator(MockCoordinator::Group("g".to_owned()), 1).unwrap();
        let tasks = TaskGroup::default();
        let servers = cluster.bootstrap_servers();
        let broker = KafkaBroker::connect(&servers, Props::new(), &tasks).unwrap();
        let admin = broker.admin(&ClientSettings::default()).await.unwrap();
        let moving = [
            Raw::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
            Raw::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            Raw::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        ];

        cluster.request_errors(Api::OffsetCommit, &moving);
        let at = TopicPartition::new("t", 0);
        admin.alter_offsets("g", &[(at, Some(7))]).await.unwrap();
        cluster.request_errors(Api::OffsetFetch, &moving);
        // The double has nothing to say of a group's partitions unless they are named.
        assert_eq!(admin.committed_offsets("g").await.unwrap(), SinkOffsets::new());
    }
}
