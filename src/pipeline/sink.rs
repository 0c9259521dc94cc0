//! Records of topics to records of a sink.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use connect_api::{
    error::Result,
    record::{SinkRecord, TopicPartition},
};

use super::{
    converters::Converters,
    errors::ErrorHandler,
    redriven::Home,
    stage::{Failure, Origin, Stage},
};
use crate::{
    broker::{ConsumerRecord, PartitionRecords},
    transform::Chain,
};

/// Records as they were read, kept while the sink may report them.
#[derive(Clone, Debug, Default)]
pub struct Originals {
    kept: Arc<Mutex<BTreeMap<TopicPartition, Vec<PartitionRecords>>>>,
}

impl Originals {
    /// Forgets what came before and keeps these.
    pub fn replace(&self, parts: Vec<PartitionRecords>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clear();
        for part in parts {
            kept.entry(part.partition.clone()).or_default().push(part);
        }
    }

    /// The record that was read at this offset.
    #[must_use]
    pub fn find(&self, partition: &TopicPartition, offset: i64) -> Option<ConsumerRecord> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(partition)?.iter().find_map(|part| {
            let at = part.records.binary_search_by_key(&offset, |record| record.offset).ok()?;
            part.records.get(at).cloned()
        })
    }
}

/// Converts what a consumer read and applies the transforms.
#[derive(Debug)]
pub struct SinkPipeline {
    converters: Converters,
    chain: Chain,
    errors: Arc<ErrorHandler>,
    /// Topic whose records are brought under the name of the topic they were in first.
    redrive_topic: Option<Arc<str>>,
}

impl SinkPipeline {
    /// A pipeline of one task.
    #[must_use]
    pub const fn new(converters: Converters, chain: Chain, errors: Arc<ErrorHandler>) -> Self {
        Self { converters, chain, errors, redrive_topic: None }
    }

    /// The same, with a topic of letters that come back.
    #[must_use]
    pub fn with_redrive_topic(self, topic: Option<Arc<str>>) -> Self {
        Self { redrive_topic: topic, ..self }
    }

    /// What follows when a record fails.
    #[must_use]
    pub const fn errors(&self) -> &Arc<ErrorHandler> {
        &self.errors
    }

    /// Converts a batch; records that are skipped or dropped are missing from the outcome, copies
    /// follow their records.
    ///
    /// # Cancel safety
    /// Nothing was changed when it is dropped, but a record may have been reported.
    ///
    /// # Errors
    /// A record failed and is not tolerated.
    pub async fn convert(&self, parts: &[PartitionRecords]) -> Result<Vec<SinkRecord>> {
        let count = parts.iter().map(|part| part.records.len()).sum();
        let mut converted = Vec::with_capacity(count);
        for part in parts {
            for record in &part.records {
                if let Err(failure) = self.one(&part.partition, record, &mut converted) {
                    self.recover(&part.partition, record, failure, &mut converted).await?;
                }
            }
        }
        Ok(converted)
    }

    /// Aside, so that the way of a good record stays short.
    async fn recover(
        &self,
        partition: &TopicPartition,
        record: &ConsumerRecord,
        mut failure: Failure,
        converted: &mut Vec<SinkRecord>,
    ) -> Result<()> {
        let origin = Origin::Consumed(&partition.topic, partition.partition, record);
        let mut tries = self.errors.tries();
        // What a converter had to ask first is neither a failure nor a retry.
        while self.converters.settle().await || tries.wait(&failure).await {
            match self.one(partition, record, converted) {
                Ok(()) => return Ok(()),
                Err(next) => failure = next,
            }
        }
        self.errors.give_up(failure, origin).await
    }

    /// Appends what comes of a record: all of it or, after a failure, nothing.
    fn one(
        &self,
        partition: &TopicPartition,
        record: &ConsumerRecord,
        converted: &mut Vec<SinkRecord>,
    ) -> Result<(), Failure> {
        let is_redriven = self.redrive_topic.as_ref() == Some(&partition.topic);
        let home = if is_redriven { Home::of(&record.headers) } else { None };
        let topic = home.as_ref().map_or(&partition.topic, |home| &home.topic);
        let record = self.converters.to_connect(topic, partition, record)?;
        let before = converted.len();
        self.chain.apply(record, converted).map_err(|(class, error)| {
            converted.truncate(before);
            Failure::at(Stage::Transformation, class)(error)
        })
    }
}
