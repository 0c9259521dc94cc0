//! What can be wrong with a configuration before any connector sees it.

use connect_api::{
    config::ConfigErrors,
    error::{ConnectorError, ErrorClass},
};
use thiserror::Error;

/// Result of this room's functions.
pub type Result<T, E = ConfigError> = std::result::Result<T, E>;

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("Could not read \"{path}\"")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not in the format that is expected.
    #[error("Could not understand \"{path}\" as JSON or Java properties")]
    Malformed {
        /// The file.
        path: String,
        /// Where it stops making sense.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Keys of the worker are missing or wrong.
    #[error("The worker configuration is invalid")]
    Worker(#[from] ConfigErrors),
    /// A connector file lacks its name or contradicts itself.
    #[error("{0}")]
    Connector(String),
    /// A listener is not a URL that can be listened on.
    #[error("{0}")]
    Listener(String),
    /// An HTTPS listener cannot have its keys or certificates.
    #[error("Setting \"{key}\" of an https listener cannot be used: {reason}")]
    Tls {
        /// The key.
        key: String,
        /// Why.
        reason: String,
    },
    /// A store of an HTTPS listener cannot be read.
    #[error("An https listener has no TLS: {0}")]
    Store(#[from] ConnectorError),
    /// A rule for the headers of answers cannot be followed.
    #[error("{0}")]
    ResponseHeader(String),
    /// What a reference names cannot be read.
    #[error("Could not read {what}")]
    Reference {
        /// The file.
        what: String,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A config provider cannot be made.
    #[error("Config provider \"{name}\" cannot be used: {reason}")]
    Provider {
        /// Its name in `config.providers`.
        name: String,
        /// Why.
        reason: String,
    },
}

impl ConfigError {
    /// What follows from this error: nothing but another configuration helps.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        ErrorClass::Invalid
    }
}
