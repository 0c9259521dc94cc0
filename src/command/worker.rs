//! `millrace standalone` and `millrace distributed`.

use std::path::{Path, PathBuf};

use super::{Failure, Result, stop_signal};
use crate::{
    app::App,
    config::{Environment, Mode, read_connector_file, read_properties},
    tasks::TaskGroup,
};

pub(super) async fn run_standalone(worker: PathBuf, connectors: Vec<PathBuf>) -> Result<()> {
    let files = connectors.iter().map(|path| read_connector_file(path));
    let files = files.collect::<Result<Vec<_>, _>>().map_err(Failure::wrong)?;
    let (app, tasks) = start(&worker, Mode::Standalone).await?;
    for file in files {
        if let Err(error) = app.create(file).await {
            tracing::error!(%error, "Stopping, because a connector could not be created");
            app.stop().await.map_err(Failure::run)?;
            return Err(Failure::run(error));
        }
    }
    serve(app, &tasks).await
}

pub(super) async fn run_distributed(worker: PathBuf) -> Result<()> {
    let (app, tasks) = start(&worker, Mode::Distributed).await?;
    serve(app, &tasks).await
}

async fn start(worker: &Path, mode: Mode) -> Result<(App, TaskGroup)> {
    let properties = read_properties(worker).map_err(Failure::wrong)?;
    let app = App::start(properties, mode, Environment::default()).await;
    let app = app.map_err(|error| {
        if error.is_configuration() { Failure::wrong(error) } else { Failure::run(error) }
    })?;
    Ok((app, TaskGroup::new()))
}

/// Serves until a signal comes, or until the worker cannot go on.
async fn serve(mut app: App, tasks: &TaskGroup) -> Result<()> {
    let stop = stop_signal(tasks);
    let fault = tokio::select! {
        biased;
        () = stop.cancelled() => None,
        fault = app.ended() => Some(fault),
    };
    let stopped = app.stop().await;
    fault.map_or(stopped, Err).map_err(Failure::run)
}
