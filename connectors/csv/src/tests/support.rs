//! What the tests of several modules start from.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use connect_api::{
    config::Props,
    error::Result,
    record::{SourceBatch, SourceOffset, SourceRecord},
    source::{OffsetReader as _, SourceConnector as _, SourceTask},
    value::Value,
};
use connect_testkit::{ManualClock, MemoryOffsets, source_context};
use tempfile::TempDir;

use crate::CsvSource;

/// 2026-11-21T10:00:00Z, long after any file was made.
pub(super) const NOW_MS: i64 = 4_000_000_000_000;

/// Directories of a connector with a name of its own, its tasks and offsets.
pub(super) struct Bench {
    directory: TempDir,
    pub(super) connector: Arc<str>,
    pub(super) props: Props,
    pub(super) offsets: Arc<MemoryOffsets>,
    pub(super) clock: Arc<ManualClock>,
}

impl Bench {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| {
            let path = directory.path().join(name);
            fs::create_dir_all(&path).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let props = Props::from_iter([
            ("topic".to_owned(), "rows".to_owned()),
            ("input.path".to_owned(), path("in")),
            ("finished.path".to_owned(), path("done")),
            ("error.path".to_owned(), path("bad")),
            ("input.file.pattern".to_owned(), r".*\.csv(\.gz|\.zip)?".to_owned()),
            ("csv.first.row.as.header".to_owned(), "true".to_owned()),
            ("schema.generation.enabled".to_owned(), "true".to_owned()),
            ("batch.size".to_owned(), "3".to_owned()),
            ("empty.poll.wait.ms".to_owned(), "1".to_owned()),
        ]);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            directory,
            connector: format!("csv-{number}").into(),
            props,
            offsets: Arc::new(MemoryOffsets::default()),
            clock: ManualClock::at(NOW_MS),
        }
    }

    /// With another value of a key.
    pub(super) fn with(mut self, key: &str, value: &str) -> Self {
        self.props.insert(key, value);
        self
    }

    /// With fields of these types instead of generated strings.
    pub(super) fn with_fields(self, fields: &[(&str, &str)]) -> Self {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, kind)| format!(r#""{name}":{{"type":"{kind}","isOptional":true}}"#))
            .collect();
        let schema =
            format!(r#"{{"name":"Row","type":"STRUCT","fieldSchemas":{{{}}}}}"#, fields.join(","));
        self.with("schema.generation.enabled", "false").with("value.schema", &schema)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn drop_file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path("in").join(name), content).unwrap();
    }

    /// Names in a directory, sorted.
    pub(super) fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(directory)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Task 0 of one.
    pub(super) async fn task(&self) -> Result<Box<dyn SourceTask>> {
        Ok(self.tasks(1).await?.remove(0))
    }

    pub(super) async fn tasks(&self, count: usize) -> Result<Vec<Box<dyn SourceTask>>> {
        let mut tasks = Vec::new();
        for props in CsvSource.task_configs(&self.props, count)? {
            let mut context = source_context(&self.offsets, &self.clock);
            context.connector = Arc::clone(&self.connector);
            tasks.push(CsvSource.start_task(&props, context).await?);
        }
        Ok(tasks)
    }

    /// Polls and commits until nothing comes; the rows as texts.
    pub(super) async fn drain(&self, task: &mut Box<dyn SourceTask>) -> Result<Vec<String>> {
        let mut rows = Vec::new();
        loop {
            let batch = task.poll().await?;
            if batch == SourceBatch::default() {
                return Ok(rows);
            }
            rows.extend(batch.records.iter().map(row));
            self.commit(task, &batch).await;
        }
    }

    pub(super) async fn commit(&self, task: &mut Box<dyn SourceTask>, batch: &SourceBatch) {
        self.offsets.commit(&batch.offsets);
        task.commit(&batch.offsets).await.unwrap();
    }

    /// The committed offset of a file.
    pub(super) async fn offset(&self, name: &str) -> Option<SourceOffset> {
        let committed = self.offsets.committed().await.unwrap();
        let found = committed.into_iter().find(|(partition, _)| {
            partition.0.get("fileName").and_then(|name| name.as_str()) == Some(name)
        });
        found.map(|(_, offset)| offset)
    }
}

/// The values of a record, by commas.
pub(super) fn row(record: &SourceRecord) -> String {
    let Value::Struct(row) = &record.value.value else { panic!("{:?} is no row", record.value) };
    let values = row.values().iter().map(|value| match value {
        Value::String(text) => text.to_string(),
        Value::Null => "null".to_owned(),
        Value::Int32(number) => number.to_string(),
        Value::Int64(number) => number.to_string(),
        other => format!("{other:?}"),
    });
    values.collect::<Vec<_>>().join(",")
}

pub(super) fn gzip(text: &str) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap()
}
