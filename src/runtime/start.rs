//! The life of a task around its loop.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use connect_api::error::{ConnectorError, Result, chain};
use futures::FutureExt as _;

use super::{
    ConnectorPlugin, ControlReader, Environment, TaskEventKind, backoff::Backoff, sink, source,
};
use crate::{broker::BrokerError, pipeline::java_trace};

/// How a run of the loop ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// It was asked to.
    Stopped,
    /// The task starts over from what is committed, after a wait: what it could not do may succeed
    /// later.
    Again(ConnectorError),
}

/// Runs a task to its end and reports it.
pub(super) async fn run(environment: Arc<Environment>, control: ControlReader) {
    let life = Box::pin(live(&environment, control.clone()));
    let outcome = AssertUnwindSafe(life).catch_unwind().await;
    let error = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(panic) => Some(panicked(&*panic)),
    };
    let task = &environment.spec.id;
    let end = match error {
        None => TaskEventKind::Stopped,
        Some(error) if control.is_stopping() => {
            tracing::warn!(%task, error = %chain(&error), "Task {task} failed while it was stopped");
            TaskEventKind::Stopped
        }
        Some(error) => {
            tracing::error!(%task, error = %chain(&error), "Task {task} failed");
            TaskEventKind::Failed { trace: java_trace(&error) }
        }
    };
    environment.reports.send(end).await;
}

fn panicked(panic: &(dyn Any + Send)) -> ConnectorError {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    ConnectorError::internal(format!(
        "Task threw an uncaught and unrecoverable exception: it panicked: {message}"
    ))
    .hint("Task is being killed and will not recover until manually restarted")
}

/// Starts the task, and starts it over as long as that may help.
async fn live(environment: &Arc<Environment>, mut control: ControlReader) -> Result<()> {
    if !wait_until_started(environment, &mut control).await {
        return Ok(());
    }
    let mut backoff = Backoff::default();
    loop {
        let environment = Arc::clone(environment);
        let progress = &mut backoff;
        let attempt = match &environment.spec.plugin {
            ConnectorPlugin::Source(connector) => {
                let connector = Arc::clone(connector);
                source::run(&environment, connector, control.clone(), progress).boxed()
            }
            ConnectorPlugin::Sink(connector) => {
                let connector = Arc::clone(connector);
                sink::run(&environment, connector, control.clone(), progress).boxed()
            }
        };
        let Ending::Again(error) = attempt.await? else { return Ok(()) };
        let wait = backoff.next();
        if !backoff.is_repeated() {
            let task = &environment.spec.id;
            tracing::warn!(
                %task,
                error = %chain(&error),
                "Task {task} starts over from what is committed, now and again until it succeeds"
            );
        }
        tokio::select! {
            biased;
            () = control.stopping() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// A task that is paused at first does not start before it is resumed.
async fn wait_until_started(environment: &Environment, control: &mut ControlReader) -> bool {
    if control.is_paused() && !control.is_stopping() {
        environment.reports.send(TaskEventKind::Paused).await;
    }
    while control.is_paused() && !control.is_stopping() {
        control.changed().await;
    }
    !control.is_stopping()
}

/// What a broker's failure means for a task that was to do something.
pub(super) fn broker_failure(operation: &str, error: BrokerError) -> ConnectorError {
    ConnectorError::new(error.class(), operation).caused_by(error)
}

/// Ends the run for another try where the failure may pass, and fails the task otherwise.
pub(super) fn again_if_retriable(error: ConnectorError) -> Result<Ending> {
    if error.class().is_retriable() { Ok(Ending::Again(error)) } else { Err(error) }
}
