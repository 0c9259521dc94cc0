//! Records of topics to records of a sink.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use connect_api::{
    error::Result,
    record::{Header, SchemaAndValue, SinkRecord, TopicPartition},
    schema::Schema,
};

use super::{
    converters::Converters,
    errors::ErrorHandler,
    redriven::{Home, REDRIVE_HEADERS},
    stage::{Failure, Origin, Stage},
};
use crate::{
    broker::{ConsumerRecord, PartitionRecords},
    transform::{Chain, Verdict},
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

    /// Converts a batch; records that are skipped or dropped are missing from the outcome.
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
                match self.one(&part.partition, record) {
                    Ok(outcome) => converted.extend(outcome),
                    Err(failure) => {
                        converted.extend(self.recover(&part.partition, record, failure).await?);
                    }
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
        failure: Failure,
    ) -> Result<Option<SinkRecord>> {
        let origin = Origin::Consumed(&partition.topic, partition.partition, record);
        self.errors.recover(failure, origin, || self.one(partition, record)).await
    }

    fn one(
        &self,
        partition: &TopicPartition,
        record: &ConsumerRecord,
    ) -> Result<Option<SinkRecord>, Failure> {
        let headers = &record.headers;
        let is_redriven = self.redrive_topic.as_ref() == Some(&partition.topic);
        let home = if is_redriven { Home::of(headers) } else { None };
        let topic = home.as_ref().map_or(&partition.topic, |home| &home.topic);
        let Converters { key, value, .. } = &self.converters;
        let mut converted = SinkRecord {
            topic: Arc::clone(topic),
            origin: partition.clone(),
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            timestamp_type: record.timestamp_type,
            key: key
                .to_connect(topic, headers, record.key.as_ref())
                .map_err(Failure::at(Stage::KeyConverter, key.class()))?,
            value: value
                .to_connect(topic, headers, record.value.as_ref())
                .map_err(Failure::at(Stage::ValueConverter, value.class()))?,
            headers: Vec::new(),
        };
        if !headers.is_empty() {
            converted.headers = self.headers(topic, record)?;
        }
        if self.chain.is_empty() {
            return Ok(Some(converted));
        }
        match self.chain.apply(&mut converted) {
            Ok(Verdict::Keep) => Ok(Some(converted)),
            Ok(Verdict::Drop) => Ok(None),
            Err((class, error)) => Err(Failure::at(Stage::Transformation, class)(error)),
        }
    }

    fn headers(&self, topic: &str, record: &ConsumerRecord) -> Result<Vec<Header>, Failure> {
        let converter = &self.converters.header;
        let convert = |(name, bytes): &(Arc<str>, _)| {
            if let Some(data) = redrive_text(name, Option::as_ref(bytes)) {
                return Ok(Header { key: Arc::clone(name), data });
            }
            let data = converter
                .to_connect_header(topic, name, Option::as_ref(bytes))
                .map_err(Failure::at(Stage::HeaderConverter, converter.class()))?;
            Ok(Header { key: Arc::clone(name), data })
        };
        record.headers.iter().map(convert).collect()
    }
}

/// A header of a redrive, which is text whatever the converter of headers makes of others.
fn redrive_text(name: &str, bytes: Option<&Bytes>) -> Option<SchemaAndValue> {
    let is_ours = name.starts_with(REDRIVE_HEADERS);
    let text = std::str::from_utf8(bytes.filter(|_| is_ours)?).ok()?;
    Some(SchemaAndValue::new(Schema::string(), text.into()))
}
