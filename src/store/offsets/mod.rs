//! Offsets of source connectors: on a topic, or in a file.

mod file;
mod java_map;
mod own;

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use connect_api::{
    config::Props,
    error::{ErrorClass, chain},
    record::{SourceOffset, SourcePartition},
};
use tracing::warn;

pub use self::{file::FileOffsets, own::WorkerOffsets};
use super::{
    error::{Result, StoreError},
    offset_state::OffsetState,
    topic::{CompactedTopic, TopicSettings},
};
use crate::broker::{Broker, BrokerError, ProducerRecord};

/// Where sources left off.
#[async_trait]
pub trait SourceOffsets: Debug + Send + Sync {
    /// Every offset of a connector, read to the end of what is stored.
    ///
    /// # Errors
    /// When the store cannot be read to its end now.
    async fn committed(
        &self,
        connector: &str,
    ) -> Result<Vec<(SourcePartition, SourceOffset)>, BrokerError>;

    /// The records that store these offsets, for a producer that writes them beside the data; none
    /// when the store is not on the broker. An absent offset forgets its partition.
    fn as_records(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Option<Vec<ProducerRecord>>;

    /// Stores these offsets and waits until they are safe.
    ///
    /// # Errors
    /// When it is not known that all of them are safe.
    async fn write(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<(), BrokerError>;

    /// The store of a connector that keeps its offsets elsewhere than this one; none for others.
    ///
    /// # Errors
    /// When that store cannot be had now, or is not fit for offsets.
    async fn of_connector(
        &self,
        _config: &Props,
    ) -> Result<Option<Arc<dyn SourceOffsets>>, BrokerError> {
        Ok(None)
    }
}

/// Offsets on a compacted topic.
#[derive(Debug)]
pub struct TopicOffsets {
    topic: CompactedTopic,
    state: Mutex<OffsetState>,
}

impl TopicOffsets {
    /// Creates the topic if it is absent, checks it, and reads it to its end.
    ///
    /// # Errors
    /// As [`super::TopicLog::open`], and `Read`.
    pub async fn open(broker: &Arc<dyn Broker>, topic: &TopicSettings) -> Result<Self> {
        let topic = CompactedTopic::open(broker, topic).await?;
        let offsets = Self { topic, state: Mutex::default() };
        offsets.read().await?;
        Ok(offsets)
    }

    async fn read(&self) -> Result<()> {
        let records = self.topic.read().await?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            let Some(key) = record.key else { continue };
            if let Err(reason) = state.apply(&key, record.value.as_deref()) {
                let topic = self.topic.name();
                warn!(
                    %topic,
                    offset = record.offset,
                    "Passed over a record of topic \"{topic}\": {reason}"
                );
            }
        }
        Ok(())
    }

    fn records(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Vec<ProducerRecord> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let record = |(partition, offset): &(SourcePartition, Option<SourceOffset>)| {
            let (key, value) = state.encode(connector, partition, offset.as_ref());
            self.topic.record(key, value)
        };
        offsets.iter().map(record).collect()
    }
}

#[async_trait]
impl SourceOffsets for TopicOffsets {
    async fn committed(
        &self,
        connector: &str,
    ) -> Result<Vec<(SourcePartition, SourceOffset)>, BrokerError> {
        self.read().await.map_err(into_broker_error)?;
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner).committed(connector))
    }

    fn as_records(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Option<Vec<ProducerRecord>> {
        Some(self.records(connector, offsets))
    }

    async fn write(
        &self,
        connector: &str,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<(), BrokerError> {
        let records = self.records(connector, offsets);
        self.topic.write(records).await.map_err(into_broker_error)
    }
}

fn into_broker_error(error: StoreError) -> BrokerError {
    match error {
        StoreError::Write { source, .. } | StoreError::Read { source, .. } => source,
        error if error.class() == ErrorClass::Invalid => BrokerError::Invalid(chain(&error)),
        error => BrokerError::Unavailable { operation: chain(&error), source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests;
