//! Connections that read, beside the one that writes.
//!
//! In WAL mode a reader sees the last stored transaction and never waits for the writer.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use rusqlite::Connection;

use super::{
    directory::DATABASE,
    fault::Fault,
    schema::{self, Access},
};
use crate::broker::{BrokerError, Result};

/// Connections kept for the next reader. More may be open at once; they are closed after use.
const IDLE_CONNECTIONS: usize = 4;

/// A pool of reading connections.
#[derive(Debug)]
pub(super) struct Readers {
    directory: PathBuf,
    /// None once the log is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Readers {
    pub(super) const fn new(directory: PathBuf) -> Self {
        Self { directory, idle: Mutex::new(Some(Vec::new())) }
    }

    /// Reads; blocks on the disk.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T> {
        let connection = match self.idle_connection()? {
            Some(connection) => Ok(connection),
            None => schema::connect(&self.directory.join(DATABASE), Access::Read),
        };
        let outcome = connection.and_then(|connection| {
            let value = work(&connection)?;
            self.put_back(connection);
            Ok(value)
        });
        outcome.map_err(|fault| fault.into_error(&self.directory))
    }

    /// Closes idle connections and lets nobody read any more.
    pub(super) fn close(&self) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn idle_connection(&self) -> Result<Option<Connection>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.as_mut().map(Vec::pop).ok_or(BrokerError::Closed)
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(idle) = idle.as_mut().filter(|idle| idle.len() < IDLE_CONNECTIONS) {
            idle.push(connection);
        }
    }
}
