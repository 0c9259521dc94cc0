//! What a partition does when memory is used up.

use std::cmp::Reverse;

use connect_api::error::Result;

use super::{Shared, writer::PartitionWriter};
use crate::file::LEAST_PART_BYTES;

impl PartitionWriter {
    /// Pauses the partition until there is memory for its next record.
    pub(super) fn starve(&mut self, shared: &Shared, offset: i64) -> Result<()> {
        self.hunger.begin(&shared.context, &self.origin, offset)?;
        self.rewind(shared, offset);
        Ok(())
    }

    /// Uploads the largest buffer that is long enough for a part, or writes the largest ones to disk;
    /// `false` when there is nothing that can go.
    pub(super) async fn spill_largest(&mut self, shared: &Shared) -> Result<bool> {
        let largest = self.files.values_mut().max_by_key(|file| file.spillable_bytes());
        let Some(file) = largest else { return Ok(false) };
        if file.spillable_bytes() < LEAST_PART_BYTES {
            return self.shelve(shared);
        }
        let uploaded = file.spill(&shared.store).await;
        self.check_upload(shared, uploaded).await?;
        Ok(true)
    }

    /// Writes to disk what the largest files hold, until a quarter of the memory is free; `false` when
    /// there is no disk, or no room on it.
    fn shelve(&mut self, shared: &Shared) -> Result<bool> {
        if shared.room.disk.is_none() {
            return Ok(false);
        }
        let budget = &shared.context.budget;
        // The limit that was reached may be that of a part of the worker this task is only one of.
        let enough = budget.limit_bytes().min(budget.used_bytes()) / 4 * 3;
        let mut files: Vec<_> = self.files.values_mut().filter(|it| it.held_bytes() > 0).collect();
        files.sort_unstable_by_key(|file| Reverse(file.held_bytes()));
        let before = budget.used_bytes();
        for file in files {
            if budget.used_bytes() <= enough || !file.shelve()? {
                break;
            }
        }
        Ok(budget.used_bytes() < before)
    }
}
