//! Why a request was not obeyed. The texts are Apache Kafka Connect's.

use connect_api::error::{ConnectorError, ErrorClass, chain};
use thiserror::Error;

use crate::{broker::BrokerError, letters::LettersError, store::StoreError};

/// Result of the herder's functions.
pub type Result<T, E = HerderError> = std::result::Result<T, E>;

/// Why a request was not obeyed.
#[derive(Debug, Error)]
pub enum HerderError {
    /// There is no such connector.
    #[error("Connector {0} not found")]
    ConnectorNotFound(String),
    /// Only sinks are behind topics.
    #[error("Connector {0} is not a sink, and only sinks read topics that they can be behind")]
    NotASink(String),
    /// Only sinks have files to end.
    #[error("Connector {0} is not a sink, and only sinks have files to flush")]
    NothingToFlush(String),
    /// Only sinks write dead letters.
    #[error("Connector {0} is not a sink, and only sinks have a dead letter queue")]
    NotALetterWriter(String),
    /// The sink writes no dead letters.
    #[error(
        "Connector {0} has no dead letter queue: name a topic for it in \
         \"errors.deadletterqueue.topic.name\", and tolerate errors with \"errors.tolerance\": \"all\""
    )]
    NoDeadLetterQueue(String),
    /// Dead letters could not be shown or brought back.
    #[error(transparent)]
    Letters(#[from] LettersError),
    /// The broker did not say how far a sink is behind.
    #[error("Failed to find how far connector {connector} is behind its topics")]
    Lag {
        /// Name of the connector.
        connector: String,
        /// Why.
        source: BrokerError,
    },
    /// The records that a preview shows could not be had.
    #[error("Failed to preview connector {connector}: {}", chain(source))]
    Preview {
        /// Name of the connector.
        connector: String,
        /// Why.
        source: ConnectorError,
    },
    /// A parameter of the request makes no sense.
    #[error("{0}")]
    BadParameter(String),
    /// Only sinks write objects.
    #[error("Connector {0} is not a sink, and only sinks write objects")]
    NotAWriter(String),
    /// The class does not say what it has written.
    #[error("Connector {connector} cannot tell what it has written: {class} does not say")]
    UntoldObjects {
        /// Name of the connector.
        connector: String,
        /// Its class.
        class: &'static str,
    },
    /// The connector's configuration could not be explained.
    #[error("Failed to explain connector {connector}: {}", chain(source))]
    Explain {
        /// Name of the connector.
        connector: String,
        /// Why.
        source: ConnectorError,
    },
    /// The objects of a sink could not be found.
    #[error("Failed to find objects of connector {connector}: {}", chain(source))]
    Objects {
        /// Name of the connector.
        connector: String,
        /// Why.
        source: ConnectorError,
    },
    /// There is no such connector whose state could be changed.
    #[error("Unknown connector {0}")]
    UnknownConnector(String),
    /// A standalone worker has no such connector to stop.
    #[error("No connector `{0}` configured")]
    NotConfigured(String),
    /// There is no such connector to restart.
    #[error("Unknown connector: {0}")]
    RestartUnknown(String),
    /// A standalone worker has no such connector to restart.
    #[error("Unknown connector: {0}")]
    RestartNotConfigured(String),
    /// There is no such task to restart.
    #[error("Unknown task: {0}")]
    UnknownTask(String),
    /// A standalone worker has no such task to restart.
    #[error("Task {0} not found")]
    TaskNotFound(String),
    /// Nobody reported the connector's state yet.
    #[error("No status found for connector {0}")]
    NoConnectorStatus(String),
    /// Nobody reported the task's state yet.
    #[error("No status found for task {0}")]
    NoTaskStatus(String),
    /// A restart goes by the status, and there is none.
    #[error("Status for connector {0} not found")]
    NoStatusToRestart(String),
    /// The connector is there already.
    #[error("Connector {0} already exists")]
    AlreadyExists(String),
    /// Two names for one connector.
    #[error(
        "Connector name configuration ({in_config}) doesn't match connector name in the URL ({in_url})"
    )]
    NameMismatch {
        /// Name inside the configuration.
        in_config: String,
        /// Name it is to have.
        in_url: String,
    },
    /// The configuration names no class.
    #[error("Connector config {{{0}}} contains no connector type")]
    NoConnectorType(String),
    /// No plug-in answers to the class.
    #[error(
        "Failed to find any class that implements Connector and which name matches {class}, \
         available connectors are: {available}{hint}"
    )]
    UnknownClass {
        /// Class that was asked for.
        class: String,
        /// What there is.
        available: String,
        /// What to do instead, as a sentence after a blank; empty when nobody knows.
        hint: String,
    },
    /// Several plug-ins answer to the class.
    #[error(
        "More than one connector matches alias {class}. Please use full package and class name \
         instead. Classes found: {found}"
    )]
    AmbiguousClass {
        /// Alias that was asked for.
        class: String,
        /// The classes it could mean.
        found: String,
    },
    /// The configuration is for another class than the request.
    #[error("Included connector type {included} does not match request type {requested}")]
    ClassMismatch {
        /// Class in the body.
        included: String,
        /// Class in the URL.
        requested: String,
    },
    /// The configuration has problems.
    #[error(
        "Connector configuration is invalid and contains the following {count} error(s):\n\
         {messages}\nYou can also find the above list of errors at the endpoint \
         `/connector-plugins/{{connectorType}}/config/validate`"
    )]
    InvalidConfig {
        /// Number of problems.
        count: usize,
        /// One a line.
        messages: String,
    },
    /// There is no such plug-in.
    #[error("Unknown plugin {0}.")]
    UnknownPlugin(String),
    /// There is no such logger.
    #[error("Logger {0} not found.")]
    UnknownLogger(String),
    /// Standalone workers have no peers.
    #[error("Kafka Connect in standalone mode does not support {0}.")]
    NotInStandalone(&'static str),
    /// A request between workers is not signed.
    #[error("Internal request missing required signature")]
    Unsigned,
    /// A request between workers is signed in a way that this one does not know.
    #[error(
        "This worker does not support the '{algorithm}' key signing algorithm used by other \
         workers. This worker is currently configured to use: [{known}]. Check that all workers' \
         configuration files permit the same set of signature algorithms, and correct any \
         misconfigured worker and restart it."
    )]
    UnknownSignature {
        /// The algorithm of the request.
        algorithm: String,
        /// The algorithms of this worker.
        known: String,
    },
    /// A request between workers is signed by somebody who does not know the key.
    #[error("Internal request contained invalid signature.")]
    WrongSignature,
    /// References in the configuration could not be resolved.
    #[error("{0}")]
    Unresolved(String),
    /// The worker keeps no account of topics.
    #[error("Topic tracking is disabled.")]
    TopicTrackingDisabled,
    /// The worker's account of topics cannot be reset.
    #[error("Topic tracking reset is disabled.")]
    TopicResetDisabled,
    /// The request to alter offsets has none.
    #[error("Partitions / offsets need to be provided for an alter offsets request")]
    NoOffsets,
    /// Offsets of a connector that has, or could have, tasks.
    #[error(
        "Connectors must be in the STOPPED state before their offsets can be modified. This can \
         be done for the specified connector by issuing a 'PUT' request to the \
         '/connectors/{0}/stop' endpoint"
    )]
    NotStopped(String),
    /// The offsets of a sink are not such.
    #[error("{0}")]
    BadSinkOffsets(String),
    /// The offsets are not accepted by the worker or the connector.
    #[error("{0}")]
    BadSourceOffsets(String),
    /// The connector does not accept the offsets.
    #[error("{}", .0)]
    Refused(#[source] ConnectorError),
    /// The group of a sink still has members.
    #[error(
        "Failed to {verb} consumer group offsets for connector {connector} either because its \
         tasks haven't stopped completely yet or the connector was resumed before the request to \
         {verb} its offsets could be successfully completed. If the connector is in a stopped \
         state, this operation can be safely retried. If it doesn't eventually succeed, the \
         Connect cluster may need to be restarted to get rid of the zombie sink tasks."
    )]
    GroupNotEmpty {
        /// `alter` or `reset`.
        verb: &'static str,
        /// Name of the connector.
        connector: String,
    },
    /// The group of a sink could not be read or changed.
    #[error("Failed to {verb} consumer group offsets for sink connector {connector}")]
    SinkOffsets {
        /// `retrieve`, `alter` or `reset`.
        verb: &'static str,
        /// Name of the connector.
        connector: String,
        /// The broker's reason.
        #[source]
        source: BrokerError,
    },
    /// The offset store could not be read or written.
    #[error("Failed to {verb} the offsets of source connector {connector}")]
    SourceOffsets {
        /// `retrieve`, `alter` or `reset`.
        verb: &'static str,
        /// Name of the connector.
        connector: String,
        /// The store's reason.
        #[source]
        source: BrokerError,
    },
    /// The connector did not start.
    #[error("Failed to start connector: {0}")]
    ConnectorNotStarted(String),
    /// The config topic could not be written.
    #[error(
        "Failed to write to config topic; this may be due to a transient error and the request \
         can be safely retried"
    )]
    ConfigNotStored(#[source] StoreError),
    /// The worker is about to end.
    #[error("Worker is shutting down")]
    ShuttingDown,
    /// Nobody answered in time.
    #[error("Request timed out")]
    TimedOut,
}

