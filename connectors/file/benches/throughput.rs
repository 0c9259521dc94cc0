//! Lines per second through the log file source and the file stream sink, on one core.
//!
//! `cargo bench -p connect-file`. The file is read from the page cache and written to a temporary
//! directory; every batch is dropped as soon as it is there.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use connect_api::{
    config::Props,
    record::{SinkRecord, SourceRecord, TimestampType, TopicPartition},
    sink::SinkConnector as _,
    source::SourceConnector as _,
};
use connect_file::{FileStreamSink, LogFileSource};
use connect_testkit::{ManualClock, MemoryOffsets, sink_context, source_context};
use tokio::time::Instant;

/// Lines of one run: enough for seconds at the speed of a disk.
const LINES: usize = 6_000_000;
/// 2026-11-21T10:00:00Z.
const START_MS: i64 = 1_795_255_200_000;
/// Records that are written to the sink again and again.
const SINK_BATCH: usize = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("20261121.log");
    write_lines(&path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let pattern = r"^\[(?<ts>[^\]]+)\] \[(?<level>[A-Z]+)\] \[user_id:(?<user_id>[^\]]+)\] (?<message>.*)$";
        let parsed = [("parse", "pattern"), ("pattern", pattern)];
        let timed = [parsed[0], parsed[1], ("timestamp.field", "ts"), ("key.field", "user_id")];
        let mut sample = Vec::new();
        for (name, props) in
            [("none", &[][..]), ("pattern", &parsed[..]), ("pattern, time and key", &timed[..])]
        {
            // Twice: the second run shows the noise.
            for _run in 0..2 {
                let (took, first) = read_all(&path, props).await?;
                report(&format!("parse={name}"), LINES, took)?;
                if name == "none" {
                    sample = first;
                }
            }
        }
        for _run in 0..2 {
            let took = write_all(directory.path(), &sample).await?;
            report("file stream sink", LINES, took)?;
        }
        Ok(())
    })
}

/// Lines of 79 bytes with their end.
fn write_lines(path: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..LINES {
        let (second, user) = (number / 1000 % 60, number % 1000);
        writeln!(
            file,
            "[2026-11-21 10:00:{second:02}.{user:03}] [INFO] [user_id:user{user:03}] User logged in successfully.",
        )?;
    }
    file.flush()
}

async fn read_all(
    path: &Path,
    more: &[(&str, &str)],
) -> Result<(Duration, Vec<SourceRecord>), Box<dyn std::error::Error>> {
    let path = path.to_string_lossy();
    let mut props: Props = more.iter().copied().collect();
    props.insert("path", path);
    props.insert("topic", "lines");
    let context = source_context(&Arc::new(MemoryOffsets::default()), &ManualClock::at(START_MS));
    let mut task = LogFileSource.start_task(&props, context).await?;
    let mut first = Vec::new();
    let started = Instant::now();
    let mut lines = 0;
    while lines < LINES {
        let batch = task.poll().await?;
        lines += batch.records.len();
        if first.is_empty() {
            first = batch.records;
        }
    }
    Ok((started.elapsed(), first))
}

async fn write_all(
    directory: &Path,
    sample: &[SourceRecord],
) -> Result<Duration, Box<dyn std::error::Error>> {
    let path = directory.join("out");
    let props: Props = [("file", path.to_string_lossy())].into_iter().collect();
    let mut task =
        FileStreamSink.start_task(&props, sink_context(&ManualClock::at(START_MS))).await?;
    let batch: Vec<_> = sample.iter().cycle().take(SINK_BATCH).zip(0..).map(sink_record).collect();
    let started = Instant::now();
    for _batch in 0..LINES / SINK_BATCH {
        task.put(&batch).await?;
    }
    Ok(started.elapsed())
}

fn sink_record((record, offset): (&SourceRecord, i64)) -> SinkRecord {
    SinkRecord {
        topic: Arc::clone(&record.topic),
        origin: TopicPartition::new("lines", 0),
        offset,
        timestamp_ms: None,
        timestamp_type: TimestampType::CreateTime,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: Vec::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
fn report(what: &str, lines: usize, took: Duration) -> std::io::Result<()> {
    let rate = lines as f64 / took.as_secs_f64() / 1e6;
    writeln!(std::io::stdout(), "{what:<30} {rate:>8.2} million lines/s")
}
