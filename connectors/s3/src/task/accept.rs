//! One record: whether it is skipped, and whether the files are committed before or after it.
//!
//! Nothing here waits: what needs the network is returned as a [`Step`].

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    record::SinkRecord,
};

use super::{Shared, stored::Known, writer::PartitionWriter};
use crate::{
    config::NullBehavior,
    file::{Facts, OpenFile},
    format::Layout,
    projection::{self, Fit},
};

/// What has to be done about a record.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing more.
    Done,
    /// It is bad.
    Reject(ConnectorError),
    /// Commit the files, then take it again.
    RotateFirst(&'static str),
    /// It is written; commit the files.
    RotateAfter,
    /// It is written; the file in this folder has a part to upload.
    PartFull(Arc<str>),
    /// Look whether it is stored already, then take it again.
    Probe,
    /// There is no memory for it.
    Full,
}

/// What a record that is written begins a file with, if there is none.
struct Begun {
    folder: Arc<str>,
    time_ms: Option<i64>,
    layout: Option<Arc<Layout>>,
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
        if record.value.value.is_null() {
            return accept_null(shared, record);
        }
        let time_ms = match self.time_ms(shared, record, now_ms) {
            Ok(time_ms) => time_ms,
            Err(error) => return Ok(Step::Reject(error)),
        };
        let folder = match self.router.folder(record, time_ms) {
            Ok(folder) => folder,
            Err(error) => {
                self.base_ms = self.base_ms.or(time_ms);
                return Ok(Step::Reject(error));
            }
        };
        let (fit, layout) = match self.write_value(shared, record, &folder) {
            Ok(written) => written,
            Err(error) => {
                self.base_ms = self.base_ms.or(time_ms);
                return Ok(Step::Reject(error));
            }
        };
        let lane = lane(shared, record, &folder);
        let known = self.stored.look(lane, record.offset);
        if known == Known::New && shared.config.is_by_clock() && self.is_unprobed(shared, lane) {
            return Ok(Step::Probe);
        }
        self.base_ms = self.base_ms.or(time_ms);
        self.last_ms = time_ms;
        if self.count > 0
            && let Some(reason) = self.rotation(shared, (record, fit), &folder, now_ms)
        {
            return Ok(Step::RotateFirst(reason));
        }
        if known == Known::New {
            let begun = Begun { folder, time_ms, layout };
            return self.append(shared, record, begun);
        }
        self.skip(record, lane, known)?;
        Ok(self.count_one(shared, folder).unwrap_or(Step::Done))
    }

    /// Writes the value to the scratch buffer: by the schema of the file in its folder where it fits
    /// in there, by its own otherwise.
    fn write_value(
        &mut self,
        shared: &Shared,
        record: &SinkRecord,
        folder: &Arc<str>,
    ) -> Result<(Fit, Option<Arc<Layout>>)> {
        let mode = shared.config.connector.schema_compatibility;
        let (own, value) = (record.value.schema.as_ref(), &record.value.value);
        let file = self.files.get(folder).map(|file| file.schema.as_ref());
        let file = file
            .or_else(|| self.stored.measured_schema(lane(shared, record, folder), record.offset));
        let fit = file.map_or(Ok(Fit::Same), |file| projection::fit(mode, file, own))?;
        self.scratch.clear();
        if let (Fit::Projected, Some(Some(schema))) = (fit, file) {
            let layout = self.layouts.find(&shared.format, Some(schema))?;
            let value = projection::project(value, schema);
            shared.format.write(&mut self.scratch, &value, layout.as_deref())?;
            return Ok((fit, layout));
        }
        let layout = self.layouts.find(&shared.format, own)?;
        shared.format.write(&mut self.scratch, value, layout.as_deref())?;
        Ok((fit, layout))
    }

    /// Whether a task before this one may have left objects in this lane.
    fn is_unprobed(&self, shared: &Shared, lane: &str) -> bool {
        shared.config.connector.enable_conditional_writes && !self.probed.contains(lane)
    }

    /// The time a record is filed under. The clock never goes back, so that the files of a topic
    /// follow one another; a file whose fate is unknown keeps its time.
    fn time_ms(&self, shared: &Shared, record: &SinkRecord, now_ms: i64) -> Result<Option<i64>> {
        if !shared.config.is_by_clock() {
            return self.router.time_ms(record, now_ms);
        }
        let is_of = |route: &&super::writer::Route| {
            *route.lane == *record.topic && (route.first..=route.last).contains(&record.offset)
        };
        let route = self.routes.iter().find(is_of);
        let time_ms =
            route.map_or_else(|| now_ms.max(self.last_ms.unwrap_or(now_ms)), |route| route.time_ms);
        Ok(Some(time_ms))
    }

    /// Passes over a record that is stored. It counts as if it were written now, so that the files
    /// after it have the borders they would have had.
    fn skip(&mut self, record: &SinkRecord, lane: &str, known: Known) -> Result<()> {
        let schema = record.value.schema.as_ref();
        if known == Known::Stored
            || self.stored.measure(lane, record.offset, self.scratch.len(), schema)
        {
            return Ok(());
        }
        Err(ConnectorError::invalid(format!(
            "An object of {} ends in the middle of record {}, so that it was written with other \
             settings",
            self.origin, record.offset
        ))
        .hint("Delete the object whose name has the highest offset before it"))
    }

    /// Counts a record of the group, which may end it.
    fn count_one(&mut self, shared: &Shared, folder: Arc<str>) -> Option<Step> {
        self.count += 1;
        if self.count >= i64::from(shared.config.connector.flush_size) {
            return Some(Step::RotateAfter);
        }
        if self.last_folder.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &folder)) {
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
    ) -> Option<&'static str> {
        let file = self.files.get(folder);
        let schema = record.value.schema.as_ref();
        if file.is_some_and(|file| file.schema.is_some() != schema.is_some()) {
            return Some("a value with a schema after one without, or the other way");
        }
        if let Some(reason) = self.is_time_over(shared, self.last_ms, Some(folder), now_ms) {
            return Some(reason);
        }
        if file.is_some() && fit == Fit::Other {
            return Some("another schema");
        }
        let most_files = shared.config.connector.partitioner_max_open_files;
        let most_files = usize::try_from(most_files).ok().filter(|&most| most > 0);
        let is_one_more = file.is_none() && most_files.is_some_and(|m| self.files.len() >= m);
        is_one_more.then_some("partitioner.max.open.files")
    }

    fn append(
        &mut self,
        shared: &Shared,
        record: &SinkRecord,
        Begun { folder, time_ms, layout }: Begun,
    ) -> Result<Step> {
        let is_new = !self.files.contains_key(&folder);
        if is_new {
            let lane = Arc::clone(lane(shared, record, &folder));
            let key = shared.naming.key(&folder, record);
            let facts = Facts { time_ms, ..Facts::new(key, lane, record, &self.scratch) };
            let of = (record.value.schema.clone(), layout.as_deref());
            match OpenFile::open(facts, of, shared.body, &shared.context.budget) {
                Some(file) => self.files.insert(Arc::clone(&folder), file),
                None => return Ok(Step::Full),
            };
        }
        let Some(file) = self.files.get_mut(&folder) else { return Ok(Step::Full) };
        if !file.append(record, &self.scratch)? {
            if is_new {
                self.files.remove(&folder);
            }
            return Ok(Step::Full);
        }
        let is_part_full = file.pending_bytes() >= shared.body.part_bytes;
        Ok(match self.count_one(shared, Arc::clone(&folder)) {
            Some(step) => step,
            None if is_part_full => Step::PartFull(folder),
            None => Step::Done,
        })
    }
}

/// What tells the records of one file from those of others: the folder, which a record keeps
/// however often it is read, or the topic where folders follow the clock.
pub(super) fn lane<'a>(
    shared: &Shared,
    record: &'a SinkRecord,
    folder: &'a Arc<str>,
) -> &'a Arc<str> {
    if shared.config.is_by_clock() { &record.topic } else { folder }
}

fn accept_null(shared: &Shared, record: &SinkRecord) -> Result<Step> {
    let keys = &shared.config.connector;
    if keys.behavior_on_null_values != NullBehavior::Ignore {
        return Err(
            null_value(record).hint("Set behavior.on.null.values=ignore to skip such records")
        );
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
