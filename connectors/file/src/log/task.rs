//! The task: look, read, and wait for more.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use connect_api::{
    budget::MemoryBudget,
    error::Result,
    record::SourceBatch,
    source::{SourceContext, SourceTask},
    time::Clock,
};
use connect_disk::on_disk;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::warn;

use super::{
    batch::Batch,
    config::{LogFileConfig, Tolerance},
    lines::{Ending, Splitter},
    notices::Notices,
    offset::Stored,
    record::RecordMaker,
    registry::Registry,
    tail::{Checked, Intake, Progress, State},
    wake::Wake,
};

/// How long after the last line a file is simply asked again: lines come in bursts, and setting up
/// a watch for each would cost more than reading it.
const HOT: Duration = Duration::from_millis(20);
/// How often it is asked then.
const HOT_PAUSE: Duration = Duration::from_millis(2);
/// How often directories are looked through while there is enough to read.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Shortest time between two looks for a reason: a neighbour's events may come by the thousand.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// Follows the files of one connector.
#[derive(Debug)]
pub(super) struct LogFileTask {
    pub(super) registry: Registry,
    pub(super) notices: Notices,
    splitter: Splitter,
    maker: RecordMaker,
    budget: MemoryBudget,
    clock: Arc<dyn Clock>,
    tolerance: Tolerance,
    max_records: usize,
    max_bytes: usize,
    poll_interval: Duration,
    /// Whether the directories must be looked through before the next read.
    is_look_due: bool,
    looked_at: Instant,
    /// When something was read last, or could have been but for the memory.
    read_at: Option<Instant>,
    is_blind: bool,
}

impl LogFileTask {
    /// A task that goes on where the offsets say.
    pub(super) fn new(
        config: &LogFileConfig,
        tolerance: Tolerance,
        stored: Vec<(Arc<str>, Stored)>,
        context: &SourceContext,
    ) -> Self {
        let first_line = config.multiline_start_pattern.as_ref().map(|pattern| pattern.0.clone());
        Self {
            registry: Registry::new(config, stored, context.clock.now_ms()),
            notices: Notices::new(Arc::clone(&context.connector)),
            splitter: Splitter { max_bytes: config.max_line_bytes, first_line },
            maker: RecordMaker::new(config),
            budget: context.budget.clone(),
            clock: Arc::clone(&context.clock),
            tolerance,
            max_records: config.batch_max_records,
            max_bytes: config.batch_max_bytes,
            poll_interval: config.poll_interval,
            is_look_due: true,
            looked_at: Instant::now(),
            read_at: None,
            is_blind: false,
        }
    }

    /// Reads what is there; none when there is nothing. Everything is done before it returns.
    pub(super) fn step(&mut self) -> Result<Option<SourceBatch>> {
        let now_ms = self.clock.now_ms();
        if !self.registry.refresh(now_ms) || self.looked_at.elapsed() >= LOOK_EVERY {
            self.is_look_due = true;
        }
        if self.is_look_due {
            self.registry.scan(now_ms, &mut self.notices);
            self.is_look_due = false;
            self.looked_at = Instant::now();
        }
        let mut batch = Batch::new(self.max_records, self.max_bytes);
        self.fill(&mut batch, now_ms);
        if !batch.is_full() {
            self.end_files(&mut batch, now_ms);
        }
        self.registry.close_idle();
        self.notices.report(now_ms);
        let records = batch.finish()?;
        let offsets = self.registry.take_offsets(now_ms);
        if records.is_empty() && offsets.is_empty() {
            return Ok(None);
        }
        self.read_at = Some(Instant::now());
        Ok(Some(SourceBatch { records, offsets }))
    }

    /// Makes the next step look through the directories.
    #[cfg(test)]
    pub(super) fn look_now(&mut self) {
        self.is_look_due = true;
    }

    /// Bytes of buffers in use.
    #[cfg(test)]
    pub(super) fn used_bytes(&self) -> usize {
        self.budget.used_bytes()
    }

