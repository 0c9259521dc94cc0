//! What can go wrong between the worker and what it stores.

use std::{io, path::PathBuf};

use connect_api::error::ErrorClass;
use thiserror::Error;

use crate::broker::BrokerError;

/// Result of a store's functions.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A failure to read or write what the worker keeps about itself.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The topic could not be created or described.
    #[error("Could not prepare topic \"{topic}\" supplied via '{property}'")]
    Prepare {
        /// The topic.
        topic: String,
        /// Worker property that names it.
        property: &'static str,
        /// The broker's reason.
        #[source]
        source: BrokerError,
    },
    /// The topic could not be written.
    #[error("Could not write to topic \"{topic}\"")]
    Write {
        /// The topic.
        topic: String,
        /// The broker's reason.
        #[source]
        source: BrokerError,
    },
    /// The topic could not be read to its end.
    #[error("Could not read topic \"{topic}\" to its end")]
    Read {
        /// The topic.
        topic: String,
        /// The broker's reason.
        #[source]
        source: BrokerError,
    },
    /// The config topic must keep the order of all its records.
    #[error(
        "Topic '{topic}' supplied via the '{property}' property is required to have a single \
         partition in order to guarantee consistency of connector configurations, but found \
         {found} partitions. Name another topic in '{property}'{repair}"
    )]
    TooManyPartitions {
        /// The topic.
        topic: String,
        /// Worker property that names it.
        property: &'static str,
        /// Partitions it has.
        found: i32,
        /// The command that makes room for a right one; nothing where there is none.
        repair: String,
    },
    /// The topic would lose what the worker keeps in it.
    #[error(
        "Topic '{topic}' supplied via the '{property}' property is required to have \
         'cleanup.policy=compact' to guarantee consistency and durability of {content}, but found \
         the topic currently has 'cleanup.policy={found}'. Continuing would likely result in \
         eventually losing {content} and problems restarting this Connect cluster in the future. \
         Change the '{property}' property in the Connect worker configurations to use a topic \
         with 'cleanup.policy=compact'{repair}"
    )]
    WrongPolicy {
        /// The topic.
        topic: String,
        /// Worker property that names it.
        property: &'static str,
        /// What the topic holds.
        content: &'static str,
        /// Policy it has.
        found: String,
        /// The command that changes it; nothing where there is none.
        repair: String,
    },
    /// The offset file could not be read or written.
    #[error("Could not {operation} the offset file \"{}\"", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The offset file does not hold offsets.
    #[error(
        "Could not read the offset file \"{}\": {reason}; restore it from a copy, or move it away \
         to begin without offsets", path.display()
    )]
    DamagedFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// What follows from this error.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Prepare { source, .. }
            | Self::Write { source, .. }
            | Self::Read { source, .. } => source.class(),
            Self::File { .. } => ErrorClass::Retriable,
            Self::TooManyPartitions { .. }
            | Self::WrongPolicy { .. }
            | Self::DamagedFile { .. } => ErrorClass::Invalid,
        }
    }
}
