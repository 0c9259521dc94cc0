//! `millrace demo`: the whole job on real input, on one machine, with nothing installed.
//!
//! A user of the public doors only: it writes a log with the generator, starts a worker on an
//! embedded log and an S3 server of its own, and registers the three configurations of
//! `configs/demo/` through the worker's REST API as anybody would with `curl`. At the end it
//! counts lines, records, objects and rows where they lie, and fails unless they agree.

mod error;
mod rest;
mod s3;
mod tally;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use chrono_tz::Tz;
use connect_api::{
    config::Props,
    time::{Clock as _, SystemClock},
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    config::{Environment, Mode},
    generate::{GenerateError, Generated, Lines, LogGenerator, Pace},
    tasks::TaskGroup,
};

pub use error::{DemoError, Result};
use rest::RestClient;
use tally::{Tally, Where};

/// The connectors of the demo, as anybody would send them.
const CONNECTORS: [&str; 3] = [
    include_str!("../../configs/demo/logs-source.json"),
    include_str!("../../configs/demo/s3-raw-logs.json"),
    include_str!("../../configs/demo/aggregates.json"),
];

/// Topic of the demo's records, as the configurations name it.
const TOPIC: &str = "app-logs";
/// Aggregate of the demo, as the configurations name it.
const AGGREGATE: &str = "events";
/// Bucket of the demo's objects.
const BUCKET: &str = "millrace-demo";

/// Longest time the last records may take to arrive everywhere once the generator has stopped:
/// several times the S3 sink's rotation interval in `configs/demo/s3-raw-logs.json`.
const DRAIN: Duration = Duration::from_secs(30);
/// Time between two looks at the numbers.
const REFRESH: Duration = Duration::from_secs(1);
/// Time that the demo's own servers and clients get to stop.
const STOP: Duration = Duration::from_secs(5);

/// What the demo is asked to do.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Folder of everything it writes.
    pub directory: PathBuf,
    /// Port of the REST API on loopback; 0 takes a free one.
    pub port: u16,
    /// Lines a second.
    pub rate: f64,
    /// Time after which it ends by itself; without it, when it is told to stop.
    pub duration: Option<Duration>,
}

/// Runs the demo until its time is over or `stop` is cancelled, and counts.
///
/// # Errors
/// When something cannot be started, and when the numbers do not agree at the end.
pub async fn run(options: DemoOptions, stop: CancellationToken) -> Result<()> {
    let tasks = TaskGroup::new();
    let places = Where::below(&options.directory);
    make_folder(&places.logs)?;
    let s3 = s3::serve(&places.s3, BUCKET, &tasks).await?;
    let app = App::start(worker_properties(&options), Mode::Distributed, environment(&places, s3))
        .await?;
    let client = RestClient::new(app.address())?;
    for connector in CONNECTORS {
        client.create_connector(connector).await?;
    }
    announce(&options.directory, app.address())?;
    let generated = tasks.child();
    let generator = generator(&options, &places);
    let tally = Tally { places, client, app: &app, written: Arc::clone(&generator.written) };
    let generating = tasks.spawn("generator", generator.run(generated.token().clone()));
    watch(&tally, options.duration, &stop).await?;
    generated.token().cancel();
    let written = generating.await.map_err(|_panicked| DemoError::Generator)?;
    let agreed = settle(&tally, written).await;
    app.stop().await?;
    if let Err(names) = tasks.stop(STOP).await {
        tracing::warn!(?names, "Parts of the demo did not stop in time");
    }
    agreed
}

/// A folder of the demo, which may be there from an earlier run.
fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .map_err(|source| DemoError::Folder { path: folder.display().to_string(), source })
}

fn generator(options: &DemoOptions, places: &Where) -> LogGenerator {
    let clock = Arc::new(SystemClock);
    LogGenerator {
        lines: Lines::Application,
        directory: places.logs.clone(),
        zone: Tz::UTC,
        pace: Pace::Live { rate: Some(options.rate) },
        count: None,
        seed: clock.now_ms().unsigned_abs(),
        clock,
        written: Arc::new(AtomicU64::new(0)),
    }
}

/// What the configurations refer to as `${env:…}`.
fn environment(places: &Where, s3: SocketAddr) -> Environment {
    Environment::default()
        .with("MILLRACE_LOGS", places.logs.display().to_string())
        .with("MILLRACE_S3_URL", format!("http://{s3}"))
        .with("MILLRACE_S3_BUCKET", BUCKET)
        .with("MILLRACE_AGGREGATES", format!("sqlite:{}", places.aggregates.display()))
        .with("AWS_ACCESS_KEY_ID", s3::ACCESS_KEY)
        .with("AWS_SECRET_ACCESS_KEY", s3::SECRET_KEY)
}

fn worker_properties(options: &DemoOptions) -> Props {
    let log = options.directory.join("log");
    Props::from_iter([
        ("bootstrap.servers", format!("embedded:{}", log.display()).as_str()),
        ("listeners", &format!("http://127.0.0.1:{}", options.port)),
        ("group.id", "millrace-demo"),
        ("config.storage.topic", "connect-configs"),
        ("offset.storage.topic", "connect-offsets"),
        ("status.storage.topic", "connect-status"),
        ("offset.flush.interval.ms", "1000"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("value.converter.schemas.enable", "false"),
        ("config.providers", "env"),
        (
            "config.providers.env.class",
            "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        ),
    ])
}

fn announce(directory: &Path, address: SocketAddr) -> Result<()> {
    say(&format!(
        "Millrace demo\n  \
           logs       {directory}/logs/\n  \
           objects    {directory}/s3/{BUCKET}/topics/{TOPIC}/\n  \
           connectors curl http://{address}/connectors?expand=status\n  \
           aggregates curl http://{address}/aggregates/{AGGREGATE}/windows\n\
         Stop with ctrl-C.\n",
        directory = directory.display(),
    ))
}

/// Shows the numbers every second until it is time to stop.
async fn watch(
    tally: &Tally<'_>,
    duration: Option<Duration>,
    stop: &CancellationToken,
) -> Result<()> {
    let end = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    let mut ticks = tokio::time::interval(REFRESH);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = &mut end => break,
            _ = ticks.tick() => say(&format!("\r{}", tally.live().await?))?,
        }
    }
    say("\n")
}

/// Waits until everything that was written has arrived everywhere, and says so, or what is missing.
async fn settle(
    tally: &Tally<'_>,
    written: std::result::Result<Generated, GenerateError>,
) -> Result<()> {
    written?;
    let agreed = tokio::time::timeout(DRAIN, async {
        let mut ticks = tokio::time::interval(REFRESH / 10);
        loop {
            ticks.tick().await;
            let counts = tally.count().await?;
            if counts.agree() {
                return Ok::<_, DemoError>(counts);
            }
        }
    })
    .await;
    let counts = match agreed {
        Ok(counts) => counts?,
        Err(_late) => tally.count().await?,
    };
    say(&counts.to_string())?;
    if counts.agree() { Ok(()) } else { Err(DemoError::Disagreement) }
}

fn say(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(DemoError::Output)
}
