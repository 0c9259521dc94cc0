//! A partition that is to be read again from an earlier offset.

use connect_api::{
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    sink::SinkContext,
};

/// Batches from beyond a rewind that are turned away before the worker is taken to be broken.
const MOST_REFUSALS: u32 = 20;

/// The worker was asked to read from an earlier offset. What it had read by then may still come, and is
/// turned away.
#[derive(Debug)]
pub struct Rewind {
    target: i64,
    /// A record from here on shows that it has not been done yet.
    from: i64,
    refusals: u32,
}

impl Rewind {
    /// Asks the worker to read from an offset, where it has brought records up to another.
    #[must_use]
    pub fn begin(
        context: &SinkContext,
        origin: &TopicPartition,
        (target, brought): (i64, i64),
    ) -> Self {
        context.seek(origin.clone(), target);
        Self { target, from: brought.max(target + 1), refusals: 0 }
    }

    /// The offset that is to come next.
    #[must_use]
    pub const fn target(&self) -> i64 {
        self.target
    }

    /// Whether a batch that begins with this record shows that it was done.
    #[must_use]
    pub const fn is_done(&self, first: &SinkRecord) -> bool {
        first.offset < self.from
    }

    /// Turns a batch away that begins with this record, and asks again.
    ///
    /// # Errors
    /// `Internal` when the worker does not do it.
    pub fn turn_away(
        &mut self,
        context: &SinkContext,
        origin: &TopicPartition,
        first: &SinkRecord,
    ) -> Result<()> {
        self.refusals += 1;
        if self.refusals > MOST_REFUSALS {
            return Err(ConnectorError::internal(format!(
                "Partition {origin} was asked to go back to offset {} and goes on at {}",
                self.target, first.offset
            )));
        }
        context.seek(origin.clone(), self.target);
        Ok(())
    }
}
