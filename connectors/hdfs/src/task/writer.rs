//! One Kafka partition: its open files, its position, and what it waits for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

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
use tokio::time::Instant;

use super::{Shared, accept::Step, now};
use crate::{
    file::OpenFile,
    recovery::{Claim, Held},
};

/// Batches from before the position after which a warning tells that they are passed over.
const ODD_BATCHES: u32 = 3;

/// What is written of one Kafka partition.
#[derive(Debug)]
pub(super) struct PartitionWriter {
    pub(super) origin: TopicPartition,
    pub(super) router: Router,
    /// What the partition is written with; nothing until it is claimed.
    pub(super) claim: Option<Claim>,
    /// Open files by folder.
    pub(super) files: BTreeMap<Arc<str>, OpenFile>,
    /// Other topics whose names files may get by now.
    pub(super) apart: BTreeSet<Arc<str>>,
    /// Records in the open files.
    pub(super) count: i64,
    /// Time of the first record since the last commit, where records have times.
    pub(super) base_ms: Option<i64>,
    /// Time of the last commit by the clock, or of the first record after an idle time.
    pub(super) rotated_ms: Option<i64>,
    /// Rotation by schedule.
    pub(super) slots: Slots,
    /// Time at which the first record of the open files came.
    pub(super) since_ms: Option<i64>,
    /// Offset after the last record that was dealt with.
    pub(super) position: i64,
    /// Offset after the last record that was brought.
    brought: i64,
    /// First offset that may not be stored, as far as this task knows.
    floor: Option<i64>,
    /// Batches that were from before the position as a whole.
    passed_over: u32,
    rewind: Option<Rewind>,
    resume_at: Option<Instant>,
    /// Since when the partition cannot be claimed.
    unclaimed_since: Option<Instant>,
    pub(super) hunger: Hunger,
    /// The record at hand.
    pub(super) draft: Draft,
    /// Why records could not be stored, until some are.
    pub(super) held_by: Option<Progress>,
}

#[async_trait]
impl Writer for PartitionWriter {
    type Shared = Shared;

