//! What librdkafka and Kafka say no with, and what that means to us.

use std::{error::Error, fmt};

use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};

use crate::broker::BrokerError;

/// A failure as librdkafka reports it.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// What failed.
    pub(super) code: Code,
    /// What is known about why.
    pub(super) text: String,
    /// What librdkafka says follows from it, where it says so.
    pub(super) advice: Advice,
}

/// What librdkafka says follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// Nothing in particular: the code decides.
    None,
    /// The same call may be repeated.
    Retry,
    /// The transaction has to be aborted.
    Abort,
    /// The client is of no more use.
    Fatal,
}

impl Refusal {
    /// A failure that is known by its code alone.
    pub(super) fn new(code: Code) -> Self {
        Self::because(code, code.to_string())
    }

    /// A failure with librdkafka's own words.
    pub(super) const fn because(code: Code, text: String) -> Self {
        Self { code, text, advice: Advice::None }
    }

    /// No answer within the time that was given.
    pub(super) fn timed_out() -> Self {
        Self::because(Code::OperationTimedOut, "no answer in time".to_owned())
    }

    /// Whether the same call may succeed later.
    pub(super) fn is_retriable(&self) -> bool {
        match self.advice {
            Advice::Retry => true,
            Advice::Abort | Advice::Fatal => false,
            Advice::None => is_passing(self.code),
        }
    }

    /// Whether the coordinator of a group is on its way to another broker, or begins on this one.
    pub(super) const fn is_moving_coordinator(&self) -> bool {
        matches!(
            self.code,
            Code::NotCoordinator
                | Code::CoordinatorLoadInProgress
                | Code::CoordinatorNotAvailable
                | Code::BrokerTransportFailure
                | Code::DestroyBroker
        )
    }

    /// Whether a newer producer has taken over.
    pub(super) const fn is_fencing(&self) -> bool {
        matches!(
            self.code,
            Code::Fenced | Code::InvalidProducerEpoch | Code::TransactionCoordinatorFenced
        ) || matches!(self.code, Code::ProducerFenced)
    }

    /// The error to report for an operation, which is named as a sentence begins:
    /// `Creating topic "t"`.
    pub(super) fn during(self, operation: impl Into<String>) -> BrokerError {
        let operation = operation.into();
        if is_forbidden(self.code) {
            BrokerError::Unauthorized { operation, source: Box::new(self) }
        } else if self.is_retriable() {
            BrokerError::Unavailable { operation, source: Box::new(self) }
        } else {
            BrokerError::Rejected { operation, source: Box::new(self) }
        }
    }

    /// As [`Self::during`], for an operation on a topic that may be missing.
    pub(super) fn about_topic(self, topic: &str, operation: impl Into<String>) -> BrokerError {
        if is_missing_topic(self.code) {
            BrokerError::UnknownTopic(topic.to_owned())
        } else {
            self.during(operation)
        }
    }

    /// As [`Self::during`], for an operation on a group that may have members.
    pub(super) fn about_group(self, group: &str, operation: impl Into<String>) -> BrokerError {
        let has_members = matches!(
            self.code,
            Code::NonEmptyGroup
                | Code::GroupSubscribedToTopic
                | Code::UnknownMemberId
                | Code::RebalanceInProgress
                | Code::IllegalGeneration
        );
        if has_members {
            BrokerError::GroupNotEmpty(group.to_owned())
        } else {
            self.during(operation)
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Refusal {}

impl From<KafkaError> for Refusal {
    fn from(error: KafkaError) -> Self {
        let text = match &error {
            // librdkafka quotes the value, which may be a secret.
            KafkaError::ClientConfig(_, _, key, _) if is_secret(key) => {
                format!("setting \"{key}\" was refused")
            }
            KafkaError::ClientConfig(_, description, key, _) => {
                format!("setting \"{key}\" was refused: {description}")
            }
            other => other.to_string(),
        };
        let code = error.rdkafka_error_code().unwrap_or(Code::InvalidArgument);
        Self::because(code, text)
    }
}

/// Whether a setting's value must not be shown.
fn is_secret(key: &str) -> bool {
    ["password", "secret", "pem", "passphrase", "oauthbearer.config"]
        .iter()
        .any(|part| key.contains(part))
}

/// Whether the topic, or a partition of it, does not exist.
pub(super) const fn is_missing_topic(code: Code) -> bool {
    matches!(code, Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicOrPartition)
        || matches!(code, Code::UnknownTopicId)
}

/// Whether the broker knows us and says no, or does not believe who we are.
pub(super) const fn is_forbidden(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
    )
}

/// Whether this goes away by waiting.
///
/// Source: apache/kafka `org.apache.kafka.common.errors`, the subclasses of `RetriableException`,
/// and librdkafka's local codes for the same conditions.
const fn is_passing(code: Code) -> bool {
    is_passing_here(code) || is_passing_there(code)
}

/// Conditions that librdkafka itself sees.
const fn is_passing_here(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::Resolve
            | Code::MessageTimedOut
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::QueueFull
            | Code::WaitingForCoordinator
            | Code::InProgress
            | Code::PreviousInProgress
            | Code::WaitCache
            | Code::Interrupted
            | Code::Retry
            | Code::NodeUpdate
            | Code::DestroyBroker
            | Code::PurgeQueue
            | Code::PurgeInflight
            | Code::AssignmentLost
    )
}

/// Conditions that the broker reports.
const fn is_passing_there(code: Code) -> bool {
    matches!(
        code,
        Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::RequestTimedOut
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::RebalanceInProgress
            | Code::NotController
            | Code::ConcurrentTransactions
            | Code::KafkaStorageError
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::UnstableOffsetCommit
            | Code::ThrottlingQuotaExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_unavailable_and_what_does_not_is_rejected() {
        let passing = Refusal::new(Code::CoordinatorLoadInProgress).during("Committing");
        assert!(matches!(passing, BrokerError::Unavailable { .. }));
        let lasting = Refusal::new(Code::InvalidReplicationFactor).during("Creating");
        assert!(matches!(lasting, BrokerError::Rejected { .. }));
        let forbidden = Refusal::new(Code::TopicAuthorizationFailed).during("Reading");
        assert!(matches!(forbidden, BrokerError::Unauthorized { .. }));
    }

    #[test]
    fn the_value_of_a_secret_setting_is_not_told() {
        let error = |key: &str| {
            let result = rdkafka::types::RDKafkaConfRes::RD_KAFKA_CONF_INVALID;
            let description = "Invalid value \"hunter2\"".to_owned();
            KafkaError::ClientConfig(result, description, key.to_owned(), "hunter2".to_owned())
        };
        assert!(!Refusal::from(error("sasl.password")).to_string().contains("hunter2"));
        assert!(Refusal::from(error("linger.ms")).to_string().contains("hunter2"));
    }
}
