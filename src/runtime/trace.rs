//! The trace of a failed task, in the shape that users of Kafka Connect know: the exception that
//! ended the task, then a `Caused by:` line for each cause.

use std::{any::Any, error::Error};

use connect_api::error::{ConnectorError, ErrorClass};

/// What the worker itself throws.
const CONNECT_EXCEPTION: &str = "org.apache.kafka.connect.errors.ConnectException";

/// Trace of a task that ended with this error, under the worker's own sentence if it has one.
pub(super) fn of_error(sentence: Option<&str>, error: &ConnectorError) -> String {
    let class = error.class().java_class();
    let mut trace = match sentence {
        Some(sentence) => format!("{CONNECT_EXCEPTION}: {sentence}\nCaused by: {class}: {error}"),
        None => format!("{class}: {error}"),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        let class = error
            .downcast_ref::<ConnectorError>()
            .map_or("java.lang.Exception", |error| error.class().java_class());
        trace.push_str(&format!("\nCaused by: {class}: {error}"));
        cause = error.source();
    }
    trace.push('\n');
    trace
}

/// Error of a task that ended by a panic.
pub(super) fn panic_error(panic: &(dyn Any + Send)) -> ConnectorError {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned());
    ConnectorError::new(ErrorClass::Internal, format!("The connector panicked: {text}"))
        .hint("This is a bug in the connector; the task can be restarted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_names_every_cause_on_a_line_of_its_own() {
        let cause = std::io::Error::other("connection refused");
        let error = ConnectorError::record("Line 7 does not parse").caused_by(cause);
        assert_eq!(
            of_error(Some("Exiting WorkerSinkTask due to unrecoverable exception."), &error),
            "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to \
             unrecoverable exception.\n\
             Caused by: org.apache.kafka.connect.errors.DataException: Line 7 does not parse\n\
             Caused by: java.lang.Exception: connection refused\n"
        );
    }
}
