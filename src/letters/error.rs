//! Why letters could not be shown or brought back.

use connect_api::error::ErrorClass;
use thiserror::Error;

use crate::broker::BrokerError;

/// Result of this room's functions.
pub type Result<T, E = LettersError> = std::result::Result<T, E>;

/// Letters could not be shown or brought back.
#[derive(Debug, Error)]
pub enum LettersError {
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// One redrive at a time.
    #[error(
        "Dead letter queue \"{queue}\" is being redriven by redrive {id} of connector {connector}: \
         wait for its end, or cancel it"
    )]
    Busy {
        /// The queue.
        queue: String,
        /// Connector of the redrive under way.
        connector: String,
        /// The redrive under way.
        id: String,
    },
    /// There is no such redrive.
    #[error(
        "Connector {connector} has no redrive {id}; the list of redrives is kept in memory and \
         starts anew with the worker"
    )]
    Unknown {
        /// Name of the connector.
        connector: String,
        /// Identity that was asked for.
        id: String,
    },
    /// A letter would get coordinates that a record of its own topic has, too.
    #[error(
        "Topic \"{topic}\" has {count} partitions, and letters come back by partition {partition} \
         of \"{redrive_topic}\": sinks that name what they write after topic, partition and offset \
         would take one for the other. Give \"{redrive_topic}\" more than {count} partitions, or \
         redrive to the topic"
    )]
    Crowded {
        /// Topic the letter is of.
        topic: String,
        /// Its partitions.
        count: i32,
        /// Partition that letters come back by.
        partition: i32,
        /// Topic that letters come back by.
        redrive_topic: String,
    },
    /// The connector is gone, or has another queue now.
    #[error("Connector {0} was deleted or given another dead letter queue meanwhile")]
    Orphaned(String),
    /// The connector's tasks could not be told.
    #[error("Could not restart the tasks of connector {connector}: {reason}")]
    NotTakenUp {
        /// Name of the connector.
        connector: String,
        /// Why.
        reason: String,
    },
    /// The broker is away or refuses.
    #[error("Could not {operation}")]
    Broker {
        /// What was to be done, with the topic.
        operation: String,
        /// Why.
        #[source]
        source: BrokerError,
    },
}

impl LettersError {
    /// A broker's failure, for `map_err`.
    pub(super) fn during(operation: impl Into<String>) -> impl FnOnce(BrokerError) -> Self {
        let operation = operation.into();
        move |source| Self::Broker { operation, source }
    }

    /// What follows from this error.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Invalid(_) => ErrorClass::Invalid,
            Self::Busy { .. } | Self::Crowded { .. } | Self::Orphaned(_) => ErrorClass::Conflict,
            Self::Unknown { .. } => ErrorClass::NotFound,
            Self::NotTakenUp { .. } => ErrorClass::Retriable,
            Self::Broker { source, .. } => source.class(),
        }
    }
}
