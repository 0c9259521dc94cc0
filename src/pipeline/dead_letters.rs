//! The dead letter queue: records that failed, as they came, in a topic of their own.
//!
//! Source: apache/kafka `DeadLetterQueueReporter.java`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use connect_api::{
    config::Config,
    error::{ConnectorError, Result},
};

use super::{
    redriven::{CONTEXT_HEADERS, Home, redrive_topic},
    stage::Failure,
    trace::{java_class, java_trace},
};
use crate::broker::{
    Admin, BrokerError, ConsumerRecord, Delivery, NewTopic, Producer, ProducerRecord, RawHeader,
};

/// The connector's options for dead letters.
#[derive(Clone, Config, Debug)]
pub struct DeadLetterConfig {
    /// The name of the topic to be used as the dead letter queue for messages that result in an
    /// error; none when blank.
    #[config(key = "errors.deadletterqueue.topic.name", default = "")]
    topic: String,
    /// Replication factor used to create the dead letter queue topic when it doesn't already exist.
    #[config(key = "errors.deadletterqueue.topic.replication.factor", default = 3)]
    replication_factor: i16,
    /// Whether headers that tell about the failure are added to the records.
    #[config(key = "errors.deadletterqueue.context.headers.enable", default = false)]
    has_context_headers: bool,
}

impl DeadLetterConfig {
    /// Whether there is a queue at all.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        !self.topic.trim().is_empty()
    }

    /// The queue's topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Replication factor of topics that are made for the queue.
    #[must_use]
    pub const fn replication_factor(&self) -> i16 {
        self.replication_factor
    }

    /// Topic of the letters that go back to this connector; none without a queue.
    #[must_use]
    pub fn redrive_topic(&self, connector: &str) -> Option<String> {
        self.is_enabled().then(|| redrive_topic(&self.topic, connector))
    }

    /// Creates the queue's topic where it is missing.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn create_topic(&self, admin: &dyn Admin) -> Result<(), BrokerError> {
        let topic = NewTopic {
            name: self.topic.clone(),
            partitions: Some(1),
            replication_factor: Some(self.replication_factor),
            settings: BTreeMap::new(),
        };
        let known = admin.describe_topics(std::slice::from_ref(&self.topic)).await?;
        if !known.contains_key(&self.topic) {
            admin.create_topic(&topic).await?;
        }
        Ok(())
    }
}

/// Writes dead letters of one task.
pub struct DeadLetters {
    config: DeadLetterConfig,
    topic: Arc<str>,
    /// Where letters come back by: what fails again is known by where it was first.
    redrive_topic: String,
    connector: Arc<str>,
    task: u32,
    producer: tokio::sync::Mutex<Box<dyn Producer>>,
    /// What was sent and may not be stored yet.
    pending: Mutex<Vec<Delivery>>,
}

impl std::fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeadLetters({})", self.topic)
    }
}

impl DeadLetters {
    /// A queue of a task, which writes with this producer.
    #[must_use]
    pub fn new(
        config: DeadLetterConfig,
        connector: Arc<str>,
        task: u32,
        producer: Box<dyn Producer>,
    ) -> Self {
        let topic = config.topic.as_str().into();
        let redrive_topic = redrive_topic(&config.topic, &connector);
        let producer = tokio::sync::Mutex::new(producer);
        let pending = Mutex::default();
        Self { config, topic, redrive_topic, connector, task, producer, pending }
    }

    /// Sends a record that failed, as it was read.
    ///
    /// # Errors
    /// When nothing more can be sent.
    pub async fn send(
        &self,
        topic: &str,
        partition: i32,
        record: &ConsumerRecord,
        failure: &Failure,
    ) -> Result<()> {
        let mut headers = record.headers.clone();
        let home = if topic == self.redrive_topic { Home::of(&headers) } else { None };
        if home.is_some() && self.config.has_context_headers {
            headers.retain(|(name, _)| !Home::is_header(name));
        }
        let home = home.unwrap_or_else(|| Home {
            topic: topic.into(),
            partition: Some(partition),
            offset: Some(record.offset),
        });
        if self.config.has_context_headers {
            headers.extend(self.context(&home, failure));
        }
        let letter = ProducerRecord {
            topic: Arc::clone(&self.topic),
            partition: None,
            key: record.key.clone(),
            value: record.value.clone(),
            timestamp_ms: record.timestamp_ms,
            headers,
        };
        let sent = self.producer.lock().await.send(vec![letter]).await;
        let delivery = sent.map_err(|error| self.refusal(error))?;
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
        Ok(())
    }

    /// Waits until everything sent is stored.
    ///
    /// # Errors
    /// When a letter could not be stored.
    pub async fn settle(&self) -> Result<()> {
        let pending =
            std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        for delivery in pending {
            let report = delivery.await.map_err(|error| self.refusal(error))?;
            if let Some((_, error)) = report.failed.into_iter().next() {
                return Err(self.refusal(error));
            }
        }
        Ok(())
    }

    fn refusal(&self, error: BrokerError) -> ConnectorError {
        ConnectorError::internal(format!(
            "Could not write a record to the dead letter queue \"{}\"",
            self.topic
        ))
        .caused_by(error)
    }

    fn context(&self, home: &Home, failure: &Failure) -> impl Iterator<Item = RawHeader> {
        let error = &failure.error;
        [
            ("topic", Some(home.topic.as_ref().to_owned())),
            ("partition", home.partition.map(|number| number.to_string())),
            ("offset", home.offset.map(|number| number.to_string())),
            ("connector.name", Some(self.connector.to_string())),
            ("task.id", Some(self.task.to_string())),
            ("stage", Some(failure.stage.to_string())),
            ("class.name", Some(failure.class.to_owned())),
            ("exception.class.name", Some(java_class(error).to_owned())),
            ("exception.message", Some(error.to_string())),
            ("exception.stacktrace", Some(java_trace(error))),
        ]
        .into_iter()
        .filter_map(|(name, text)| {
            Some((format!("{CONTEXT_HEADERS}{name}").into(), Some(Bytes::from(text?))))
        })
    }
}
