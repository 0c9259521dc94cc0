//! Why files are closed, and how often.

use std::fmt;

use connect_api::figures::{Counter, Figures};

use crate::figures;

/// Why the files of a Kafka partition are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// `flush.size` records.
    FlushSize,
    /// A file of `file.size.bytes.max`.
    FileSize,
    /// A record `rotate.interval.ms` after the first one.
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
}

impl Rotation {
    const ALL: [Self; 11] = [
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
        }
    }

    /// Whether the next rotation by schedule is found anew after it.
    pub(super) const fn moves_schedule(self) -> bool {
        matches!(self, Self::Interval | Self::PartitionChange | Self::Schedule)
    }

    /// Whether a record did not fit the schema of the file.
    pub(super) const fn is_by_schema(self) -> bool {
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
        })
    }
}

/// How often files of a task were closed, by reason.
#[derive(Debug)]
pub(crate) struct Rotations([Counter; Rotation::ALL.len()]);

impl Rotations {
    pub(super) fn new(own: &Figures) -> Self {
        Self(
            Rotation::ALL
                .map(|rotation| figures::ROTATIONS.counter_of(own, "reason", rotation.label())),
        )
    }

    pub(super) fn count(&self, rotation: Rotation) {
        for (known, count) in Rotation::ALL.iter().zip(&self.0) {
            if *known == rotation {
                count.add(1);
            }
        }
    }

    /// The reasons that came up, and how often.
    pub(crate) fn counts(&self) -> Vec<(Rotation, u64)> {
        let counts = self.0.iter().map(Counter::get);
        Rotation::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}
