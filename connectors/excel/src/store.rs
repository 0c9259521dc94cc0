//! The rows that the workbook is made of.
//!
//! A row is known by the partition and offset of its record, and stays where it came first; when the topic
//! was made anew, the record at an offset is another one, which its time tells. Columns have numbers that are never used again, so that a sheet only grows to the right.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    record::TopicPartition,
};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, params};
use serde_json::Value as Json;

use crate::{
    cell::Cell,
    row::{MOST_COLUMNS, Row},
};

/// How long a task that is being replaced is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS sheets (
        id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS columns (
        id INTEGER PRIMARY KEY AUTOINCREMENT, sheet INTEGER NOT NULL, name TEXT NOT NULL,
        UNIQUE (sheet, name));
    CREATE TABLE IF NOT EXISTS rows (
        id INTEGER PRIMARY KEY AUTOINCREMENT, sheet INTEGER NOT NULL, topic TEXT NOT NULL,
        partition INTEGER NOT NULL, position INTEGER NOT NULL, cells TEXT NOT NULL, time INTEGER,
        UNIQUE (topic, partition, position));
    CREATE INDEX IF NOT EXISTS rows_by_sheet ON rows (sheet, id);";

/// The store of one workbook.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    connection: Connection,
    sheets: HashMap<Arc<str>, Sheet>,
}

#[derive(Debug)]
struct Sheet {
    id: i64,
    columns: HashMap<String, i64>,
}

/// A sheet as it is stored: its topic and the numbers and names of its columns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredSheet {
    /// Number of the sheet.
    pub(crate) id: i64,
    /// Topic.
    pub(crate) topic: String,
    /// Columns in their order.
    pub(crate) columns: Vec<(i64, String)>,
}

impl Store {
    /// Opens a store, or makes it.
    ///
    /// # Errors
    /// `Retriable` when the disk refuses; `Invalid` when the file is no store.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let opened = Connection::open(path).and_then(|connection| {
            connection.busy_timeout(PATIENCE)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.execute_batch(TABLES)?;
            add_times(&connection)?;
            Ok(connection)
        });
        let connection = opened.map_err(|error| failure("open", path, error))?;
        Ok(Self { path: path.to_owned(), connection, sheets: HashMap::new() })
    }

    /// Keeps rows, those that are kept already left as they are, and says how many are new.
    ///
    /// # Errors
    /// As [`Store::open`]; nothing is kept then. `Record` when a sheet has no room for a column; `Invalid`
    /// when a row is kept of another record at the same place.
    pub(crate) fn keep(&mut self, rows: &[Row]) -> Result<usize> {
        let kept = keep(&mut self.connection, &mut self.sheets, rows);
        if kept.is_err() {
            // It may know of columns that were rolled back.
            self.sheets.clear();
        }
        kept.map_err(|error| match error {
            Refusal::Disk(error) => failure("write to", &self.path, error),
            Refusal::Full(topic) => ConnectorError::record(format!(
                "The sheet of topic \"{topic}\" has no room for more than {MOST_COLUMNS} columns"
            )),
            Refusal::Other(origin, offset) => ConnectorError::invalid(format!(
                "The record at offset {offset} of {origin} is another one than that whose row is kept in \
                 \"{}\": the topic was made anew, or is that of another cluster",
                self.path.display()
            ))
            .hint("Name another workbook in \"file\", or stop the connector and delete this one and its store"),
        })
    }

    /// The sheets in their order.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub(crate) fn sheets(&self) -> Result<Vec<StoredSheet>> {
        self.read_sheets().map_err(|error| failure("read", &self.path, error))
    }

    fn read_sheets(&self) -> rusqlite::Result<Vec<StoredSheet>> {
        let mut sheets = self.connection.prepare("SELECT id, topic FROM sheets ORDER BY id")?;
        let found = sheets.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let found = found.map(|sheet| {
            let (id, topic) = sheet?;
            Ok(StoredSheet { id, topic, columns: columns_of(&self.connection, id)? })
        });
        found.collect()
    }

    /// Gives every row of a sheet in its order, as numbers of columns with cells.
    ///
    /// # Errors
    /// As [`Store::open`], or what the taker says.
    pub(crate) fn each_row(
        &self,
        sheet: i64,
        mut take: impl FnMut(Vec<(i64, Cell)>) -> Result<()>,
    ) -> Result<()> {
        let failed = |error| failure("read", &self.path, error);
        let sql = "SELECT cells FROM rows WHERE sheet = ? ORDER BY id";
        let mut query = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = query.query([sheet]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let cells: String = row.get(0).map_err(failed)?;
            take(parse(&cells))?;
        }
        Ok(())
    }

    /// Begins to read: nobody keeps rows meanwhile, or reads for a workbook of its own.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub(crate) fn begin_read(&self) -> Result<()> {
        let begun = self.connection.execute_batch("BEGIN IMMEDIATE");
        begun.map_err(|error| failure("read", &self.path, error))
    }

    /// Ends to read.
    pub(crate) fn end_read(&self) {
        // Nothing was written.
        let _ended = self.connection.execute_batch("ROLLBACK");
    }
}

