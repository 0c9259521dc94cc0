//! What a transaction will do, given what the store says about its partitions.

use std::collections::{BTreeMap, HashMap};

use connect_api::record::TopicPartition;
use serde_json::{Map, Value as Json};

use super::PartitionWrite;
use crate::{cell::Cell, definition::Definition};

/// Version of the tables.
pub(super) const SCHEMA_VERSION: i64 = 1;

/// Epoch and offset of each partition, as the store has them.
pub(super) type Owners = HashMap<TopicPartition, (i64, Option<i64>)>;

/// The effect of a batch of writes.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    /// What is added to each row, by window and groups.
    pub(super) rows: BTreeMap<(i64, &'a str), Cell>,
    /// New offsets.
    pub(super) offsets: Vec<(&'a TopicPartition, i64)>,
    /// Partitions that others own.
    pub(super) fenced: Vec<TopicPartition>,
}

impl<'a> Plan<'a> {
    /// Leaves out what is stored already, as after a commit whose answer was lost, and what is
    /// another task's by now.
    pub(super) fn new(
        definition: &Definition,
        writes: &'a [PartitionWrite],
        owners: &Owners,
    ) -> Self {
        let mut plan = Self::default();
        for write in writes {
            let Some((_, stored)) =
                owners.get(&write.partition).filter(|(epoch, _)| *epoch == write.epoch)
            else {
                plan.fenced.push(write.partition.clone());
                continue;
            };
            let new = write
                .segments
                .iter()
                .filter(|segment| stored.is_none_or(|stored| segment.start >= stored));
            for segment in new {
                for (window, cells) in &segment.cells {
                    plan.add(definition, *window, cells);
                }
            }
            let reached = write.end().filter(|end| stored.is_none_or(|stored| *end > stored));
            plan.offsets.extend(reached.map(|end| (&write.partition, end)));
        }
        plan
    }

    fn add(&mut self, definition: &Definition, window: i64, cells: &'a HashMap<Box<str>, Cell>) {
        for (groups, cell) in cells {
            self.rows.entry((window, groups)).or_insert_with(|| Cell::new(definition)).merge(cell);
        }
    }
}

/// The measures of a row as a JSON object, for people who look into the table.
pub(super) fn measures_text(definition: &Definition, cell: &Cell) -> String {
    let shown = cell.shown(definition).map(|(name, value)| (name.to_owned(), value));
    Json::Object(shown.collect::<Map<_, _>>()).to_string()
}

/// A count as databases hold it.
pub(super) fn count_of(cell: &Cell) -> i64 {
    i64::try_from(cell.count()).unwrap_or(i64::MAX)
}
