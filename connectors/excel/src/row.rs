//! A record as cells under the names of their columns.

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    value::Value,
};

use crate::cell::{Cell, MOST_CHARACTERS, text_of};

/// Columns that a sheet can have.
pub(crate) const MOST_COLUMNS: usize = 16_384;
/// Name of the column of values that have no fields.
const VALUE: &str = "value";

/// A row on its way into the store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Topic, which names the sheet.
    pub(crate) topic: Arc<str>,
    /// Partition it was read from.
    pub(crate) origin: TopicPartition,
    /// Offset in that partition.
    pub(crate) offset: i64,
    /// Time of the record, by which one that comes again is told from another one at its offset.
    pub(crate) time_ms: Option<i64>,
    /// Cells with the names of their columns.
    pub(crate) cells: Vec<(String, Cell)>,
}

impl Row {
    /// The row of a record; none for one without a value.
    ///
    /// # Errors
    /// `Record` when Excel cannot hold it.
    pub(crate) fn of(record: &SinkRecord) -> Result<Option<Self>> {
        let cells: Vec<_> = match &record.value.value {
            Value::Null => return Ok(None),
            Value::Struct(row) => {
                row.iter().map(|(name, value)| (name.to_owned(), Cell::of(value))).collect()
            }
            Value::Map(map) => {
                let entries = map.entries().iter();
                entries.map(|(name, value)| (text_of(name), Cell::of(value))).collect()
            }
            value => vec![(VALUE.to_owned(), Cell::of(value))],
        };
        let refused = |reason: String| {
            ConnectorError::record(format!(
                "Could not make a row of the record at offset {} of {}: {reason}",
                record.offset, record.origin
            ))
        };
        if cells.len() > MOST_COLUMNS {
            let count = cells.len();
            return Err(refused(format!(
                "it has {count} fields, and a sheet {MOST_COLUMNS} columns"
            )));
        }
        let is_long = |text: &str| text.encode_utf16().count() > MOST_CHARACTERS;
        for (name, cell) in &cells {
            let is_long = is_long(name) || matches!(cell, Cell::Text(text) if is_long(text));
            if is_long {
                return Err(refused(format!(
                    "field \"{}\" has more than the {MOST_CHARACTERS} characters of a cell",
                    name.chars().take(60).collect::<String>()
                )));
            }
        }
        Ok(Some(Self {
            topic: Arc::clone(&record.topic),
            origin: record.origin.clone(),
            offset: record.offset,
            time_ms: record.timestamp_ms,
            cells,
        }))
    }
}
