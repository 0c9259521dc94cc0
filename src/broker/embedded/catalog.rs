//! What the log holds: topics, their partitions, and where those begin and end.
//!
//! A picture in memory of what the database says. The writer alone changes it, after its
//! transaction is stored; everybody reads it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use connect_api::record::TopicPartition;
use tokio::sync::watch;

use super::settings::TopicSettings;
use crate::broker::{BrokerError, Result, Watermarks};

/// A partition.
#[derive(Debug)]
pub(super) struct Partition {
    /// Number under which the database knows it; never used again.
    pub(super) id: i64,
    /// Topic and number.
    pub(super) name: TopicPartition,
    low: AtomicI64,
    high: AtomicI64,
}

impl Partition {
    pub(super) const fn new(id: i64, name: TopicPartition, watermarks: Watermarks) -> Self {
        let Watermarks { low, high } = watermarks;
        Self { id, name, low: AtomicI64::new(low), high: AtomicI64::new(high) }
    }

    /// First offset there is.
    pub(super) fn low(&self) -> i64 {
        self.low.load(Ordering::Acquire)
    }

    /// Offset that the next record will get; everything below it is stored.
    pub(super) fn high(&self) -> i64 {
        self.high.load(Ordering::Acquire)
    }

    /// Whether `offset` is one that can be read from, now or once it is written.
    pub(super) fn contains(&self, offset: i64) -> bool {
        (self.low()..=self.high()).contains(&offset)
    }

    pub(super) fn set_low(&self, low: i64) {
        self.low.store(low, Ordering::Release);
    }

    pub(super) fn set_high(&self, high: i64) {
        self.high.store(high, Ordering::Release);
    }
}

/// A topic.
#[derive(Debug)]
pub(super) struct Topic {
    /// Name.
    pub(super) name: Arc<str>,
    /// Settings.
    pub(super) settings: TopicSettings,
    /// Partitions by number.
    pub(super) partitions: Vec<Arc<Partition>>,
    is_deleted: AtomicBool,
}

impl Topic {
    pub(super) const fn new(
        name: Arc<str>,
        settings: TopicSettings,
        partitions: Vec<Arc<Partition>>,
    ) -> Self {
        Self { name, settings, partitions, is_deleted: AtomicBool::new(false) }
    }

    /// Whether it is gone; a new topic may have its name by now.
    pub(super) fn is_deleted(&self) -> bool {
        self.is_deleted.load(Ordering::Acquire)
    }
}

/// All topics.
#[derive(Debug)]
pub(super) struct Catalog {
    topics: RwLock<BTreeMap<Arc<str>, Arc<Topic>>>,
    version: watch::Sender<u64>,
}

impl Catalog {
    pub(super) fn new(topics: BTreeMap<Arc<str>, Arc<Topic>>) -> Self {
        Self { topics: RwLock::new(topics), version: watch::Sender::new(0) }
    }

    /// A topic.
    pub(super) fn topic(&self, name: &str) -> Result<Arc<Topic>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(name).cloned().ok_or_else(|| BrokerError::UnknownTopic(name.to_owned()))
    }

    /// A partition; that of a topic with fewer counts as unknown.
    pub(super) fn partition(&self, name: &TopicPartition) -> Result<Arc<Partition>> {
        let topic = self.topic(&name.topic)?;
        let number = usize::try_from(name.partition).ok();
        let partition = number.and_then(|number| topic.partitions.get(number));
        partition.cloned().ok_or_else(|| BrokerError::UnknownTopic(name.to_string()))
    }

    /// All topics in the order of their names.
    pub(super) fn topics(&self) -> Vec<Arc<Topic>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.values().cloned().collect()
    }

    /// Counts the topics that came and went.
    pub(super) fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Shows a topic that was stored.
    pub(super) fn add(&self, topic: Arc<Topic>) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        topics.insert(Arc::clone(&topic.name), topic);
        drop(topics);
        self.version.send_modify(|version| *version += 1);
    }

    /// Hides a topic that was deleted.
    pub(super) fn remove(&self, name: &str) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let removed = topics.remove(name);
        drop(topics);
        if let Some(topic) = removed {
            topic.is_deleted.store(true, Ordering::Release);
        }
        self.version.send_modify(|version| *version += 1);
    }
}
