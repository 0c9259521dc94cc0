//! Doubles of what the worker gives a task.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;
use connect_api::{
    budget::MemoryBudget,
    error::{ConnectorError, Result},
    figures::Figures,
    record::{SinkRecord, SourceOffset, SourcePartition},
    sink::{ErrantRecordReporter, SinkContext, SinkRequestQueue},
    source::{OffsetReader, SourceContext},
    time::Clock,
};

/// Bytes a task under test may hold: as much as a small container has.
const BUDGET_BYTES: usize = 64 << 20;

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn at(now_ms: i64) -> Arc<Self> {
        Arc::new(Self { now_ms: AtomicI64::new(now_ms) })
    }

    /// Moves the clock on, or back.
    pub fn advance_ms(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set_ms(&self, now_ms: i64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }
}

/// The offset store of one connector, in memory.
#[derive(Debug, Default)]
pub struct MemoryOffsets {
    committed: Mutex<Vec<(SourcePartition, SourceOffset)>>,
}

impl MemoryOffsets {
    /// Stores what a batch says about its partitions; no offset forgets one.
    pub fn commit(&self, offsets: &[(SourcePartition, Option<SourceOffset>)]) {
        let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        for (partition, offset) in offsets {
            committed.retain(|(known, _)| known != partition);
            committed.extend(offset.clone().map(|offset| (partition.clone(), offset)));
        }
    }
}

#[async_trait]
impl OffsetReader for MemoryOffsets {
    async fn committed(&self) -> Result<Vec<(SourcePartition, SourceOffset)>> {
        Ok(self.committed.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// A reporter that tolerates everything and keeps it.
#[derive(Debug, Default)]
pub struct CollectingReporter {
    reported: Mutex<Vec<(SinkRecord, String)>>,
}

impl CollectingReporter {
    /// Takes what was reported so far, each record with the error's text.
    #[must_use]
    pub fn take(&self) -> Vec<(SinkRecord, String)> {
        std::mem::take(&mut self.reported.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl ErrantRecordReporter for CollectingReporter {
    async fn report(&self, record: &SinkRecord, error: ConnectorError) -> Result<()> {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        reported.push((record.clone(), error.to_string()));
        Ok(())
    }
}

/// The context of task 0 of a source connector named `test`.
#[must_use]
pub fn source_context(offsets: &Arc<MemoryOffsets>, clock: &Arc<ManualClock>) -> SourceContext {
    SourceContext {
        connector: "test".into(),
        task: 0,
        offsets: Arc::clone(offsets) as Arc<dyn OffsetReader>,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        budget: MemoryBudget::new(BUDGET_BYTES),
    }
}

/// The context of task 0 of a sink connector named `test`, without a reporter.
#[must_use]
pub fn sink_context(clock: &Arc<ManualClock>) -> SinkContext {
    SinkContext {
        connector: "test".into(),
        task: 0,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        budget: MemoryBudget::new(BUDGET_BYTES),
        reporter: None,
        topics: None,
        requests: SinkRequestQueue::default(),
        figures: Figures::default(),
    }
}