impl HerderError {
    /// What follows from this error.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Letters(error) => error.class(),
            Self::ConnectorNotFound(_)
            | Self::UnknownConnector(_)
            | Self::RestartUnknown(_)
            | Self::UnknownTask(_)
            | Self::TaskNotFound(_)
            | Self::NoConnectorStatus(_)
            | Self::NoTaskStatus(_)
            | Self::NoStatusToRestart(_)
            | Self::UnknownPlugin(_)
            | Self::UnknownLogger(_) => ErrorClass::NotFound,
            Self::AlreadyExists(_) => ErrorClass::Conflict,
            Self::NameMismatch { .. }
            | Self::NoConnectorType(_)
            | Self::UnknownClass { .. }
            | Self::AmbiguousClass { .. }
            | Self::ClassMismatch { .. }
            | Self::InvalidConfig { .. }
            | Self::Unsigned
            | Self::UnknownSignature { .. }
            | Self::NoOffsets
            | Self::NotStopped(_)
            | Self::NotASink(_)
            | Self::BadParameter(_)
            | Self::NotAWriter(_)
            | Self::UntoldObjects { .. }
            | Self::NothingToFlush(_)
            | Self::NotALetterWriter(_)
            | Self::NoDeadLetterQueue(_)
            | Self::BadSinkOffsets(_) => ErrorClass::Invalid,
            Self::TopicTrackingDisabled | Self::TopicResetDisabled | Self::WrongSignature => {
                ErrorClass::Forbidden
            }
            Self::GroupNotEmpty { .. }
            | Self::SinkOffsets { .. }
            | Self::SourceOffsets { .. }
            | Self::Lag { .. }
            | Self::ConfigNotStored(_)
            | Self::TimedOut
            | Self::ShuttingDown => ErrorClass::Retriable,
            Self::Preview { source, .. }
            | Self::Explain { source, .. }
            | Self::Objects { source, .. } => source.class(),
            Self::NotConfigured(_)
            | Self::NotInStandalone(_)
            | Self::RestartNotConfigured(_)
            | Self::Unresolved(_)
            | Self::BadSourceOffsets(_)
            | Self::Refused(_)
            | Self::ConnectorNotStarted(_) => ErrorClass::Internal,
        }
    }
}
