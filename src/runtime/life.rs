//! The life of any task: be built, wait while paused, start, run, report the end.

use std::{any::Any, error::Error as _, panic::AssertUnwindSafe, time::Duration};

use connect_api::error::{ConnectorError, ErrorClass, Result, chain};
use futures::FutureExt as _;
use tokio::time::Instant;

use super::{ConnectorPlugin, Seat, TaskEventKind, backoff::Backoff, sink_task, source_task};
use crate::{broker::BrokerError, pipeline::java_trace};

/// Longest wait between two tries to reach the broker or, at the start, the connector's system.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Time that a start is tried at least. What is away for longer is shown as a failed task.
const SHORTEST_START: Duration = Duration::from_secs(10);

/// Runs a task to its end, whatever that is, and reports it.
pub(super) async fn live(mut seat: Seat) {
    let outcome = AssertUnwindSafe(run(&mut seat)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|panic| Err(panic_error(&*panic)));
    let kind = match outcome {
        Ok(()) => TaskEventKind::Stopped,
        Err(error) if seat.stop.is_cancelled() => {
            tracing::warn!(task = %seat.spec.id, error = chain(&error),
                "Task {} failed while it was stopping", seat.spec.id);
            TaskEventKind::Stopped
        }
        Err(error) => {
            tracing::error!(task = %seat.spec.id, error = chain(&error),
                "Task {} failed", seat.spec.id);
            TaskEventKind::Failed { class: first_class(&error), trace: java_trace(&error) }
        }
    };
    seat.reporter.report(kind).await;
}

async fn run(seat: &mut Seat) -> Result<()> {
    let parts = seat.build()?;
    if seat.targets.is_paused() {
        seat.reporter.report(TaskEventKind::Paused).await;
        if !seat.wait_until_started().await {
            return Ok(());
        }
    }
    match seat.spec.plugin.clone() {
        ConnectorPlugin::Source(connector) => source_task::run(seat, &*connector, parts).await,
        ConnectorPlugin::Sink(connector) => sink_task::run(seat, &*connector, parts).await,
    }
}

/// Tries of something that may not succeed at once.
pub(super) struct Tries {
    operation: &'static str,
    /// When to give up; none to go on without end.
    until: Option<Instant>,
    backoff: Backoff,
}

impl Tries {
    /// Tries to reach the broker: without end, as Kafka's clients do.
    pub(super) const fn of_broker() -> Self {
        let backoff = Backoff::capped_at(LONGEST_WAIT);
        Self { operation: "reach the broker", until: None, backoff }
    }

    /// Tries to start a connector task: for `errors.retry.timeout`, -1 being without end, and at
    /// least long enough to outlast a hiccup of the other system.
    pub(super) fn of_start(seat: &Seat) -> Self {
        let timeout = seat.spec.connector_config.get("errors.retry.timeout");
        let timeout_ms: i64 = timeout.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        let timeout = timeout.map(|timeout| timeout.max(SHORTEST_START));
        Self {
            operation: "start",
            until: timeout.map(|timeout| Instant::now() + timeout),
            backoff: Backoff::capped_at(LONGEST_WAIT),
        }
    }

    /// Waits before the next try; `false` when the task was told to stop meanwhile.
    ///
    /// # Errors
    /// The error itself, when another try would not help or its time is over.
    pub(super) async fn again(&mut self, seat: &Seat, error: ConnectorError) -> Result<bool> {
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        if is_late || !error.class().is_retriable() {
            return Err(error);
        }
        let wait = self.backoff.next();
        if self.backoff.is_first() {
            tracing::warn!(task = %seat.spec.id, error = chain(&error),
                "Task {} could not {} and tries again", seat.spec.id, self.operation);
            seat.reporter.report(TaskEventKind::Held { trace: java_trace(&error) }).await;
        }
        tokio::select! {
            biased;
            () = seat.stop.cancelled() => Ok(false),
            () = tokio::time::sleep(wait) => Ok(true),
        }
    }
}

impl Seat {
    /// Waits until the target is to work; `false` when the task was told to stop before.
    pub(super) async fn wait_until_started(&mut self) -> bool {
        while self.targets.is_paused() {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return false,
                () = self.targets.change() => {}
                // It has nothing open yet.
                Some(reply) = self.flushes.recv() => drop(reply.send(Ok(()))),
            }
        }
        true
    }
}

/// Class of the first cause: what wraps it only says where it was met.
fn first_class(error: &ConnectorError) -> ErrorClass {
    let mut class = error.class();
    let mut cause = error.source();
    while let Some(error) = cause {
        let known = error.downcast_ref().map(ConnectorError::class);
        let known = known.or_else(|| error.downcast_ref().map(BrokerError::class));
        class = known.unwrap_or(class);
        cause = error.source();
    }
    class
}

/// Error of a task that ended by a panic.
fn panic_error(panic: &(dyn Any + Send)) -> ConnectorError {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned());
    let message =
        format!("Task threw an uncaught and unrecoverable exception: it panicked: {text}");
    ConnectorError::internal(message)
        .hint("This is a bug in the connector; the task can be restarted")
}

/// A broker's failure as a task's.
pub(super) fn from_broker(error: BrokerError) -> ConnectorError {
    let message = match error.class() {
        ErrorClass::Retriable => "The broker is not available",
        _ => "The broker refused",
    };
    ConnectorError::new(error.class(), message).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wraps_a_cause_does_not_hide_its_class() {
        let away = ConnectorError::retriable("The store is away");
        let wrapped = ConnectorError::internal("Exiting").caused_by(away);
        assert_eq!(first_class(&wrapped), ErrorClass::Retriable);
        let refused = ConnectorError::retriable("Start").caused_by(BrokerError::Closed);
        assert_eq!(first_class(&refused), BrokerError::Closed.class());
        let file = ConnectorError::invalid("Bad").caused_by(std::io::Error::other("gone"));
        assert_eq!(first_class(&file), ErrorClass::Invalid);
    }
}
