//! One record: whether it is skipped, and whether the files are committed before or after it.
//!
//! Nothing here waits: what needs the network is returned as a [`Step`].

use std::{ops::Range, sync::Arc};

use connect_api::{
    error::{ConnectorError, Result},
    record::SinkRecord,
    schema::same_schema,
};
use connect_storage::{
    projection::{self, Fit},
    rotation::Rotation,
    words::ExtractorClass,
};

use super::{Shared, now, stored::Known, writer::PartitionWriter};
use crate::{
    config::NullBehavior,
    file::{Facts, OpenFile, other_settings},
    view::{Shape, View, write_view},
};

/// The times that epoch milliseconds of our age are between: 1971 and 3000. Seconds lie before it,
/// microseconds behind.
const LIKELY_MS: Range<i64> = 31_536_000_000..32_503_680_000_000;

/// What has to be done about a record.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing more.
    Done,
    /// It is bad.
    Reject(ConnectorError),
    /// Commit the files, then take it again.
    RotateFirst(Rotation),
    /// It is written; commit the files.
    RotateAfter(Rotation),
    /// It is written; the file in this folder has a part to upload.
    PartFull(Arc<str>),
    /// Look whether it is stored already, then take it again.
    Probe,
    /// The begun file in this folder has all its records; complete it, then take the record again.
    EndRepair(Arc<str>),
    /// There is no memory for it.
    Full,
}

/// Where a record goes.
struct Place {
    folder: Arc<str>,
    /// What tells the records of one file from those of others: the folder, which a record keeps
    /// however often it is read, or what it keeps of it where folders follow the clock. That of records
    /// without a value never does.
    lane: Arc<str>,
    time_ms: Option<i64>,
    known: Known,
}

impl PartitionWriter {
    /// Takes a record as far as that goes without waiting.
    ///
    /// # Errors
    /// `Record` for a value that is missing and may not be, `Invalid` when an object turns out to
    /// hold something else.
    pub(super) fn accept(
        &mut self,
        shared: &Shared,
        record: &SinkRecord,
        now_ms: i64,
    ) -> Result<Step> {
        let is_null = record.value.value.is_null();
        if is_null && shared.config.connector.behavior_on_null_values != NullBehavior::Write {
            return accept_null(shared, record);
        }
        if let Some(folder) = self.stored.ended_before(record.offset) {
            return Ok(Step::EndRepair(folder));
        }
        let place = match self.place(shared, record, now_ms) {
            Ok(place) => place,
            Err(error) => return Ok(Step::Reject(error)),
        };
        let fit = match self.write_views(shared, record, &place) {
            Ok(fit) => fit,
            Err(error) => {
                self.base_ms = self.base_ms.or(place.time_ms);
                return Ok(Step::Reject(error));
            }
        };
        let is_by_clock = shared.config.storage.is_by_clock() && !is_null;
        if place.known == Known::New && is_by_clock && self.is_unprobed(shared, &place.lane) {
            return Ok(Step::Probe);
        }
        self.base_ms = self.base_ms.or(place.time_ms);
        self.last_ms = place.time_ms;
        if is_by_clock {
            self.clock_ms = place.time_ms;
        }
        if self.count > 0
            && let Some(reason) = self.rotation(shared, (record, fit), &place.folder, now_ms)
        {
            return Ok(Step::RotateFirst(reason));
        }
        if matches!(place.known, Known::New | Known::Begun) {
            return self.append(shared, (record, fit), place);
        }
        self.skip(record, &place.lane, place.known)?;
        Ok(self.count_one(shared, record, place.folder).unwrap_or(Step::Done))
    }

    /// Finds the folder of a record. A file that was begun keeps the folder it has.
    fn place(&mut self, shared: &Shared, record: &SinkRecord, now_ms: i64) -> Result<Place> {
        let is_null = record.value.value.is_null();
        let clock_lane = if shared.config.storage.is_by_clock() && !is_null {
            Some(self.router.clock_lane(record)?)
        } else {
            None
        };
        let time_ms = self.time_ms(shared, record, clock_lane.as_deref(), now_ms)?;
        self.warn_of_time(shared, record, time_ms);
        let folder = if is_null {
            Ok(self
                .router
                .named_folder(record, &shared.config.connector.tombstone_encoded_partition))
        } else {
            self.router.folder(record, time_ms)
        };
        let folder = folder.inspect_err(|_| self.base_ms = self.base_ms.or(time_ms))?;
        let lane = clock_lane.unwrap_or_else(|| Arc::clone(&folder));
        let known = self.stored.look(&lane, record.offset);
        let begun = self.stored.begun_folder(&lane, record.offset).cloned();
        Ok(Place { folder: begun.unwrap_or(folder), lane, time_ms, known })
    }

