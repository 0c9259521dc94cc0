//! The partitions of a task, each written by a writer of its own, side by side.
//!
//! A failure that may pass stays with its partition, which waits and is read again, while the others go on.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    sink::{Progress, SinkContext, SinkOffsets},
};
use futures::future::try_join_all;
use tokio::time::timeout;

use crate::{
    memory::{self, Hunger},
    rotation::Rotation,
};

/// What all writers of a task use.
pub trait Shared: Sync {
    /// The task's side of the worker.
    fn context(&self) -> &SinkContext;
}

/// What writes the records of one Kafka partition.
#[async_trait]
pub trait Writer: Sized + Send {
    /// What all of them use.
    type Shared: Shared;

    /// # Errors
    /// `Invalid` for an option that validation would have refused.
    fn new(shared: &Self::Shared, origin: TopicPartition) -> Result<Self>;

    /// Takes records, or looks at the clock when there are none.
    ///
    /// # Errors
    /// What does not pass by itself.
    async fn write(
        &mut self,
        shared: &Self::Shared,
        records: &[&SinkRecord],
        now_ms: i64,
    ) -> Result<()>;

    /// Ends all open files.
    ///
    /// # Errors
    /// What does not pass by itself.
    async fn commit(&mut self, shared: &Self::Shared, reason: Rotation, now_ms: i64) -> Result<()>;

    /// The highest offset that may be committed, given what the worker has brought.
    fn safe_offset(&self, consumed: i64) -> i64;

    /// Whether records could not be stored, and the next try has to wait.
    fn is_backing_off(&self) -> bool;

    /// Why records could not be stored, until some are.
    fn held_by(&self) -> Option<&Progress>;

    /// Whether the partition waits for memory.
    fn hunger(&mut self) -> &mut Hunger;

    /// Bytes that the open files hold.
    fn held_bytes(&self) -> usize;

    /// Has the store take what the largest file holds; `false` when there is nothing worth it.
    ///
    /// # Errors
    /// What does not pass by itself.
    async fn spill(&mut self, shared: &Self::Shared) -> Result<bool>;
}

/// The writers of a task, by partition.
#[derive(Debug)]
pub struct Writers<W> {
    all: BTreeMap<TopicPartition, W>,
    /// What the worker was told last of why records cannot be stored.
    told: Option<Progress>,
}

impl<W> Default for Writers<W> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), told: None }
    }
}

impl<W: Writer> Writers<W> {
    /// Has a writer for each of these partitions.
    ///
    /// # Errors
    /// As [`Writer::new`].
    pub fn open<'a>(
        &mut self,
        shared: &W::Shared,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> Result<()> {
        for origin in partitions {
            if !self.all.contains_key(origin) {
                self.all.insert(origin.clone(), W::new(shared, origin.clone())?);
            }
        }
        Ok(())
    }

    /// Has a writer for each partition of a batch.
    ///
    /// # Errors
    /// As [`Writer::new`].
    pub fn open_for(&mut self, shared: &W::Shared, batch: &[SinkRecord]) -> Result<()> {
        let runs = batch.chunk_by(|left, right| left.origin == right.origin);
        self.open(shared, runs.filter_map(|run| Some(&run.first()?.origin)))
    }

