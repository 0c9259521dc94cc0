//! One Kafka partition: its open files, its position, and what it waits for.

use std::{collections::HashSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    sink::Progress,
};
use connect_storage::{
    format::Draft, memory::Hunger, rewind::Rewind, rotation::Rotation, route::Router, slots::Slots,
    writers::Writer,
};
use futures::future::join_all;
use tokio::time::Instant;

use super::{Shared, accept::Step, alarm::Alarm, files::Files, now, stored::Stored};
use crate::{file::OpenFile, store::Store};

/// Age of an open group at which a warning tells that its offsets are not committed.
const OLD_GROUP: Duration = Duration::from_hours(24);
/// Changes of the schema within an hour that are no new version of a producer any more.
const MANY_SCHEMAS: u32 = 10;

/// What is written of one Kafka partition.
#[derive(Debug)]
pub(super) struct PartitionWriter {
    pub(super) origin: TopicPartition,
    pub(super) router: Router,
    /// Open files by folder.
    pub(super) files: Files,
    /// First record of files that are becoming objects: not safe until it is known that they are.
    pub(super) unsettled: Option<i64>,
    /// What is stored beyond the position that is committed.
    pub(super) stored: Stored,
    /// Where files went whose fate is unknown, so that a record goes there again.
    pub(super) routes: Vec<Route>,
    /// Lanes whose earlier objects are known to be none, where folders follow the clock.
    pub(super) probed: HashSet<Arc<str>>,
    /// Records in the open files.
    pub(super) count: i64,
    /// Time of the first record since the last commit.
    pub(super) base_ms: Option<i64>,
    /// Time of the record before.
    pub(super) last_ms: Option<i64>,
    /// Folder of the record before.
    pub(super) last_folder: Option<Arc<str>>,
    /// Rotation by schedule.
    pub(super) slots: Slots,
    /// Offset after the last record that was dealt with.
    pub(super) position: i64,
    /// Offset after the last record that was brought.
    brought: i64,
    rewind: Option<Rewind>,
    resume_at: Option<Instant>,
    pub(super) hunger: Hunger,
    /// Time at which the first record of the open files came.
    since_ms: Option<i64>,
    /// When the first of the open files was opened.
    opened_at: Option<Instant>,
    /// Time of the latest folder, where folders follow the clock: it never goes back.
    pub(super) clock_ms: Option<i64>,
    /// Folder of a begun file whose last record has just come.
    pub(super) ended: Option<Arc<str>>,
    /// The record at hand, each side of it.
    pub(super) drafts: Vec<Draft>,
    /// Files that were closed because of another schema.
    pub(super) schema_changes: Alarm,
    /// Times in fields that are hardly milliseconds.
    pub(super) odd_times: Alarm,
    /// Why records could not be stored, until some are.
    pub(super) held_by: Option<Progress>,
}

/// Time with which records of a file found their folder.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) lane: Arc<str>,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) time_ms: i64,
}

/// What follows a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next,
    /// The network was used, so that time has passed.
    Waited,
    /// The partition was rewound: the rest of the batch comes again.
    Stop,
}

#[async_trait]
impl Writer for PartitionWriter {
    type Shared = Shared;

    fn new(shared: &Shared, origin: TopicPartition) -> Result<Self> {
        let most_layouts = shared.config.connector.format.schemas_cache_config;
        let interval_ms = shared.config.connector.rotate_schedule_interval_ms;
        Ok(Self {
            origin,
            router: shared.config.router()?,
            files: Files::default(),
            unsettled: None,
            stored: Stored::default(),
            routes: Vec::new(),
            probed: HashSet::new(),
            count: 0,
            base_ms: None,
            last_ms: None,
            last_folder: None,
            slots: Slots::new(shared.zone, interval_ms, shared.context.clock.now_ms()),
            position: 0,
            brought: 0,
            rewind: None,
            resume_at: None,
            hunger: Hunger::default(),
            since_ms: None,
            opened_at: None,
            clock_ms: None,
            ended: None,
            drafts: shared.shapes.iter().map(|_| Draft::new(most_layouts)).collect(),
            schema_changes: Alarm::at(MANY_SCHEMAS),
            odd_times: Alarm::at(1),
            held_by: None,
        })
    }

