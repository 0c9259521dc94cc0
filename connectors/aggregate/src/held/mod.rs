//! What a task has counted and not yet written.
//!
//! Every partition has an open [`Segment`] that records are counted in. What is due is cut off and
//! waits, still visible to queries, until the transaction that writes it has ended. The task locks
//! all this while it counts a batch; a query locks it while it copies what it needs.

mod schedule;
mod segment;

pub(crate) use self::segment::Segment;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use connect_api::{
    budget::MemoryBudget,
    error::ConnectorError,
    record::{SinkRecord, TopicPartition},
    sink::SinkOffsets,
};

use self::schedule::slot_end_ms;
use crate::{
    cell::Cell,
    config::FlushRules,
    definition::Definition,
    record::{Reading, RecordReader},
    store::{Claim, PartitionWrite},
};

/// Bytes that a cell's place in its map takes beside the cell and its key.
const PLACE_BYTES: usize = 64;

/// A window's start and a group, as the text of a JSON array.
pub(crate) type RowKey = (i64, Box<str>);

/// Why counting a batch stopped, and after how many records.
#[derive(Debug)]
pub(crate) enum Stop {
    /// All are counted.
    End,
    /// The budget is full.
    Full(usize),
    /// This one is bad; it is not counted and the one after it is next.
    Bad(usize, ConnectorError),
}

/// What a task has counted, by partition.
#[derive(Debug)]
pub(crate) struct Held {
    counter: Counter,
    rules: FlushRules,
    slot_end_ms: Option<i64>,
    partitions: BTreeMap<TopicPartition, Partition>,
}

/// Counts records into segments.
#[derive(Debug)]
struct Counter {
    reader: RecordReader,
    definition: Arc<Definition>,
    budget: MemoryBudget,
    /// Rows changed since they were asked for; none while nobody asks.
    touched: Option<BTreeSet<RowKey>>,
    groups: String,
    text: String,
}

/// One partition of the task.
#[derive(Debug)]
struct Partition {
    epoch: i64,
    /// Offset that is stored with the rows.
    stored: Option<i64>,
    /// Offset after the last record that was taken.
    next: Option<i64>,
    /// Segments that are due, in order.
    waiting: Vec<Arc<Segment>>,
    /// How many of them a transaction has tried to write. One that failed may have been written
    /// nevertheless, so that these keep their ends.
    tried: usize,
    open: Option<Segment>,
    /// Time of the first record since the last cut.
    base_ms: Option<i64>,
    /// Whether another task has taken the partition over.
    is_fenced: bool,
}

/// A partition as a query sees it.
#[derive(Debug)]
pub(crate) struct PartitionView {
    /// Its name.
    pub(crate) partition: TopicPartition,
    /// Higher for a later owner.
    pub(crate) epoch: i64,
    /// Offset after the last record that was counted.
    pub(crate) next: Option<i64>,
    /// What is not known to be written.
    pub(crate) segments: Vec<Arc<Segment>>,
}

impl Held {
    /// Holds nothing yet.
    pub(crate) fn new(
        reader: RecordReader,
        definition: Arc<Definition>,
        rules: FlushRules,
        budget: MemoryBudget,
    ) -> Self {
        let (groups, text) = (String::new(), String::new());
        let counter = Counter { reader, definition, budget, touched: None, groups, text };
        Self { counter, rules, slot_end_ms: None, partitions: BTreeMap::new() }
    }

    /// Starts a partition where the store says.
    pub(crate) fn open(&mut self, claim: Claim) {
        let partition = Partition {
            epoch: claim.epoch,
            stored: claim.offset,
            next: claim.offset,
            waiting: Vec::new(),
            tried: 0,
            open: None,
            base_ms: None,
            is_fenced: false,
        };
        self.partitions.insert(claim.partition, partition);
    }

    /// Throws away what is held of these partitions.
    pub(crate) fn close(&mut self, partitions: &[TopicPartition]) {
        self.partitions.retain(|partition, _| !partitions.contains(partition));
    }

