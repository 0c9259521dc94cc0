//! Takes the records that a sink itself rejects.
//!
//! Source: apache/kafka `WorkerErrantRecordReporter.java`.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use connect_api::{
    error::{ConnectorError, Result},
    record::SinkRecord,
    sink::ErrantRecordReporter,
};

use super::{
    converters::Converters,
    errors::ErrorHandler,
    redriven::REDRIVE_HEADERS,
    sink::Originals,
    stage::{Failure, Origin, Stage},
};
use crate::broker::ConsumerRecord;

/// Class that reports name: the sink's own code failed.
const SINK_TASK: &str = "org.apache.kafka.connect.sink.SinkTask";

/// The reporter of one sink task.
#[derive(Debug)]
pub struct TaskReporter {
    errors: Arc<ErrorHandler>,
    originals: Originals,
    converters: Converters,
}

impl TaskReporter {
    /// A reporter that finds records as they were read in `originals`.
    #[must_use]
    pub const fn new(
        errors: Arc<ErrorHandler>,
        originals: Originals,
        converters: Converters,
    ) -> Self {
        Self { errors, originals, converters }
    }

    /// The record as bytes again, once no converter waits for anything any more.
    async fn settled(&self, record: &SinkRecord) -> Result<ConsumerRecord> {
        let mut rebuilt = self.rebuilt(record);
        while rebuilt.is_err() && self.converters.settle().await {
            rebuilt = self.rebuilt(record);
        }
        rebuilt
    }

    /// The record as bytes again, for one that is reported long after it was brought.
    fn rebuilt(&self, record: &SinkRecord) -> Result<ConsumerRecord> {
        let Converters { key, value, header } = &self.converters;
        let (topic, mut buffer) = (&*record.origin.topic, BytesMut::new());
        let mut headers = Vec::with_capacity(record.headers.len());
        for part in &record.headers {
            let bytes = match part.data.value.as_str() {
                Some(text) if part.key.starts_with(REDRIVE_HEADERS) => {
                    Some(Bytes::copy_from_slice(text.as_bytes()))
                }
                _ => header.from_connect_header(topic, &part.key, &part.data, &mut buffer)?,
            };
            headers.push((Arc::clone(&part.key), bytes));
        }
        Ok(ConsumerRecord {
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            timestamp_type: record.timestamp_type,
            key: key.from_connect(topic, &record.key, &mut buffer)?,
            value: value.from_connect(topic, &record.value, &mut buffer)?,
            headers,
        })
    }
}

#[async_trait]
impl ErrantRecordReporter for TaskReporter {
    async fn report(&self, record: &SinkRecord, error: ConnectorError) -> Result<()> {
        let original = match self.originals.find(&record.origin, record.offset) {
            Some(original) => original,
            None => self.settled(record).await?,
        };
        let failure = Failure { stage: Stage::TaskPut, class: SINK_TASK, error };
        let partition = &record.origin;
        let origin = Origin::Consumed(&partition.topic, partition.partition, &original);
        self.errors.give_up(failure, origin).await
    }
}