    /// Fields hold epoch milliseconds by definition: another unit is not guessed, but said.
    fn warn_of_time(&mut self, shared: &Shared, record: &SinkRecord, time_ms: Option<i64>) {
        let storage = &shared.config.storage;
        if storage.timestamp_extractor != ExtractorClass::RecordField
            || record.value.value.is_null()
        {
            return;
        }
        let odd = time_ms.filter(|time_ms| *time_ms >= 0 && !LIKELY_MS.contains(time_ms));
        if let Some(time_ms) = odd
            && self.odd_times.rings(now())
        {
            tracing::warn!(
                partition = %self.origin,
                "Field \"{}\" of record {} of {} is {time_ms}, which is read as epoch milliseconds \
                 and lies before 1971 or after 2999: it seems to be in another unit, and its folder \
                 is that of the wrong time. The transform TimestampConverter turns it into a \
                 Timestamp, with unix.precision as its unit",
                storage.timestamp_field,
                record.offset,
                self.origin
            );
        }
    }

    /// Writes each side of a record to its draft: the value by the schema of the file in its folder
    /// where it fits in there, everything else by its own.
    fn write_views(&mut self, shared: &Shared, record: &SinkRecord, place: &Place) -> Result<Fit> {
        let mut is_other = false;
        let file = self.files.get(&place.folder);
        for (shape, draft) in Shape::of(&shared.shapes, record).iter().zip(&mut self.drafts) {
            let schema = file.and_then(|file| file.schema(shape.view));
            if shape.view != View::Value {
                write_view(draft, shape, record)?;
                is_other |= draft.layout.is_some()
                    && schema.is_some_and(|schema| !same_schema(schema, draft.schema.as_ref()));
                continue;
            }
            let mode = shared.config.connector.format.schema_compatibility;
            let schema = schema.or_else(|| self.stored.measured_schema(&place.lane, record.offset));
            let own = record.value.schema.as_ref();
            let fit = schema.map_or(Ok(Fit::Same), |file| projection::fit(mode, file, own))?;
            if let (Fit::Projected, Some(Some(schema))) = (fit, schema) {
                let value = projection::project(&record.value.value, schema);
                draft.write(&shape.format, Some(schema), &value)?;
            } else {
                write_view(draft, shape, record)?;
            }
            if !is_other {
                return Ok(fit);
            }
        }
        Ok(if is_other { Fit::Other } else { Fit::Same })
    }

    /// Whether a task before this one may have left objects in this lane.
    fn is_unprobed(&self, shared: &Shared, lane: &str) -> bool {
        shared.config.connector.enable_conditional_writes && !self.probed.contains(lane)
    }

    /// The time a record is filed under. The clock never goes back, so that the files of a topic
    /// follow one another; a file whose fate is unknown keeps its time.
    fn time_ms(
        &self,
        shared: &Shared,
        record: &SinkRecord,
        clock_lane: Option<&str>,
        now_ms: i64,
    ) -> Result<Option<i64>> {
        if record.value.value.is_null() {
            return Ok(record.timestamp_ms.filter(|_| shared.config.storage.is_time_based()));
        }
        let Some(lane) = clock_lane else { return self.router.time_ms(record, now_ms) };
        let is_of = |route: &&super::writer::Route| {
            *route.lane == *lane && (route.first..=route.last).contains(&record.offset)
        };
        let route = self.routes.iter().find(is_of);
        let time_ms = route
            .map_or_else(|| now_ms.max(self.clock_ms.unwrap_or(now_ms)), |route| route.time_ms);
        Ok(Some(time_ms))
    }

    /// Passes over a record that is stored. It counts as if it were written now, so that the files
    /// after it have the borders they would have had.
    fn skip(&mut self, record: &SinkRecord, lane: &str, known: Known) -> Result<()> {
        if known == Known::Stored || self.measure(record, lane) {
            return Ok(());
        }
        Err(other_settings(&self.origin, record.offset))
    }

    /// Holds a record against the first object of its file, which is there.
    fn measure(&mut self, record: &SinkRecord, lane: &str) -> bool {
        let length = self.drafts.first().map_or(0, |draft| draft.content.len());
        self.stored.measure(lane, record.offset, length, record.value.schema.as_ref())
    }