    async fn write(&mut self, shared: &Shared, records: &[&SinkRecord], now_ms: i64) -> Result<()> {
        if !self.admits(shared, records)? {
            return Ok(());
        }
        self.follow_clock(now_ms);
        if self.count == 0 && self.slots.is_over(now_ms) {
            self.slots.begin(now_ms);
        }
        self.brought = records.last().map_or(self.brought, |record| record.offset + 1);
        let deadline = now().checked_add(shared.config.connector.max_write_duration);
        // A batch may come again while its records are held or stored: they are not doubled.
        for record in records {
            if record.offset < self.position {
                continue;
            }
            let step = self.accept(shared, record, now_ms)?;
            if matches!(step, Step::Done) && self.ended.is_none() {
                self.position = record.offset + 1;
                continue;
            }
            // Only what has to wait costs a future.
            let flow = Box::pin(self.follow(shared, record, step, now_ms)).await?;
            let is_late = flow == Flow::Waited && deadline.is_some_and(|at| now() >= at);
            if is_late && self.position < self.brought {
                self.rewind(shared, self.position);
            }
            if self.rewind.is_some() {
                return Ok(());
            }
        }
        if self.count > 0 {
            self.since_ms.get_or_insert(now_ms);
        }
        if self.count > 0
            && let Some(reason) = self.is_time_over(shared, self.last_ms, None, now_ms)
        {
            Box::pin(self.end_group(shared, reason, now_ms)).await?;
        }
        self.warn_of_age();
        Ok(())
    }

    async fn commit(&mut self, shared: &Shared, reason: Rotation, now_ms: i64) -> Result<()> {
        self.end_group(shared, reason, now_ms).await
    }

    fn safe_offset(&self, consumed: i64) -> i64 {
        let position = self.rewind.as_ref().map_or(consumed, Rewind::target);
        let open = self.files.values().map(|file| file.facts.held.first);
        let first = open.chain(self.unsettled).min();
        self.stored.limit(first.map_or(position, |first| first.min(position)))
    }

    fn is_backing_off(&self) -> bool {
        self.resume_at.is_some()
    }

    fn held_by(&self) -> Option<&Progress> {
        self.held_by.as_ref()
    }

    fn hunger(&mut self) -> &mut Hunger {
        &mut self.hunger
    }

    fn held_bytes(&self) -> usize {
        self.files.values().map(OpenFile::held_bytes).sum()
    }

    async fn spill(&mut self, shared: &Shared) -> Result<bool> {
        self.spill_largest(shared).await
    }
}

impl PartitionWriter {
    /// Whether records may be taken: not during a back-off, nor before a rewind is done.
    fn admits(&mut self, shared: &Shared, records: &[&SinkRecord]) -> Result<bool> {
        if self.resume_at.is_some_and(|at| now() >= at) {
            self.resume_at = None;
            shared.context.resume([self.origin.clone()]);
        }
        let is_paused = self.resume_at.is_some() || self.hunger.since().is_some();
        let (Some(rewind), Some(first)) = (&mut self.rewind, records.first()) else {
            return Ok(self.resume_at.is_none());
        };
        if !is_paused && rewind.is_done(first) {
            self.rewind = None;
            return Ok(true);
        }
        rewind.turn_away(&shared.context, &self.origin, first)?;
        Ok(false)
    }

    /// Does what a record asks for, as often as it takes.
    async fn follow(
        &mut self,
        shared: &Shared,
        record: &SinkRecord,
        mut step: Step,
        now_ms: i64,
    ) -> Result<Flow> {
        let mut flow = Flow::Next;
        loop {
            if let Some(folder) = self.ended.take() {
                self.position = record.offset + 1;
                self.end_repair(shared, &folder, record.offset + 1).await?;
                flow = Flow::Waited;
                if self.rewind.is_some() {
                    return Ok(Flow::Stop);
                }
            }
            match step {
                Step::Done => break,
                Step::Reject(error) => {
                    let place = format!("Could not write {}@{}", record.origin, record.offset);
                    let error = ConnectorError::new(error.class(), place).caused_by(error);
                    shared.context.reject(record, error).await?;
                    break;
                }
                Step::RotateFirst(reason) => self.end_group(shared, reason, now_ms).await?,
                Step::RotateAfter(reason) => {
                    self.position = record.offset + 1;
                    self.end_group(shared, reason, now_ms).await?;
                    flow = Flow::Waited;
                    break;
                }
                Step::PartFull(folder) => {
                    self.position = record.offset + 1;
                    self.upload_parts(shared, &folder).await?;
                    flow = Flow::Waited;
                    break;
                }
                Step::EndRepair(folder) => {
                    self.end_repair(shared, &folder, record.offset).await?;
                }
                Step::Probe => self.probe(shared, record, now_ms).await?,
                Step::Full if self.spill_largest(shared).await? => {}
                Step::Full => self.starve(shared, record.offset)?,
            }
            flow = Flow::Waited;
            if self.rewind.is_some() {
                return Ok(Flow::Stop);
            }
            step = self.accept(shared, record, now_ms)?;
        }
        if self.rewind.is_some() {
            return Ok(Flow::Stop);
        }
        self.position = record.offset + 1;
        Ok(flow)
    }

