//! Rows in a SQLite file, in write-ahead mode: readers see the last commit and wait for nobody.

mod values;

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    record::TopicPartition,
};
use connect_disk::on_disk;
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
    params_from_iter,
};

use self::values::bound;
use super::{
    Claim, Claims, Database, Defined, Job, Moves, Run, Table, TableColumn, Usage, Written, moved,
    not_now, refused,
};
use crate::{
    config::TableType,
    layout::{TableName, identifier},
    sql::{ColumnKind, Dialect},
};

/// Longest wait for another writer of the file.
const BUSY: Duration = Duration::from_secs(30);

/// Statements that are kept prepared: several per table of a task.
const STATEMENTS: usize = 128;

/// A file, opened when first asked.
pub(super) struct SqliteDatabase {
    path: PathBuf,
    usage: Usage,
    connection: Option<Connection>,
    has_offsets: bool,
}

/// What went wrong.
enum Failure {
    Sqlite(rusqlite::Error),
    Other(ConnectorError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Self::Other(error)
    }
}

impl SqliteDatabase {
    pub(super) const fn new(path: PathBuf, usage: Usage) -> Self {
        Self { path, usage, connection: None, has_offsets: false }
    }

    fn run<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &Usage) -> Result<T, Failure>,
    ) -> Result<T> {
        let outcome = on_disk(|| {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                closed => closed.insert(open(&self.path)?),
            };
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction, &self.usage)?;
            transaction.commit()?;
            Ok(done)
        });
        outcome.map_err(|failure: Failure| {
            self.connection = None;
            self.explain(failure)
        })
    }

    fn explain(&self, failure: Failure) -> ConnectorError {
        let error = match failure {
            Failure::Sqlite(error) => error,
            Failure::Other(error) => return error,
        };
        let (class, hint) = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                (ErrorClass::Conflict, None)
            }
            Some(ErrorCode::SystemIoFailure) => (ErrorClass::Retriable, None),
            Some(ErrorCode::DiskFull) => (ErrorClass::Retriable, Some("Make room on the disk")),
            Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase) => (
                ErrorClass::Invalid,
                Some("Name a file in an existing directory in \"connection.url\""),
            ),
            Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                (ErrorClass::Forbidden, Some("Let this process write the file and its directory"))
            }
            _ if says(&error, &["unknown database"]) => (
                ErrorClass::Invalid,
                Some(
                    "Leave out of \"offsets.table\" what stands before a point: SQLite has no schemas",
                ),
            ),
            _ => (ErrorClass::Invalid, None),
        };
        let message = format!("Could not use jdbc:sqlite:{}", self.path.display());
        let explained = ConnectorError::new(class, message).caused_by(error);
        match hint {
            Some(hint) => explained.hint(hint),
            None => explained,
        }
    }
}

