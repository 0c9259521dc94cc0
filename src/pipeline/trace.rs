//! Errors as Java prints them, for `trace` in a task's status and for dead letters.

use std::error::Error;

use connect_api::error::{ConnectorError, ErrorClass};

use crate::broker::BrokerError;

/// Stands where Java names the frames of its stack, by which clients tell a trace from a message.
const FRAME: &str = "\tat millrace.runtime(native)\n";

/// The error and its causes: `CLASS: MESSAGE` and a frame, then a line `Caused by: CLASS: MESSAGE`
/// each.
#[must_use]
pub fn java_trace(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if !text.is_empty() {
            text.push_str("Caused by: ");
        }
        text.push_str(java_class(error));
        text.push_str(": ");
        text.push_str(&error.to_string());
        text.push('\n');
        if !text.contains(FRAME) {
            text.push_str(FRAME);
        }
        next = error.source();
    }
    text
}

/// The class that Kafka Connect would have thrown.
pub(super) fn java_class(error: &(dyn Error + 'static)) -> &'static str {
    if let Some(error) = error.downcast_ref::<ConnectorError>() {
        return error.class().java_class();
    }
    if let Some(error) = error.downcast_ref::<BrokerError>() {
        return broker_class(error);
    }
    if error.is::<std::io::Error>() {
        return "java.io.IOException";
    }
    "java.lang.Exception"
}

fn broker_class(error: &BrokerError) -> &'static str {
    match error {
        BrokerError::Fenced(_) => "org.apache.kafka.common.errors.ProducerFencedException",
        BrokerError::UnknownTopic(_) => {
            "org.apache.kafka.common.errors.UnknownTopicOrPartitionException"
        }
        BrokerError::Unauthorized { .. } => "org.apache.kafka.common.errors.AuthorizationException",
        BrokerError::Unavailable { .. } => "org.apache.kafka.common.errors.TimeoutException",
        error if error.class() == ErrorClass::Retriable => {
            "org.apache.kafka.common.errors.RetriableException"
        }
        _ => "org.apache.kafka.common.KafkaException",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_line_with_its_class() {
        let cause = ConnectorError::record("bad").caused_by(std::io::Error::other("torn"));
        let error =
            ConnectorError::internal("Tolerance exceeded in error handler").caused_by(cause);
        assert_eq!(
            java_trace(&error),
            "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error \
             handler\n\tat millrace.runtime(native)\nCaused by: org.apache.kafka.connect.errors.DataException: bad\nCaused by: \
             java.io.IOException: torn\n"
        );
    }
}