    /// Makes due what the clock says.
    pub(crate) fn cut_by_clock(&mut self, now_ms: i64) {
        let Some(length_ms) = self.rules.schedule_ms else { return };
        let end_ms =
            self.slot_end_ms.get_or_insert_with(|| slot_end_ms(now_ms, length_ms, self.rules.zone));
        // A clock that was set back far starts its slots anew.
        if now_ms < *end_ms && *end_ms - now_ms <= length_ms {
            return;
        }
        self.slot_end_ms = Some(slot_end_ms(now_ms, length_ms, self.rules.zone));
        self.cut_all();
    }

    /// Makes everything due.
    pub(crate) fn cut_all(&mut self) {
        self.partitions.values_mut().for_each(Partition::cut);
    }

    /// Makes everything of these partitions due.
    pub(crate) fn cut(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            if let Some(partition) = self.partitions.get_mut(partition) {
                partition.cut();
            }
        }
    }

    /// Time at which the clock makes something due; none when nothing is held.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        let holds = self.partitions.values().any(|partition| partition.open.is_some());
        self.slot_end_ms.filter(|_| holds)
    }

    /// Counts records that were not counted before.
    pub(crate) fn take(&mut self, records: &[SinkRecord]) -> Stop {
        let mut taken = 0;
        for run in records.chunk_by(|left, right| left.origin == right.origin) {
            let known = run.first().and_then(|first| self.partitions.get_mut(&first.origin));
            if let Some(partition) = known {
                let stop = partition.take(run, &self.rules, &mut self.counter);
                match stop {
                    Stop::End => {}
                    Stop::Full(more) => return Stop::Full(taken + more),
                    Stop::Bad(more, error) => return Stop::Bad(taken + more, error),
                }
            }
            taken += run.len();
        }
        Stop::End
    }

    /// What is due, to be written in one transaction.
    pub(crate) fn due(&mut self) -> Vec<PartitionWrite> {
        let due = self.partitions.iter_mut().filter(|(_, partition)| !partition.waiting.is_empty());
        due.map(|(name, partition)| {
            partition.tried = partition.waiting.len();
            PartitionWrite {
                partition: name.clone(),
                epoch: partition.epoch,
                segments: partition.waiting.clone(),
            }
        })
        .collect()
    }

    /// Lets go of what was written, and of everything of partitions that others own by now.
    pub(crate) fn written(&mut self, writes: &[PartitionWrite], fenced: &[TopicPartition]) {
        for write in writes {
            let Some(partition) = self.partitions.get_mut(&write.partition) else { continue };
            if fenced.contains(&write.partition) {
                partition.is_fenced = true;
                partition.waiting.clear();
                partition.tried = 0;
                partition.open = None;
                continue;
            }
            let is_written = |segment: &Arc<Segment>| {
                write.segments.iter().any(|written| Arc::ptr_eq(written, segment))
            };
            partition.waiting.retain(|segment| !is_written(segment));
            partition.tried = 0;
            partition.stored = write.end().or(partition.stored);
        }
    }

    /// Offsets that are safe: those stored, and where nothing is held those consumed.
    pub(crate) fn safe(&self, consumed: &SinkOffsets) -> SinkOffsets {
        let safe = consumed.iter().filter_map(|(name, offset)| {
            let partition = self.partitions.get(name).filter(|partition| !partition.is_fenced)?;
            let holds = partition.open.is_some() || !partition.waiting.is_empty();
            let safe = if holds { partition.stored? } else { *offset };
            Some((name.clone(), safe.min(*offset)))
        });
        safe.collect()
    }

    /// What queries of these windows need.
    pub(crate) fn view(&self, windows: &Range<i64>) -> Vec<PartitionView> {
        let owned = self.partitions.iter().filter(|(_, partition)| !partition.is_fenced);
        owned
            .map(|(name, partition)| {
                let open = partition.open.as_ref().map(|open| Arc::new(open.copy(windows)));
                PartitionView {
                    partition: name.clone(),
                    epoch: partition.epoch,
                    next: partition.next,
                    segments: partition.waiting.iter().cloned().chain(open).collect(),
                }
            })
            .collect()
    }

    /// Takes the rows that changed since the last call, or starts to note them.
    pub(crate) fn touched(&mut self, is_watched: bool) -> BTreeSet<RowKey> {
        let fresh = is_watched.then(BTreeSet::new);
        std::mem::replace(&mut self.counter.touched, fresh).unwrap_or_default()
    }
}

