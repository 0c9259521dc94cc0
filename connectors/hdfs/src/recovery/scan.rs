//! How far the committed files of a topic go, by their names.

use std::collections::BTreeMap;

use connect_api::error::Result;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    client::{Entry, Hdfs, Outcome},
    naming::{Naming, committed},
};

/// The offset after the last record of each partition, as names say.
pub(crate) type Names = BTreeMap<i32, i64>;

/// Folders that are listed at once.
const LISTED_AT_ONCE: usize = 8;

/// The offsets after the last committed record of each partition, in all folders of a topic.
///
/// # Errors
/// By the server's answer.
///
/// # Errors
/// By the server's answer.
pub(crate) async fn positions(hdfs: &Hdfs, naming: &Naming, topic: &str) -> Result<Names> {
    let mut found = Names::new();
    let mut level = vec![naming.topic(topic)?];
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