enum Refusal {
    Disk(rusqlite::Error),
    Full(Arc<str>),
    Other(TopicPartition, i64),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Disk(error)
    }
}

fn keep(
    connection: &mut Connection,
    sheets: &mut HashMap<Arc<str>, Sheet>,
    rows: &[Row],
) -> Result<usize, Refusal> {
    let write = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut new = 0;
    for row in rows {
        if !sheets.contains_key(&row.topic) {
            let id = sheet_id(&write, &row.topic)?;
            let columns = columns_of(&write, id)?.into_iter().map(|(id, name)| (name, id));
            let sheet = Sheet { id, columns: columns.collect() };
            sheets.insert(Arc::clone(&row.topic), sheet);
        }
        let Some(sheet) = sheets.get_mut(&row.topic) else { continue };
        let mut cells = Vec::with_capacity(row.cells.len());
        for (name, cell) in &row.cells {
            let id = match sheet.columns.get(name) {
                Some(id) => *id,
                None => {
                    if sheet.columns.len() >= MOST_COLUMNS {
                        return Err(Refusal::Full(Arc::clone(&row.topic)));
                    }
                    let id = column_id(&write, sheet.id, name)?;
                    sheet.columns.insert(name.clone(), id);
                    id
                }
            };
            cells.push(Json::Array(vec![id.into(), cell.to_json()]));
        }
        let mut insert = write.prepare_cached(
            "INSERT OR IGNORE INTO rows (sheet, topic, partition, position, cells, time)
             VALUES (?, ?, ?, ?, ?, ?)",
        )?;
        let TopicPartition { topic, partition } = &row.origin;
        let cells = Json::Array(cells).to_string();
        let added = insert.execute(params![
            sheet.id,
            &**topic,
            partition,
            row.offset,
            cells,
            row.time_ms
        ])?;
        if added == 0 && is_other(&write, row)? {
            return Err(Refusal::Other(row.origin.clone(), row.offset));
        }
        new += added;
    }
    write.commit()?;
    Ok(new)
}

/// Whether the row that is kept at the place of a record is that of another one.
fn is_other(write: &Transaction<'_>, row: &Row) -> rusqlite::Result<bool> {
    let TopicPartition { topic, partition } = &row.origin;
    let find = "SELECT time FROM rows WHERE topic = ? AND partition = ? AND position = ?";
    let mut find = write.prepare_cached(find)?;
    let kept: Option<i64> =
        find.query_row(params![&**topic, partition, row.offset], |row| row.get(0))?;
    Ok(kept.zip(row.time_ms).is_some_and(|(kept, comes)| kept != comes))
}

