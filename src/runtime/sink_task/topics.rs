//! The records that a sink writes itself, with the offsets of what they answer in one transaction.
//!
//! The producer has the task's name as its transactional id, so that a new run of the task decides
//! what the last one has left open. It is made when the sink opens its topics: other sinks pay
//! nothing. After a failure whose outcome is not known the producer is thrown away: its successor
//! decides the transaction, and the task fails and begins at what is committed then.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, Result},
    sink::{SinkOffsets, SinkRequestQueue},
    topics::{TopicRecord, TopicSpec, TopicWriter},
};
use tokio::sync::Mutex;

use crate::{
    broker::{
        Broker, BrokerError, ClientKind, ClientSettings, GroupMember, NewTopic, Producer,
        ProducerRecord, ProducerSettings,
    },
    runtime::{Seat, life::from_broker},
};

/// How one sink task writes records.
pub(super) struct TaskTopics {
    task: String,
    broker: Arc<dyn Broker>,
    admin: ClientSettings,
    producer_settings: ProducerSettings,
    requests: SinkRequestQueue,
    is_open: AtomicBool,
    member: OnceLock<GroupMember>,
    /// None until the topics are opened, and after a transaction whose outcome is not known.
    producer: Mutex<Option<Box<dyn Producer>>>,
}

impl fmt::Debug for TaskTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskTopics({})", self.task)
    }
}

impl TaskTopics {
    pub(super) fn new(seat: &Seat, requests: SinkRequestQueue) -> Self {
        let transactional_id = format!("{}-{}", seat.settings.group_id, seat.spec.id);
        Self {
            task: seat.spec.id.to_string(),
            broker: Arc::clone(&seat.settings.broker),
            admin: seat.client("adminclient", ClientKind::Admin),
            producer_settings: ProducerSettings {
                client: seat.client("producer", ClientKind::Producer),
                transactional_id: Some(transactional_id),
            },
            requests,
            is_open: AtomicBool::new(false),
            member: OnceLock::new(),
            producer: Mutex::default(),
        }
    }

    /// Whether the sink has opened topics.
    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// The task is this member of its group.
    pub(super) fn join(&self, member: &GroupMember) {
        // A task joins once.
        let _known = self.member.set(member.clone());
    }

    async fn create(&self, topics: &[TopicSpec]) -> Result<(), BrokerError> {
        let admin = self.broker.admin(&self.admin).await?;
        let names: Vec<_> = topics.iter().map(|topic| topic.name.clone()).collect();
        let known = admin.describe_topics(&names).await?;
        for topic in topics.iter().filter(|topic| !known.contains_key(&topic.name)) {
            let new = NewTopic {
                name: topic.name.clone(),
                partitions: topic.partitions,
                replication_factor: topic.replication_factor,
                settings: BTreeMap::new(),
            };
            admin.create_topic(&new).await?;
        }
        Ok(())
    }

    /// One transaction. An error of class `Retriable` leaves nothing behind.
    async fn store(
        &self,
        producer: &mut dyn Producer,
        records: Vec<ProducerRecord>,
        offsets: &SinkOffsets,
    ) -> Result<(), BrokerError> {
        producer.begin().await?;
        let report = producer.send(records).await?.await?;
        if let Some((_, error)) = report.failed.into_iter().next() {
            return Err(error);
        }
        if !offsets.is_empty() {
            let member = self.member.get().ok_or_else(|| {
                BrokerError::Invalid(format!("Task {} has no partitions yet", self.task))
            })?;
            producer.send_offsets(member, offsets).await?;
        }
        producer.commit().await
    }

    fn refusal(&self, error: BrokerError) -> ConnectorError {
        let message =
            format!("Could not write the records of task {} and commit their offsets", self.task);
        ConnectorError::new(error.class(), message).caused_by(error)
    }
}

#[async_trait]
impl TopicWriter for TaskTopics {
    async fn open(&self, topics: &[TopicSpec]) -> Result<()> {
        self.create(topics).await.map_err(from_broker)?;
        let mut producer = self.producer.lock().await;
        *producer = Some(self.broker.producer(&self.producer_settings).await.map_err(from_broker)?);
        self.is_open.store(true, Ordering::Release);
        Ok(())
    }

    async fn write(&self, records: Vec<TopicRecord>, offsets: &SinkOffsets) -> Result<()> {
        let mut place = self.producer.lock().await;
        let mut producer = place.take().ok_or_else(|| {
            let state = "has not opened its topics, or does not know how its last write ended";
            ConnectorError::internal(format!("Task {} {state}", self.task))
        })?;
        let records = records.into_iter().map(producer_record).collect();
        match self.store(&mut *producer, records, offsets).await {
            Ok(()) => self.requests.note_committed(offsets),
            // Nothing of an aborted transaction is stored; of any other that is to be made sure.
            Err(error @ BrokerError::TransactionAborted { .. }) => {
                *place = Some(producer);
                return Err(self.refusal(error));
            }
            Err(error) => {
                if let Err(undecided) = producer.abort().await {
                    return Err(ConnectorError::internal(format!(
                        "Task {} does not know how its last write ended",
                        self.task
                    ))
                    .caused_by(undecided));
                }
                *place = Some(producer);
                return Err(self.refusal(error));
            }
        }
        *place = Some(producer);
        Ok(())
    }
}

fn producer_record(record: TopicRecord) -> ProducerRecord {
    let TopicRecord { topic, key, value, headers } = record;
    ProducerRecord { topic, partition: None, key, value, timestamp_ms: None, headers }
}
