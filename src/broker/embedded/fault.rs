//! What a fault of the database means to its users.

use std::{path::Path, sync::Arc};

use rusqlite::ErrorCode;
use thiserror::Error;

use super::{batch::FrameError, directory::DATABASE};
use crate::broker::BrokerError;

/// What goes wrong below this room.
#[derive(Debug, Error)]
pub(super) enum FaultCause {
    /// The database.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The file system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A row that holds no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The database lacks what it must hold, or holds what cannot be.
    #[error("{0}")]
    Broken(String),
}

/// A fault, shared by all whose work it ended.
#[derive(Clone, Debug)]
pub(super) struct Fault(Arc<FaultCause>);

impl<C: Into<FaultCause>> From<C> for Fault {
    fn from(cause: C) -> Self {
        Self(Arc::new(cause.into()))
    }
}

impl Fault {
    /// A fault of what the database holds.
    pub(super) fn broken(what: impl Into<String>) -> Self {
        FaultCause::Broken(what.into()).into()
    }

    /// The fault as the room's error.
    pub(super) fn into_error(self, directory: &Path) -> BrokerError {
        let source = Box::new(Arc::clone(&self.0));
        if self.is_damage() {
            BrokerError::Damaged { file: directory.join(DATABASE).display().to_string(), source }
        } else {
            BrokerError::Storage { directory: directory.display().to_string(), source }
        }
    }

    fn is_damage(&self) -> bool {
        match &*self.0 {
            FaultCause::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                None | Some(
                    ErrorCode::DatabaseCorrupt
                        | ErrorCode::NotADatabase
                        | ErrorCode::ConstraintViolation
                        | ErrorCode::TypeMismatch
                )
            ),
            FaultCause::Io(_) => false,
            FaultCause::Frame(_) | FaultCause::Broken(_) => true,
        }
    }
}
