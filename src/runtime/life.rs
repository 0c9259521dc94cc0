//! The life of any task: wait while paused, start, run, report the end.

use std::{panic::AssertUnwindSafe, time::Duration};

use connect_api::error::{ConnectorError, ErrorClass, Result, chain};
use futures::FutureExt as _;

use super::{
    ConnectorPlugin, Seat, TaskEventKind, backoff::Backoff, sink_task, source_task, trace,
};
use crate::broker::BrokerError;

/// Longest wait between two tries to reach the broker or, at the start, the connector's system.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Runs a task to its end, whatever that is, and reports it.
pub(super) async fn live(mut seat: Seat) {
    let outcome = AssertUnwindSafe(run(&mut seat)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|panic| Err(trace::panic_error(&*panic)));
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
            let sentence = match seat.spec.plugin {
                ConnectorPlugin::Source(_) => None,
                ConnectorPlugin::Sink(_) => Some(sink_task::UNRECOVERABLE),
            };
            TaskEventKind::Failed { trace: trace::of_error(sentence, &error) }
        }
    };
    seat.reporter.report(kind).await;
}

async fn run(seat: &mut Seat) -> Result<()> {
    if seat.is_paused() {
        seat.reporter.report(TaskEventKind::Paused).await;
    }
    while seat.is_paused() {
        tokio::select! {
            biased;
            () = seat.stop.clone().cancelled_owned() => return Ok(()),
            () = seat.target_change() => {}
        }
    }
    match seat.spec.plugin.clone() {
        ConnectorPlugin::Source(connector) => source_task::run(seat, &*connector).await,
        ConnectorPlugin::Sink(connector) => sink_task::run(seat, &*connector).await,
    }
}

impl Seat {
    /// Tries to start something again as long as its system is away, for `errors.retry.timeout`
    /// (none by default, -1 without end). None when the task was told to stop meanwhile.
    async fn retry_start<T>(&self, mut start: impl AsyncFnMut() -> Result<T>) -> Result<Option<T>> {
        let timeout_ms: i64 = self
            .spec
            .connector_config
            .get("errors.retry.timeout")
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        let begun = tokio::time::Instant::now();
        let mut backoff = Backoff::capped_at(LONGEST_WAIT);
        loop {
            let error = match start().await {
                Ok(started) => return Ok(Some(started)),
                Err(error) => error,
            };
            let left_ms = timeout_ms
                .saturating_sub(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
            if !error.class().is_retriable() || (timeout_ms >= 0 && left_ms <= 0) {
                return Err(error);
            }
            if !self.wait_to_retry(&mut backoff, "start", &error).await {
                return Ok(None);
            }
        }
    }

    /// Asks the broker for something, again and again while it is away. None when the task was
    /// told to stop meanwhile.
    async fn ask_broker<T>(
        &self,
        mut ask: impl AsyncFnMut() -> std::result::Result<T, BrokerError>,
    ) -> Result<Option<T>> {
        let mut backoff = Backoff::capped_at(LONGEST_WAIT);
        loop {
            let error = match ask().await {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) => from_broker(error),
            };
            if !error.class().is_retriable() {
                return Err(error);
            }
            if !self.wait_to_retry(&mut backoff, "reach the broker", &error).await {
                return Ok(None);
            }
        }
    }

    /// Logs the first failure of a row and waits; `false` when the task was told to stop.
    async fn wait_to_retry(
        &self,
        backoff: &mut Backoff,
        operation: &str,
        error: &ConnectorError,
    ) -> bool {
        let wait = backoff.next();
        if backoff.is_first() {
            tracing::warn!(task = %self.spec.id, error = chain(error),
                "Task {} could not {operation} and tries again", self.spec.id);
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

/// A broker's failure as a task's.
pub(super) fn from_broker(error: BrokerError) -> ConnectorError {
    let message = match error.class() {
        ErrorClass::Retriable => "The broker is not available",
        _ => "The broker refused",
    };
    ConnectorError::new(error.class(), message).caused_by(error)
}
