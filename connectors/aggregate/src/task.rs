//! One running task.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use connect_api::{
    error::{Result, chain},
    record::{SinkRecord, TopicPartition},
    sink::{SinkContext, SinkOffsets, SinkTask, Sought},
};
use tracing::warn;

use crate::{
    config::AggregateConfig,
    definition::Definition,
    held::{Held, Stop},
    live::{LiveAggregates, LiveKey, LiveTask},
    record::RecordReader,
    store::Store,
};

/// A task of the aggregate sink.
///
/// 1. `open` claims the partitions in the store and reads from the offsets it has with the rows. Where the
///    store is away, `put` does.
/// 2. `put` counts, then writes what is due in one transaction with its offsets.
/// 3. `pre_commit` names the offsets that are in the store already; it writes nothing.
/// 4. `close` writes what is held, due or not: a stopped aggregate shows all it ever counted. When
///    another task owns the partition by then, the store refuses, and that task counts it.
pub(crate) struct AggregateTask {
    definition: Arc<Definition>,
    context: SinkContext,
    store: Box<dyn Store>,
    hub: Arc<LiveAggregates>,
    live: Arc<LiveTask>,
    retention_ms: Option<i64>,
    /// Start of the oldest window kept when windows were deleted last.
    oldest_kept_ms: i64,
    /// Partitions that the store has not given to this task yet.
    unclaimed: Vec<TopicPartition>,
    /// Partitions that are read from where the store is and of which no record has come yet.
    sought: Sought,
}

impl AggregateTask {
    /// A task without partitions.
    pub(crate) fn new(
        config: &AggregateConfig,
        context: SinkContext,
        store: Box<dyn Store>,
        hub: Arc<LiveAggregates>,
    ) -> Self {
        let definition = Arc::new(config.definition(&context.connector));
        let reader = RecordReader::new(Arc::clone(&definition), config);
        let budget = context.budget.clone();
        let held = Held::new(reader, Arc::clone(&definition), config.flush(), budget);
        let key = LiveKey { store: config.store_url().to_string(), name: definition.name.clone() };
        let live = hub.enter(key, held);
        let retention_ms = config.retention_ms();
        Self {
            definition,
            context,
            store,
            hub,
            live,
            retention_ms,
            oldest_kept_ms: i64::MIN,
            unclaimed: Vec::new(),
            sought: Sought::default(),
        }
    }

    /// Takes over the partitions that are not this task's yet, and reads on from where the store is with
    /// them. Of a batch that has come meanwhile nothing is counted: it comes again.
    async fn claim(&mut self, batch: &[SinkRecord]) -> Result<()> {
        let claims = self.store.claim(&self.definition, &self.unclaimed).await?;
        self.unclaimed.clear();
        let runs = batch.chunk_by(|left, right| left.origin == right.origin);
        for first in runs.filter_map(<[SinkRecord]>::first).rev() {
            self.context.seek(first.origin.clone(), first.offset);
        }
        for claim in claims {
            if let Some(offset) = claim.offset {
                self.sought.seek(&self.context, &claim.partition, offset);
            }
            self.live.held().open(claim);
        }
        Ok(())
    }

    /// Looks whether the first records after a seek are those that were asked for.
    fn check_begun(&mut self, batch: &[SinkRecord]) -> Result<()> {
        let keeper = format_args!("aggregate \"{}\"", self.definition.name);
        self.sought
            .check(batch, keeper)
            .map_err(|error| error.hint("Give the counts of the new topic another aggregate.name"))
    }

    /// Counts a batch; writes in between when the budget is full.
    async fn count(&mut self, batch: &[SinkRecord]) -> Result<()> {
        let mut rest = batch;
        loop {
            let stop = self.live.held().take(rest);
            match stop {
                Stop::End => return Ok(()),
                Stop::Full(taken) => {
                    rest = rest.get(taken..).unwrap_or_default();
                    self.live.held().cut_all();
                    self.write().await?;
                }
                Stop::Bad(at, error) => {
                    if let Some(record) = rest.get(at) {
                        self.context.reject(record, error).await?;
                    }
                    rest = rest.get(at + 1..).unwrap_or_default();
                }
            }
        }
    }

    /// Writes what is due.
    async fn write(&mut self) -> Result<()> {
        let due = self.live.held().due();
        if due.is_empty() {
            return Ok(());
        }
        let expired = self.expired();
        let fenced = self.store.write(&self.definition, &due, expired).await?;
        self.oldest_kept_ms = expired.unwrap_or(self.oldest_kept_ms);
        for partition in &fenced {
            warn!(
                connector = %self.context.connector,
                "Aggregate \"{}\" left {partition} to the task that has taken it over",
                self.definition.name
            );
        }
        self.live.held().written(&due, &fenced);
        Ok(())
    }

    /// Start of the oldest window to keep, when it has moved on since the last time.
    fn expired(&self) -> Option<i64> {
        let newest_end_ms = self.context.clock.now_ms().saturating_sub(self.retention_ms?);
        let oldest_kept_ms = self.definition.window_of(newest_end_ms);
        (oldest_kept_ms > self.oldest_kept_ms).then_some(oldest_kept_ms)
    }

    /// Asks to be called when the clock makes something due.
    fn ask_for_time(&self) {
        let due_ms = self.live.held().due_ms();
        let wait_ms = due_ms.map(|due_ms| due_ms.saturating_sub(self.context.clock.now_ms()));
        if let Some(wait_ms) = wait_ms {
            self.context.set_timeout(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)));
        }
    }
}

#[async_trait]
impl SinkTask for AggregateTask {
    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.unclaimed.extend(partitions.iter().cloned());
        match self.claim(&[]).await {
            // A rebalance must not fail for a store that is away: the next batch claims them.
            Err(error) if error.class().is_retriable() => {
                warn!(
                    connector = %self.context.connector,
                    "Could not take partitions over yet: {}",
                    chain(&error)
                );
                Ok(())
            }
            claimed => claimed,
        }
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        if !self.unclaimed.is_empty() {
            return self.claim(batch).await;
        }
        self.check_begun(batch)?;
        self.live.held().cut_by_clock(self.context.clock.now_ms());
        let counted = self.count(batch).await;
        self.hub.publish(&self.live);
        counted?;
        self.write().await?;
        self.ask_for_time();
        Ok(())
    }

    async fn pre_commit(&mut self, consumed: &SinkOffsets) -> Result<SinkOffsets> {
        Ok(self.live.held().safe(consumed))
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.unclaimed.retain(|partition| !partitions.contains(partition));
        partitions.iter().for_each(|partition| self.sought.forget(partition));
        self.live.held().cut(partitions);
        if let Err(error) = self.write().await {
            warn!(
                connector = %self.context.connector,
                "Aggregate \"{}\" gave partitions back without writing what it held, which will \
                 be counted again: {}",
                self.definition.name,
                chain(&error)
            );
        }
        self.live.held().close(partitions);
        Ok(())
    }
}
