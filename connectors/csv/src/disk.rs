//! Work on the disk from async code, and what its errors mean.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use connect_api::error::{ConnectorError, ErrorClass};
use tokio::runtime::{Handle, RuntimeFlavor};

/// Does work that may wait for the disk; other tasks go on on other threads meanwhile.
///
/// A runtime of a single thread has no other, so that there the work is simply done.
pub(crate) fn on_disk<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// What it means that something could not be done with a path.
pub(crate) fn failure(operation: &str, path: &Path, error: io::Error) -> ConnectorError {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => Some("Give the user of the worker permission"),
        ErrorKind::NotFound => Some("Create the directory"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some("Make room on the disk"),
        ErrorKind::ReadOnlyFilesystem => Some("Mount the file system writable"),
        _ => None,
    };
    let message = format!("Could not {operation} \"{}\"", path.display());
    let failure = ConnectorError::retriable(message).caused_by(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Checks that a directory exists and can be written into.
///
/// # Errors
/// `NotFound` or `Forbidden`, naming the key.
pub(crate) fn check_directory(key: &str, path: &Path) -> Result<(), ConnectorError> {
    let shown = path.display();
    if !path.is_dir() {
        let message = format!("Directory \"{shown}\" of '{key}' does not exist");
        return Err(ConnectorError::new(ErrorClass::NotFound, message).hint("Create it"));
    }
    let probe = path.join(format!(".millrace-permission-{key}"));
    let probed = std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe));
    probed.map_err(|error| {
        let message = format!("Directory \"{shown}\" of '{key}' is not writable");
        let hint = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "Make room on the disk",
            ErrorKind::ReadOnlyFilesystem => "Mount the file system writable",
            _ => "Give the user of the worker permission to write into it",
        };
        ConnectorError::new(ErrorClass::Forbidden, message).hint(hint).caused_by(error)
    })
}