impl Partition {
    fn take(&mut self, records: &[SinkRecord], rules: &FlushRules, counter: &mut Counter) -> Stop {
        for (place, record) in records.iter().enumerate() {
            if self.is_fenced || self.next.is_some_and(|next| record.offset < next) {
                continue;
            }
            match counter.reader.open(record) {
                Ok(None) => self.pass(record),
                Ok(Some(reading)) => {
                    self.cut_by_record(reading.time_ms, rules);
                    match self.count(record, &reading, counter) {
                        Room::Enough => self.cut_by_size(rules),
                        Room::Short => return Stop::Full(place + 1),
                        Room::None => return Stop::Full(place),
                    }
                }
                Err(error) => {
                    self.pass(record);
                    return Stop::Bad(place, error);
                }
            }
        }
        Stop::End
    }

    /// Goes on after a record that adds nothing.
    const fn pass(&mut self, record: &SinkRecord) {
        self.next = Some(record.offset + 1);
    }

    /// Counts a record, unless something is held already and the budget has no room for more.
    fn count(&mut self, record: &SinkRecord, reading: &Reading<'_>, counter: &mut Counter) -> Room {
        let holds = self.open.is_some() || !self.waiting.is_empty();
        let start = self.waiting.last().map(|last| last.end).or(self.stored);
        let open = self.open.get_or_insert_with(|| Segment::new(start.unwrap_or(record.offset)));
        let room = counter.count(open, reading, holds);
        if room == Room::None {
            if open.records == 0 {
                self.open = None;
            }
            return Room::None;
        }
        self.next = Some(record.offset + 1);
        open.end = record.offset + 1;
        open.records += 1;
        self.base_ms.get_or_insert(reading.time_ms);
        room
    }

    fn cut_by_record(&mut self, time_ms: i64, rules: &FlushRules) {
        let is_due = match (rules.interval_ms, self.base_ms) {
            (Some(interval_ms), Some(base_ms)) => time_ms.saturating_sub(base_ms) >= interval_ms,
            _ => false,
        };
        if is_due {
            self.cut();
        }
    }

    fn cut_by_size(&mut self, rules: &FlushRules) {
        if self.open.as_ref().is_some_and(|open| open.records >= rules.size_records) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.base_ms = None;
        let Some(open) = self.open.take() else { return };
        // One segment less, unless a query or a transaction is just reading the last one.
        match self.waiting.get_mut(self.tried..).and_then(<[_]>::last_mut).and_then(Arc::get_mut) {
            Some(last) => last.append(open),
            None => self.waiting.push(Arc::new(open)),
        }
    }
}

/// Whether a record was counted, and whether the budget had room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// Counted.
    Enough,
    /// Counted, and the budget is full.
    Short,
    /// Not counted.
    None,
}

impl Counter {
    fn count(&mut self, segment: &mut Segment, reading: &Reading<'_>, may_refuse: bool) -> Room {
        self.reader.write_groups(reading, &mut self.groups);
        let window = self.definition.window_of(reading.time_ms);
        let known = segment.cells.get_mut(&window).and_then(|cells| cells.get_mut(&*self.groups));
        if let Some(cell) = known {
            let grown = self.reader.count(reading, cell, &mut self.text);
            self.touch(window);
            return if segment.reserve(&self.budget, grown) { Room::Enough } else { Room::Short };
        }
        let measures = self.definition.measures.len();
        let bytes = Cell::bytes(measures) + self.groups.len() + PLACE_BYTES;
        let has_room = segment.reserve(&self.budget, bytes);
        if !has_room && may_refuse {
            return Room::None;
        }
        let mut cell = Cell::new(&self.definition);
        let grown = self.reader.count(reading, &mut cell, &mut self.text);
        segment.cells.entry(window).or_default().insert(self.groups.as_str().into(), cell);
        self.touch(window);
        if has_room && segment.reserve(&self.budget, grown) { Room::Enough } else { Room::Short }
    }

    fn touch(&mut self, window: i64) {
        let Some(touched) = &mut self.touched else { return };
        touched.insert((window, self.groups.as_str().into()));
    }
}
