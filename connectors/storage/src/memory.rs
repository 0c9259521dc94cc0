//! When the memory of open files is used up.

use std::time::Duration;

use connect_api::{
    budget::MemoryBudget,
    error::{ConnectorError, Result},
    record::TopicPartition,
    sink::SinkContext,
};
use tokio::time::Instant;

/// Longest wait for memory before the largest files are closed early.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Whether partitions that wait for memory may go on.
#[must_use]
pub fn has_room(budget: &MemoryBudget) -> bool {
    budget.used_bytes() < budget.limit_bytes() / 4 * 3
}

/// A partition that may have to wait for memory.
#[derive(Debug, Default)]
pub struct Hunger {
    since: Option<Instant>,
}

impl Hunger {
    /// Since when the partition is paused; nothing where it is not.
    #[must_use]
    pub const fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Pauses the partition until there is memory for the record at an offset, which is to be read again.
    ///
    /// # Errors
    /// `Invalid` when all of the memory is free, so that waiting does not help.
    pub fn begin(
        &mut self,
        context: &SinkContext,
        origin: &TopicPartition,
        offset: i64,
    ) -> Result<()> {
        let (used, limit) = (context.budget.used_bytes(), context.budget.limit_bytes());
        if used == 0 {
            return Err(ConnectorError::invalid(format!(
                "Record {offset} of {origin} does not fit the memory of {limit} bytes that the task \
                 may use"
            ))
            .hint("Raise memory.budget.bytes"));
        }
        tracing::warn!(
            partition = %origin,
            "Memory is full ({used} of {limit} bytes): {origin} is paused. Raise memory.budget.bytes, \
             lower flush.size, or share the partitions out to more workers"
        );
        self.since = Some(Instant::now());
        context.pause([origin.clone()]);
        Ok(())
    }

    /// Resumes the partition if there is memory again.
    pub fn end_with_room(&mut self, context: &SinkContext, origin: &TopicPartition) {
        if has_room(&context.budget) && self.since.take().is_some() {
            context.resume([origin.clone()]);
        }
    }

    /// The partition waits for something else.
    pub const fn forget(&mut self) {
        self.since = None;
    }
}
