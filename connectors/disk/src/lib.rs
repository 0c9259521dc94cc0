//! Work on the disk from async code: how it is done, what its errors mean, and whether a directory takes
//! files at all.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use connect_api::error::{ConnectorError, ErrorClass, Result};
use tokio::runtime::{Handle, RuntimeFlavor};

/// Bytes that a directory must take: an empty file fits on a full disk.
const PROBE: [u8; 4096] = [0; 4096];

/// Does work that may wait for the disk; other tasks go on on other threads meanwhile.
///
/// A runtime of a single thread has no other, so that there the work is simply done.
pub fn on_disk<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Where a file is.
#[must_use]
pub fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What somebody can do about an error of the disk, as one sentence.
fn remedy(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        ErrorKind::PermissionDenied => "Give the user of the worker permission",
        ErrorKind::NotFound => "Create the directory",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "Make room on the disk",
        ErrorKind::ReadOnlyFilesystem => "Mount the file system writable",
        _ => return None,
    })
}

/// What it means that something could not be done with a path: `operation` is as in "Could not read".
#[must_use]
pub fn failure(operation: &str, path: &Path, error: io::Error) -> ConnectorError {
    let message = format!("Could not {operation} \"{}\"", path.display());
    explained(ConnectorError::retriable(message), error)
}

/// A failure with its cause, and with what can be done about that.
#[must_use]
pub fn explained(failure: ConnectorError, cause: io::Error) -> ConnectorError {
    let failure = match remedy(&cause) {
        Some(hint) => failure.hint(hint),
        None => failure,
    };
    failure.caused_by(cause)
}

/// Checks that the directory of a key exists and takes files.
///
/// # Errors
/// `NotFound` or `Forbidden`, naming the key; `Retriable` on a full disk.
pub fn check_directory(key: &'static str, path: &Path) -> Result<()> {
    let shown = path.display();
    if !path.is_dir() {
        let message = format!("Directory \"{shown}\" of '{key}' does not exist");
        let missing = ConnectorError::new(ErrorClass::NotFound, message).about_key(key);
        return Err(missing.hint("Create it"));
    }
    let probe = path.join(format!(".millrace-permission-{key}"));
    let written = std::fs::write(&probe, PROBE);
    let removed = match std::fs::remove_file(&probe) {
        // A file that could not be made is not there.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    written.and(removed).map_err(|error| {
        let is_full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        let class = if is_full { ErrorClass::Retriable } else { ErrorClass::Forbidden };
        let hint = remedy(&error).unwrap_or("Give the user of the worker permission");
        let message = format!("Directory \"{shown}\" of '{key}' is not writable");
        ConnectorError::new(class, message).about_key(key).hint(hint).caused_by(error)
    })
}

#[cfg(test)]
mod tests {
    use connect_api::error::chain;

    use super::*;

    #[test]
    fn a_directory_that_takes_files_is_left_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        check_directory("file", directory.path()).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_does_not_is_told_with_a_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        for absent in [file.join("below"), file] {
            let error = check_directory("path", &absent).unwrap_err();
            assert_eq!(error.class(), ErrorClass::NotFound);
            assert_eq!(
                chain(&error),
                format!("Directory \"{}\" of 'path' does not exist. Create it", absent.display())
            );
        }
        // Nobody makes files there, whoever runs this.
        let error = check_directory("path", Path::new("/proc/self")).unwrap_err();
        assert!(
            error.to_string().starts_with("Directory \"/proc/self\" of 'path' is not writable. ")
        );
    }

    #[test]
    fn a_full_disk_says_so() {
        let full = failure("write", Path::new("/a/b"), ErrorKind::StorageFull.into());
        assert_eq!(full.to_string(), "Could not write \"/a/b\". Make room on the disk");
        assert!(full.class().is_retriable());
    }
}
