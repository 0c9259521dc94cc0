//! Whether a task could work: asks the file system what a task asks it, and leaves nothing behind.

use std::time::Duration;

use bytes::Bytes;
use connect_api::{error::Result, figures::Figures};

use crate::{
    client::{Hdfs, Outcome, path::parent},
    config::HdfsSinkConfig,
    naming::Naming,
};

/// Longest wait for a connection: whoever asks has five seconds, and there may be two name nodes.
const CONNECT: Duration = Duration::from_secs(1);
/// Longest wait for an answer after that.
const READ: Duration = Duration::from_secs(1);

/// Makes a file in a folder of its own where a task makes temporary ones and where it makes markers, and deletes
/// them again.
///
/// # Errors
/// By the server's answer.
pub(crate) async fn check(mut config: HdfsSinkConfig) -> Result<()> {
    let keys = &mut config.cluster;
    keys.connect_timeout = keys.connect_timeout.min(CONNECT);
    keys.read_timeout = keys.read_timeout.min(READ);
    // A data node that is not there is left out the second time.
    (keys.retries, keys.backoff) = (keys.retries.min(1), Duration::ZERO);
    let (hdfs, base) = Hdfs::new(&config, &Figures::default())?;
    hdfs.look("/").await?;
    for folder in Naming::new(&config, base)?.fixed() {
        try_folder(&hdfs, &folder).await?;
    }
    Ok(())
}

async fn try_folder(hdfs: &Hdfs, folder: &str) -> Outcome<()> {
    let missing = missing(hdfs, folder).await?;
    let own = format!("{folder}/check+{:032x}", rand::random::<u128>());
    let outcome = write(hdfs, &own).await;
    let deleted = hdfs.delete(&own).await;
    for made in missing {
        // Where somebody has put something in there it stays.
        if hdfs.delete_empty(&made).await.is_err() {
            break;
        }
    }
    outcome.and(deleted.map(drop))
}

async fn write(hdfs: &Hdfs, own: &str) -> Outcome<()> {
    hdfs.make_folder(own).await?;
    hdfs.create(&format!("{own}/file"), &Bytes::from_static(b"check")).await
}

/// The folder and those it is in as far as they are not there, the innermost first.
async fn missing(hdfs: &Hdfs, folder: &str) -> Outcome<Vec<String>> {
    let (mut missing, mut at) = (Vec::new(), folder);
    while !at.is_empty() && hdfs.look(at).await?.is_none() {
        missing.push(at.to_owned());
        at = parent(at);
    }
    Ok(missing)
}
