//! What happens when memory is used up: parts are uploaded early, partitions wait, and at last
//! files are closed early.

use std::cmp::Reverse;

use connect_api::error::Result;
use connect_storage::{memory, rotation::Rotation};
use tokio::time::Instant;

use super::{S3SinkTask, Shared, now, writer::PartitionWriter};
use crate::file::{LEAST_PART_BYTES, OpenFile};

impl S3SinkTask {
    /// Makes room where partitions wait for memory.
    pub(super) async fn relieve(&mut self) -> Result<()> {
        let Some(since) = self.writers.values().filter_map(PartitionWriter::starved_since).min()
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
            .all(|writer| writer.starved_since().is_some());
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

    pub(super) const fn starved_since(&self) -> Option<Instant> {
        self.starved_since
    }

    /// Resumes a partition that waited for memory.
    pub(super) fn resume_with_memory(&mut self, shared: &Shared) {
        let budget = &shared.context.budget;
        if memory::has_room(budget) && self.starved_since.take().is_some() {
            shared.context.resume([self.origin.clone()]);
        }
    }

    /// Bytes that the open files hold.
    pub(super) fn held_bytes(&self) -> usize {
        self.files.values().map(OpenFile::held_bytes).sum()
    }

    /// Uploads the largest buffer that is long enough for a part, or writes the largest ones to disk;
    /// `false` when there is nothing that can go.
    pub(super) async fn spill(&mut self, shared: &Shared) -> Result<bool> {
        let largest = self.files.values_mut().max_by_key(|file| file.spillable_bytes());
        let Some(file) = largest else { return Ok(false) };
        if file.spillable_bytes() < LEAST_PART_BYTES {
            return self.shelve(shared);
        }
        let uploaded = file.spill(&shared.store).await;
        self.check_upload(shared, uploaded).await?;
        Ok(true)
    }

    /// Commits the open files before their time, because nothing else frees memory.
    pub(super) async fn close_early(&mut self, shared: &Shared) -> Result<()> {
        tracing::warn!(
            partition = %self.origin,
            "Memory is full: the open files of {} are closed before flush.size or a rotation asks \
             for it. Raise memory.budget.bytes or lower flush.size",
            self.origin
        );
        self.commit(shared, Rotation::Memory, shared.context.clock.now_ms()).await
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
