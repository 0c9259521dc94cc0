//! Offsets that sinks keep in their own systems.

use std::fmt::Display;

use crate::{
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    sink::{SinkContext, SinkOffsets},
};

/// Partitions that a sink reads from offsets of its own, until their first record has come.
///
/// A sink passes over what is below its offset, because it has written that. It must not where the topic
/// was made anew, or is that of another cluster: the records are others then. They show by the first one
/// after a seek, which is below the offset that was asked for.
#[derive(Debug, Default)]
pub struct Sought(SinkOffsets);

impl Sought {
    /// Asks to read a partition from an offset on.
    pub fn seek(&mut self, context: &SinkContext, partition: &TopicPartition, offset: i64) {
        context.seek(partition.clone(), offset);
        self.0.insert(partition.clone(), offset);
    }

    /// Expects nothing more of a partition.
    pub fn forget(&mut self, partition: &TopicPartition) {
        self.0.remove(partition);
    }

    /// Looks whether partitions begin where they were to; `keeper` is what has their offsets.
    ///
    /// # Errors
    /// `Invalid`, naming the partition, both offsets and the keeper.
    pub fn check(&mut self, batch: &[SinkRecord], keeper: impl Display) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let runs = batch.chunk_by(|left, right| left.origin == right.origin);
        for first in runs.filter_map(<[_]>::first) {
            let (of, begun) = (&first.origin, first.offset);
            let Some(next) = self.0.remove(of).filter(|next| begun < *next) else { continue };
            return Err(ConnectorError::invalid(format!(
                "{of} was to be read from offset {next} on, where {keeper} says that its rows end, and \
                 begins at offset {begun}: the topic was made anew, or is that of another cluster"
            )));
        }
        Ok(())
    }
}
