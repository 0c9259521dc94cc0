//! What can go wrong between us and the registry, and what follows from it.
//!
//! Source: confluentinc/schema-registry `AbstractKafkaSchemaSerDe.toKafkaException`,
//! `AvroConverter.java`, `ExceptionUtils.java`.

use std::fmt;

use connect_api::error::{ConnectorError, ErrorClass};

/// Why there is no answer of the registry.
#[derive(Clone, Debug)]
pub struct RegistryFailure {
    kind: FailureKind,
    /// What was done: `Error retrieving Avro value schema for id 7`.
    step: String,
    /// What was said about it.
    reason: String,
    /// What may help.
    hint: Option<&'static str>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It has not been asked yet: await what is pending and look again.
    NotAsked,
    /// It cannot be reached.
    Away,
    /// It does not answer in time or is overloaded.
    Busy,
    /// It does not know us, or does not let us.
    Forbidden,
    /// It says no, or says what makes no sense.
    Rejected,
}

/// The sentences of a converter about a message, without the reason.
#[derive(Clone, Debug)]
pub struct Sentences {
    /// When it is the data or the registry's answer.
    pub data: String,
    /// When the registry cannot be reached; the reason follows.
    pub network: String,
    /// When the registry is too slow.
    pub timeout: String,
}

impl Sentences {
    /// What the original's converters of Avro and Protobuf say of a message that is read.
    pub(crate) fn reading(format: &str, topic: &str) -> Self {
        Self {
            data: format!("Failed to deserialize data for topic {topic} to {format}:"),
            network: format!("Network connection error while deserializing data for topic {topic}"),
            timeout: format!("Failed to deserialize data for topic {topic} to {format}: "),
        }
    }

    /// What they say of one that is written.
    pub(crate) fn writing(format: &str, topic: &str) -> Self {
        Self {
            data: format!("Failed to serialize {format} data from topic {topic}:"),
            network: format!(
                "Network connection error while serializing {format} data for topic {topic}"
            ),
            timeout: format!("Failed to serialize {format} data from topic {topic} :"),
        }
    }
}

/// What is said of a value that a registry's converter is to write and that has no schema.
pub(crate) fn without_schema() -> ConnectorError {
    ConnectorError::record("A value without a schema cannot be registered")
        .hint("Use org.apache.kafka.connect.json.JsonConverter for such values")
}

impl RegistryFailure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { kind, step: String::new(), reason: reason.into(), hint: None }
    }

    /// The registry's no, or an answer that makes no sense.
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self::new(FailureKind::Rejected, reason)
    }

    /// Says what was done.
    #[must_use]
    pub fn at(mut self, step: impl Into<String>) -> Self {
        self.step = step.into();
        self
    }

    /// Says what may help.
    #[must_use]
    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The failure as a converter reports it.
    #[must_use]
    pub fn told(self, sentences: Sentences) -> ConnectorError {
        let (class, hint) = (self.class(), self.hint);
        let sentence = match self.kind {
            FailureKind::NotAsked | FailureKind::Busy => sentences.timeout,
            FailureKind::Away => format!("{}: {}", sentences.network, self.reason),
            FailureKind::Forbidden | FailureKind::Rejected => sentences.data,
        };
        let step = if self.step.is_empty() { self.reason.clone() } else { self.step };
        let cause = ConnectorError::new(class, step);
        let cause = if self.reason == cause.to_string() {
            cause
        } else {
            cause.caused_by(ConnectorError::new(class, self.reason))
        };
        hinted(ConnectorError::new(class, sentence), hint).caused_by(cause)
    }

    /// The failure as who looks whether the registry can be worked with reports it.
    #[must_use]
    pub fn of_look(self) -> ConnectorError {
        let sentence = format!("The schema registry cannot be used: {}", self.reason);
        hinted(ConnectorError::new(self.class(), sentence), self.hint)
    }

    const fn class(&self) -> ErrorClass {
        match self.kind {
            FailureKind::NotAsked | FailureKind::Busy | FailureKind::Away => ErrorClass::Retriable,
            FailureKind::Forbidden => ErrorClass::Forbidden,
            FailureKind::Rejected => ErrorClass::Record,
        }
    }
}

fn hinted(error: ConnectorError, hint: Option<&'static str>) -> ConnectorError {
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

impl fmt::Display for RegistryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.step.is_empty() {
            write!(f, "{}: ", self.step)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for RegistryFailure {}