    /// Reads from every file that has something, in turns.
    fn fill(&mut self, batch: &mut Batch, now_ms: i64) {
        let mut ready = self.registry.ready();
        while let Some((.., index)) = ready.pop_first() {
            match self.read(index, Ending::Open, batch, now_ms) {
                Progress::More if !batch.is_full() => ready.extend(self.registry.take_turn(index)),
                Progress::More => {
                    self.registry.take_turn(index);
                    return;
                }
                Progress::Starved => {
                    // Nobody tells when there is room again: ask, as if lines were coming.
                    self.read_at = Some(Instant::now());
                    return;
                }
                Progress::Drained | Progress::Rewritten => {}
            }
        }
    }

    fn read(&mut self, index: usize, ending: Ending, batch: &mut Batch, now_ms: i64) -> Progress {
        let Some(tail) = self.registry.tails.get_mut(index) else { return Progress::Drained };
        if !tail.is_open() {
            match tail.check(&mut self.notices) {
                Checked::Ready => {}
                Checked::Unreadable => return Progress::Drained,
                Checked::Changed => {
                    tail.orphan(now_ms);
                    self.is_look_due = true;
                    return Progress::Rewritten;
                }
            }
        }
        let mut intake = Intake {
            splitter: &self.splitter,
            maker: &mut self.maker,
            batch,
            notices: &mut self.notices,
            budget: &self.budget,
            tolerance: self.tolerance,
        };
        match tail.read(ending, &mut intake) {
            Ok(Progress::Rewritten) => {
                tail.orphan(now_ms);
                self.is_look_due = true;
                Progress::Rewritten
            }
            Ok(progress) => progress,
            Err(error) => {
                tail.unreadable(&error, &mut self.notices);
                Progress::Drained
            }
        }
    }

    /// Takes the last half line of files that have ended, and lets go of them.
    fn end_files(&mut self, batch: &mut Batch, now_ms: i64) {
        for index in 0..self.registry.tails.len() {
            let Some(tail) = self.registry.tails.get(index) else { return };
            let Some(ending) = self.registry.ending(tail, now_ms) else { continue };
            if tail.has_remainder() && self.read(index, ending, batch, now_ms) != Progress::Drained
            {
                // Not all of it yet, or it is another file now.
                continue;
            }
            if batch.is_full() {
                return;
            }
            let Some(tail) = self.registry.tails.get_mut(index) else { return };
            tail.is_settled = true;
            if ending == Ending::Final {
                tail.close();
                tail.is_dirty |= tail.position > 0;
                if tail.state == State::Live {
                    tail.state = State::Finished;
                }
            }
        }
    }

    fn is_hot(&self) -> bool {
        self.read_at.is_some_and(|read_at| read_at.elapsed() < HOT)
    }

    /// Watches the directories, or says once that it cannot.
    async fn arm(&mut self) -> Wake {
        match Wake::arm(&self.registry.directories).await {
            Ok(wake) => {
                self.is_blind = false;
                wake
            }
            Err(error) => {
                if !self.is_blind {
                    let every = self.poll_interval.as_millis();
                    warn!(
                        "Could not watch directories for changes, looking every {every} ms \
                           instead: {error}"
                    );
                }
                self.is_blind = true;
                Wake::blind()
            }
        }
    }
}

#[async_trait]
impl SourceTask for LogFileTask {
    /// # Cancel safety
    /// Positions move only in `step`, which does not wait, and its batch is returned at once.
    async fn poll(&mut self) -> Result<SourceBatch> {
        loop {
            if let Some(batch) = on_disk(|| self.step())? {
                return Ok(batch);
            }
            if self.is_hot() || self.is_look_due {
                sleep(HOT_PAUSE).await;
                continue;
            }
            let watched = self.registry.directories.clone();
            let mut wake = self.arm().await;
            // What happened before the watch was set up is seen by looking once more.
            self.is_look_due = true;
            loop {
                if let Some(batch) = on_disk(|| self.step())? {
                    return Ok(batch);
                }
                if self.registry.directories != watched {
                    break;
                }
                let _by_event = timeout(self.poll_interval, wake.changed()).await;
                sleep_until(self.looked_at + LOOK_PAUSE).await;
                self.is_look_due = true;
            }
        }
    }

    async fn stop(&mut self) -> Result<()> {
        self.registry.close_all();
        Ok(())
    }
}
