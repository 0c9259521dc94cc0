//! Which object a record belongs to.
//!
//! Objects are told apart by the text that the template of their name gives for a record. It names
//! the offset of the first record of a partition, which stays until the object is full, until the
//! schema changes, or until the objects are written.
//! Source: Aiven-Open/cloud-storage-connectors-for-apache-kafka
//! `TopicPartitionRecordGrouper.java`, `SchemaBasedTopicPartitionRecordGrouper.java`,
//! `S3SinkTask.java`.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Datelike as _, Local, Timelike as _};
use connect_api::{
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    value::Value,
    value_text::write_java_text,
};

use super::{
    config::{AivenConfig, TimeSource, zone},
    shape::Shape,
    template::{Grouping, Template, Unit, Variable, write_number},
};
use connect_joda::Zone;

/// Digits of a padded partition.
pub(super) const PARTITION_DIGITS: usize = 10;
/// Digits of a padded offset.
pub(super) const OFFSET_DIGITS: usize = 20;

/// What records share that are counted from one first record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Lane {
    origin: TopicPartition,
    topic: Arc<str>,
    key: Option<String>,
}

/// The first record of the objects of a lane.
#[derive(Debug)]
struct Head {
    offset: i64,
    shape: Option<Arc<Shape>>,
}

/// Finds the group of a record.
#[derive(Debug)]
pub(super) struct Grouper {
    template: Template,
    pub(super) grouping: Grouping,
    clock: Clock,
    max_records: u64,
    heads: HashMap<Lane, Head>,
    old: Option<OldLayout>,
}

/// Names that begin with `aws.s3.prefix`.
#[derive(Debug)]
struct OldLayout {
    prefix: Template,
    clock: Clock,
    extension: String,
}

/// Where the time in a name comes from, and how it is read.
#[derive(Clone, Copy, Debug)]
struct Clock {
    source: TimeSource,
    zone: Zone,
}

impl Grouper {
    /// The groups that a configuration asks for.
    ///
    /// # Errors
    /// `Invalid` for an option that validation would have refused.
    pub(super) fn new(config: &AivenConfig) -> Result<Self> {
        let file = &config.file;
        let (template, grouping) = config.template().map_err(ConnectorError::invalid)?;
        let clock = |text: &str, source| {
            zone(text).map(|zone| Clock { source, zone }).map_err(ConnectorError::invalid)
        };
        let old = match &file.old_prefix {
            Some(prefix) => Some(OldLayout {
                prefix: Template::parse(prefix).map_err(ConnectorError::invalid)?,
                clock: clock(&file.old_zone, file.old_time_source)?,
                extension: config.extension(),
            }),
            None => None,
        };
        Ok(Self {
            template,
            grouping,
            clock: clock(&file.zone, file.time_source)?,
            max_records: u64::from(file.max_records),
            heads: HashMap::new(),
            old,
        })
    }

    /// The name of the group of a record, and the offset of the first record of that.
    ///
    /// `count` tells how many records a group holds, nothing when there is none of that name.
    ///
    /// # Errors
    /// `Record` for one without a time where names have one.
    pub(super) fn find(
        &mut self,
        record: &SinkRecord,
        shape: Option<&Arc<Shape>>,
        now_ms: i64,
        count: impl Fn(&str) -> Option<u64>,
    ) -> Result<(String, i64)> {
        if self.grouping.is_by_key() {
            return Ok((self.name(record, record.offset, now_ms)?, record.offset));
        }
        let lane = Lane {
            origin: record.origin.clone(),
            topic: Arc::clone(&record.topic),
            key: (self.grouping == Grouping::PartitionAndKey).then(|| key_text(record)),
        };
        let own = Head { offset: record.offset, shape: shape.cloned() };
        let before = self.heads.get(&lane);
        let is_other = |head: &Head| match (&head.shape, shape) {
            (Some(one), Some(other)) => !one.is_same(other),
            _ => false,
        };
        if let Some(head) = before
            && !is_other(head)
        {
            let name = self.name(record, head.offset, now_ms)?;
            let is_full = |count: Option<u64>| count.is_none_or(|count| count >= self.max_records);
            if self.max_records == 0 || !is_full(count(&name)) {
                return Ok((name, head.offset));
            }
        }
        let name = self.name(record, record.offset, now_ms)?;
        self.heads.insert(lane, own);
        Ok((name, record.offset))
    }