    fn new(shared: &Shared, origin: TopicPartition) -> Result<Self> {
        let interval_ms = shared.config.connector.rotate_schedule_interval_ms;
        Ok(Self {
            origin,
            router: Router::new(&shared.config.storage)?,
            claim: None,
            files: BTreeMap::new(),
            apart: BTreeSet::new(),
            count: 0,
            base_ms: None,
            rotated_ms: None,
            slots: Slots::new(shared.zone, interval_ms, shared.context.clock.now_ms()),
            since_ms: None,
            position: 0,
            brought: 0,
            floor: None,
            passed_over: 0,
            rewind: None,
            resume_at: None,
            unclaimed_since: None,
            hunger: Hunger::default(),
            draft: Draft::new(shared.config.connector.format.schemas_cache_config),
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
        self.warn_of_old_records(records);
        for record in records {
            // A batch may come again while its records are held or stored: they are not doubled.
            if record.offset < self.position {
                continue;
            }
            let step = self.accept(shared, record, now_ms)?;
            if matches!(step, Step::Done) {
                self.position = record.offset + 1;
                continue;
            }
            // Only what has to wait costs a future.
            Box::pin(self.follow(shared, record, step, now_ms)).await?;
            if self.rewind.is_some() || self.claim.is_none() {
                return Ok(());
            }
        }
        if self.count > 0 {
            self.since_ms.get_or_insert(now_ms);
            if let Some(reason) = self.is_time_over(shared, None, now_ms) {
                Box::pin(self.end_group(shared, reason, now_ms)).await?;
            }
        } else if self.is_old(shared, self.grown_since_ms(), now_ms) {
            Box::pin(self.close_grown(shared, Rotation::Age, now_ms)).await?;
        }
        Ok(())
    }

    async fn commit(&mut self, shared: &Shared, reason: Rotation, now_ms: i64) -> Result<()> {
        self.end_group(shared, reason, now_ms).await
    }

    fn safe_offset(&self, consumed: i64) -> i64 {
        self.first_open().map_or(consumed, |first| first.min(consumed))
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
    /// Whether the partition has to be claimed now.
    pub(super) fn is_claim_due(&self) -> bool {
        self.claim.is_none() && self.resume_at.is_none_or(|at| now() >= at)
    }

    /// What becomes of growing files that somebody else still writes.
    pub(super) fn held(&self, shared: &Shared) -> Held {
        let keys = &shared.config.cluster;
        let is_over = self.unclaimed_since.is_some_and(|it| it.elapsed() >= keys.lease_timeout);
        if is_over { Held::Copied(keys.part_bytes) } else { Held::Waits }
    }

    /// Waits before the partition is claimed again.
    pub(super) fn is_refused(&mut self, shared: &Shared, error: &ConnectorError) {
        self.unclaimed_since.get_or_insert_with(now);
        self.back_off(shared, error);
    }

    /// Goes on where the marker says that files end, or where this task knows that it has to.
    pub(super) fn begin(&mut self, shared: &Shared, claim: Claim) {
        let target = claim.marker.position().max(self.floor.take());
        self.claim = Some(claim);
        if self.unclaimed_since.take().is_some() {
            // What kept records from being stored is in the way until some are.
            self.held_by = None;
        }
        if self.resume_at.take().is_some() {
            shared.context.resume([self.origin.clone()]);
        }
        match target {
            Some(target) if target < self.brought => self.rewind(shared, target),
            Some(target) => {
                tracing::info!("{} goes on at offset {target}", self.origin);
                self.position = target;
                self.rewind = None;
                shared.context.seek(self.origin.clone(), target);
            }
            None => {}
        }
    }

    /// A topic that was made anew begins below what is stored of the one before.
    fn warn_of_old_records(&mut self, records: &[&SinkRecord]) {
        if records.last().is_none_or(|last| last.offset >= self.position) {
            return;
        }
        self.passed_over = self.passed_over.saturating_add(1);
        if self.passed_over == ODD_BATCHES {
            tracing::warn!(
                partition = %self.origin,
                "Records of {} below offset {} are passed over, because files go that far: if the \
                 topic was made anew, move its files away and delete the marker in logs.dir",
                self.origin,
                self.position
            );
        }
    }

    /// Whether records may be taken: not before the partition is claimed or a rewind is done.
    fn admits(&mut self, shared: &Shared, records: &[&SinkRecord]) -> Result<bool> {
        let Some(first) = records.first() else { return Ok(self.claim.is_some()) };
        if self.claim.is_none() {
            self.floor.get_or_insert(first.offset.max(self.position));
            self.brought =
                records.last().map_or(self.brought, |it| self.brought.max(it.offset + 1));
            return Ok(false);
        }
        let Some(rewind) = &mut self.rewind else { return Ok(true) };
        if self.hunger.since().is_none() && rewind.is_done(first) {
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
    ) -> Result<()> {
        loop {
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
                    return self.end_group(shared, reason, now_ms).await;
                }
                Step::PartFull(folder) => {
                    self.position = record.offset + 1;
                    return self.write_parts(shared, &folder).await;
                }
                Step::Full if self.spill_largest(shared).await? => {}
                Step::Full => self.starve(shared, record.offset)?,
            }
            if self.rewind.is_some() || self.claim.is_none() {
                return Ok(());
            }
            step = self.accept(shared, record, now_ms)?;
        }
        self.position = record.offset + 1;
        Ok(())
    }

    /// Why the files have to be committed now, as far as time goes; `time_ms` is that of the record at
    /// hand.
    pub(super) fn is_time_over(
        &self,
        shared: &Shared,
        time_ms: Option<i64>,
        now_ms: i64,
    ) -> Option<Rotation> {
        let keys = &shared.config.connector;
        let span_ms = if shared.config.rotates_by_records() {
            time_ms.zip(self.base_ms).map(|(time, base)| time.saturating_sub(base))
        } else {
            self.rotated_ms.map(|rotated| now_ms.saturating_sub(rotated))
        };
        if keys.rotate_interval_ms > 0 && span_ms >= Some(keys.rotate_interval_ms) {
            return Some(Rotation::Interval);
        }
        if self.slots.is_over(now_ms) {
            return Some(Rotation::Schedule);
        }
        let since_ms = [self.since_ms, self.grown_since_ms()].into_iter().flatten().min();
        self.is_old(shared, since_ms, now_ms).then_some(Rotation::Age)
    }

    /// Time at which the first record of the oldest growing file came.
    fn grown_since_ms(&self) -> Option<i64> {
        self.claim.as_ref().and_then(|claim| claim.growing.oldest_ms())
    }

    fn is_old(&self, shared: &Shared, since_ms: Option<i64>, now_ms: i64) -> bool {
        let most_ms = shared.config.connector.file_age_ms_max;
        most_ms > 0 && since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= most_ms)
    }

    /// Nothing that ends files waits for a clock that was set back to be where it was, which may take
    /// days: what began later than now begins now.
    fn follow_clock(&mut self, now_ms: i64) {
        self.slots.follow_clock(now_ms);
        self.rotated_ms = self.rotated_ms.map(|rotated| rotated.min(now_ms));
        self.since_ms = self.since_ms.map(|since| since.min(now_ms));
        if let Some(claim) = &mut self.claim {
            claim.growing.follow_clock(now_ms);
        }
    }

    /// Has everything from an offset on read again.
    pub(super) fn rewind(&mut self, shared: &Shared, target: i64) {
        tracing::debug!(partition = %self.origin, "Rewinding {} to offset {target}", self.origin);
        let range = (target, self.brought);
        self.rewind = Some(Rewind::begin(&shared.context, &self.origin, range));
        self.position = target;
    }

    /// Throws the open files away, and waits before the partition is claimed again.
    pub(super) fn back_off(&mut self, shared: &Shared, error: &ConnectorError) {
        let pause = shared.config.connector.retry_backoff.mul_f64(0.5 + rand::random::<f64>());
        tracing::warn!(
            partition = %self.origin,
            "Could not store records of {}, which are read again in {} ms: {}",
            self.origin,
            pause.as_millis(),
            connect_api::error::chain(error)
        );
        self.floor = self.first_open();
        let _files = self.take_files();
        self.claim = None;
        self.rewind = None;
        self.hunger.forget();
        self.held_by = Some(Progress::held_by(error));
        self.resume_at = Some(now() + pause);
        shared.context.pause([self.origin.clone()]);
        shared.context.set_timeout(pause);
    }

    /// The first offset that may not be stored; nothing as long as nothing was brought.
    fn first_open(&self) -> Option<i64> {
        let position = match &self.rewind {
            Some(rewind) => (self.brought > 0).then_some(rewind.target()),
            // What lies behind the last record that was brought is none: the marks of transactions.
            None => (self.position < self.brought).then_some(self.position),
        };
        let first = self.files.values().map(|file| file.first).min();
        [first, position, self.floor].into_iter().flatten().min()
    }

    /// Takes the open files out, first offset first, and begins a new group.
    pub(super) fn take_files(&mut self) -> Vec<OpenFile> {
        self.since_ms = None;
        self.count = 0;
        self.base_ms = None;
        let mut files: Vec<_> = std::mem::take(&mut self.files).into_values().collect();
        files.sort_by_key(|file| file.first);
        files
    }
}
