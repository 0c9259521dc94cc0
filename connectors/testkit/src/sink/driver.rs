//! The worker's side of a sink task, one step at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use connect_api::{
    config::Props,
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    sink::{ErrantRecordReporter, SinkConnector, SinkContext, SinkOffsets, SinkTask},
    topics::TopicWriter,
};

use super::{
    ensure,
    fixture::{START_MS, SinkFixture},
};
use crate::{
    doubles::{CollectingReporter, ManualClock, sink_context},
    topics::MemoryTopics,
};

/// Attempts until a retriable error counts as one that does not end.
const MOST_ATTEMPTS: usize = 20;

/// Back-off between attempts when the task names none.
const BACK_OFF_MS: i64 = 1_000;

/// Topics in memory and a task that reads them as the worker lets it.
///
/// Offsets that were committed survive [`SinkDriver::crash`]; everything else of the task does not.
pub struct SinkDriver {
    connector: Box<dyn SinkConnector>,
    props: Props,
    clock: Arc<ManualClock>,
    settle_ms: i64,
    reporter: Option<Arc<CollectingReporter>>,
    written: Arc<MemoryTopics>,
    topics: BTreeMap<TopicPartition, Vec<SinkRecord>>,
    committed: SinkOffsets,
    running: Option<Running>,
}

/// A task with what the worker knows about it.
struct Running {
    task: Box<dyn SinkTask>,
    context: SinkContext,
    positions: SinkOffsets,
    paused: BTreeSet<TopicPartition>,
}

impl Running {
    /// Obeys what the task asked for.
    fn obey(&mut self) {
        let requests = self.context.requests.take();
        for (partition, offset) in requests.seeks {
            if let Some(position) = self.positions.get_mut(&partition) {
                *position = offset;
            }
        }
        for (partition, is_paused) in requests.pauses {
            if is_paused {
                self.paused.insert(partition);
            } else {
                self.paused.remove(&partition);
            }
        }
    }
}

impl SinkDriver {
    /// A driver of the fixture's sink, with nothing in its topics and no task yet.
    pub fn new(fixture: &impl SinkFixture) -> Self {
        Self {
            connector: fixture.connector(),
            props: fixture.props(),
            clock: ManualClock::at(START_MS),
            settle_ms: fixture.settle_ms(),
            reporter: None,
            written: Arc::default(),
            topics: BTreeMap::new(),
            committed: SinkOffsets::new(),
            running: None,
        }
    }

    /// Gives the next task a reporter, which tolerates everything.
    pub fn report(&mut self) -> Arc<CollectingReporter> {
        Arc::clone(self.reporter.get_or_insert_default())
    }

    /// The topics that tasks write themselves.
    #[must_use]
    pub const fn written(&self) -> &Arc<MemoryTopics> {
        &self.written
    }

    /// The clock that tasks see.
    #[must_use]
    pub const fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    /// Offset that the next record of this partition gets.
    #[must_use]
    pub fn end(&self, partition: &TopicPartition) -> i64 {
        let length = self.topics.get(partition).map_or(0, Vec::len);
        i64::try_from(length).unwrap_or(i64::MAX)
    }

    /// Offsets committed to the group.
    #[must_use]
    pub fn committed(&mut self) -> &SinkOffsets {
        self.take_committed();
        &self.committed
    }

    /// Learns of what tasks have committed together with records of their own.
    fn take_committed(&mut self) {
        self.committed.extend(self.written.take_committed());
    }

    /// Appends a record to its partition, where [`SinkDriver::end`] must be its offset.
    pub fn produce(&mut self, record: SinkRecord) {
        self.topics.entry(record.origin.clone()).or_default().push(record);
    }

    /// Starts a task with these partitions, from what was committed.
    ///
    /// # Errors
    /// The task did not start or open.
    pub async fn start(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let mut context = sink_context(&self.clock);
        context.reporter =
            self.reporter.clone().map(|reporter| reporter as Arc<dyn ErrantRecordReporter>);
        let topics: Arc<dyn TopicWriter> = Arc::<MemoryTopics>::clone(&self.written);
        context.topics = Some(topics);
        let task = self.connector.start_task(&self.props, context.clone()).await?;
        self.running =
            Some(Running { task, context, positions: SinkOffsets::new(), paused: BTreeSet::new() });
        self.open(partitions).await
    }

