//! Rows in a SQLite file, in write-ahead mode: readers see the last commit and wait for nobody.

use std::{ops::Range, path::PathBuf, time::Duration};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    record::TopicPartition,
};
use connect_disk::on_disk;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};

use super::{
    Claim, PartitionWrite, Store, StoredOffsets, StoredRow, StoredRows, StoredTotals, damaged,
    newer_schema, other_definition,
    plan::{Owners, Plan, SCHEMA_VERSION, count_of, measures_text},
    url::Access,
};
use crate::{cell::Cell, definition::Definition};

/// Statements that bring the tables from one version to the next.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE millrace_aggregate (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        definition TEXT NOT NULL
    );
    CREATE TABLE millrace_aggregate_offset (
        aggregate INTEGER NOT NULL REFERENCES millrace_aggregate (id),
        topic TEXT NOT NULL,
        kafka_partition INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        next_offset INTEGER,
        PRIMARY KEY (aggregate, topic, kafka_partition)
    ) WITHOUT ROWID;
    CREATE TABLE millrace_aggregate_row (
        aggregate INTEGER NOT NULL REFERENCES millrace_aggregate (id),
        window_start_ms INTEGER NOT NULL,
        group_values TEXT NOT NULL,
        record_count INTEGER NOT NULL,
        measures TEXT NOT NULL,
        state BLOB NOT NULL,
        PRIMARY KEY (aggregate, window_start_ms, group_values)
    ) WITHOUT ROWID;
"];

const ROW_STATE: &str = "SELECT state FROM millrace_aggregate_row \
    WHERE aggregate = ?1 AND window_start_ms = ?2 AND group_values = ?3";

const PUT_ROW: &str = "INSERT INTO millrace_aggregate_row VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
    ON CONFLICT DO UPDATE SET record_count = excluded.record_count, \
    measures = excluded.measures, state = excluded.state";

const CLAIM: &str = "INSERT INTO millrace_aggregate_offset VALUES (?1, ?2, ?3, 1, NULL) \
    ON CONFLICT DO UPDATE SET epoch = epoch + 1 RETURNING epoch, next_offset";

/// A file, opened when first asked.
pub(super) struct SqliteStore {
    path: PathBuf,
    access: Access,
    timeout: Duration,
    connection: Option<Connection>,
}

impl SqliteStore {
    pub(super) const fn new(path: PathBuf, access: Access, timeout: Duration) -> Self {
        Self { path, access, timeout, connection: None }
    }

    /// Runs one transaction; `None` for a reader when there is nothing to read yet.
    fn run<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<Option<T>> {
        if self.access == Access::Read && !self.path.exists() {
            return Ok(None);
        }
        let outcome = on_disk(|| {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                closed => closed.insert(open(&self.path, self.access, self.timeout)?),
            };
            let behavior = match self.access {
                Access::Write => TransactionBehavior::Immediate,
                Access::Read => TransactionBehavior::Deferred,
            };
            let transaction = connection.transaction_with_behavior(behavior)?;
            let version = version(&transaction)?;
            if self.access == Access::Read && version == 0 {
                return Ok(None);
            }
            migrate(&transaction, version)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(Some(done))
        });
        outcome.map_err(|failure: Failure| {
            self.connection = None;
            failure.explain(&self.path)
        })
    }
}

/// What went wrong inside a transaction.
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

impl Failure {
    fn explain(self, path: &std::path::Path) -> ConnectorError {
        let error = match self {
            Self::Sqlite(error) => error,
            Self::Other(error) => return error,
        };
        let (class, hint) = match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SystemIoFailure,
            ) => (ErrorClass::Retriable, None),
            Some(ErrorCode::DiskFull) => (ErrorClass::Retriable, Some("Make room on the disk")),
            Some(ErrorCode::CannotOpen | ErrorCode::NotADatabase) => {
                (ErrorClass::Invalid, Some("Name a file in an existing directory in \"store.url\""))
            }
            Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                (ErrorClass::Forbidden, Some("Let this process write the file and its directory"))
            }
            _ => (ErrorClass::Internal, None),
        };
        let message = format!("Could not use the aggregate store sqlite:{}", path.display());
        let explained = ConnectorError::new(class, message).caused_by(error);
        match hint {
            Some(hint) => explained.hint(hint),
            None => explained,
        }
    }
}

