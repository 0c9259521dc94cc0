//! The databases: one trait, two of them.
//!
//! The rule that makes insertions exactly-once is the same for both: one transaction looks whether the
//! task still owns its partitions and has not written these records before, writes the rows, and moves
//! the offsets.

mod postgres;
mod sqlite;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    record::{SinkRecord, TopicPartition},
};

use crate::{
    config::{Access, JdbcSinkConfig, JdbcUrl, Quoting, TableType},
    layout::{Layout, Shape, TableName, coordinates},
    sql::{Action, ColumnKind, Dialect, Names, Rendering},
};

/// What the store knows of a partition that a task has taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Number of the task's claim; an earlier owner has a lower one and can write no more.
    pub(crate) epoch: i64,
    /// Offset up to which records are rows.
    pub(crate) next: Option<i64>,
}

/// Claims by partition.
pub(crate) type Claims = BTreeMap<TopicPartition, Claim>;

/// Where partitions go on, or that it is forgotten.
pub(crate) type Moves = [(TopicPartition, Option<i64>)];

/// A table as it is in the database.
#[derive(Debug)]
pub(crate) struct Table {
    /// What it is; none of what may be written to when absent.
    pub(crate) kind: Option<TableType>,
    /// Its columns.
    pub(crate) columns: Vec<TableColumn>,
    /// Whether `COPY` writes to it what `INSERT` would.
    pub(crate) copies: bool,
}

/// A column of a table as it is in the database.
#[derive(Clone, Debug)]
pub(crate) struct TableColumn {
    /// Name.
    pub(crate) name: String,
    /// Which texts it reads.
    pub(crate) kind: ColumnKind,
    /// Its type as statements name it.
    pub(crate) type_name: String,
    /// That of a domain as the catalogue names it, or its own.
    pub(crate) base_name: String,
    /// Whether different texts are different values, when they were written from one kind of value.
    pub(crate) is_exact: bool,
    /// Whether the database numbers it and refuses other numbers.
    pub(crate) is_numbered: bool,
}

/// A table with the columns that a layout's values go into, in the layout's order.
#[derive(Debug)]
pub(crate) struct Target {
    /// Names as they stand in statements.
    pub(crate) names: Names,
    /// The columns.
    pub(crate) columns: Vec<TableColumn>,
    /// Whether `COPY` writes to it what `INSERT` would.
    pub(crate) copies: bool,
}

impl Target {
    /// Whether keys of a layout that differ are those of different rows.
    pub(crate) fn has_exact_keys(&self, layout: &Layout) -> bool {
        let pairs = layout.columns.iter().zip(&self.columns);
        pairs.filter(|(column, _)| column.is_key).all(|(column, target)| {
            let is_as_written = match target.kind {
                ColumnKind::Boolean => column.shape == Shape::Boolean,
                ColumnKind::Number => column.shape.is_whole_number(),
                ColumnKind::Date => column.shape == Shape::Date,
                // A time is that of its zone's clock, which is set back.
                _ => column.shape == Shape::Text || column.shape.is_whole_number(),
            };
            target.is_exact && is_as_written
        })
    }
}

/// Rows of one table that one statement writes.
#[derive(Debug)]
pub(crate) struct Run {
    /// What is done.
    pub(crate) action: Action,
    /// Where the values are.
    pub(crate) layout: Arc<Layout>,
    /// Where they go.
    pub(crate) target: Arc<Target>,
    /// Places of the records in the batch.
    pub(crate) rows: Vec<usize>,
}

/// An offset to move with the rows.
#[derive(Clone, Debug)]
pub(crate) struct OffsetMove {
    /// The partition.
    pub(crate) partition: TopicPartition,
    /// What is believed of it.
    pub(crate) claim: Claim,
    /// Offset that the rows reach afterwards.
    pub(crate) end: i64,
}

/// What one transaction writes.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    /// The records.
    pub(crate) batch: &'a [SinkRecord],
    /// Rows, in the order they are written.
    pub(crate) runs: &'a [Run],
    /// Offsets; empty where none are kept.
    pub(crate) offsets: &'a [OffsetMove],
    /// Whether what may pass, such as a row that another one still needs, is tried again before a record
    /// is to blame.
    pub(crate) may_wait: bool,
    /// Whether the tables were looked up for this batch.
    pub(crate) is_fresh: bool,
}

/// What came of a transaction.
#[derive(Debug)]
pub(crate) enum Written {
    /// It is committed.
    Done,
    /// Nothing was written: the store knows better of these partitions.
    Moved(BTreeMap<TopicPartition, Option<Claim>>),
    /// Nothing was written: these records cannot be rows.
    Refused(Vec<(usize, ConnectorError)>),
    /// Nothing was written: a value does not fit its column, as that was when it was looked up.
    Outdated,
    /// Nothing was written: a table is not what it was taken for.
    Changed(ConnectorError),
}

