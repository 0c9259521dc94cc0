//! What happens when memory is used up: parts are written early, partitions wait, and at last files are
//! committed early.

use connect_api::error::Result;
use connect_storage::{memory, rotation::Rotation};

use super::{HdfsSinkTask, Shared, now, writer::PartitionWriter};
use crate::file::{LEAST_PART_BYTES, OpenFile};

impl HdfsSinkTask {
    /// Makes room where partitions wait for memory.
    pub(super) async fn relieve(&mut self) -> Result<()> {
        let Some(since) = self.writers.values().filter_map(|writer| writer.starved_since).min()
        else {
            return Ok(());
        };
        let shared = &self.shared;
        let budget = &shared.context.budget;
        for writer in self.writers.values_mut() {
            while !memory::has_room(budget) && writer.spill(shared).await? {}
        }
        let is_stuck = self
            .writers
            .values()
            .filter(|writer| writer.held_bytes() > 0)
            .all(|writer| writer.starved_since.is_some());
        if !memory::has_room(budget) && (is_stuck || since.elapsed() >= memory::PATIENCE) {
            let largest = self.writers.values_mut().max_by_key(|writer| writer.held_bytes());
            if let Some(writer) = largest {
                writer.close_early(shared).await?;
            }
        }
        for writer in self.writers.values_mut() {
            writer.resume_with_memory(shared);
        }
        Ok(())
    }
}

impl PartitionWriter {
    /// Pauses the partition until there is memory for its next record.
    pub(super) fn starve(&mut self, shared: &Shared, offset: i64) -> Result<()> {
        if self.claim.is_none() {
            return Ok(());
        }
        let budget = &shared.context.budget;
        memory::check_wait(budget, &self.origin, offset)?;
        tracing::warn!(
            partition = %self.origin,
            "Memory is full ({} of {} bytes): {} is paused. Raise memory.budget.bytes, lower \
             flush.size, or share the partitions out to more workers",
            budget.used_bytes(),
            budget.limit_bytes(),
            self.origin
        );
        self.rewind(shared, offset);
        self.starved_since = Some(now());
        shared.context.pause([self.origin.clone()]);
        Ok(())
    }

    /// Resumes a partition that waited for memory.
    fn resume_with_memory(&mut self, shared: &Shared) {
        if memory::has_room(&shared.context.budget) && self.starved_since.take().is_some() {
            shared.context.resume([self.origin.clone()]);
        }
    }

    /// Bytes that the open files hold.
    fn held_bytes(&self) -> usize {
        self.files.values().map(OpenFile::held_bytes).sum()
    }

    /// Writes what the largest file holds; `false` when there is nothing worth it.
    pub(super) async fn spill(&mut self, shared: &Shared) -> Result<bool> {
        let largest = self.files.values_mut().max_by_key(|file| file.spillable_bytes());
        let (Some(file), Some(claim)) = (largest, &mut self.claim) else { return Ok(false) };
        if file.spillable_bytes() < LEAST_PART_BYTES {
            return Ok(false);
        }
        claim.is_settled &= !file.is_growing();
        let written = file.spill(&shared.hdfs, &claim.session, shared.naming.extension).await;
        self.after(shared, written)
    }

    /// Commits the open files before their time, because nothing else frees memory.
    async fn close_early(&mut self, shared: &Shared) -> Result<()> {
        tracing::warn!(
            partition = %self.origin,
            "Memory is full: the open files of {} are committed before flush.size or a rotation asks \
             for it. Raise memory.budget.bytes or lower flush.size",
            self.origin
        );
        self.commit(shared, Rotation::Memory, shared.context.clock.now_ms()).await
    }
}
