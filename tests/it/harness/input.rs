//! A log that grows while the worker lives and dies.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use connect_api::time::SystemClock;
use millrace::generate::{Generated, Lines, LogGenerator, Pace};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A generator that writes until it is stopped.
pub(crate) struct Generator {
    stop: CancellationToken,
    running: JoinHandle<Generated>,
}

impl Generator {
    /// Writes this many lines of an application a second into a folder.
    pub(crate) fn start(folder: &Path, rate: f64) -> Self {
        Self::of(Lines::Application, folder, rate)
    }

    /// Writes this many lines of this kind a second into a folder.
    #[expect(clippy::disallowed_methods, reason = "owned and joined by this value")]
    pub(crate) fn of(lines: Lines, folder: &Path, rate: f64) -> Self {
        let generator = LogGenerator {
            lines,
            directory: folder.to_owned(),
            zone: chrono_tz::Tz::UTC,
            pace: Pace::Live { rate: Some(rate) },
            count: None,
            seed: 1,
            clock: Arc::new(SystemClock),
            written: Arc::default(),
        };
        let stop = CancellationToken::new();
        let told = stop.clone();
        let running = tokio::spawn(async move { generator.run(told).await.unwrap() });
        Self { stop, running }
    }

    /// Stops it; the number of lines it wrote.
    pub(crate) async fn stop(self) -> u64 {
        self.stop.cancel();
        self.running.await.unwrap().lines
    }
}

/// Every line of every file in a folder, sorted.
pub(crate) fn log_lines(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        lines.extend(fs::read_to_string(path).unwrap().lines().map(str::to_owned));
    }
    lines.sort();
    lines
}
