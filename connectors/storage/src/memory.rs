//! When the memory of open files is used up.

use std::time::Duration;

use connect_api::{
    budget::MemoryBudget,
    error::{ConnectorError, Result},
    record::TopicPartition,
};

/// Longest wait for memory before the largest files are closed early.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Whether partitions that wait for memory may go on.
#[must_use]
pub fn has_room(budget: &MemoryBudget) -> bool {
    budget.used_bytes() < budget.limit_bytes() / 4 * 3
}

/// Makes sure that waiting helps a record for which there is no memory.
///
/// # Errors
/// `Invalid` when all of the memory is free.
pub fn check_wait(budget: &MemoryBudget, origin: &TopicPartition, offset: i64) -> Result<()> {
    if budget.used_bytes() > 0 {
        return Ok(());
    }
    Err(ConnectorError::invalid(format!(
        "Record {offset} of {origin} does not fit the memory of {} bytes that the task may use",
        budget.limit_bytes()
    ))
    .hint("Raise memory.budget.bytes"))
}
