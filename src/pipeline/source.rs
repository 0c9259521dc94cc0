//! Records of a source to records of topics.

use std::sync::Arc;

use bytes::BytesMut;
use connect_api::{
    error::{ConnectorError, Result},
    record::SourceRecord,
};

use super::{
    converters::Converters,
    errors::ErrorHandler,
    stage::{Failure, Origin, Stage},
};
use crate::{
    broker::ProducerRecord,
    transform::{Chain, Verdict},
};

/// Bytes taken at once for what converters write.
const BUFFER_BYTES: usize = 64 << 10;

/// What a record takes beside its bytes: its own structure, its share of the buffers' books.
const RECORD_BYTES: usize = 160;

/// A batch ready to be sent.
#[derive(Debug, Default)]
pub struct Converted {
    /// The records in their order; those that were skipped or dropped are missing.
    pub records: Vec<ProducerRecord>,
    /// About how much memory they take.
    pub bytes: usize,
}

/// Applies the transforms and converts for a producer.
#[derive(Debug)]
pub struct SourcePipeline {
    converters: Converters,
    chain: Chain,
    errors: Arc<ErrorHandler>,
    buffer: BytesMut,
}

impl SourcePipeline {
    /// A pipeline of one task.
    #[must_use]
    pub fn new(converters: Converters, chain: Chain, errors: Arc<ErrorHandler>) -> Self {
        Self { converters, chain, errors, buffer: BytesMut::new() }
    }

    /// What follows when a record fails.
    #[must_use]
    pub const fn errors(&self) -> &Arc<ErrorHandler> {
        &self.errors
    }

    /// Converts a batch.
    ///
    /// # Errors
    /// A record failed and is not tolerated.
    pub async fn convert(&mut self, records: Vec<SourceRecord>) -> Result<Converted> {
        let mut converted = Converted::default();
        if self.buffer.capacity() == 0 {
            // A source that brings nothing needs no buffer.
            self.buffer.reserve(BUFFER_BYTES);
        }
        converted.records.reserve(records.len());
        let keeps_originals = self.errors.needs_originals();
        for mut record in records {
            let original = keeps_originals.then(|| record.clone());
            let outcome = match self.one(&mut record) {
                Ok(outcome) => outcome,
                Err(failure) => self.recover(failure, record, original).await?,
            };
            if let Some(record) = outcome {
                converted.bytes += size(&record);
                converted.records.push(stamped(record)?);
            }
        }
        Ok(converted)
    }

    /// Aside, so that the way of a good record stays short.
    async fn recover(
        &mut self,
        mut failure: Failure,
        mut record: SourceRecord,
        original: Option<SourceRecord>,
    ) -> Result<Option<ProducerRecord>> {
        let errors = Arc::clone(&self.errors);
        let mut tries = errors.tries();
        loop {
            let outcome = if self.converters.settle().await {
                // Neither a failure nor a retry: a converter had to ask first, and the transforms
                // are done with the record.
                self.converters.from_connect(&record, &mut self.buffer).map(Some)
            } else if tries.wait(&failure).await {
                let Some(original) = &original else { return Ok(None) };
                record.clone_from(original);
                self.one(&mut record)
            } else {
                break;
            };
            match outcome {
                Ok(outcome) => return Ok(outcome),
                Err(next) => failure = next,
            }
        }
        errors.give_up(failure, Origin::Produced(original.as_ref())).await.map(|()| None)
    }

    /// Changes the record as the transforms say and converts what came of it.
    fn one(&mut self, record: &mut SourceRecord) -> Result<Option<ProducerRecord>, Failure> {
        if !self.chain.is_empty() {
            match self.chain.apply(record) {
                Ok(Verdict::Keep) => {}
                Ok(Verdict::Drop) => return Ok(None),
                Err((class, error)) => {
                    return Err(Failure::at(Stage::Transformation, class)(error));
                }
            }
        }
        self.converters.from_connect(record, &mut self.buffer).map(Some)
    }
}

fn size(record: &ProducerRecord) -> usize {
    let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    let headers = record.headers.iter().map(|(name, bytes)| name.len() + length(bytes));
    RECORD_BYTES + length(&record.key) + length(&record.value) + headers.sum::<usize>()
}

/// Leaves the time to the producer where the source knows none.
fn stamped(mut record: ProducerRecord) -> Result<ProducerRecord> {
    match record.timestamp_ms {
        Some(-1) => record.timestamp_ms = None,
        Some(timestamp @ ..0) => {
            return Err(ConnectorError::record(format!("Invalid record timestamp {timestamp}")));
        }
        _ => {}
    }
    Ok(record)
}
