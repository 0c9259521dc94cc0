//! The topics that a sink writes, in memory.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, Result},
    sink::SinkOffsets,
    topics::{TopicRecord, TopicSpec, TopicWriter},
};

/// What a sink wrote, and the offsets that it committed with it. It outlives the tasks that write.
#[derive(Debug, Default)]
pub struct MemoryTopics {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    topics: Vec<TopicSpec>,
    records: Vec<TopicRecord>,
    /// Not yet taken by who keeps the group.
    committed: SinkOffsets,
    failures: VecDeque<ConnectorError>,
    takes: Duration,
}

impl MemoryTopics {
    /// Every record in the order it was written.
    #[must_use]
    pub fn records(&self) -> Vec<TopicRecord> {
        self.state().records.clone()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a record with this key was written.
    #[must_use]
    pub fn has_key(&self, key: &[u8]) -> bool {
        self.state().records.iter().any(|record| record.key.as_deref() == Some(key))
    }

    /// The topics that were opened.
    #[must_use]
    pub fn topics(&self) -> Vec<TopicSpec> {
        self.state().topics.clone()
    }

    /// Makes the next writes fail with these, one each; nothing of them is written.
    pub fn fail_next(&self, failures: impl IntoIterator<Item = ConnectorError>) {
        self.state().failures.extend(failures);
    }

    /// Makes each write take so long: half of it before it is written, half of it after.
    pub fn slow_down(&self, takes: Duration) {
        self.state().takes = takes;
    }

    /// Takes the offsets committed since the last call.
    #[must_use]
    pub fn take_committed(&self) -> SinkOffsets {
        mem::take(&mut self.state().committed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TopicWriter for MemoryTopics {
    async fn open(&self, topics: &[TopicSpec]) -> Result<()> {
        self.state().topics = topics.to_vec();
        Ok(())
    }

    async fn write(&self, records: Vec<TopicRecord>, offsets: &SinkOffsets) -> Result<()> {
        let half = self.state().takes / 2;
        if !half.is_zero() {
            tokio::time::sleep(half).await;
        }
        {
            let mut state = self.state();
            if let Some(failure) = state.failures.pop_front() {
                return Err(failure);
            }
            state.records.extend(records);
            state.committed.extend(offsets.iter().map(|(at, offset)| (at.clone(), *offset)));
        }
        if !half.is_zero() {
            tokio::time::sleep(half).await;
        }
        Ok(())
    }
}
