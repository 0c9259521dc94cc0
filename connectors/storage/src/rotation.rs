//! Why files are closed, and how often.

use std::fmt;

use connect_api::figures::{Counter, Figures};

use crate::figure::Figure;

/// Why the files of a Kafka partition are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// `flush.size` records.
    FlushSize,
    /// A file of `file.size.bytes.max`.
    FileSize,
    /// `rotate.interval.ms` after the first record, by its time or by the clock.
    Interval,
    /// A record for another folder.
    PartitionChange,
    /// The clock, at a time of the day.
    Schedule,
    /// The clock, `file.age.ms.max` after the first record came.
    Age,
    /// A record with a schema after one without, or the other way.
    SchemaPresence,
    /// A record with another schema.
    Schema,
    /// One more file than `partitioner.max.open.files`.
    OpenFiles,
    /// No memory is left.
    Memory,
    /// Somebody asked for it.
    Request,
    /// The partition goes, and `flush.on.stop` is set.
    Stop,
}

impl Rotation {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::FlushSize,
        Self::FileSize,
        Self::Interval,
        Self::PartitionChange,
        Self::Schedule,
        Self::Age,
        Self::SchemaPresence,
        Self::Schema,
        Self::OpenFiles,
        Self::Memory,
        Self::Request,
        Self::Stop,
    ];

    /// As the label of a figure has it.
    const fn label(self) -> &'static str {
        match self {
            Self::FlushSize => "flush_size",
            Self::FileSize => "size",
            Self::Interval => "rotate_interval",
            Self::PartitionChange => "partition_change",
            Self::Schedule => "schedule",
            Self::Age => "age",
            Self::SchemaPresence => "schema_presence",
            Self::Schema => "schema_change",
            Self::OpenFiles => "open_files",
            Self::Memory => "memory",
            Self::Request => "request",
            Self::Stop => "stop",
        }
    }

    /// Whether the next rotation by schedule is found anew after it.
    #[must_use]
    pub const fn moves_schedule(self) -> bool {
        matches!(self, Self::Interval | Self::PartitionChange | Self::Schedule)
    }

    /// Whether a record did not fit the schema of the file.
    #[must_use]
    pub const fn is_by_schema(self) -> bool {
        matches!(self, Self::Schema | Self::SchemaPresence)
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FlushSize => "flush.size",
            Self::FileSize => "file.size.bytes.max",
            Self::Interval => "rotate.interval.ms",
            Self::PartitionChange => "rotate.file.on.partition.change",
            Self::Schedule => "rotate.schedule.interval.ms",
            Self::Age => "file.age.ms.max",
            Self::SchemaPresence => "a value with a schema after one without, or the other way",
            Self::Schema => "another schema",
            Self::OpenFiles => "partitioner.max.open.files",
            Self::Memory => "memory",
            Self::Request => "a request",
            Self::Stop => "flush.on.stop",
        })
    }
}

/// How often files of a task were closed, by reason.
#[derive(Debug)]
pub struct Rotations(Vec<(Rotation, Counter)>);

impl Rotations {
    /// None yet, for the reasons that a sink knows, counted by a figure.
    #[must_use]
    pub fn new(known: &[Rotation], figure: Figure, own: &Figures) -> Self {
        let counter = |rotation: Rotation| figure.counter_of(own, "reason", rotation.label());
        Self(known.iter().map(|&rotation| (rotation, counter(rotation))).collect())
    }

    /// Counts one.
    pub fn count(&self, rotation: Rotation) {
        for (_, count) in self.0.iter().filter(|(known, _)| *known == rotation) {
            count.add(1);
        }
    }

    /// The reasons that came up, and how often.
    #[must_use]
    pub fn counts(&self) -> Vec<(Rotation, u64)> {
        let counts = self.0.iter().map(|(rotation, count)| (*rotation, count.get()));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}