    /// Counts a record of the group, which may end it.
    fn count_one(
        &mut self,
        shared: &Shared,
        record: &SinkRecord,
        folder: Arc<str>,
    ) -> Option<Step> {
        self.count += 1;
        if self.count >= i64::from(shared.config.connector.flush_size) {
            return Some(Step::RotateAfter(Rotation::FlushSize));
        }
        if record.value.value.is_null() {
            // To and from the folder of these is no change of folders.
            self.last_folder = None;
        } else if self.last_folder.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &folder)) {
            self.last_folder = Some(folder);
        }
        None
    }

    fn rotation(
        &self,
        shared: &Shared,
        (record, fit): (&SinkRecord, Fit),
        folder: &Arc<str>,
        now_ms: i64,
    ) -> Option<Rotation> {
        let is_null = record.value.value.is_null();
        let file = self.files.get(folder).filter(|file| !file.is_repair);
        let schema = file.map(|file| file.schema(View::Value).map(|schema| schema.is_some()));
        let own = (!is_null).then_some(record.value.schema.is_some());
        if schema.is_some_and(|schema| schema != own) {
            return Some(Rotation::SchemaPresence);
        }
        let change = (!is_null).then_some(folder);
        if let Some(reason) = self.is_time_over(shared, self.last_ms, change, now_ms) {
            return Some(reason);
        }
        if file.is_some() && fit == Fit::Other {
            return Some(Rotation::Schema);
        }
        let most_files = shared.config.connector.partitioner_max_open_files;
        let most_files = usize::try_from(most_files).ok().filter(|&most| most > 0);
        let own_files = || self.files.values().filter(|file| !file.is_repair).count();
        let is_one_more = file.is_none() && most_files.is_some_and(|most| own_files() >= most);
        is_one_more.then_some(Rotation::OpenFiles)
    }

    fn append(
        &mut self,
        shared: &Shared,
        (record, fit): (&SinkRecord, Fit),
        place: Place,
    ) -> Result<Step> {
        let Place { folder, lane, time_ms, known } = place;
        let is_repair = known == Known::Begun;
        if is_repair && fit == Fit::Other {
            return Err(other_settings(&self.origin, record.offset));
        }
        let is_new = self.files.get(&folder).is_none();
        if is_new {
            let lane = Arc::clone(&lane);
            let stem = shared.naming.stem(&folder, record);
            let facts = Facts { time_ms, ..Facts::new(stem, Arc::clone(&folder), lane, record) };
            let shapes = Shape::of(&shared.shapes, record);
            let file = OpenFile::open(facts, shapes, &self.drafts, &shared.room);
            let Some(mut file) = file else { return Ok(Step::Full) };
            file.is_repair = is_repair;
            self.files.insert(Arc::clone(&folder), file);
        }
        let Some(file) = self.files.get_mut(&folder) else { return Ok(Step::Full) };
        if !file.append(record, &self.drafts)? {
            if is_new {
                self.files.remove(&folder);
            }
            return Ok(Step::Full);
        }
        let is_part_full = file.is_part_full();
        let most_bytes = shared.config.connector.file_size_bytes_max;
        let most_bytes = u64::try_from(most_bytes).ok().filter(|&most| most > 0 && !is_repair);
        let is_large = most_bytes.is_some_and(|most| file.content_bytes >= most);
        if is_repair {
            if !self.measure(record, &lane) {
                return Err(other_settings(&self.origin, record.offset));
            }
            self.ended = self.stored.ended_before(record.offset + 1);
        }
        Ok(match self.count_one(shared, record, Arc::clone(&folder)) {
            Some(step) => step,
            None if is_large => Step::RotateAfter(Rotation::FileSize),
            None if is_part_full => Step::PartFull(folder),
            None => Step::Done,
        })
    }
}

fn accept_null(shared: &Shared, record: &SinkRecord) -> Result<Step> {
    let keys = &shared.config.connector;
    if keys.behavior_on_null_values != NullBehavior::Ignore {
        return Err(null_value(record).hint(
            "Set behavior.on.null.values=ignore to skip such records, or write to \
                 store their keys",
        ));
    }
    // Without a reporter an ignored record is skipped, not rejected.
    if keys.report_null_values_to_dlq && shared.context.reporter.is_some() {
        return Ok(Step::Reject(null_value(record)));
    }
    Ok(Step::Done)
}

/// What is wrong with a record without a value.
pub(crate) fn null_value(record: &SinkRecord) -> ConnectorError {
    let SinkRecord { offset, origin, .. } = record;
    ConnectorError::record(format!("Record {offset} of {origin} has no value"))
}
