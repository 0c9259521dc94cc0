//! The task: read file after file, and let go of those whose rows are acknowledged.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fs,
    sync::Arc,
};

use async_trait::async_trait;
use connect_api::{
    budget::{MemoryBudget, Reservation},
    error::{ConnectorError, Result, chain},
    record::{SourceBatch, SourceOffset, SourcePartition, SourceRecord},
    source::{SourceContext, SourceTask},
    time::Clock,
};
use connect_disk::on_disk;
use tokio::time::sleep;
use tracing::warn;

use crate::{
    config::{CleanupPolicy, CsvConfig, Tolerance},
    notices::Notices,
    offset::{Identity, Stage, Stored, name_of, partition},
    progress::{FileProgress, Running, TaskFiles},
    reader::{Next, OpenFile, Refusal},
    spool::{Claim, Found, Spool},
};

/// Bytes of rows after which a batch is full.
const BATCH_BYTES: u64 = 4 << 20;
/// Pause until a file that could not be moved is tried again.
const RETRY_MS: i64 = 1_000;

/// Reads the files of one task.
#[derive(Debug)]
pub(crate) struct CsvTask {
    config: CsvConfig,
    spool: Spool,
    tolerance: Tolerance,
    /// What other parts of the process may know.
    files: Arc<TaskFiles>,
    /// Says that the task runs.
    _running: Arc<Running>,
    clock: Arc<dyn Clock>,
    budget: MemoryBudget,
    notices: Notices,
    stored: HashMap<String, Stored>,
    queue: VecDeque<Found>,
    current: Option<(OpenFile, Reservation)>,
    ended: BTreeMap<String, Ended>,
    /// Why the task fails with its next poll.
    halt: Option<ConnectorError>,
}

/// A file that is not read any more.
#[derive(Debug)]
struct Ended {
    found: Found,
    stage: Stage,
    /// Whether every row before its end is acknowledged.
    is_settled: bool,
    tried_ms: Option<i64>,
}

/// The batch that is being filled.
#[derive(Debug, Default)]
struct Batch {
    records: Vec<SourceRecord>,
    offsets: BTreeMap<String, Stored>,
    bytes: u64,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.offsets.is_empty()
    }
}

impl CsvTask {
    /// A task that goes on where the offsets say.
    pub(crate) fn new(
        config: CsvConfig,
        (spool, tolerance): (Spool, Tolerance),
        (files, running): (Arc<TaskFiles>, Arc<Running>),
        stored: HashMap<String, Stored>,
        context: &SourceContext,
    ) -> Self {
        for (name, stored) in &stored {
            files.set(name, FileProgress::restored(*stored));
        }
        Self {
            config,
            spool,
            tolerance,
            files,
            _running: running,
            clock: Arc::clone(&context.clock),
            budget: context.budget.clone(),
            notices: Notices::new(Arc::clone(&context.connector)),
            stored,
            queue: VecDeque::new(),
            current: None,
            ended: BTreeMap::new(),
            halt: None,
        }
    }

