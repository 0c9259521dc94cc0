//! The tables, and how the database is opened.
//!
//! `synchronous=FULL`: in WAL mode the less careful `NORMAL` keeps the file consistent but may
//! lose the last transactions when the power fails, and what was acknowledged must not be lost.
//! The price is one `fsync` per transaction, which all appends that wait share: whoever awaits each
//! single append gets what the disk can sync (some hundreds a second on a busy small machine), and
//! with a hundred on their way over ten thousand a second (`examples/embedded_throughput.rs`).
//!
//! A batch's bytes lie in a table of their own, so that the index over partitions and offsets stays
//! small: finding an offset, adding up sizes and looking for old batches never touch records.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use connect_api::record::TopicPartition;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::{
    catalog::{Partition, Topic},
    fault::Fault,
    settings::TopicSettings,
};
use crate::broker::Watermarks;

/// Marks the file as ours: "MLRC".
const APPLICATION_ID: i64 = 0x4d4c_5243;
/// Version of the tables below.
const SCHEMA_VERSION: i64 = 2;
/// Batches are long: larger pages mean shorter chains of them. Measured: more than this only makes
/// single appends dearer, because a page is the least that a transaction writes.
const PAGE_BYTES: i64 = 8192;
/// Memory for pages of one connection, in KiB as a negative number: what `SQLite` takes by
/// default. Batches are read once, so that more would hold nothing worth having.
const CACHE_KIB: i64 = -2000;
/// How long to wait for another connection of this process: only a checkpoint holds others up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Prepared statements that a connection keeps: all there are.
const STATEMENTS: usize = 32;

const TABLES: &str = "
CREATE TABLE log (cluster_id TEXT NOT NULL);
CREATE TABLE topic (name TEXT PRIMARY KEY, settings TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE partition (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    number INTEGER NOT NULL,
    low INTEGER NOT NULL,
    least_high INTEGER NOT NULL,
    compacted_to INTEGER NOT NULL,
    UNIQUE (topic, number)
);
CREATE TABLE batch (
    partition INTEGER NOT NULL,
    base_offset INTEGER NOT NULL,
    last_offset INTEGER NOT NULL,
    max_timestamp_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    tombstones_until_ms INTEGER,
    payload INTEGER NOT NULL,
    PRIMARY KEY (partition, base_offset)
) WITHOUT ROWID;
CREATE TABLE payload (id INTEGER PRIMARY KEY, frame BLOB NOT NULL);
CREATE TABLE group_offset (
    group_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    number INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    metadata TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (group_id, topic, number)
) WITHOUT ROWID;
";
/// What makes tables of version 1 those of version 2.
const SINCE_1: &str = "ALTER TABLE group_offset ADD COLUMN metadata TEXT NOT NULL DEFAULT ''";

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Reading only.
    Read,
    /// Everything; there is one such connection.
    Write,
}

/// Opens the database.
pub(super) fn connect(path: &Path, access: Access) -> Result<Connection, Fault> {
    let flags = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    if access == Access::Write {
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // The writer does it between two transactions, when nobody waits for an acknowledgement.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    }
    Ok(connection)
}

/// Makes the tables.
pub(super) fn create(connection: &Connection, cluster_id: &str) -> Result<(), Fault> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute("INSERT INTO log (cluster_id) VALUES (?)", [cluster_id])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Identity of the log; none while it holds nothing at all. Tables of an earlier version are brought up
/// to this one.
pub(super) fn cluster_id(connection: &Connection) -> Result<Option<String>, Fault> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application == 0 && version == 0 {
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            return Ok(None);
        }
    }
    if application != APPLICATION_ID {
        return Err(Fault::broken("It is the database of another program"));
    }
    match version {
        SCHEMA_VERSION => {}
        1 => {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(SINCE_1)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            transaction.commit()?;
        }
        _ => return Err(Fault::broken(format!("It was written by another version ({version})"))),
    }
    Ok(connection.query_row("SELECT cluster_id FROM log", [], |row| row.get(0)).optional()?)
}

/// Moves what the write-ahead log holds into the database.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> Result<(), Fault> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_row| Ok(()))?;
    Ok(())
}

/// Reads all topics.
pub(super) fn topics(connection: &Connection) -> Result<BTreeMap<Arc<str>, Arc<Topic>>, Fault> {
    let mut statement = connection.prepare("SELECT name, settings FROM topic")?;
    let mut rows = statement.query([])?;
    let mut topics = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let name: Arc<str> = Arc::from(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
        let settings = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        let settings = serde_json::from_str(settings)
            .map_err(|error| error.to_string())
            .and_then(|given| TopicSettings::parse(&given))
            .map_err(|error| Fault::broken(format!("Topic \"{name}\" is unreadable: {error}")))?;
        let partitions = partitions(connection, &name)?;
        topics.insert(Arc::clone(&name), Arc::new(Topic::new(name, settings, partitions)));
    }
    Ok(topics)
}

fn partitions(connection: &Connection, topic: &Arc<str>) -> Result<Vec<Arc<Partition>>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT id, number, low, max(least_high, coalesce((
             SELECT last_offset + 1 FROM batch WHERE partition = id
             ORDER BY base_offset DESC LIMIT 1), 0))
         FROM partition WHERE topic = ? ORDER BY number",
    )?;
    let mut rows = statement.query(params![topic])?;
    let mut partitions = Vec::new();
    while let Some(row) = rows.next()? {
        let name = TopicPartition::new(Arc::clone(topic), row.get(1)?);
        if usize::try_from(name.partition) != Ok(partitions.len()) {
            return Err(Fault::broken(format!("Partitions of topic \"{topic}\" are missing")));
        }
        let watermarks = Watermarks { low: row.get(2)?, high: row.get(3)? };
        partitions.push(Arc::new(Partition::new(row.get(0)?, name, watermarks)));
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_version_1_are_brought_up_to_this_one() {
        let directory = tempfile::tempdir().unwrap();
        let connection = connect(&directory.path().join("log.db"), Access::Write).unwrap();
        create(&connection, "id").unwrap();
        let older = "ALTER TABLE group_offset DROP COLUMN metadata;
            INSERT INTO group_offset VALUES ('g', 't', 0, 7);
            PRAGMA user_version = 1";
        connection.execute_batch(older).unwrap();
        for _open in 0..2 {
            assert_eq!(cluster_id(&connection).unwrap().as_deref(), Some("id"));
        }
        let query = "SELECT next_offset, metadata FROM group_offset";
        let row: (i64, String) =
            connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(row, (7, String::new()));
    }
}
