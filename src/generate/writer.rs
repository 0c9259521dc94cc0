//! Writes `DIR/yyyymmdd.log`, live at a rate or as history between two dates.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Datelike as _};
use chrono_tz::Tz;
use connect_api::time::Clock;
use rand::{SeedableRng as _, rngs::SmallRng};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::{logs, web};

/// Lines come in ticks this long: short enough to look steady, long enough to cost nothing.
const TICK: Duration = Duration::from_millis(10);

/// Lines written at once when nothing holds the generator back: about 1 MB.
const BURST_LINES: u64 = 10_000;

/// How fast lines come, and when they claim to have happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// This many lines a second of real time; each bears the time it is written.
    Live {
        /// Lines a second; none for as fast as the disk takes them.
        rate: Option<f64>,
    },
    /// As fast as the disk takes them, spread evenly over a span of the past.
    History {
        /// First time, in milliseconds since the epoch.
        from_ms: i64,
        /// End of the span, not included, in milliseconds since the epoch.
        to_ms: i64,
        /// Lines per second of the span.
        rate: f64,
    },
}

/// What the lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Those of an application.
    Application,
    /// Those of a web server, as JSON.
    Web,
}

/// What a generator is made from.
#[derive(Clone, Debug)]
pub struct LogGenerator {
    /// What the lines are.
    pub lines: Lines,
    /// Folder of the files; made when missing.
    pub directory: PathBuf,
    /// Time zone of the names and of the times in the lines.
    pub zone: Tz,
    /// How fast, and when.
    pub pace: Pace,
    /// Lines after which it ends by itself.
    pub count: Option<u64>,
    /// Seed of the events, for lines that can be written again.
    pub seed: u64,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Lines written so far, for whoever watches.
    pub written: Arc<AtomicU64>,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A line that could not be written.
#[derive(Debug, Error)]
#[error("Could not write the log file \"{path}\"")]
pub struct GenerateError {
    path: String,
    source: io::Error,
}

impl LogGenerator {
    /// Writes until it is stopped, or until its count or span ends.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub async fn run(self, stop: CancellationToken) -> Result<Generated, GenerateError> {
        let mut writer = DayWriter::new(self.lines, &self.directory, self.zone, self.seed);
        let count = self.count.unwrap_or(u64::MAX);
        let outcome = match self.pace {
            Pace::Live { rate: Some(rate) } => self.run_live(&mut writer, rate, count, &stop).await,
            Pace::Live { rate: None } => {
                self.run_bursts(&mut writer, count, &stop, |_line| self.clock.now_ms()).await
            }
            Pace::History { from_ms, to_ms, rate } => {
                let step_ms = 1000.0 / rate;
                let lines = count.min(whole(as_real(to_ms - from_ms) / step_ms));
                let at = |line: u64| from_ms + as_ms(as_real_count(line) * step_ms);
                self.run_bursts(&mut writer, lines, &stop, at).await
            }
        };
        outcome.map(|()| writer.total)
    }

