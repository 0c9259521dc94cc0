//! What arrived: the objects of the S3 sink, read back as the lines they came from.

use std::{
    fs,
    path::{Path, PathBuf},
};

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
    let object = |path: PathBuf| {
        let key = path.strip_prefix(bucket).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        Object { key, lines: text.lines().map(line).collect() }
    };
    files_below(&bucket.join("topics")).into_iter().map(object).collect()
}

/// Every record of a bucket as a line of the log, sorted.
pub(crate) fn stored_lines(bucket: &Path) -> Vec<String> {
    let mut lines: Vec<_> = objects(bucket).into_iter().flat_map(|object| object.lines).collect();
    lines.sort();
    lines
}

/// The bytes of every object below a folder of the bucket, one after the other in the order of keys.
pub(crate) fn stored_bytes(folder: &Path) -> Vec<u8> {
    let mut files = files_below(folder);
    files.sort();
    files.iter().flat_map(|file| fs::read(file).unwrap()).collect()
}

/// Every object's file below a folder of the bucket.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path);
            }
        }
    }
    found
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
