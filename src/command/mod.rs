//! The command line: what each command means, over the public doors of the other rooms.

mod arguments;
mod error;
mod generate;
mod offline;
mod trace;
mod worker;

use std::{io::IsTerminal as _, sync::Arc};

use connect_api::time::SystemClock;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Environment,
    demo::{self, DemoOptions},
    loggers::Loggers,
    tasks::TaskGroup,
};

pub use arguments::Arguments;
use arguments::{Command, DemoArguments};
pub use error::{Failure, Result};

/// Does what the arguments say; returns when it is done or was told to stop.
///
/// # Errors
/// [`Failure::Wrong`] when the usage or configuration is wrong, [`Failure::Run`] when it failed
/// while running.
pub fn run(arguments: Arguments) -> Result<()> {
    start_log(matches!(arguments.command, Command::Demo(_)));
    match arguments.command {
        Command::Plugins => offline::list_plugins(),
        Command::Validate { file } => offline::validate(&file),
        Command::Demo(arguments) => on_runtime(run_demo(arguments)),
        Command::Standalone { worker, connectors } => {
            on_runtime(worker::run_standalone(worker, connectors))
        }
        Command::Distributed { worker } => on_runtime(worker::run_distributed(worker)),
        Command::Trace(arguments) => on_runtime(trace::run(arguments)),
        Command::Generate { what } => on_runtime(generate::run(what, Arc::new(SystemClock))),
    }
}

/// `RUST_LOG` chooses what is logged; the demo's own lines are on standard output, so that its
/// log speaks up only when something is wrong. What its S3 server does not implement is told to the sink,
/// which can do without.
fn start_log(is_demo: bool) {
    let quiet = if is_demo { "warn,s3s=off" } else { "info" };
    let chosen = Environment::default().get("RUST_LOG").filter(|levels| !levels.trim().is_empty());
    Loggers::install(chosen.as_deref().unwrap_or(quiet), std::io::stderr().is_terminal());
}

/// Threads of the runtime at least: on one core a request would otherwise wait until a task is done
/// with its batch; so the machine shares the core between them.
const LEAST_THREADS: usize = 2;

fn on_runtime(work: impl Future<Output = Result<()>>) -> Result<()> {
    let threads = std::thread::available_parallelism().map_or(LEAST_THREADS, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.max(LEAST_THREADS))
        .enable_all()
        .build()
        .map_err(|error| Failure::Run(anyhow::Error::new(error).context("Could not start")))?;
    runtime.block_on(work)
}

async fn run_demo(arguments: DemoArguments) -> Result<()> {
    let options = DemoOptions {
        directory: arguments.dir,
        port: arguments.port,
        rate: arguments.rate,
        duration: arguments.seconds.map(std::time::Duration::from_secs_f64),
    };
    let tasks = TaskGroup::new();
    let stop = stop_signal(&tasks);
    demo::run(options, stop).await.map_err(Failure::run)
}

/// Cancelled by SIGTERM or ctrl-C; a second one ends the process at once with code 1.
fn stop_signal(tasks: &TaskGroup) -> CancellationToken {
    let stop = CancellationToken::new();
    let told = stop.clone();
    tasks.spawn("signals", async move {
        wait_for_signal().await;
        tracing::info!("Stopping; a second signal ends the process at once");
        told.cancel();
        wait_for_signal().await;
        end_at_once();
    });
    stop
}

#[expect(clippy::exit, reason = "whoever signals twice wants the process gone")]
fn end_at_once() -> ! {
    std::process::exit(1)
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => signals.recv().await,
            Err(_unsupported) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
