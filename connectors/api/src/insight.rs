//! What a connector tells of itself: what its settings promise and cost, and where it put what.
//!
//! Nothing here is needed to move records. The worker asks when somebody asks the worker, at
//! `GET /connectors/{connector}/explain` and `/objects`; a class that has nothing to say says nothing.

use serde::{Deserialize, Serialize};

use crate::figures::Reading;

/// What is moved: as somebody expects it, or as the tasks have seen it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Records a day in all partitions.
    pub records_per_day: Option<f64>,
    /// Mean length of a record as the connector writes it, before compression, when somebody has said
    /// it.
    pub record_bytes: Option<f64>,
    /// Partitions that records come from.
    pub partitions: Option<u32>,
    /// Milliseconds between two commits of offsets by the worker.
    pub commit_interval_ms: i64,
    /// The connector's own figures, of all its running tasks.
    pub figures: Vec<Reading>,
}

impl Load {
    /// Sum of a figure over tasks and labels; none when no task has it.
    #[must_use]
    pub fn sum(&self, name: &str) -> Option<u64> {
        let mut found = self.figures.iter().filter(|one| one.name == name).peekable();
        found.peek()?;
        Some(found.map(|one| one.value).sum())
    }

    /// Sum of a figure over tasks, of those that have this label.
    #[must_use]
    pub fn sum_of(&self, name: &str, label: (&str, &str)) -> u64 {
        let has_label =
            |one: &&Reading| one.labels.iter().any(|(key, value)| (*key, value.as_str()) == label);
        let found = self.figures.iter().filter(|one| one.name == name);
        found.filter(has_label).map(|one| one.value).sum()
    }
}

/// How often a record arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Promise {
    /// Once, whatever happens.
    #[serde(rename = "exactly once")]
    ExactlyOnce,
    /// Once, and after a crash perhaps again.
    #[serde(rename = "at least once")]
    AtLeastOnce,
}

/// What is promised, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// How often a record arrives.
    pub promise: Promise,
    /// Why that is so, as sentences.
    pub because: Vec<String>,
    /// Settings that give up what the class could promise.
    pub given_up_by: Vec<String>,
}

/// A made-up record, and where it would go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The record, in words.
    pub record: String,
    /// Key of the object, name of the file, id of the document.
    pub place: String,
}

/// What a load costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// What it was made from, as sentences.
    pub from: Vec<String>,
    /// Records a day.
    pub records_per_day: f64,
    /// Mean length of a record before compression, when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_bytes: Option<f64>,
    /// Partitions.
    pub partitions: u32,
    /// Files that appear in a day.
    pub files_per_day: f64,
    /// Records in one of them.
    pub records_per_file: f64,
    /// Mean size of a file before compression, when the length of records is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<f64>,
    /// Files that are open at once.
    pub open_files: f64,
    /// Memory of all tasks together, at most, when the length of records is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<f64>,
}

/// What a configuration means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// What is promised; none when the class does not say.
    pub delivery: Option<Delivery>,
    /// A made-up record and where it would go.
    pub example: Option<Example>,
    /// What ends a file, as sentences.
    pub file_ends: Vec<String>,
    /// What a load costs; none when nothing is known of it.
    pub estimate: Option<Estimate>,
    /// What to think of, as sentences.
    pub advice: Vec<String>,
}

/// Which of the objects that a sink has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The one at this place, such as `s3://bucket/key`.
    At(String),
    /// Those that hold this record.
    Record {
        /// Topic as names of objects have it; the connector's only one when absent.
        topic: Option<String>,
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
    },
    /// Those of a partition, some at a time.
    Some {
        /// Topic as names of objects have it; the connector's only one when absent.
        topic: Option<String>,
        /// Partition; all of them when absent.
        partition: Option<i32>,
        /// Where the page before has ended.
        after: Option<String>,
        /// Objects, at most.
        limit: usize,
    },
}

/// Objects that a sink has written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredObjects {
    /// The objects.
    pub objects: Vec<StoredObject>,
    /// Where the next page begins; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What should be known of the answer: why nothing was found, what was not looked at.
    pub notes: Vec<String>,
}

/// An object that a sink has written, as far as it tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredObject {
    /// Where it is, such as `s3://bucket/key`.
    pub place: String,
    /// Its size, when it was looked at.
    pub size_bytes: Option<u64>,
    /// When it was written, in milliseconds since the epoch.
    pub written_ms: Option<i64>,
    /// Topic that its records were read from.
    pub topic: Option<String>,
    /// Partition that its records were read from.
    pub partition: Option<i32>,
    /// Offset of its first record.
    pub first_offset: Option<i64>,
    /// Offset of its last record.
    pub last_offset: Option<i64>,
    /// Records in it.
    pub records: Option<u64>,
    /// Time of its first record, in milliseconds since the epoch.
    pub first_timestamp_ms: Option<i64>,
    /// Time of its last record, in milliseconds since the epoch.
    pub last_timestamp_ms: Option<i64>,
    /// CRC-32 of its bytes.
    pub content_crc32: Option<u32>,
    /// Files that its records were read from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<StoredSource>,
    /// What should be known of it, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A part of a file whose records are in an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSource {
    /// Path of the file, as it was when it was read.
    pub file: String,
    /// Position of the first byte of the first record.
    pub start: i64,
    /// Position after the last record; none when the object does not tell.
    pub next: Option<i64>,
    /// Records of the object between the two.
    pub records: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_added_up_over_tasks() {
        let reading = |reason: &str, value| Reading {
            name: "files_total",
            help: "Files.",
            labels: vec![("reason", reason.to_owned())],
            value,
        };
        let figures = vec![reading("size", 2), reading("age", 3), reading("size", 4)];
        let load = Load { figures, ..Load::default() };
        assert_eq!((load.sum("files_total"), load.sum("others_total")), (Some(9), None));
        assert_eq!(load.sum_of("files_total", ("reason", "size")), 6);
    }
}
