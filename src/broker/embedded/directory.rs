//! The log's directory: whose it is, and whether what lies in it can be trusted.
//!
//! | file | what |
//! | --- | --- |
//! | `lock` | locked while a process owns the log, and names it; the lock goes with the process |
//! | `log.db` (+ `-wal`, `-shm`) | the records |
//! | `initialised` | identity of the log, written once the database was made |
//!
//! The last one is why a lost database is noticed: `SQLite` would make a new one, and the log
//! would begin at offset 0 again under readers that have committed offsets elsewhere.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::Path,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rusqlite::Connection;

use super::{
    fault::Fault,
    schema::{self, Access},
};
use crate::broker::{BrokerError, Result};

/// File of the records.
pub(super) const DATABASE: &str = "log.db";
const LOCK: &str = "lock";
const MARKER: &str = "initialised";

/// Keeps other processes away; lets them in when dropped.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

/// A directory that this process owns now.
#[derive(Debug)]
pub(super) struct OpenDirectory {
    pub(super) lock: DirectoryLock,
    /// Connection that may write.
    pub(super) connection: Connection,
    /// Identity of the log.
    pub(super) cluster_id: String,
}

/// Takes a log's directory, and makes the log where there was none.
pub(super) fn open(directory: &Path) -> Result<OpenDirectory> {
    let fail = |fault: Fault| fault.into_error(directory);
    fs::create_dir_all(directory).map_err(|error| fail(error.into()))?;
    let lock = lock(directory)?;
    let (connection, cluster_id) = match marker(directory).map_err(fail)? {
        Some(cluster_id) => (open_known(directory, &cluster_id).map_err(fail)?, cluster_id),
        None => create(directory).map_err(fail)?,
    };
    Ok(OpenDirectory { lock, connection, cluster_id })
}

fn lock(directory: &Path) -> Result<DirectoryLock> {
    let fail = |error: io::Error| Fault::from(error).into_error(directory);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(directory.join(LOCK)).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(locked(directory, file)),
        Err(TryLockError::Error(error)) => return Err(fail(error)),
    }
    file.set_len(0).map_err(fail)?;
    file.rewind().map_err(fail)?;
    write!(file, "{}", std::process::id()).map_err(fail)?;
    Ok(DirectoryLock { _file: file })
}

/// The owner may just be writing its number: then it is not named.
fn locked(directory: &Path, mut file: File) -> BrokerError {
    let mut text = String::new();
    let pid = file.read_to_string(&mut text).ok().and_then(|_length| text.parse::<u32>().ok());
    BrokerError::Locked {
        directory: directory.display().to_string(),
        owner: pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(),
    }
}

fn marker(directory: &Path) -> Result<Option<String>, Fault> {
    match fs::read_to_string(directory.join(MARKER)) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Opens a log that was there before; one that has lost its records is refused.
fn open_known(directory: &Path, cluster_id: &str) -> Result<Connection, Fault> {
    let path = directory.join(DATABASE);
    match fs::metadata(&path) {
        Ok(data) if data.len() > 0 => {}
        Ok(_empty) => return Err(Fault::broken("It is empty although a log was made here")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Fault::broken("It is missing although a log was made here"));
        }
        Err(error) => return Err(error.into()),
    }
    let connection = schema::connect(&path, Access::Write)?;
    let found = schema::cluster_id(&connection)?;
    if found.as_deref() == Some(cluster_id) {
        Ok(connection)
    } else {
        Err(Fault::broken(format!("It is not the database of log \"{cluster_id}\"")))
    }
}

/// Makes a log, or ends what an earlier process was killed over.
fn create(directory: &Path) -> Result<(Connection, String), Fault> {
    let connection = schema::connect(&directory.join(DATABASE), Access::Write)?;
    let cluster_id = match schema::cluster_id(&connection)? {
        Some(cluster_id) => cluster_id,
        None => {
            let cluster_id = new_cluster_id();
            schema::create(&connection, &cluster_id)?;
            cluster_id
        }
    };
    // The records' file must be safe on disk before anything says that it is there.
    schema::checkpoint(&connection, "TRUNCATE")?;
    let directory_file = File::open(directory)?;
    directory_file.sync_all()?;
    let temporary = directory.join("initialised.new");
    let mut file = File::create(&temporary)?;
    writeln!(file, "{cluster_id}")?;
    file.sync_all()?;
    fs::rename(&temporary, directory.join(MARKER))?;
    directory_file.sync_all()?;
    Ok((connection, cluster_id))
}

/// 16 random bytes in 22 characters, never with a leading dash that a command line would misread.
///
/// Source: apache/kafka `Uuid.randomUuid`.
fn new_cluster_id() -> String {
    loop {
        let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>());
        if !id.starts_with('-') {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_id_looks_like_those_of_kafka() {
        let id = new_cluster_id();
        assert_eq!(id.len(), 22);
        assert_eq!(URL_SAFE_NO_PAD.decode(&id).unwrap().len(), 16);
    }

    #[test]
    fn a_creation_that_was_cut_off_is_ended() {
        let directory = tempfile::tempdir().unwrap();
        let cluster_id = open(directory.path()).unwrap().cluster_id;
        fs::remove_file(directory.path().join(MARKER)).unwrap();
        assert_eq!(open(directory.path()).unwrap().cluster_id, cluster_id);
        assert_eq!(marker(directory.path()).unwrap(), Some(cluster_id));
    }
}