    /// Brings every partition its records, or none; all of them have writers.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub async fn write(&mut self, shared: &W::Shared, batch: &[SinkRecord]) -> Result<()> {
        let now_ms = shared.context().clock.now_ms();
        let mut groups: BTreeMap<&TopicPartition, Vec<&SinkRecord>> = BTreeMap::new();
        for run in batch.chunk_by(|left, right| left.origin == right.origin) {
            if let Some(first) = run.first() {
                groups.entry(&first.origin).or_default().extend(run);
            }
        }
        let mut work = Vec::with_capacity(self.all.len());
        for (origin, writer) in &mut self.all {
            let records = groups.remove(origin).unwrap_or_default();
            work.push(async move { writer.write(shared, &records, now_ms).await });
        }
        try_join_all(work).await?;
        self.relieve(shared).await
    }

    /// Makes room where partitions wait for memory.
    async fn relieve(&mut self, shared: &W::Shared) -> Result<()> {
        let Some(since) = self.all.values_mut().filter_map(|it| it.hunger().since()).min() else {
            return Ok(());
        };
        let context = shared.context();
        for writer in self.all.values_mut() {
            while !memory::has_room(&context.budget) && writer.spill(shared).await? {}
        }
        let mut holding = self.all.values_mut().filter(|writer| writer.held_bytes() > 0);
        let is_stuck = holding.all(|writer| writer.hunger().since().is_some());
        if !memory::has_room(&context.budget) && (is_stuck || since.elapsed() >= memory::PATIENCE) {
            let largest = self.all.iter_mut().max_by_key(|(_, writer)| writer.held_bytes());
            if let Some((origin, writer)) = largest {
                tracing::warn!(
                    partition = %origin,
                    "Memory is full: the open files of {origin} are ended before flush.size or a \
                     rotation asks for it. Raise memory.budget.bytes or lower flush.size"
                );
                writer.commit(shared, Rotation::Memory, context.clock.now_ms()).await?;
            }
        }
        for (origin, writer) in &mut self.all {
            writer.hunger().end_with_room(context, origin);
        }
        Ok(())
    }

    /// Ends all open files because somebody asks for it.
    ///
    /// # Errors
    /// `Retriable` when some of them could not be stored, or what does not pass by itself.
    pub async fn finish_files(&mut self, shared: &W::Shared) -> Result<()> {
        let now_ms = shared.context().clock.now_ms();
        let writers = self.all.values_mut();
        try_join_all(writers.map(|writer| writer.commit(shared, Rotation::Request, now_ms)))
            .await?;
        self.tell_progress(shared.context());
        match self.all.iter().find(|(_, writer)| writer.is_backing_off()) {
            Some((origin, _)) => Err(ConnectorError::retriable(format!(
                "Records of {origin} could not be stored, are read again and wait in open files then; \
                 the log says why"
            ))),
            None => Ok(()),
        }
    }

    /// The highest offsets that may be committed, given what the worker has brought.
    #[must_use]
    pub fn safe_offsets(&self, consumed: &SinkOffsets) -> SinkOffsets {
        let safe = consumed.iter().map(|(partition, &offset)| {
            let writer = self.all.get(partition);
            (partition.clone(), writer.map_or(offset, |writer| writer.safe_offset(offset)))
        });
        safe.collect()
    }

    /// Ends the open files of partitions that the task loses, if that takes no longer than this.
    ///
    /// # Errors
    /// `Retriable` when it does, or what does not pass by itself.
    pub async fn release(
        &mut self,
        shared: &W::Shared,
        partitions: &[TopicPartition],
        patience: Duration,
    ) -> Result<()> {
        let now_ms = shared.context().clock.now_ms();
        let gone = self.all.iter_mut().filter(|(origin, _)| partitions.contains(origin));
        let work = gone.map(|(_, writer)| writer.commit(shared, Rotation::Stop, now_ms));
        match timeout(patience, try_join_all(work)).await {
            Ok(outcome) => outcome.map(drop),
            Err(_) => Err(ConnectorError::retriable(format!(
                "Open files could not be stored within {} ms and are read again",
                patience.as_millis()
            ))
            .hint("Raise shutdown.timeout.ms")),
        }
    }

    /// Tells the worker what holds a partition back, or that nothing does any more.
    pub fn tell_progress(&mut self, context: &SinkContext) {
        let held_by = self.all.values().find_map(Writer::held_by);
        if held_by != self.told.as_ref() {
            let held_by = held_by.cloned();
            context.set_progress(held_by.clone().unwrap_or(Progress::Made));
            self.told = held_by;
        }
    }

    /// Takes the writers of these partitions out.
    pub fn take(&mut self, partitions: &[TopicPartition]) -> Vec<W> {
        partitions.iter().filter_map(|partition| self.all.remove(partition)).collect()
    }

    /// Takes all writers out.
    pub fn take_all(&mut self) -> Vec<W> {
        std::mem::take(&mut self.all).into_values().collect()
    }

    /// All writers.
    pub fn iter(&self) -> impl Iterator<Item = &W> {
        self.all.values()
    }

    /// All writers, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut W> {
        self.all.values_mut()
    }
}
