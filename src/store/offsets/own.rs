//! Offsets of connectors that keep them on a topic of their own: `offsets.storage.topic`.
//!
//! Source: KIP-618, apache/kafka `ConnectorOffsetBackingStore.java`.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use connect_api::{
    config::Props,
    error::chain,
    record::{SourceOffset, SourcePartition},
};
use tokio::sync::Mutex;
use tracing::warn;

use super::{SourceOffsets, TopicOffsets, into_broker_error};
use crate::{
    broker::{Broker, BrokerError, ProducerRecord},
    store::topic::{TopicSettings, TopicUse},
};

/// Connector key that names the topic.
const KEY: &str = "offsets.storage.topic";

/// The worker's store, and those of connectors that have one.
#[derive(Debug)]
pub struct WorkerOffsets {
    worker: Arc<dyn SourceOffsets>,
    broker: Arc<dyn Broker>,
    /// How topics are made: as the worker's own, but for the name.
    topic: TopicSettings,
    own: Mutex<HashMap<String, Arc<OwnOffsets>>>,
}

impl WorkerOffsets {
    /// A worker's store, and how topics of connectors are made.
    #[must_use]
    pub fn new(
        worker: Arc<dyn SourceOffsets>,
        broker: Arc<dyn Broker>,
        topic: TopicSettings,
    ) -> Self {
        Self { worker, broker, topic, own: Mutex::default() }
    }
}

#[async_trait]
impl SourceOffsets for WorkerOffsets {
    async fn committed(
        &self,
        connector: &str,
    ) -> Result<Vec<(SourcePartition, SourceOffset)>, BrokerError> {
        self.worker.committed(connector).await
    }

    fn as_records(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Option<Vec<ProducerRecord>> {
        self.worker.as_records(connector, offsets)
    }

    async fn write(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<(), BrokerError> {
        self.worker.write(connector, offsets).await
    }

    /// Topics are opened once and stay open: there are as many as users have named.
    async fn of_connector(
        &self,
        config: &Props,
    ) -> Result<Option<Arc<dyn SourceOffsets>>, BrokerError> {
        let name = config.get(KEY).map(str::trim).unwrap_or_default();
        if name.is_empty() || name == self.topic.name {
            return Ok(None);
        }
        let mut own = self.own.lock().await;
        if let Some(known) = own.get(name) {
            return Ok(Some(Arc::clone(known) as Arc<dyn SourceOffsets>));
        }
        let topic = TopicSettings {
            usage: TopicUse::OwnOffsets,
            name: name.to_owned(),
            ..self.topic.clone()
        };
        let topic = TopicOffsets::open(&self.broker, &topic).await.map_err(into_broker_error)?;
        let offsets = Arc::new(OwnOffsets { own: topic, worker: Arc::clone(&self.worker) });
        own.insert(name.to_owned(), Arc::clone(&offsets));
        Ok(Some(offsets))
    }
}

/// Offsets on a connector's own topic, over those that the worker's store has of it.
#[derive(Debug)]
struct OwnOffsets {
    own: TopicOffsets,
    worker: Arc<dyn SourceOffsets>,
}

#[async_trait]
impl SourceOffsets for OwnOffsets {
    async fn committed(
        &self,
        connector: &str,
    ) -> Result<Vec<(SourcePartition, SourceOffset)>, BrokerError> {
        let mut offsets = self.worker.committed(connector).await?;
        for (partition, offset) in self.own.committed(connector).await? {
            match offsets.iter_mut().find(|(known, _)| *known == partition) {
                Some((_, known)) => *known = offset,
                None => offsets.push((partition, offset)),
            }
        }
        Ok(offsets)
    }

    /// For both topics: in one transaction they cannot differ.
    fn as_records(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Option<Vec<ProducerRecord>> {
        let own = self.own.as_records(connector, offsets)?;
        let copies = self.worker.as_records(connector, offsets).unwrap_or_default();
        Some(own.into_iter().chain(copies).collect())
    }

    /// What is forgotten is forgotten in the worker's store first, or it would come back from
    /// there. Everything else is copied there for the day that the topic of its own is given up.
    async fn write(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<(), BrokerError> {
        let (kept, forgotten): (Vec<_>, Vec<_>) =
            offsets.iter().cloned().partition(|(_, offset)| offset.is_some());
        if !forgotten.is_empty() {
            self.worker.write(connector, &forgotten).await?;
        }
        self.own.write(connector, offsets).await?;
        if !kept.is_empty()
            && let Err(error) = self.worker.write(connector, &kept).await
        {
            warn!(
                %connector,
                "Could not copy offsets of connector {connector} to the worker's store: {}",
                chain(&error)
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use connect_testkit::ManualClock;

    use super::*;
    use crate::{broker::embedded::EmbeddedBroker, tasks::TaskGroup};

    fn topic(name: &str) -> TopicSettings {
        TopicSettings {
            usage: TopicUse::Offsets,
            name: name.to_owned(),
            partitions: Some(2),
            replication_factor: Some(1),
            settings: BTreeMap::new(),
            client_prefix: "g".to_owned(),
            bootstrap_servers: None,
        }
    }

    fn partition(name: &str) -> SourcePartition {
        SourcePartition([("file".to_owned(), name.into())].into_iter().collect())
    }

    fn at(position: i64) -> SourceOffset {
        SourceOffset([("position".to_owned(), position.into())].into_iter().collect())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_topic_of_its_own_wins_and_the_workers_store_gets_a_copy() {
        let directory = tempfile::tempdir().unwrap();
        let group = TaskGroup::new();
        let broker: Arc<dyn Broker> =
            EmbeddedBroker::open(directory.path(), ManualClock::at(0), &group).unwrap();
        let worker: Arc<dyn SourceOffsets> =
            Arc::new(TopicOffsets::open(&broker, &topic("offsets")).await.unwrap());
        let stores = WorkerOffsets::new(Arc::clone(&worker), broker, topic("offsets"));
        for same in [Props::new(), Props::from([(KEY, "offsets")])] {
            assert!(stores.of_connector(&same).await.unwrap().is_none());
        }
        worker.write("c", &[(partition("old"), Some(at(1)))]).await.unwrap();
        let config = Props::from([(KEY, "own")]);
        let own = stores.of_connector(&config).await.unwrap().unwrap();
        assert_eq!(own.committed("c").await.unwrap(), [(partition("old"), at(1))]);
        own.write("c", &[(partition("old"), Some(at(2)))]).await.unwrap();
        assert_eq!(worker.committed("c").await.unwrap(), [(partition("old"), at(2))]);
        worker.write("c", &[(partition("old"), Some(at(9)))]).await.unwrap();
        assert_eq!(own.committed("c").await.unwrap(), [(partition("old"), at(2))]);
        own.write("c", &[(partition("old"), None)]).await.unwrap();
        assert!(own.committed("c").await.unwrap().is_empty());
        let names = own.as_records("c", &[(partition("new"), Some(at(3)))]).unwrap();
        let names: Vec<_> = names.iter().map(|record| record.topic.as_ref()).collect();
        assert_eq!(names, ["own", "offsets"]);
    }
}