fn open(
    path: &std::path::Path,
    access: Access,
    timeout: Duration,
) -> Result<Connection, rusqlite::Error> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if access == Access::Write {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(timeout)?;
    connection.set_prepared_statement_cache_capacity(32);
    match access {
        Access::Write => {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // In this mode a commit is on the disk when it returns, also after a power cut.
            connection.pragma_update(None, "synchronous", "FULL")?;
        }
        Access::Read => connection.pragma_update(None, "query_only", true)?,
    }
    Ok(connection)
}

fn version(transaction: &Transaction<'_>) -> Result<i64, Failure> {
    let known: Option<i64> = transaction
        .query_row(
            "SELECT 1 FROM sqlite_master WHERE name = 'millrace_aggregate_schema'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if known.is_none() {
        return Ok(0);
    }
    let version =
        transaction
            .query_row("SELECT version FROM millrace_aggregate_schema", [], |row| row.get(0))?;
    if version > SCHEMA_VERSION { Err(newer_schema(version).into()) } else { Ok(version) }
}

fn migrate(transaction: &Transaction<'_>, version: i64) -> Result<(), Failure> {
    if version == SCHEMA_VERSION {
        return Ok(());
    }
    for statements in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(statements)?;
    }
    transaction.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS millrace_aggregate_schema (version INTEGER NOT NULL);
         DELETE FROM millrace_aggregate_schema;
         INSERT INTO millrace_aggregate_schema VALUES ({SCHEMA_VERSION});"
    ))?;
    Ok(())
}

