//! What can go wrong between us and a broker.

use connect_api::error::ErrorClass;
use thiserror::Error;

/// Result of a broker's functions.
pub type Result<T, E = BrokerError> = std::result::Result<T, E>;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A failure of the broker or of the way to it.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// The settings are wrong.
    #[error("{0}")]
    Invalid(String),
    /// The topic does not exist.
    #[error("Topic \"{0}\" does not exist")]
    UnknownTopic(String),
    /// The broker refuses the request for good.
    #[error("{operation} was rejected by the broker")]
    Rejected {
        /// What was asked for.
        operation: String,
        /// The broker's reason.
        #[source]
        source: Cause,
    },
    /// The principal may not do this.
    #[error("{operation} was not allowed by the broker")]
    Unauthorized {
        /// What was asked for.
        operation: String,
        /// The broker's reason.
        #[source]
        source: Cause,
    },
    /// The broker is away or busy: the same call may succeed later.
    #[error("{operation} did not succeed yet")]
    Unavailable {
        /// What was asked for.
        operation: String,
        /// What is known about why.
        #[source]
        source: Cause,
    },
    /// The group still has members.
    #[error("Group \"{0}\" still has members")]
    GroupNotEmpty(String),
    /// A newer producer with the same transactional id has taken over.
    #[error("Producer \"{0}\" was fenced off by a newer one with the same transactional id")]
    Fenced(String),
    /// A transaction was aborted: nothing of it was stored.
    #[error("The transaction was aborted")]
    TransactionAborted {
        /// Why.
        #[source]
        source: Cause,
    },
    /// Another process owns the embedded log.
    #[error(
        "The embedded log in {directory} is in use by another process{owner}; stop that one, or \
         give this one a directory of its own"
    )]
    Locked {
        /// Directory of the log.
        directory: String,
        /// ` (pid N)`, where known.
        owner: String,
    },
    /// The embedded log's file is damaged.
    #[error(
        "The embedded log {file} is damaged and was left as it is; restore it from a copy, or \
         move it away to begin anew without its records"
    )]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
    /// The disk is full, or another fault of storage that may pass.
    #[error("Could not write to the embedded log in {directory}")]
    Storage {
        /// Directory of the log.
        directory: String,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// The client was closed.
    #[error("The broker client is closed")]
    Closed,
}

impl BrokerError {
    /// What follows from this error.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Invalid(_) | Self::Locked { .. } | Self::Rejected { .. } => ErrorClass::Invalid,
            Self::UnknownTopic(_) => ErrorClass::NotFound,
            Self::Unauthorized { .. } => ErrorClass::Forbidden,
            Self::Unavailable { .. }
            | Self::TransactionAborted { .. }
            | Self::Storage { .. }
            | Self::Closed => ErrorClass::Retriable,
            Self::GroupNotEmpty(_) => ErrorClass::Conflict,
            Self::Fenced(_) | Self::Damaged { .. } => ErrorClass::Internal,
        }
    }
}
