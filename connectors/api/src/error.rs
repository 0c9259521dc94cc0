//! Errors that know what should follow from them.
//!
//! A connector reports every failure as a [`ConnectorError`]. Its [`ErrorClass`] decides what the
//! worker does next: the HTTP status of a request, whether a task backs off or fails, how loudly
//! it is logged. The table is here, once, and every other room asks it.

use std::{error::Error, fmt};

/// Result of a connector's own functions.
pub type Result<T, E = ConnectorError> = std::result::Result<T, E>;

/// What kind of failure this is, and so what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The request or the configuration is wrong: nothing but a change of it helps.
    Invalid,
    /// The other system refuses us: credentials or permissions.
    Forbidden,
    /// What was named does not exist.
    NotFound,
    /// The state of things does not allow it now: exists already, a rebalance is running.
    Conflict,
    /// This one record is bad; `errors.tolerance` decides.
    Record,
    /// The other system is away or overloaded: the same call may succeed later.
    Retriable,
    /// A bug or a broken invariant.
    Internal,
}

impl ErrorClass {
    /// HTTP status of a REST request that ends in this error.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Record | Self::Retriable | Self::Internal => 500,
        }
    }

    /// Whether a task that meets this error tries the same call again instead of failing.
    #[must_use]
    pub const fn is_retriable(self) -> bool {
        matches!(self, Self::Retriable | Self::Conflict)
    }

    /// Java class that Kafka Connect would have thrown, as it stands in a task's `trace`.
    ///
    /// Source: apache/kafka `org.apache.kafka.connect.errors`.
    #[must_use]
    pub const fn java_class(self) -> &'static str {
        match self {
            Self::Invalid => "org.apache.kafka.common.config.ConfigException",
            Self::NotFound => "org.apache.kafka.connect.errors.NotFoundException",
            Self::Record => "org.apache.kafka.connect.errors.DataException",
            Self::Retriable => "org.apache.kafka.connect.errors.RetriableException",
            Self::Forbidden | Self::Conflict | Self::Internal => {
                "org.apache.kafka.connect.errors.ConnectException"
            }
        }
    }
}

/// A failure in a connector: one sentence, its class, what may help, and its cause.
///
/// The message names the thing and the operation and never holds a secret. The cause is kept as
/// [`Error::source`] and not repeated in the text: whoever shows the error joins the chain.
#[derive(Debug)]
pub struct ConnectorError {
    class: ErrorClass,
    message: String,
    hint: Option<String>,
    key: Option<&'static str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ConnectorError {
    /// An error of the given class.
    #[must_use]
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), hint: None, key: None, source: None }
    }

    /// The configuration or request is wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Invalid, message)
    }

    /// This record is bad.
    #[must_use]
    pub fn record(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Record, message)
    }

    /// The other system is away: the same call may succeed later.
    #[must_use]
    pub fn retriable(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Retriable, message)
    }

    /// A bug or a broken invariant.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Internal, message)
    }

    /// Keeps what caused this error.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// Says what the operator can do about it, as one sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says which key of the configuration it is about, so that validation shows it there.
    #[must_use]
    pub const fn about_key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }

    /// What follows from this error.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        self.class
    }

    /// What the operator can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Which key of the configuration it is about, where that is said.
    #[must_use]
    pub const fn key(&self) -> Option<&'static str> {
        self.key
    }
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, ". {hint}")?;
        }
        Ok(())
    }
}

impl Error for ConnectorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl From<crate::config::ConfigErrors> for ConnectorError {
    fn from(errors: crate::config::ConfigErrors) -> Self {
        Self::invalid(errors.to_string())
    }
}

/// An error and everything below it on one line: `Could not A: could not B: connection refused`.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_shows_every_cause_once() {
        let cause = std::io::Error::other("connection refused");
        let error = ConnectorError::retriable("Could not reach the store").caused_by(cause);
        assert_eq!(chain(&error), "Could not reach the store: connection refused");
        assert!(error.class().is_retriable());
    }

    #[test]
    fn the_hint_follows_the_sentence() {
        let error = ConnectorError::invalid("Bucket \"b\" does not exist").hint("Create it");
        assert_eq!(error.to_string(), "Bucket \"b\" does not exist. Create it");
    }
}