fn open(path: &std::path::Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In this mode a commit is on the disk when it returns, also after a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

#[async_trait]
impl Database for SqliteDatabase {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn connect(&mut self) -> Result<()> {
        if self.connection.is_some() {
            return Ok(());
        }
        self.run(|_transaction, _usage| Ok(()))
    }

    async fn claim(&mut self, partitions: &[TopicPartition]) -> Result<Claims> {
        let has_offsets = self.has_offsets;
        let claims = self.run(|transaction, usage| {
            let table = usage.offsets_table()?;
            if !has_offsets {
                transaction.execute_batch(&format!(
                    "CREATE TABLE IF NOT EXISTS {table} (connector TEXT NOT NULL, \
                     topic TEXT NOT NULL, kafka_partition INTEGER NOT NULL, \
                     epoch INTEGER NOT NULL, next_offset INTEGER, \
                     PRIMARY KEY (connector, topic, kafka_partition))"
                ))?;
            }
            let claim = format!(
                "INSERT INTO {table} VALUES (?1, ?2, ?3, 1, NULL) ON CONFLICT DO UPDATE \
                 SET epoch = epoch + 1 RETURNING epoch, next_offset"
            );
            let mut claims = Claims::new();
            for of in partitions {
                let values = params![&*usage.connector, &*of.topic, of.partition];
                let claim = transaction
                    .prepare_cached(&claim)?
                    .query_row(values, |row| Ok(Claim { epoch: row.get(0)?, next: row.get(1)? }))?;
                claims.insert(of.clone(), claim);
            }
            Ok(claims)
        })?;
        self.has_offsets = true;
        Ok(claims)
    }

    async fn move_claims(&mut self, offsets: Option<&Moves>) -> Result<()> {
        let Some(table) = self.usage.offsets.clone() else { return Ok(()) };
        // To open a file that is not there would make it.
        if !self.path.exists() || self.describe(&table).await?.is_none() {
            return Ok(());
        }
        self.run(|transaction, usage| {
            let table = usage.offsets_table()?;
            let forget = format!(
                "UPDATE {table} SET epoch = epoch + 1, next_offset = NULL WHERE connector = ?1"
            );
            let set = format!(
                "INSERT INTO {table} VALUES (?1, ?2, ?3, 1, ?4) ON CONFLICT DO UPDATE \
                 SET epoch = epoch + 1, next_offset = excluded.next_offset"
            );
            let Some(offsets) = offsets else {
                transaction.execute(&forget, params![&*usage.connector])?;
                return Ok(());
            };
            for (of, next) in offsets {
                let values = params![&*usage.connector, &*of.topic, of.partition, next];
                transaction.prepare_cached(&set)?.execute(values)?;
            }
            Ok(())
        })
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<Table>> {
        self.run(|transaction, usage| {
            let (schema, name) = table.schema_and_table();
            let schema = schema.unwrap_or("main");
            let is_attached = "SELECT 1 FROM pragma_database_list WHERE name = ?1 COLLATE NOCASE";
            if !transaction.prepare_cached(is_attached)?.exists([schema])? {
                let message = format!(
                    "\"{table}\" can be no table here: SQLite has no schema \"{schema}\". Leave out \
                     of \"table.name.format\" what stands before a point, or set \
                     \"table.name.normalize\""
                );
                return Err(ConnectorError::record(message).into());
            }
            let master = identifier(schema, usage.quoting);
            let select =
                format!("SELECT type FROM {master}.sqlite_master WHERE name = ?1 COLLATE NOCASE");
            let found: Option<String> =
                transaction.query_row(&select, [name], |row| row.get(0)).optional()?;
            let kind = match found.as_deref() {
                None => return Ok(None),
                Some("table") => Some(TableType::Table),
                Some("view") => Some(TableType::View),
                Some(_) => None,
            };
            let mut columns =
                transaction.prepare("SELECT name, type FROM pragma_table_info(?1, ?2)")?;
            let columns = columns.query_map([name, schema], |row| {
                Ok(TableColumn {
                    name: row.get(0)?,
                    kind: ColumnKind::Json,
                    type_name: row.get(1)?,
                    base_name: row.get(1)?,
                    // Its collation is nowhere to be read.
                    is_exact: false,
                    is_numbered: false,
                })
            })?;
            let columns = columns.collect::<Result<_, _>>()?;
            Ok(Some(Table { kind, columns, copies: false }))
        })
    }

    async fn define(&mut self, statements: &[String]) -> Result<Defined> {
        self.run(|transaction, _usage| {
            for statement in statements {
                match transaction.execute_batch(statement) {
                    Ok(()) => {}
                    Err(error) if says(&error, &["already exists", "duplicate column name"]) => {
                        return Ok(Defined::There(error.to_string()));
                    }
                    Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
                        let statement = statement.replace('\n', " ");
                        let message = format!("the database refuses \"{statement}\": {error}");
                        return Err(ConnectorError::record(message).into());
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(Defined::Done)
        })
    }

    async fn write(&mut self, job: &Job<'_>) -> Result<Written> {
        self.run(|transaction, usage| {
            transaction.execute_batch("SAVEPOINT batch")?;
            let written = write(transaction, usage, job)?;
            if !matches!(written, Written::Done) {
                transaction.execute_batch("ROLLBACK TO batch")?;
            }
            Ok(written)
        })
    }
}

fn write(transaction: &Transaction<'_>, usage: &Usage, job: &Job<'_>) -> Result<Written, Failure> {
    if !job.offsets.is_empty()
        && let Some(moved) = moved(job.offsets, &stored_claims(transaction, usage, job)?)
    {
        return Ok(moved);
    }
    let mut bad = Vec::new();
    for run in job.runs {
        match write_run(transaction, job, run, &mut bad) {
            Ok(()) => {}
            Err(Failure::Sqlite(error))
                if says(&error, &["no such table", "no such column", "has no column"]) =>
            {
                let message = format!("Table \"{}\" has changed", run.layout.table);
                return Ok(Written::Changed(ConnectorError::invalid(message).caused_by(error)));
            }
            Err(failure) => return Err(failure),
        }
    }
    if !bad.is_empty() {
        return Ok(Written::Refused(bad));
    }
    if !job.offsets.is_empty() {
        let table = usage.offsets_table()?;
        let update = format!(
            "UPDATE {table} SET next_offset = ?4 \
             WHERE connector = ?1 AND topic = ?2 AND kafka_partition = ?3"
        );
        for of in job.offsets {
            let (topic, number) = (&*of.partition.topic, of.partition.partition);
            let values = params![&*usage.connector, topic, number, of.end];
            transaction.prepare_cached(&update)?.execute(values)?;
        }
    }
    Ok(Written::Done)
}

fn stored_claims(
    transaction: &Transaction<'_>,
    usage: &Usage,
    job: &Job<'_>,
) -> Result<Claims, Failure> {
    let table = usage.offsets_table()?;
    let select = format!(
        "SELECT epoch, next_offset FROM {table} \
         WHERE connector = ?1 AND topic = ?2 AND kafka_partition = ?3"
    );
    let mut stored = Claims::new();
    for of in job.offsets {
        let values = params![&*usage.connector, &*of.partition.topic, of.partition.partition];
        let claim = transaction
            .prepare_cached(&select)?
            .query_row(values, |row| Ok(Claim { epoch: row.get(0)?, next: row.get(1)? }))
            .optional()?;
        stored.extend(claim.map(|claim| (of.partition.clone(), claim)));
    }
    Ok(stored)
}

/// Writes rows one by one: a statement that fails changes nothing, and the next one goes on.
fn write_run(
    transaction: &Transaction<'_>,
    job: &Job<'_>,
    run: &Run,
    bad: &mut Vec<(usize, ConnectorError)>,
) -> Result<(), Failure> {
    let places: Vec<_> = (1..=run.layout.columns.len()).map(|place| format!("?{place}")).collect();
    let statement = run.target.names.for_one_row(run.action, &places);
    let mut statement = transaction.prepare_cached(&statement)?;
    for &row in &run.rows {
        let Some(record) = job.batch.get(row) else { continue };
        let values = run.layout.columns.iter().map(|column| bound(column.cell(record)));
        match statement.execute(params_from_iter(values)) {
            Ok(_rows) => {}
            Err(error) if job.may_wait && is_constraint(&error) => {
                return Err(not_now(Some(&run.layout.table), &error.to_string()).into());
            }
            Err(error) if is_of_the_record(&error) => {
                bad.push((row, refused(record, &run.layout.table, &error.to_string())));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A constraint looks at other rows too, and a trigger wherever it likes: it may pass.
fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

fn is_of_the_record(error: &rusqlite::Error) -> bool {
    is_constraint(error)
        || matches!(error.sqlite_error_code(), Some(ErrorCode::TypeMismatch | ErrorCode::TooBig))
}

/// SQLite has one code for all that is wrong with a statement, and words for each.
fn says(error: &rusqlite::Error, words: &[&str]) -> bool {
    let text = error.to_string();
    words.iter().any(|words| text.contains(words))
}