/// Stores of before had no times.
fn add_times(connection: &Connection) -> rusqlite::Result<()> {
    let find = "SELECT count(*) FROM pragma_table_info('rows') WHERE name = 'time'";
    let found: i64 = connection.query_row(find, [], |row| row.get(0))?;
    if found == 0 {
        connection.execute_batch("ALTER TABLE rows ADD COLUMN time INTEGER")?;
    }
    Ok(())
}

fn sheet_id(write: &Transaction<'_>, topic: &str) -> rusqlite::Result<i64> {
    write.execute("INSERT OR IGNORE INTO sheets (topic) VALUES (?)", [topic])?;
    write.query_row("SELECT id FROM sheets WHERE topic = ?", [topic], |row| row.get(0))
}

/// Columns of a sheet in their order.
fn columns_of(connection: &Connection, sheet: i64) -> rusqlite::Result<Vec<(i64, String)>> {
    let sql = "SELECT id, name FROM columns WHERE sheet = ? ORDER BY id";
    let mut columns = connection.prepare_cached(sql)?;
    let found = columns.query_map([sheet], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

fn column_id(write: &Transaction<'_>, sheet: i64, name: &str) -> rusqlite::Result<i64> {
    let find = "SELECT id FROM columns WHERE sheet = ? AND name = ?";
    let known = write.query_row(find, params![sheet, name], |row| row.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    write.execute("INSERT INTO columns (sheet, name) VALUES (?, ?)", params![sheet, name])?;
    Ok(write.last_insert_rowid())
}

fn parse(cells: &str) -> Vec<(i64, Cell)> {
    let Ok(Json::Array(cells)) = serde_json::from_str(cells) else { return Vec::new() };
    let pair = |cell: Json| {
        let Json::Array(pair) = cell else { return None };
        let mut pair = pair.into_iter();
        Some((pair.next()?.as_i64()?, Cell::from_json(pair.next()?)))
    };
    cells.into_iter().filter_map(pair).collect()
}

fn failure(verb: &str, path: &Path, error: rusqlite::Error) -> ConnectorError {
    let message = format!("Could not {verb} the store of rows \"{}\"", path.display());
    let code = error.sqlite_error_code();
    let failure = match code {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            ConnectorError::new(ErrorClass::Invalid, message)
                .hint("Delete it, or name another one as store.file, and reset the offsets")
        }
        Some(ErrorCode::DiskFull) => {
            ConnectorError::retriable(message).hint("Make room on the disk")
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            ConnectorError::retriable(message)
                .hint("Create its directory and give the user of the worker permission to write")
        }
        _ => ConnectorError::retriable(message),
    };
    failure.caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(offset: i64, columns: std::ops::Range<usize>) -> Row {
        Row {
            topic: "a".into(),
            origin: TopicPartition { topic: "a".into(), partition: 0 },
            offset,
            time_ms: Some(offset),
            cells: columns.map(|column| (format!("c{column}"), Cell::Boolean(true))).collect(),
        }
    }

    #[test]
    fn columns_from_before_the_start_take_room_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.db");
        let full = row(0, 0..MOST_COLUMNS);
        assert_eq!(Store::open(&path).unwrap().keep(&[full]).unwrap(), 1);
        let mut store = Store::open(&path).unwrap();
        let error = store.keep(&[row(1, MOST_COLUMNS..MOST_COLUMNS + 1)]).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Record);
        assert_eq!(store.keep(&[row(1, 0..1)]).unwrap(), 1);
    }

    #[test]
    fn a_store_of_before_takes_rows_that_come_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.db");
        assert_eq!(Store::open(&path).unwrap().keep(&[row(0, 0..1)]).unwrap(), 1);
        let before = Connection::open(&path).unwrap();
        before.execute_batch("ALTER TABLE rows DROP COLUMN time").unwrap();
        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.keep(&[row(0, 0..1), row(1, 0..1)]).unwrap(), 1);
    }
}
