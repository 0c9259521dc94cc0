//! `millrace standalone` and `millrace distributed`.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::{Failure, Result, stop_signal};
use crate::{
    app::{App, AppError},
    config::{ConnectorFile, Environment, Mode, read_connector_file, read_properties},
    tasks::TaskGroup,
};

/// Files are read before anything is started: a mistake in one costs nothing then.
pub(super) async fn run_standalone(worker: PathBuf, connectors: Vec<PathBuf>) -> Result<()> {
    let files = connectors.iter().map(|path| read_connector_file(path));
    let files = files.collect::<Result<Vec<_>, _>>().map_err(Failure::wrong)?;
    run(&worker, Mode::Standalone, files).await
}

pub(super) async fn run_distributed(worker: PathBuf) -> Result<()> {
    run(&worker, Mode::Distributed, Vec::new()).await
}

/// Runs a worker until a signal comes, or until it cannot go on.
async fn run(worker: &Path, mode: Mode, files: Vec<ConnectorFile>) -> Result<()> {
    let properties = read_properties(worker).map_err(Failure::wrong)?;
    let tasks = TaskGroup::new();
    let stop = stop_signal(&tasks);
    let started = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        started = App::start(properties, mode, Environment::default()) => started,
    };
    let mut app = started.map_err(failure)?;
    let fault = serve(&mut app, files, &stop).await.err();
    let stopped = app.stop().await;
    fault.map_or(stopped, Err).map_err(failure)
}

/// Creates the connectors of the command line, then waits.
async fn serve(
    app: &mut App,
    files: Vec<ConnectorFile>,
    stop: &CancellationToken,
) -> Result<(), AppError> {
    for file in files {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            created = app.create(file) => {
                created.inspect_err(|error| {
                    tracing::error!(%error, "Stopping, because a connector could not be created");
                })?;
            }
        }
    }
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(()),
        fault = app.ended() => Err(fault),
    }
}

fn failure(error: AppError) -> Failure {
    if error.is_configuration() { Failure::wrong(error) } else { Failure::run(error) }
}
