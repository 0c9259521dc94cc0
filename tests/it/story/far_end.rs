//! What arrived: the objects of the S3 sink, read back as the lines they came from.

use std::{fs, path::Path};

use serde_json::Value as Json;

/// An object of the S3 sink.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its key below the bucket.
    pub(crate) key: String,
    /// Its records as lines of the log.
    pub(crate) lines: Vec<String>,
}

/// Every object of a bucket whose objects are files.
pub(crate) fn objects(bucket: &Path) -> Vec<Object> {
    let mut found = Vec::new();
    let mut folders = vec![bucket.join("topics")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                let key = path.strip_prefix(bucket).unwrap().display().to_string();
                let text = fs::read_to_string(&path).unwrap();
                found.push(Object { key, lines: text.lines().map(line).collect() });
            }
        }
    }
    found
}

/// Every record of a bucket as a line of the log, sorted.
pub(crate) fn stored_lines(bucket: &Path) -> Vec<String> {
    let mut lines: Vec<_> = objects(bucket).into_iter().flat_map(|object| object.lines).collect();
    lines.sort();
    lines
}

/// The line of the log that a stored record came from.
fn line(record: &str) -> String {
    let record: Json = serde_json::from_str(record).unwrap();
    let field = |name: &str| record[name].as_str().unwrap().to_owned();
    format!(
        "[{}] [{}] [user_id:{}] {}",
        field("ts"),
        field("level"),
        field("user_id"),
        field("message")
    )
}