/// What came of statements that make or extend a table.
#[derive(Debug)]
pub(crate) enum Defined {
    /// They are done.
    Done,
    /// What they make is there, in these words: somebody else has made it, or it has another name here.
    There(String),
}

/// A database. Connects when first asked, and again after an error.
#[async_trait]
pub(crate) trait Database: Send {
    /// Which words it understands.
    fn dialect(&self) -> Dialect;

    /// Connects, unless it is connected.
    ///
    /// # Errors
    /// `Retriable` when it is away, `Forbidden` when it refuses the user.
    async fn connect(&mut self) -> Result<()>;

    /// Takes partitions over from whoever had them.
    ///
    /// # Errors
    /// `Forbidden` when the table of offsets can be neither made nor used.
    async fn claim(&mut self, partitions: &[TopicPartition]) -> Result<Claims>;

    /// Sets where partitions go on, or forgets it, of all without offsets; whoever has them now writes
    /// no more. Nothing is done where no offsets were ever kept.
    ///
    /// # Errors
    /// `Forbidden` when the table of offsets cannot be used.
    async fn move_claims(&mut self, offsets: Option<&Moves>) -> Result<()>;

    /// Looks a table up; none when there is none.
    ///
    /// # Errors
    /// `Retriable` when the database is away, `Record` when there can be no such table.
    async fn describe(&mut self, table: &TableName) -> Result<Option<Table>>;

    /// Makes or extends a table.
    ///
    /// # Errors
    /// `Forbidden` without the permission, `Record` when what it should be cannot be.
    async fn define(&mut self, statements: &[String]) -> Result<Defined>;

    /// Writes rows and offsets in one transaction. After an error it may have been written or not.
    ///
    /// # Errors
    /// `Retriable` when the database is away, `Conflict` when it could not take the batch now.
    async fn write(&mut self, job: &Job<'_>) -> Result<Written>;
}

/// How a database is used, whichever it is.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    /// Name of the connector, under which offsets are kept.
    pub(crate) connector: Arc<str>,
    /// Table of the offsets, when they are kept.
    pub(crate) offsets: Option<TableName>,
    /// Whether names are quoted.
    pub(crate) quoting: Quoting,
    /// How values become texts.
    pub(crate) rendering: Rendering,
}

impl Usage {
    /// What the configuration says.
    ///
    /// # Errors
    /// `Invalid` when the table of offsets has no name.
    pub(crate) fn new(config: &JdbcSinkConfig, connector: &Arc<str>) -> Result<Self> {
        let offsets = match config.keeps_offsets() {
            true => Some(config.offsets_table()?),
            false => None,
        };
        Ok(Self {
            connector: Arc::clone(connector),
            offsets,
            quoting: config.quote_sql_identifiers,
            rendering: Rendering { zones: config.zones(), srid: config.geometry_srid },
        })
    }

    /// The table of offsets as it stands in statements.
    fn offsets_table(&self) -> Result<String> {
        let table = self.offsets.as_ref().map(|table| table.quoted(self.quoting));
        table.ok_or_else(|| ConnectorError::internal("There is no table of offsets"))
    }
}

/// The database of a configuration, which connects when first asked.
///
/// # Errors
/// `Invalid` when what the driver is told cannot be.
pub(crate) fn open(access: Access, usage: Usage) -> Result<Box<dyn Database>> {
    match &access.url {
        JdbcUrl::Sqlite(path) => Ok(Box::new(sqlite::SqliteDatabase::new(path.clone(), usage))),
        JdbcUrl::Postgres { .. } => Ok(Box::new(postgres::PostgresDatabase::new(&access, usage)?)),
    }
}

/// What is said of a record that a database does not take.
fn refused(record: &SinkRecord, table: &TableName, reason: &str) -> ConnectorError {
    ConnectorError::record(format!(
        "The record at {} cannot be a row of table \"{table}\": {reason}",
        coordinates(record)
    ))
}

/// What is said of a table that does not take a batch now.
fn not_now(table: Option<&TableName>, words: &str) -> ConnectorError {
    let table = table.map_or_else(|| "The batch".to_owned(), |table| format!("Table \"{table}\""));
    let message = format!("{table} could not be written: {words}");
    ConnectorError::new(ErrorClass::Conflict, message)
}

/// What the store has of the partitions of a job, when it knows better of one of them.
fn moved(offsets: &[OffsetMove], stored: &Claims) -> Option<Written> {
    let found = |of: &OffsetMove| stored.get(&of.partition).copied();
    let differs = offsets.iter().any(|of| found(of) != Some(of.claim));
    let all = || offsets.iter().map(|of| (of.partition.clone(), found(of))).collect();
    differs.then(|| Written::Moved(all()))
}