    /// Assigns more partitions to the running task.
    ///
    /// # Errors
    /// What the task answered.
    pub async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.take_committed();
        let running = self.running.as_mut().ok_or_else(not_running)?;
        for partition in partitions {
            let offset = self.committed.get(partition).copied().unwrap_or(0);
            running.positions.insert(partition.clone(), offset);
        }
        running.task.open(partitions).await?;
        running.obey();
        Ok(())
    }

    /// Brings at most this many records of each partition and returns how many there were; a
    /// retriable error pauses and brings the same batch again.
    ///
    /// # Errors
    /// What the task answered, when it is not retriable or does not end.
    pub async fn poll(&mut self, most: usize) -> Result<usize> {
        let running = self.running.as_mut().ok_or_else(not_running)?;
        let mut batch = Vec::new();
        for (partition, position) in &mut running.positions {
            let (Some(records), false) =
                (self.topics.get(partition), running.paused.contains(partition))
            else {
                continue;
            };
            let from = usize::try_from(*position).unwrap_or(0);
            let before = batch.len();
            batch.extend(records.iter().skip(from).take(most).cloned());
            *position += i64::try_from(batch.len() - before).unwrap_or(0);
        }
        self.put(&batch).await?;
        Ok(batch.len())
    }

    /// Brings this batch, whatever the positions are.
    ///
    /// # Errors
    /// As [`SinkDriver::poll`].
    pub async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        let running = self.running.as_mut().ok_or_else(not_running)?;
        for _attempt in 0..MOST_ATTEMPTS {
            match running.task.put(batch).await {
                Ok(()) => {
                    running.obey();
                    return Ok(());
                }
                Err(error) if error.class().is_retriable() => {
                    let wait = running.context.requests.take().timeout;
                    let wait_ms = wait.and_then(|wait| i64::try_from(wait.as_millis()).ok());
                    self.clock.advance_ms(wait_ms.unwrap_or(BACK_OFF_MS));
                }
                Err(error) => return Err(error),
            }
        }
        Err(ConnectorError::internal("The sink is still asking to be tried again"))
    }

    /// Asks for offsets and commits them; a refusal rewinds to what was committed last.
    ///
    /// # Errors
    /// The task named an offset beyond what it was brought.
    pub async fn commit(&mut self) -> Result<()> {
        self.take_committed();
        let running = self.running.as_mut().ok_or_else(not_running)?;
        let consumed = running.positions.clone();
        let Ok(safe) = running.task.pre_commit(&consumed).await else {
            for (partition, position) in &mut running.positions {
                *position = self.committed.get(partition).copied().unwrap_or(0);
            }
            running.obey();
            return Ok(());
        };
        running.obey();
        for (partition, offset) in safe {
            let Some(&limit) = consumed.get(&partition) else { continue };
            ensure(offset <= limit, || {
                format!("pre_commit named offset {offset} of {partition} and was brought {limit}")
            })?;
            self.committed.insert(partition, offset);
        }
        Ok(())
    }

    /// Takes partitions away after a last commit.
    ///
    /// # Errors
    /// What the task answered.
    pub async fn revoke(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.commit().await?;
        self.lose(partitions).await
    }

    /// Takes partitions away without a commit, as when they are with another worker already.
    ///
    /// # Errors
    /// What the task answered.
    pub async fn lose(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let running = self.running.as_mut().ok_or_else(not_running)?;
        running.task.close(partitions).await?;
        running.positions.retain(|partition, _| !partitions.contains(partition));
        running.obey();
        Ok(())
    }

    /// Commits, closes and stops the task.
    ///
    /// # Errors
    /// What the task answered.
    pub async fn stop(&mut self) -> Result<()> {
        let running = self.running.as_ref().ok_or_else(not_running)?;
        let partitions: Vec<_> = running.positions.keys().cloned().collect();
        self.revoke(&partitions).await?;
        let mut running = self.running.take().ok_or_else(not_running)?;
        running.task.stop().await
    }

    /// Drops the task as a killed process would.
    pub fn crash(&mut self) {
        self.running = None;
    }

    /// Detaches the running task, which goes on as a stale owner of its partitions; start another
    /// and give this one back with [`SinkDriver::lose`] or by dropping it.
    #[must_use]
    pub fn detach(&mut self) -> Option<Box<dyn SinkTask>> {
        self.running.take().map(|running| running.task)
    }

    /// Brings everything, lets the time pass that makes it due, and commits.
    ///
    /// # Errors
    /// What the task answered.
    pub async fn settle(&mut self) -> Result<()> {
        while self.poll(usize::MAX).await? > 0 {}
        for _round in 0..2 {
            self.clock.advance_ms(self.settle_ms);
            self.put(&[]).await?;
            self.commit().await?;
            while self.poll(usize::MAX).await? > 0 {}
        }
        Ok(())
    }
}

fn not_running() -> ConnectorError {
    ConnectorError::internal("The case drives a task that it has not started")
}
