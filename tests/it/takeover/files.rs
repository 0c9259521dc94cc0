//! A file that grows under load, and what of it has arrived in another one.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::eventually;

/// Lines are numbered from 1 with as many digits.
const DIGITS: usize = 8;
/// Time between two writes.
const TICK: Duration = Duration::from_millis(50);
/// Lines in one write.
const LINES: u64 = 10;
/// Lines a second.
pub(super) const RATE: u64 = LINES * 20;

/// A file that gets numbered lines until it is told to stop.
pub(super) struct GrowingFile {
    written: Arc<AtomicU64>,
    stop: CancellationToken,
    writing: JoinHandle<()>,
}

impl GrowingFile {
    #[expect(clippy::disallowed_methods, reason = "owned and joined by this value")]
    pub(super) fn start(path: &Path) -> Self {
        let mut file = File::create(path).unwrap();
        let written = Arc::new(AtomicU64::new(0));
        let stop = CancellationToken::new();
        let (counter, told) = (Arc::clone(&written), stop.clone());
        let writing = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            while !told.is_cancelled() {
                ticks.tick().await;
                let last = counter.load(Ordering::SeqCst);
                let lines = (last + 1..=last + LINES).map(|number| format!("{number:0DIGITS$}\n"));
                file.write_all(lines.collect::<String>().as_bytes()).unwrap();
                counter.store(last + LINES, Ordering::SeqCst);
            }
        });
        Self { written, stop, writing }
    }

    /// Lines so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// Stops it; the number of lines.
    pub(super) async fn stop(&mut self) -> u64 {
        self.stop.cancel();
        (&mut self.writing).await.unwrap();
        self.written.load(Ordering::SeqCst)
    }
}

/// The file of a sink that gets these lines.
pub(super) struct Arrivals(pub(super) PathBuf);

impl Arrivals {
    /// Number of the last line that is there; zero when there is none.
    fn last(&self) -> u64 {
        let Ok(mut file) = File::open(&self.0) else { return 0 };
        let length = u64::try_from(DIGITS).unwrap() + 1;
        let end = file.metadata().unwrap().len() / length * length;
        let mut line = String::new();
        if end == 0 {
            return 0;
        }
        file.seek(SeekFrom::Start(end - length)).unwrap();
        file.take(length).read_to_string(&mut line).unwrap();
        line.trim().parse().unwrap()
    }

    /// Waits until a line is there.
    pub(super) async fn reach(&self, number: u64) {
        eventually(&format!("line {number}"), async || (self.last() >= number).then_some(())).await;
    }

    /// Waits until everything written so far is there, and then this many lines more.
    pub(super) async fn keep_up(&self, source: &GrowingFile, more: u64) {
        self.reach(source.written()).await;
        self.reach(source.written() + more).await;
    }

    /// How often each line is there.
    pub(super) fn count(&self) -> BTreeMap<u64, u64> {
        let text = fs::read_to_string(&self.0).unwrap();
        // The last line may be on its way.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let mut counts = BTreeMap::new();
        for line in whole.lines() {
            *counts.entry(line.parse().unwrap()).or_default() += 1;
        }
        counts
    }

    /// Lines that are there again.
    pub(super) fn doubled(&self) -> u64 {
        self.count().values().map(|count| count - 1).sum()
    }
}
