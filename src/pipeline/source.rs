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
use crate::{broker::ProducerRecord, transform::Chain};

/// Bytes taken at once for what converters write.
const BUFFER_BYTES: usize = 64 << 10;

/// What a record takes beside its bytes: its own structure, its share of the buffers' books.
const RECORD_BYTES: usize = 160;

/// A batch ready to be sent.
#[derive(Debug, Default)]
pub struct Converted {
    /// The records in their order; those that were skipped or dropped are missing, copies follow
    /// their records.
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
    /// What the transforms made of the record that is worked on.
    changed: Vec<SourceRecord>,
}

impl SourcePipeline {
    /// A pipeline of one task.
    #[must_use]
    pub fn new(converters: Converters, chain: Chain, errors: Arc<ErrorHandler>) -> Self {
        Self { converters, chain, errors, buffer: BytesMut::new(), changed: Vec::new() }
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
        for record in records {
            let original = keeps_originals.then(|| record.clone());
            let before = converted.records.len();
            if let Err(failure) = self.one(record, &mut converted.records) {
                self.recover(failure, original, &mut converted.records).await?;
            }
            for record in converted.records.iter_mut().skip(before) {
                converted.bytes += size(record);
                stamp(record)?;
            }
        }
        Ok(converted)
    }

    /// Aside, so that the way of a good record stays short.
    async fn recover(
        &mut self,
        mut failure: Failure,
        original: Option<SourceRecord>,
        out: &mut Vec<ProducerRecord>,
    ) -> Result<()> {
        let errors = Arc::clone(&self.errors);
        let mut tries = errors.tries();
        loop {
            let is_changed = failure.stage != Stage::Transformation;
            let outcome = if is_changed && self.converters.settle().await {
                // Neither a failure nor a retry: a converter had to ask first.
                self.produce(out)
            } else if tries.wait(&failure).await {
                let Some(original) = &original else { return Ok(()) };
                self.one(original.clone(), out)
            } else {
                break;
            };
            match outcome {
                Ok(()) => return Ok(()),
                Err(next) => failure = next,
            }
        }
        errors.give_up(failure, Origin::Produced(original.as_ref())).await
    }

    /// Changes a record as the transforms say and appends what came of it: all of it or, after a
    /// failure, nothing.
    fn one(&mut self, record: SourceRecord, out: &mut Vec<ProducerRecord>) -> Result<(), Failure> {
        self.changed.clear();
        let applied = self.chain.apply(record, &mut self.changed);
        applied.map_err(|(class, error)| Failure::at(Stage::Transformation, class)(error))?;
        self.produce(out)
    }

    /// Converts what the transforms left.
    fn produce(&mut self, out: &mut Vec<ProducerRecord>) -> Result<(), Failure> {
        let before = out.len();
        for record in &self.changed {
            match self.converters.from_connect(record, &mut self.buffer) {
                Ok(record) => out.push(record),
                Err(failure) => {
                    out.truncate(before);
                    return Err(failure);
                }
            }
        }
        Ok(())
    }
}

fn size(record: &ProducerRecord) -> usize {
    let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    let headers = record.headers.iter().map(|(name, bytes)| name.len() + length(bytes));
    RECORD_BYTES + length(&record.key) + length(&record.value) + headers.sum::<usize>()
}

/// Leaves the time to the producer where the source knows none.
fn stamp(record: &mut ProducerRecord) -> Result<()> {
    match record.timestamp_ms {
        Some(-1) => record.timestamp_ms = None,
        Some(timestamp @ ..0) => {
            return Err(ConnectorError::record(format!("Invalid record timestamp {timestamp}")));
        }
        _ => {}
    }
    Ok(())
}