    /// Reads what is there; none when there is nothing. Everything is done before it returns.
    fn step(&mut self) -> Result<Option<SourceBatch>> {
        let now_ms = self.clock.now_ms();
        self.clean_up(now_ms);
        self.notices.report(now_ms);
        if let Some(error) = self.halt.take() {
            return Err(error);
        }
        let mut batch = Batch::default();
        let mut may_look = true;
        while self.has_room(&batch) && self.halt.is_none() {
            if self.current.is_none() {
                match self.open_next(&mut batch, &mut may_look) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) if batch.is_empty() => return Err(error),
                    // What was read is delivered; the next step meets the error again.
                    Err(_later) => break,
                }
            }
            self.read(&mut batch);
        }
        if batch.is_empty() {
            return Ok(None);
        }
        let offset = |(name, mut stored): (String, Stored)| {
            stored.at_ms = now_ms;
            (partition(&name), Some(stored.to_offset()))
        };
        let offsets = batch.offsets.into_iter().map(offset).collect();
        Ok(Some(SourceBatch { records: batch.records, offsets }))
    }

    fn has_room(&self, batch: &Batch) -> bool {
        batch.records.len() < self.config.spool.batch_size && batch.bytes < BATCH_BYTES
    }

    /// Opens the next file; `false` when there is none now.
    fn open_next(&mut self, batch: &mut Batch, may_look: &mut bool) -> Result<bool> {
        loop {
            let Some(found) = self.queue.pop_front() else {
                if !*may_look {
                    return Ok(false);
                }
                *may_look = false;
                self.look()?;
                continue;
            };
            if self.open(found, batch)? {
                return Ok(true);
            }
            if self.halt.is_some() {
                return Ok(false);
            }
        }
    }

    /// Lists the files that are to be read.
    fn look(&mut self) -> Result<()> {
        for found in self.spool.look()? {
            if self.ended.contains_key(&found.name) {
                continue;
            }
            let known = self.stored.get(&found.name).filter(|stored| stored.is_of(found.identity));
            match known.map(|stored| stored.stage) {
                Some(stage @ (Stage::Finished | Stage::Failed)) => self.let_go(found, stage),
                _ => self.queue.push_back(found),
            }
        }
        Ok(())
    }

    /// Does with a file that was read by an earlier task what that one could not do any more.
    fn let_go(&mut self, found: Found, stage: Stage) {
        if stage == Stage::Finished && self.config.spool.cleanup_policy == CleanupPolicy::None {
            return;
        }
        let ended = Ended { found, stage, is_settled: true, tried_ms: None };
        self.ended.insert(ended.found.name.clone(), ended);
    }

    /// Opens a file; `false` when it is none for now.
    fn open(&mut self, found: Found, batch: &mut Batch) -> Result<bool> {
        let stored = self.stored.get(&found.name).copied();
        if self.spool.claim(&found.path, stored.is_some())? == Claim::Theirs {
            let path = found.path.display();
            let extension = &self.config.spool.processing_file_extension;
            self.notices.raise(&found.path, format!(
                "File \"{path}\" is left to whoever put the flag \"{path}{extension}\" beside it. \
                 Delete the flag if nobody reads the file"
            ));
            return Ok(false);
        }
        let Some(held) = self.budget.reserve(self.config.spool.file_buffer_bytes) else {
            return Err(ConnectorError::retriable(format!(
                "Could not open file \"{}\": the memory budget is used up",
                found.path.display()
            )));
        };
        match OpenFile::open(&self.config, found.clone(), stored) {
            Ok(open) => {
                self.notices.clear(&found.path);
                let left = open.left();
                let began = (left.bytes_read, self.clock.now_ms());
                let progress = FileProgress { began, ..FileProgress::restored(left) };
                self.files.set(&found.name, progress);
                self.current = Some((open, held));
                Ok(true)
            }
            Err(Refusal::Gone) => {
                self.spool.release(&found.path);
                Ok(false)
            }
            Err(Refusal::Later(error)) => {
                self.spool.release(&found.path);
                self.notices.raise(&found.path, chain(&error));
                Ok(false)
            }
            Err(Refusal::Bad(error)) => {
                let stored = Stored { identity: Some(found.identity), ..Stored::default() };
                self.fail(found, stored, error, batch);
                Ok(false)
            }
        }
    }

    /// Reads rows of the file that is open.
    fn read(&mut self, batch: &mut Batch) {
        let Some((mut open, held)) = self.current.take() else { return };
        let name = open.found.name.clone();
        while self.has_room(batch) {
            let position = open.stored.position.unwrap_or(0);
            let next = open.next();
            batch.bytes += open.stored.position.unwrap_or(0).saturating_sub(position);
            match (next, self.tolerance) {
                (Next::Record(record), _) => batch.records.push(*record),
                (Next::Bad(error), Tolerance::All { is_each_logged }) => {
                    self.files.change(&name, |file| file.note(&chain(&error)));
                    self.notices.skip(&error, is_each_logged);
                }
                (Next::Bad(error), Tolerance::None) | (Next::Broken(error), _) => {
                    let left = open.left();
                    return self.fail(open.found, left, error, batch);
                }
                (Next::End, _) if open.has_grown() => open.stored.stage = Stage::Reading,
                (Next::End, _) => {
                    let whole = Stored { bytes_read: open.found.identity.size, ..open.stored };
                    return self.end(open.found, whole, batch);
                }
            }
        }
        let stored = self.noted(&name, open.left());
        batch.offsets.insert(name, stored);
        self.current = Some((open, held));
    }

    /// Tells others how far a file has come.
    fn noted(&self, name: &str, mut stored: Stored) -> Stored {
        stored.at_ms = self.clock.now_ms();
        self.files.change(name, |file| file.stored = stored);
        stored
    }

    fn end(&mut self, found: Found, stored: Stored, batch: &mut Batch) {
        let stored = self.noted(&found.name, stored);
        batch.offsets.insert(found.name.clone(), stored);
        self.stored.insert(found.name.clone(), stored);
        let stage = stored.stage;
        let ended = Ended { found, stage, is_settled: false, tried_ms: None };
        self.ended.insert(ended.found.name.clone(), ended);
    }

    /// Gives a file up; what was read of it before is delivered.
    fn fail(&mut self, found: Found, stored: Stored, error: ConnectorError, batch: &mut Batch) {
        let sentence = chain(&error);
        self.files.change(&found.name, |file| file.note(&sentence));
        let stored = Stored { stage: Stage::Failed, ..stored };
        let aside = self.config.spool.error_path.display();
        if self.config.spool.halt_on_error {
            let hint = format!("The file goes to \"{aside}\"; rows before this one were delivered");
            self.halt = Some(error.hint(hint));
        } else {
            let sentence = format!("{sentence}. The file goes to \"{aside}\"");
            self.notices.raise(&found.path, sentence);
        }
        self.end(found, stored, batch);
    }

    /// Moves or deletes files whose rows are acknowledged.
    fn clean_up(&mut self, now_ms: i64) {
        let due: Vec<_> = self
            .ended
            .iter()
            .filter(|(_, ended)| {
                ended.is_settled && ended.tried_ms.is_none_or(|tried| now_ms - tried >= RETRY_MS)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            let Some(mut ended) = self.ended.remove(&name) else { continue };
            match self.clean(&ended) {
                Ok(()) => {
                    self.notices.clear(&ended.found.path);
                    self.spool.release(&ended.found.path);
                }
                Err(error) => {
                    self.notices.raise(&ended.found.path, chain(&error));
                    ended.tried_ms = Some(now_ms);
                    self.ended.insert(name, ended);
                }
            }
        }
    }

    fn clean(&self, ended: &Ended) -> Result<()> {
        let found = &ended.found;
        let Ok(metadata) = fs::metadata(&found.path) else { return Ok(()) };
        if Identity::of(&metadata) != found.identity {
            warn!(
                "File \"{}\" was changed after it was read to its end: it is read again from its \
                   start. Move files into the directory when they are whole, or set \
                   file.minimum.age.ms",
                found.path.display()
            );
            return Ok(());
        }
        match ended.stage {
            Stage::Failed => self.spool.put_aside(found),
            _ => self.spool.finish(found),
        }
    }

    /// Files up to these offsets are acknowledged.
    fn settle(&mut self, offsets: &[(SourcePartition, Option<SourceOffset>)]) {
        for (partition, offset) in offsets {
            let (Ok(name), Some(Ok(stored))) =
                (name_of(partition), offset.as_ref().map(Stored::parse))
            else {
                continue;
            };
            let is_whole = stored.stage != Stage::Reading;
            self.files.change(name, |file| {
                if file.stored.identity == stored.identity {
                    file.delivered = stored.rows;
                    file.is_settled = is_whole;
                }
            });
            if let Some(ended) = self.ended.get_mut(name)
                && is_whole
                && stored.identity == Some(ended.found.identity)
            {
                ended.is_settled = true;
            }
        }
        self.clean_up(self.clock.now_ms());
    }
}

#[async_trait]
impl SourceTask for CsvTask {
    /// # Cancel safety
    /// Positions move only in `step`, which does not wait, and its batch is returned at once.
    async fn poll(&mut self) -> Result<SourceBatch> {
        if let Some(batch) = on_disk(|| self.step())? {
            return Ok(batch);
        }
        sleep(self.config.spool.empty_poll_wait).await;
        Ok(SourceBatch::default())
    }

    async fn commit(&mut self, offsets: &[(SourcePartition, Option<SourceOffset>)]) -> Result<()> {
        on_disk(|| self.settle(offsets));
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        if let Some((open, _)) = self.current.take() {
            self.spool.release(&open.found.path);
        }
        for ended in self.ended.values() {
            self.spool.release(&ended.found.path);
        }
        Ok(())
    }
}