    /// The key of the object of a group, by its first record.
    ///
    /// # Errors
    /// As [`Grouper::find`].
    pub(super) fn key(&self, name: &str, record: &SinkRecord, now_ms: i64) -> Result<String> {
        match &self.old {
            Some(old) => old.key(record, now_ms),
            None => Ok(name.to_owned()),
        }
    }

    /// Begins anew: whatever comes next is the first of its group.
    pub(super) fn clear(&mut self) {
        self.heads.clear();
    }

    /// Begins groups anew whose first record has this offset.
    pub(super) fn forget(&mut self, offset: i64) {
        self.heads.retain(|_, head| head.offset != offset);
    }

    /// Begins the groups of partitions anew.
    pub(super) fn lose(&mut self, partitions: &BTreeSet<TopicPartition>) {
        self.heads.retain(|lane, _| !partitions.contains(&lane.origin));
    }

    fn name(&self, record: &SinkRecord, start: i64, now_ms: i64) -> Result<String> {
        self.template.render(|variable, out| {
            match variable {
                Variable::Topic => out.push_str(&record.topic),
                Variable::Partition { is_padded } => {
                    let partition = i64::from(record.origin.partition);
                    write_number(out, partition, is_padded, PARTITION_DIGITS);
                }
                Variable::StartOffset { is_padded } => {
                    write_number(out, start, is_padded, OFFSET_DIGITS);
                }
                Variable::Key => out.push_str(&key_text(record)),
                Variable::Timestamp(unit) => self.clock.write(out, unit, record, now_ms)?,
                Variable::UtcDate => out.push_str("{{utc_date}}"),
                Variable::LocalDate => out.push_str("{{local_date}}"),
            }
            Ok(())
        })
    }
}

impl OldLayout {
    fn key(&self, record: &SinkRecord, now_ms: i64) -> Result<String> {
        let mut key = self.prefix.render(|variable, out| {
            match variable {
                Variable::Topic => out.push_str(&record.topic),
                Variable::Partition { .. } => {
                    write_number(out, i64::from(record.origin.partition), false, 0);
                }
                Variable::StartOffset { is_padded } => {
                    write_number(out, record.offset, is_padded, OFFSET_DIGITS);
                }
                Variable::Timestamp(unit) => self.clock.write(out, unit, record, now_ms)?,
                Variable::UtcDate => write_date(out, Zone::UTC.to_local_ms(now_ms)),
                Variable::LocalDate => write_date(out, machine_ms(now_ms)),
                Variable::Key => out.push_str("{{key}}"),
            }
            Ok::<(), ConnectorError>(())
        })?;
        key.push_str(&format!("{}-{}-", record.topic, record.origin.partition));
        write_number(&mut key, record.offset, true, OFFSET_DIGITS);
        key.push_str(&self.extension);
        Ok(key)
    }
}

impl Clock {
    fn write(self, out: &mut String, unit: Unit, record: &SinkRecord, now_ms: i64) -> Result<()> {
        let ms = match self.source {
            TimeSource::Wallclock => now_ms,
            TimeSource::Event => record.timestamp_ms.ok_or_else(|| {
                ConnectorError::record("The record has no timestamp, which its object is named by")
            })?,
        };
        let local =
            DateTime::from_timestamp_millis(self.zone.to_local_ms(ms)).ok_or_else(|| {
                ConnectorError::record(format!("Timestamp {ms} is beyond every calendar"))
            })?;
        match unit {
            Unit::Year => write_number(out, i64::from(local.year()), true, 4),
            Unit::Month => write_number(out, i64::from(local.month()), true, 2),
            Unit::Day => write_number(out, i64::from(local.day()), true, 2),
            Unit::Hour => write_number(out, i64::from(local.hour()), true, 2),
        }
        Ok(())
    }
}

/// What clocks of this machine show.
fn machine_ms(now_ms: i64) -> i64 {
    let utc = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
    utc.with_timezone(&Local).naive_local().and_utc().timestamp_millis()
}

fn write_date(out: &mut String, local_ms: i64) {
    let date = DateTime::from_timestamp_millis(local_ms).unwrap_or_default();
    out.push_str(&date.format("%Y-%m-%d").to_string());
}

/// A key as names have it: Java's text of it. Bytes, for which Java has an address, are their text,
/// or their digits where they are none.
fn key_text(record: &SinkRecord) -> String {
    let mut text = String::new();
    match &record.key.value {
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(own) => text.push_str(own),
            Err(_) => bytes.iter().for_each(|byte| text.push_str(&format!("{byte:02x}"))),
        },
        value => write_java_text(&mut text, value),
    }
    text
}
