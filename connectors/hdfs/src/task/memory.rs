//! What a partition does when memory is used up.

use connect_api::error::Result;

use super::{Shared, writer::PartitionWriter};
use crate::file::LEAST_PART_BYTES;

impl PartitionWriter {
    /// Pauses the partition until there is memory for its next record.
    pub(super) fn starve(&mut self, shared: &Shared, offset: i64) -> Result<()> {
        if self.claim.is_none() {
            return Ok(());
        }
        self.hunger.begin(&shared.context, &self.origin, offset)?;
        self.rewind(shared, offset);
        Ok(())
    }

    /// Writes what the largest file holds; `false` when there is nothing worth it.
    pub(super) async fn spill_largest(&mut self, shared: &Shared) -> Result<bool> {
        let largest = self.files.values_mut().max_by_key(|file| file.spillable_bytes());
        let (Some(file), Some(claim)) = (largest, &mut self.claim) else { return Ok(false) };
        if file.spillable_bytes() < LEAST_PART_BYTES {
            return Ok(false);
        }
        claim.is_settled &= !file.is_growing();
        let written = file.spill(&shared.hdfs, &claim.session, shared.naming.extension).await;
        self.after(shared, written)
    }
}
