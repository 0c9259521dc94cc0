//! One record: whether it is skipped, and whether the files are committed before or after it.
//!
//! Nothing here waits: what needs the network is returned as a [`Step`].

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    record::SinkRecord,
};
use connect_storage::{
    projection::{self, Fit},
    rotation::Rotation,
};

use super::{Shared, writer::PartitionWriter};
use crate::{
    client::path, config::NullBehavior, file::OpenFile, growing::GrowingFile, recovery::Claim,
};

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
    /// It is written; the file in this folder has a part to write.
    PartFull(Arc<str>),
    /// There is no memory for it.
    Full,
}

impl PartitionWriter {
    /// Takes a record as far as that goes without waiting.
    ///
    /// # Errors
    /// `Record` for a value that is missing and may not be.
    pub(super) fn accept(
        &mut self,
        shared: &Shared,
        record: &SinkRecord,
        now_ms: i64,
    ) -> Result<Step> {
        if record.value.value.is_null() {
            return accept_null(shared, record);
        }
        let placed = self.place(record, now_ms).and_then(|(folder, time_ms)| {
            let fit = self.write_draft(shared, record, &folder)?;
            Ok((folder, time_ms, fit))
        });
        let (folder, time_ms, fit) = match placed {
            Ok(placed) => placed,
            Err(error) => return Ok(Step::Reject(error)),
        };
        if self.count == 0 {
            self.begin_interval(shared, now_ms);
            if fit == Fit::Other {
                return Ok(Step::RotateFirst(Rotation::Schema));
            }
        } else if let Some(reason) = self.rotation(shared, (time_ms, fit), &folder, now_ms) {
            return Ok(Step::RotateFirst(reason));
        }
        let step = self.append(shared, record, &folder)?;
        if !matches!(step, Step::Full) {
            self.base_ms = self.base_ms.or(time_ms);
        }
        Ok(step)
    }

    /// An interval by the clock begins with the last commit, or with the first record after it was over.
    fn begin_interval(&mut self, shared: &Shared, now_ms: i64) {
        let interval_ms = shared.config.connector.rotate_interval_ms;
        let is_over =
            self.rotated_ms.is_none_or(|rotated| now_ms.saturating_sub(rotated) >= interval_ms);
        if is_over {
            self.rotated_ms = Some(now_ms);
        }
    }

    /// Finds the folder of a record, and the time it is filed under.
    fn place(&mut self, record: &SinkRecord, now_ms: i64) -> Result<(Arc<str>, Option<i64>)> {
        let time_ms = self.router.time_ms(record, now_ms)?;
        let folder = self.router.folder(record, time_ms)?;
        if self.files.contains_key(&folder) || path::is_valid(&folder) {
            return Ok((folder, time_ms));
        }
        Err(ConnectorError::record(format!("HDFS has no place for the folder \"{folder}\"")).hint(
            "No folder can be . or .., have a colon in its name, or a name of more than 255 bytes",
        ))
    }

    /// Writes a record to the draft: by the schema of the file in its folder where it fits in there, else
    /// by its own.
    fn write_draft(&mut self, shared: &Shared, record: &SinkRecord, folder: &str) -> Result<Fit> {
        let mode = shared.config.connector.format.schema_compatibility;
        let own = record.value.schema.as_ref();
        let open = self.files.get(folder).map(|file| &file.schema);
        let schema = open.or_else(|| grown(self.claim.as_ref(), folder).map(|file| &file.schema));
        let Some(schema) = schema else {
            self.draft.write(&shared.format, own, &record.value.value)?;
            return Ok(Fit::Same);
        };
        let fit = projection::fit(mode, schema.as_ref(), own)?;
        match (fit, schema) {
            (Fit::Projected, Some(schema)) => {
                let value = projection::project(&record.value.value, schema);
                self.draft.write(&shared.format, Some(schema), &value)?;
            }
            _ => self.draft.write(&shared.format, own, &record.value.value)?,
        }
        Ok(fit)
    }

    fn rotation(
        &self,
        shared: &Shared,
        (time_ms, fit): (Option<i64>, Fit),
        folder: &str,
        now_ms: i64,
    ) -> Option<Rotation> {
        if let Some(reason) = self.is_time_over(shared, time_ms, now_ms) {
            return Some(reason);
        }
        if fit == Fit::Other {
            return Some(Rotation::Schema);
        }
        let has_file = self.files.contains_key(folder);
        let most = shared.config.connector.partitioner_max_open_files;
        let most = usize::try_from(most).ok().filter(|&most| most > 0);
        let is_one_more = !has_file && most.is_some_and(|most| self.files.len() >= most);
        is_one_more.then_some(Rotation::OpenFiles)
    }

    fn append(&mut self, shared: &Shared, record: &SinkRecord, folder: &Arc<str>) -> Result<Step> {
        let is_new = !self.files.contains_key(folder);
        let grown = grown(self.claim.as_ref(), folder);
        if is_new {
            let part_bytes = shared.config.cluster.part_bytes;
            let file = OpenFile::open(folder, record, &self.draft, part_bytes, &shared.room);
            let Some(file) = file else { return Ok(Step::Full) };
            let file = if let Some(grown) = grown { file.onto(grown) } else { file };
            self.files.insert(Arc::clone(folder), file);
        }
        let Some(file) = self.files.get_mut(folder) else { return Ok(Step::Full) };
        if !file.append(record.offset, &self.draft.content)? {
            if is_new {
                self.files.remove(folder);
            }
            return Ok(Step::Full);
        }
        let keys = &shared.config.connector;
        let most_bytes = u64::try_from(keys.file_size_bytes_max).ok().filter(|&most| most > 0);
        let bytes = grown.map_or(0, |grown| grown.length) + file.content_bytes;
        let is_large = most_bytes.is_some_and(|most| bytes >= most);
        let is_part_full = file.is_part_full();
        self.count += 1;
        Ok(if self.count >= i64::from(keys.flush_size) {
            Step::RotateAfter(Rotation::FlushSize)
        } else if is_large {
            Step::RotateAfter(Rotation::FileSize)
        } else if is_part_full {
            Step::PartFull(Arc::clone(folder))
        } else {
            Step::Done
        })
    }
}

/// The growing file of a folder.
fn grown<'a>(claim: Option<&'a Claim>, folder: &str) -> Option<&'a GrowingFile> {
    claim?.growing.get(folder)
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
