//! What can stop the demo.

use thiserror::Error;

use crate::{app::AppError, generate::GenerateError};

/// Result of the demo's functions.
pub type Result<T, E = DemoError> = std::result::Result<T, E>;

/// The demo could not run, or its numbers do not agree.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The worker could not be started or stopped.
    #[error(transparent)]
    Worker(#[from] AppError),
    /// A folder cannot be made or read.
    #[error("Could not use the folder \"{path}\"")]
    Folder {
        /// The folder.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The S3 server cannot keep its files.
    #[error("Could not start the demo's S3 server: {reason}")]
    Storage {
        /// What it said.
        reason: String,
    },
    /// No loopback port can be had for the S3 server.
    #[error("Could not listen for the demo's S3 server")]
    Listen(#[source] std::io::Error),
    /// The log cannot be written.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The generator ended by a panic.
    #[error("The generator ended unexpectedly")]
    Generator,
    /// The worker's REST API does not answer.
    #[error("The worker did not answer {request}")]
    Request {
        /// Method and path.
        request: String,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// The worker's REST API refuses.
    #[error("The worker answered {request} with {status}: {body}")]
    Refused {
        /// Method and path.
        request: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        body: String,
    },
    /// Lines, records, objects and rows do not agree.
    #[error("The numbers do not agree: something was lost or doubled on the way")]
    Disagreement,
    /// Standard output is closed.
    #[error("Could not write to standard output")]
    Output(#[source] std::io::Error),
}