/// Number of the aggregate, when the store knows it.
fn find(
    transaction: &Transaction<'_>,
    definition: &Definition,
    mismatch: ErrorClass,
) -> Result<Option<i64>, Failure> {
    let known: Option<(i64, String)> = transaction
        .prepare_cached("SELECT id, definition FROM millrace_aggregate WHERE name = ?1")?
        .query_row([&definition.name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match known {
        Some((_, stored)) if stored != definition.fingerprint() => {
            Err(other_definition(definition, mismatch).into())
        }
        known => Ok(known.map(|(id, _)| id)),
    }
}

fn find_or_add(transaction: &Transaction<'_>, definition: &Definition) -> Result<i64, Failure> {
    if let Some(id) = find(transaction, definition, ErrorClass::Invalid)? {
        return Ok(id);
    }
    transaction.execute(
        "INSERT INTO millrace_aggregate (name, definition) VALUES (?1, ?2)",
        params![definition.name, definition.fingerprint()],
    )?;
    Ok(transaction.last_insert_rowid())
}

fn owners(transaction: &Transaction<'_>, id: i64) -> Result<Owners, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT topic, kafka_partition, epoch, next_offset FROM millrace_aggregate_offset \
         WHERE aggregate = ?1",
    )?;
    let rows = statement.query_map([id], |row| {
        let partition = TopicPartition::new(row.get::<_, String>(0)?, row.get(1)?);
        Ok((partition, (row.get(2)?, row.get(3)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn offsets(transaction: &Transaction<'_>, id: i64) -> Result<StoredOffsets, Failure> {
    let owners = owners(transaction, id)?.into_iter();
    Ok(owners.filter_map(|(partition, (_, offset))| Some((partition, offset?))).collect())
}

fn write_rows(
    transaction: &Transaction<'_>,
    definition: &Definition,
    id: i64,
    plan: Plan<'_>,
) -> Result<(), Failure> {
    let mut state = transaction.prepare_cached(ROW_STATE)?;
    let mut put = transaction.prepare_cached(PUT_ROW)?;
    for ((window, groups), added) in plan.rows {
        let known: Option<Vec<u8>> =
            state.query_row(params![id, window, groups], |row| row.get(0)).optional()?;
        let cell = match known {
            Some(known) => {
                let mut cell =
                    Cell::decode(definition, &known).map_err(|error| damaged(definition, error))?;
                cell.merge(&added);
                cell
            }
            None => added,
        };
        let measures = measures_text(definition, &cell);
        put.execute(params![id, window, groups, count_of(&cell), measures, cell.encode()])?;
    }
    let mut offset = transaction.prepare_cached(
        "UPDATE millrace_aggregate_offset SET next_offset = ?4 \
         WHERE aggregate = ?1 AND topic = ?2 AND kafka_partition = ?3",
    )?;
    for (partition, end) in plan.offsets {
        offset.execute(params![id, partition.topic, partition.partition, end])?;
    }
    Ok(())
}

#[async_trait]
impl Store for SqliteStore {
    async fn claim(
        &mut self,
        definition: &Definition,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Claim>> {
        let claims = self.run(|transaction| {
            let id = find_or_add(transaction, definition)?;
            let mut claim = transaction.prepare_cached(CLAIM)?;
            let mut claims = Vec::with_capacity(partitions.len());
            for partition in partitions {
                let key = params![id, partition.topic, partition.partition];
                let (epoch, offset) = claim.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
                claims.push(Claim { partition: partition.clone(), epoch, offset });
            }
            Ok(claims)
        })?;
        Ok(claims.unwrap_or_default())
    }

    async fn write(
        &mut self,
        definition: &Definition,
        writes: &[PartitionWrite],
        delete_before: Option<i64>,
    ) -> Result<Vec<TopicPartition>> {
        let fenced = self.run(|transaction| {
            let id = find_or_add(transaction, definition)?;
            let mut plan = Plan::new(definition, writes, &owners(transaction, id)?);
            let fenced = std::mem::take(&mut plan.fenced);
            write_rows(transaction, definition, id, plan)?;
            if let Some(before) = delete_before {
                transaction.execute(
                    "DELETE FROM millrace_aggregate_row \
                     WHERE aggregate = ?1 AND window_start_ms < ?2",
                    [id, before],
                )?;
            }
            Ok(fenced)
        })?;
        Ok(fenced.unwrap_or_default())
    }

    async fn read(&mut self, definition: &Definition, windows: Range<i64>) -> Result<StoredRows> {
        let rows = self.run(|transaction| {
            let Some(id) = find(transaction, definition, ErrorClass::Conflict)? else {
                return Ok(StoredRows::default());
            };
            let mut statement = transaction.prepare_cached(
                "SELECT window_start_ms, group_values, state FROM millrace_aggregate_row \
                 WHERE aggregate = ?1 AND window_start_ms >= ?2 AND window_start_ms < ?3",
            )?;
            let mut found = statement.query([id, windows.start, windows.end])?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                let state: Vec<u8> = row.get(2)?;
                let cell =
                    Cell::decode(definition, &state).map_err(|error| damaged(definition, error))?;
                let groups: String = row.get(1)?;
                rows.push(StoredRow { window: row.get(0)?, groups: groups.into(), cell });
            }
            Ok(StoredRows { offsets: offsets(transaction, id)?, rows })
        })?;
        Ok(rows.unwrap_or_default())
    }

    async fn totals(&mut self, definition: &Definition) -> Result<StoredTotals> {
        let totals = self.run(|transaction| {
            let Some(id) = find(transaction, definition, ErrorClass::Conflict)? else {
                return Ok(StoredTotals::default());
            };
            let (records, first, last): (Option<i64>, Option<i64>, Option<i64>) = transaction
                .query_row(
                    "SELECT sum(record_count), min(window_start_ms), max(window_start_ms) \
                     FROM millrace_aggregate_row WHERE aggregate = ?1",
                    [id],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )?;
            Ok(StoredTotals {
                offsets: offsets(transaction, id)?,
                records: u64::try_from(records.unwrap_or(0)).unwrap_or(0),
                windows: first.zip(last),
            })
        })?;
        Ok(totals.unwrap_or_default())
    }
}
