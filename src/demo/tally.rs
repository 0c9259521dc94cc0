//! Counts lines, records, objects and rows, each where it lies.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Value as Json;

use super::{AGGREGATE, BUCKET, DemoError, Result, TOPIC, rest::RestClient};
use crate::app::App;

/// Where the demo keeps its things.
#[derive(Clone, Debug)]
pub(super) struct Where {
    pub(super) logs: PathBuf,
    pub(super) s3: PathBuf,
    pub(super) aggregates: PathBuf,
}

impl Where {
    pub(super) fn below(directory: &Path) -> Self {
        Self {
            logs: directory.join("logs"),
            s3: directory.join("s3"),
            aggregates: directory.join("aggregates.db"),
        }
    }
}

/// Knows where to count.
pub(super) struct Tally<'a> {
    pub(super) places: Where,
    pub(super) client: RestClient,
    pub(super) app: &'a App,
    pub(super) written: Arc<AtomicU64>,
}

/// The numbers that must agree, and how many objects they lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    lines: u64,
    records: u64,
    stored: u64,
    objects: u64,
    counted: u64,
}

impl Counts {
    pub(super) const fn agree(&self) -> bool {
        self.lines == self.records && self.lines == self.stored && self.lines == self.counted
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "lines written            {:>10}", self.lines)?;
        writeln!(f, "records in the topic     {:>10}", self.records)?;
        writeln!(f, "records in S3 objects    {:>10}  in {} objects", self.stored, self.objects)?;
        writeln!(f, "counted by the aggregate {:>10}", self.counted)
    }
}

impl Tally<'_> {
    /// One line of numbers that are cheap to have.
    pub(super) async fn live(&self) -> Result<String> {
        let written = self.written.load(Ordering::Relaxed);
        let (records, counted) = (self.records().await?, self.counted().await?);
        let (_, objects) = self.stored()?;
        Ok(format!(
            "{written} lines written, {records} records in the topic, {objects} objects, \
             {counted} counted by the aggregate"
        ))
    }

    /// Everything, counted anew: also what earlier runs in the same folder have left.
    pub(super) async fn count(&self) -> Result<Counts> {
        let (lines, _files) = count_lines(&self.places.logs)?;
        let (stored, objects) = self.stored()?;
        let (records, counted) = (self.records().await?, self.counted().await?);
        Ok(Counts { lines, records, stored, objects, counted })
    }

    async fn records(&self) -> Result<u64> {
        Ok(self.app.record_count(TOPIC).await?)
    }

    fn stored(&self) -> Result<(u64, u64)> {
        count_lines(&self.places.s3.join(BUCKET).join("topics").join(TOPIC))
    }

    async fn counted(&self) -> Result<u64> {
        let path = format!("/aggregates/{AGGREGATE}/windows?group_by=&limit=100000");
        let body = self.client.read(&path).await?;
        let rows = body.as_ref().and_then(|body| body.get("rows")?.as_array());
        let count = |row: &Json| row.get("count").and_then(Json::as_u64).unwrap_or(0);
        Ok(rows.into_iter().flatten().map(count).sum())
    }
}

/// Lines in all files below a folder, and the number of files; none where there is no folder yet.
fn count_lines(folder: &Path) -> Result<(u64, u64)> {
    let failed = |source| DemoError::Folder { path: folder.display().to_string(), source };
    let (mut lines, mut files) = (0, 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                lines += lines_of(&path).map_err(failed)?;
                files += 1;
            }
        }
    }
    Ok((lines, files))
}

fn lines_of(path: &Path) -> io::Result<u64> {
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    let mut lines = 0;
    loop {
        let read = io::Read::read(&mut file, &mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
            return Ok(lines);
        };
        lines += part.iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
    }
}
