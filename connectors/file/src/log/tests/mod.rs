//! Files that grow, move and vanish, and what arrives of them.

mod lines;
mod property;
mod rotation;
mod waiting;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use connect_api::{
    config::{Config as _, Props},
    error::ConnectorError,
    record::{SourceBatch, SourceRecord},
    source::OffsetReader as _,
    value::Value,
};
use connect_testkit::{ManualClock, MemoryOffsets, source_context};
use tempfile::TempDir;

use super::{
    config::{LogFileConfig, Tolerance},
    offset::{Stored, id_of},
    task::LogFileTask,
};

/// 2026-11-21T10:00:00Z.
const START_MS: i64 = 1_795_255_200_000;

/// A directory, a connector that follows files in it, and what it has delivered.
struct World {
    directory: TempDir,
    offsets: Arc<MemoryOffsets>,
    clock: Arc<ManualClock>,
    props: Props,
    task: LogFileTask,
    /// Records since they were looked at last.
    records: Vec<SourceRecord>,
}

impl World {
    /// Follows this pattern in an empty directory.
    fn new(pattern: &str) -> Self {
        Self::with(pattern, &[])
    }

    fn with(pattern: &str, props: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(pattern).to_str().unwrap().to_owned();
        let mut all = Props::from([("topic", "lines"), ("path", path.as_str())]);
        for (key, value) in props {
            all.insert(*key, *value);
        }
        let offsets = Arc::new(MemoryOffsets::default());
        let clock = ManualClock::at(START_MS);
        let task = start(&all, &offsets, &clock);
        Self { directory, offsets, clock, props: all, task, records: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = fs::File::options().append(true).create(true).open(path).unwrap();
        file.write_all(text.as_ref()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn copy(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    fn truncate(&self, name: &str) {
        fs::File::create(self.path(name)).unwrap();
    }

    /// One step with a fresh look, its offsets committed.
    fn step(&mut self) -> Result<Option<SourceBatch>, ConnectorError> {
        self.task.look_now();
        let batch = self.task.step()?;
        if let Some(batch) = &batch {
            self.offsets.commit(&batch.offsets);
            self.records.extend(batch.records.iter().cloned());
        }
        Ok(batch)
    }

    /// Steps until nothing comes any more.
    fn drain(&mut self) {
        let mut quiet = 0;
        while quiet < 2 {
            quiet = if self.step().unwrap().is_some() { 0 } else { quiet + 1 };
        }
    }

    /// The lines that arrive now, as text.
    fn lines(&mut self) -> Vec<String> {
        self.drain();
        self.records.drain(..).map(|record| text(&record.value.value)).collect()
    }

    /// Starts the task anew from what was committed.
    fn restart(&mut self) {
        self.task = start(&self.props, &self.offsets, &self.clock);
    }
}

fn start(props: &Props, offsets: &Arc<MemoryOffsets>, clock: &Arc<ManualClock>) -> LogFileTask {
    let config = LogFileConfig::parse(props).unwrap();
    let tolerance = Tolerance::of(props).unwrap();
    let committed = futures_now(offsets.committed()).unwrap();
    let stored = committed
        .iter()
        .map(|(partition, offset)| {
            (Arc::from(id_of(partition).unwrap()), Stored::parse(offset).unwrap())
        })
        .collect();
    LogFileTask::new(&config, tolerance, stored, &source_context(offsets, clock))
}

/// The result of a future that does not wait.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("The future waits"),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Bytes(bytes) => format!("{bytes:?}"),
        other => format!("{other:?}"),
    }
}

fn gzip(path: &Path) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(&fs::read(path).unwrap()).unwrap();
    writer.finish().unwrap()
}
