//! How far the committed files of a topic go, by their names.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    client::{Entry, Hdfs, Outcome},
    naming::committed,
};

/// Folders that are listed at once.
const LISTED_AT_ONCE: usize = 8;

/// The offsets after the last committed record of each partition, in all folders of a topic.
///
/// # Errors
/// By the server's answer.
pub(super) async fn positions(
    hdfs: &Hdfs,
    folder: &str,
    topic: &str,
) -> Outcome<BTreeMap<i32, i64>> {
    let mut found: BTreeMap<i32, i64> = BTreeMap::new();
    let mut level = vec![folder.to_owned()];
    while !level.is_empty() {
        let listed = stream::iter(level).map(|folder| list(hdfs, folder));
        let listed: Vec<_> = listed.buffer_unordered(LISTED_AT_ONCE).try_collect().await?;
        level = Vec::new();
        for (folder, entries) in listed {
            for entry in entries {
                if entry.is_folder() {
                    level.push(format!("{folder}/{}", entry.name));
                } else if let Some(name) = committed(&entry.name).filter(|it| it.topic == topic) {
                    let next = found.entry(name.partition).or_default();
                    *next = (*next).max(name.last.saturating_add(1));
                }
            }
        }
    }
    Ok(found)
}

async fn list(hdfs: &Hdfs, folder: String) -> Outcome<(String, Vec<Entry>)> {
    let entries = hdfs.list(&folder).await?.unwrap_or_default();
    Ok((folder, entries))
}