    /// As many lines at every tick as the rate asks for since the start.
    async fn run_live(
        &self,
        writer: &mut DayWriter,
        rate: f64,
        count: u64,
        stop: &CancellationToken,
    ) -> Result<(), GenerateError> {
        let mut ticks = tokio::time::interval(TICK);
        let start = ticks.tick().await;
        while writer.total.lines < count {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                now = ticks.tick() => {
                    let due = 1 + whole((now - start).as_secs_f64() * rate);
                    self.write(writer, due.min(count), |_line| self.clock.now_ms())?;
                }
            }
        }
        Ok(())
    }

    async fn run_bursts(
        &self,
        writer: &mut DayWriter,
        count: u64,
        stop: &CancellationToken,
        time_of: impl Fn(u64) -> i64 + Copy,
    ) -> Result<(), GenerateError> {
        while writer.total.lines < count && !stop.is_cancelled() {
            let until = count.min(writer.total.lines + BURST_LINES);
            self.write(writer, until, time_of)?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Writes lines up to a total.
    fn write(
        &self,
        writer: &mut DayWriter,
        until: u64,
        time_of: impl Fn(u64) -> i64,
    ) -> Result<(), GenerateError> {
        while writer.total.lines < until {
            let line = writer.total.lines;
            writer.push(time_of(line))?;
        }
        writer.flush()?;
        self.written.store(writer.total.lines, Ordering::Relaxed);
        Ok(())
    }
}

/// The current day's file, with lines that wait to be written to it together.
struct DayWriter {
    lines: Lines,
    directory: PathBuf,
    zone: Tz,
    random: SmallRng,
    /// The day by its number, its file and the file's path.
    day: Option<(i32, File, PathBuf)>,
    pending: Vec<u8>,
    total: Generated,
}

impl DayWriter {
    fn new(lines: Lines, directory: &Path, zone: Tz, seed: u64) -> Self {
        Self {
            lines,
            directory: directory.to_owned(),
            zone,
            random: SmallRng::seed_from_u64(seed),
            day: None,
            pending: Vec::new(),
            total: Generated { lines: 0, bytes: 0 },
        }
    }

    fn push(&mut self, at_ms: i64) -> Result<(), GenerateError> {
        let at =
            DateTime::from_timestamp_millis(at_ms).unwrap_or_default().with_timezone(&self.zone);
        if self.day.as_ref().is_none_or(|(day, ..)| *day != at.num_days_from_ce()) {
            self.flush()?;
            self.turn_to(at)?;
        }
        match self.lines {
            Lines::Application => logs::append(&mut self.pending, &mut self.random, at),
            Lines::Web => web::append(&mut self.pending, &mut self.random, at),
        }
        self.total.lines += 1;
        Ok(())
    }

    fn turn_to(&mut self, at: DateTime<Tz>) -> Result<(), GenerateError> {
        let path = self.directory.join(at.format("%Y%m%d.log").to_string());
        let open = || {
            fs::create_dir_all(&self.directory)?;
            OpenOptions::new().create(true).append(true).open(&path)
        };
        let file =
            open().map_err(|source| GenerateError { path: path.display().to_string(), source })?;
        self.day = Some((at.num_days_from_ce(), file, path));
        Ok(())
    }

    /// Writes what waits in one call, so that a reader never sees half a burst.
    fn flush(&mut self) -> Result<(), GenerateError> {
        if let Some((_, file, path)) = &mut self.day {
            file.write_all(&self.pending)
                .map_err(|source| GenerateError { path: path.display().to_string(), source })?;
            self.total.bytes += u64::try_from(self.pending.len()).unwrap_or(u64::MAX);
            self.pending.clear();
        }
        Ok(())
    }
}

/// The whole part of a count; a negative or absurd one is none or all there can be.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, which is what is meant"
)]
const fn whole(count: f64) -> u64 {
    count as u64
}

#[expect(clippy::cast_precision_loss, reason = "spans of milliseconds lie far below 2^53")]
const fn as_real(ms: i64) -> f64 {
    ms as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of lines lie far below 2^53")]
const fn as_real_count(lines: u64) -> f64 {
    lines as f64
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, which is what is meant")]
const fn as_ms(ms: f64) -> i64 {
    ms as i64
}

#[cfg(test)]
mod tests {
    use connect_testkit::ManualClock;

    use super::*;

    const NOON: i64 = 1_795_262_400_000; // 2026-11-21T12:00:00Z

    fn generator(directory: &Path, pace: Pace, clock: Arc<ManualClock>) -> LogGenerator {
        LogGenerator {
            lines: Lines::Application,
            directory: directory.to_owned(),
            zone: Tz::UTC,
            pace,
            count: None,
            seed: 7,
            clock,
            written: Arc::default(),
        }
    }

    #[tokio::test]
    async fn history_fills_a_file_a_day() {
        let directory = tempfile::tempdir().unwrap();
        let day_ms = 86_400_000;
        let pace = Pace::History { from_ms: NOON, to_ms: NOON + day_ms, rate: 0.01 };
        let generator = generator(directory.path(), pace, ManualClock::at(NOON));
        let total = generator.run(CancellationToken::new()).await.unwrap();
        let read = |name| fs::read_to_string(directory.path().join(name)).unwrap();
        let (first, second) = (read("20261121.log"), read("20261122.log"));
        assert_eq!((first.lines().count(), second.lines().count()), (432, 432));
        assert_eq!(total.lines, 864);
        assert_eq!(total.bytes, u64::try_from(first.len() + second.len()).unwrap());
        assert!(first.starts_with("[2026-11-21 12:00:00.000] ["), "{first}");
        assert!(second.starts_with("[2026-11-22 00:00:00.000] ["), "{second}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_live_generator_keeps_its_rate() {
        let directory = tempfile::tempdir().unwrap();
        let generator =
            generator(directory.path(), Pace::Live { rate: Some(50.0) }, ManualClock::at(NOON));
        let written = Arc::clone(&generator.written);
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let (total, ()) = tokio::join!(generator.run(stop), async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            stopping.cancel();
        });
        let lines = total.unwrap().lines;
        assert!((100..=102).contains(&lines), "{lines}");
        assert_eq!(written.load(Ordering::Relaxed), lines);
    }
}
