//! Where rows and offsets are kept: one trait, two databases.
//!
//! The rule that makes counting exactly-once is in [`plan`] and the same for both: in one
//! transaction the offsets are read, what is new is merged into rows, and the new offsets are
//! written. A partition that another task has claimed since is left out.

mod plan;
mod postgres;
mod sqlite;
mod url;

pub(crate) use self::url::{Access, StoreUrl};

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    record::TopicPartition,
};

use crate::{cell::Cell, definition::Definition, held::Segment};

/// A partition that a task has taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The partition.
    pub(crate) partition: TopicPartition,
    /// Number of this claim; an earlier owner has a lower one and can write no more.
    pub(crate) epoch: i64,
    /// Offset up to which records are in rows.
    pub(crate) offset: Option<i64>,
}

/// What a task wants to write of one partition.
#[derive(Debug)]
pub(crate) struct PartitionWrite {
    /// The partition.
    pub(crate) partition: TopicPartition,
    /// Number of the task's claim.
    pub(crate) epoch: i64,
    /// What is due, in order.
    pub(crate) segments: Vec<Arc<Segment>>,
}

impl PartitionWrite {
    /// The same write; its segments are shared, not copied.
    fn share(&self) -> Self {
        Self {
            partition: self.partition.clone(),
            epoch: self.epoch,
            segments: self.segments.clone(),
        }
    }

    /// Offset that the rows reach afterwards.
    pub(crate) fn end(&self) -> Option<i64> {
        self.segments.last().map(|segment| segment.end)
    }
}

/// Offsets up to which records are in rows.
pub(crate) type StoredOffsets = BTreeMap<TopicPartition, i64>;

/// A row of the store.
#[derive(Debug)]
pub(crate) struct StoredRow {
    /// Start of its window.
    pub(crate) window: i64,
    /// Its groups as the text of a JSON array.
    pub(crate) groups: Box<str>,
    /// Its numbers.
    pub(crate) cell: Cell,
}

/// Rows with the offsets they were read with.
#[derive(Debug, Default)]
pub(crate) struct StoredRows {
    /// Offsets.
    pub(crate) offsets: StoredOffsets,
    /// Rows, in no particular order.
    pub(crate) rows: Vec<StoredRow>,
}

/// Figures over all rows, with the offsets they were read with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredTotals {
    /// Offsets.
    pub(crate) offsets: StoredOffsets,
    /// Records counted.
    pub(crate) records: u64,
    /// Starts of the first and last window.
    pub(crate) windows: Option<(i64, i64)>,
}

/// A database with rows and offsets. Connects when first asked, and again after an error.
#[async_trait]
pub(crate) trait Store: Send {
    /// Takes partitions over from whoever had them.
    ///
    /// # Errors
    /// `Invalid` when the store has rows of this aggregate under another definition.
    async fn claim(
        &mut self,
        definition: &Definition,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Claim>>;

    /// Adds what was counted to rows, together with its offsets, and deletes windows that start
    /// before `delete_before`; returns partitions that others have taken over, of which nothing was
    /// written. After an error it may have been written or not: the same again is right then.
    ///
    /// # Errors
    /// `Retriable` when the database is away.
    async fn write(
        &mut self,
        definition: &Definition,
        writes: &[PartitionWrite],
        delete_before: Option<i64>,
    ) -> Result<Vec<TopicPartition>>;

    /// Rows whose windows start in this range; nothing when nothing was ever written.
    ///
    /// # Errors
    /// `Conflict` when the rows are of another definition.
    async fn read(&mut self, definition: &Definition, windows: Range<i64>) -> Result<StoredRows>;

    /// Figures over all rows.
    ///
    /// # Errors
    /// As [`Store::read`].
    async fn totals(&mut self, definition: &Definition) -> Result<StoredTotals>;
}

/// The rows and offsets were counted by another definition than the connector's.
fn other_definition(definition: &Definition, class: ErrorClass) -> ConnectorError {
    let name = &definition.name;
    ConnectorError::new(
        class,
        format!("The store has rows of aggregate \"{name}\" that were counted by other settings"),
    )
    .hint(
        "Give the aggregate another \"aggregate.name\", or set \"window.ms\", \"group.by\", \
         \"measures\" and \"top.k\" as they were",
    )
}

/// The tables are of a later version of this program.
fn newer_schema(version: i64) -> ConnectorError {
    ConnectorError::invalid(format!(
        "The store's tables are of version {version} and this version reads up to {}",
        plan::SCHEMA_VERSION
    ))
    .hint("Use the version of this program that made them, or a later one")
}

/// A row's state cannot be read.
fn damaged(definition: &Definition, error: crate::cell::DecodeError) -> ConnectorError {
    let name = &definition.name;
    ConnectorError::internal(format!("Could not read a row of aggregate \"{name}\""))
        .caused_by(error)
}