    /// Nothing that ends files waits for a clock that was set back to be where it was, which may take
    /// days: what began later than now begins now.
    fn follow_clock(&mut self, now_ms: i64) {
        self.slots.follow_clock(now_ms);
        self.since_ms = self.since_ms.map(|since| since.min(now_ms));
    }

    /// Why the files have to be committed now, as far as time goes.
    ///
    /// `folder` is that of the record at hand.
    pub(super) fn is_time_over(
        &self,
        shared: &Shared,
        time_ms: Option<i64>,
        folder: Option<&Arc<str>>,
        now_ms: i64,
    ) -> Option<Rotation> {
        let keys = &shared.config.connector;
        let is_by_clock = shared.config.storage.is_by_clock();
        // Folders by the clock never go back with it, and their files end in time all the same.
        let times =
            if is_by_clock { (Some(now_ms), self.since_ms) } else { (time_ms, self.base_ms) };
        if let (Some(time), Some(base)) = times
            && keys.rotate_interval_ms > 0
        {
            if time.saturating_sub(base) >= keys.rotate_interval_ms {
                return Some(Rotation::Interval);
            }
            let is_other =
                folder.zip(self.last_folder.as_ref()).is_some_and(|(own, last)| own != last);
            if keys.rotate_file_on_partition_change && is_other {
                return Some(Rotation::PartitionChange);
            }
        }
        if self.slots.is_over(now_ms) {
            return Some(Rotation::Schedule);
        }
        let age_ms = self.since_ms.map(|since| now_ms.saturating_sub(since));
        let is_old = keys.file_age_ms_max > 0 && age_ms >= Some(keys.file_age_ms_max);
        is_old.then_some(Rotation::Age)
    }

    /// Has everything from an offset on read again.
    pub(super) fn rewind(&mut self, shared: &Shared, target: i64) {
        tracing::debug!(partition = %self.origin, "Rewinding {} to offset {target}", self.origin);
        let range = (target, self.brought);
        self.rewind = Some(Rewind::begin(&shared.context, &self.origin, range));
        self.position = target;
    }

    /// Rewinds and waits before the next try.
    pub(super) fn back_off(&mut self, shared: &Shared, target: i64, error: &ConnectorError) {
        let pause = shared.config.connector.retry_backoff;
        tracing::warn!(
            partition = %self.origin,
            "Could not store records of {}, which are read again from offset {target} in {} ms: {}",
            self.origin,
            pause.as_millis(),
            connect_api::error::chain(error)
        );
        self.held_by = Some(Progress::held_by(error));
        self.rewind(shared, target);
        self.resume_at = Some(now() + pause);
        shared.context.pause([self.origin.clone()]);
        shared.context.set_timeout(pause);
    }

    /// Throws the open files away.
    pub(super) async fn discard(&mut self, store: &Store) {
        (self.opened_at, self.since_ms) = (None, None);
        self.count = 0;
        self.base_ms = None;
        self.last_folder = None;
        let mut files = self.files.take_if(|_| true);
        join_all(files.iter_mut().map(|file| file.give_up(store))).await;
    }

    /// Takes the files of the group out, first offset first, and begins a new group. Files that another
    /// task began have their own end.
    pub(super) fn take_group(&mut self) -> Vec<OpenFile> {
        (self.opened_at, self.since_ms) = (None, None);
        self.count = 0;
        self.base_ms = None;
        self.last_folder = None;
        let mut files = self.files.take_if(|file| !file.is_repair);
        files.sort_by_key(|file| file.facts.held.first);
        files
    }

    fn warn_of_age(&mut self) {
        if self.count == 0 {
            return;
        }
        if self.opened_at.get_or_insert_with(now).elapsed() >= OLD_GROUP {
            tracing::warn!(
                partition = %self.origin,
                "Files of {} have been open for a day and their offsets are not committed: they \
                 are lost when the topic's retention passes and the task restarts. Set \
                 rotate.schedule.interval.ms, or lower flush.size",
                self.origin
            );
            self.opened_at = Some(now());
        }
    }
}
