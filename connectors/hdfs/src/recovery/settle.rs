//! Growing files of an owner whose session was taken away get the length that is committed, and their
//! final names.
//!
//! The owner may be asleep, or have an append on its way. It finds its files by their paths, so each is
//! renamed first, to a name that nobody writes to: from then on no append of it begins. One that has begun
//! goes on, because it holds the file and not the name. But the name node shortens no file that is held,
//! not even to the length it has: once it says that a file has the committed length, nobody writes to it
//! and nobody will. Then it gets its final name.
//!
//! **What is held is not waited for for ever.** The name node takes a file back from who is gone, after a
//! minute. Somebody who is cut off in the middle of an append is not gone for the data node, which may
//! keep the file for as long as it runs. Such a file is copied as far as it is committed, which no append
//! changes, and deleted, which the name node does whoever holds it; the append ends with an error.
//!
//! Each step may be done again, by the same or by somebody else, also at the same time. A file is renamed
//! once more before its copy gets the final name: one that is left beside it then was copied, and beside
//! one that was not, the final name is that of another file.

use bytes::Bytes;
use connect_api::error::{ConnectorError, ErrorClass, Result};
use futures::future::try_join_all;

use super::{
    Held,
    ledger::{Grown, Ledger},
    session::{Moved, Session, commit, renamed},
};
use crate::{
    client::{Failure, Hdfs},
    naming::{COPIED, OPEN, SHUT},
};

/// Files that are settled at once.
const SETTLED_AT_ONCE: usize = 8;

/// Settles the files of a ledger in a session's folder; `own` is that of whoever does it.
///
/// # Errors
/// By the server's answer; `Retriable` while files are held; `Invalid` when somebody has changed them.
pub(super) async fn settle(
    hdfs: &Hdfs,
    own: &Session,
    (folder, ledger): (&str, &Ledger),
    held: Held,
) -> Result<()> {
    for some in ledger.files.chunks(SETTLED_AT_ONCE) {
        try_join_all(some.iter().map(|file| settle_one(hdfs, own, (folder, file), held))).await?;
    }
    Ok(())
}

async fn settle_one(
    hdfs: &Hdfs,
    own: &Session,
    (folder, file): (&str, &Grown),
    held: Held,
) -> Result<()> {
    let shut = other(&file.open, SHUT);
    let is_shut = renamed(hdfs, &file.open, &shut).await? || hdfs.look(&shut).await?.is_some();
    if is_shut {
        return end(hdfs, own, (&shut, file), held).await;
    }
    let copied = other(&file.open, COPIED);
    if hdfs.look(&copied).await?.is_some() {
        return end(hdfs, own, (&copied, file), held).await;
    }
    if let Some(name) = &file.temporary {
        let moved = commit(hdfs, &format!("{folder}/{name}"), &file.closed).await?;
        if moved == Moved::Yes {
            return Ok(());
        }
    }
    if hdfs.look(&file.closed).await?.is_none() {
        tracing::warn!("\"{}\", which was growing, is gone: somebody has moved it away", file.open);
    }
    Ok(())
}

/// Ends a file that nobody can begin to write to any more.
async fn end(hdfs: &Hdfs, own: &Session, (shut, file): (&str, &Grown), held: Held) -> Result<()> {
    let Grown { closed, length, .. } = file;
    if let Some(there) = hdfs.look(closed).await? {
        return leave(hdfs, own, (shut, file), there.length, held).await;
    }
    match (hdfs.truncate(shut, *length).await, held) {
        (Ok(true), _) => close(hdfs, shut, closed).await,
        (Err(failure), _) if failure.is_missing() => go_on(hdfs, own, file, held).await,
        (Ok(false), Held::Waits) => Err(ConnectorError::retriable(format!(
            "The name node is still shortening \"{shut}\" to the {length} bytes that are committed"
        ))),
        (Ok(false), Held::Copied(part_bytes)) => replace(hdfs, own, (shut, file), part_bytes).await,
        (Err(failure), Held::Copied(part_bytes)) if failure.is_held() => {
            replace(hdfs, own, (shut, file), part_bytes).await
        }
        (Err(failure), _) if failure.error.class() == ErrorClass::Invalid => {
            Err(told(hdfs, (shut, *length), failure.error).await?)
        }
        (Err(failure), _) => Err(failure.error),
    }
}

/// Deletes a file that was copied, beside one of this length that has its final name.
async fn leave(
    hdfs: &Hdfs,
    own: &Session,
    (shut, file): (&str, &Grown),
    length: u64,
    held: Held,
) -> Result<()> {
    if *shut == *other(&file.open, COPIED) && length == file.length {
        return Ok(hdfs.delete(shut).await.map(drop)?);
    }
    // Whoever settles it at the same time gives it that name, or renames it before its copy gets it.
    let is_left = hdfs.look(shut).await?.is_some();
    if is_left { Err(taken(shut, &file.closed)) } else { go_on(hdfs, own, file, held).await }
}

/// Goes on with a file that somebody else settles at the same time, and may be copying.
async fn go_on(hdfs: &Hdfs, own: &Session, file: &Grown, held: Held) -> Result<()> {
    let copied = other(&file.open, COPIED);
    if hdfs.look(&copied).await?.is_none() {
        return Ok(());
    }
    Box::pin(end(hdfs, own, (&copied, file), held)).await
}

/// Why a file cannot be shortened.
async fn told(
    hdfs: &Hdfs,
    (shut, length): (&str, u64),
    error: ConnectorError,
) -> Result<ConnectorError> {
    let is_short = hdfs.look(shut).await?.is_some_and(|there| there.length < length);
    Ok(if is_short { shorter(shut, length).caused_by(error) } else { error })
}

fn taken(shut: &str, closed: &str) -> ConnectorError {
    ConnectorError::invalid(format!(
        "\"{shut}\" cannot be closed as \"{closed}\": another file has that name"
    ))
    .hint("Compare the two, and move one of them away")
}

/// Gives a file its final name.
async fn close(hdfs: &Hdfs, from: &str, closed: &str) -> Result<()> {
    match commit(hdfs, from, closed).await? {
        Moved::Yes | Moved::Gone => Ok(()),
        // Where it is a copy, the next try finds that out.
        Moved::Taken => Err(ConnectorError::retriable(format!(
            "\"{from}\" could not become \"{closed}\", which has just appeared"
        ))),
    }
}

/// Puts a copy of what is committed in place of a file that is held.
async fn replace(
    hdfs: &Hdfs,
    own: &Session,
    (shut, file): (&str, &Grown),
    part_bytes: usize,
) -> Result<()> {
    let Grown { open, closed, length, .. } = file;
    tracing::warn!(
        "\"{shut}\" is held by a writer that does not go: what is committed of it is copied to \
         \"{closed}\", and it is deleted"
    );
    let copy = own.new_file("");
    copied(hdfs, own, (shut, &copy), (*length, part_bytes)).await?;
    let done = other(open, COPIED);
    if *shut != *done && !renamed(hdfs, shut, &done).await? {
        return Err(own.lost());
    }
    close(hdfs, &copy, closed).await?;
    if hdfs.look(closed).await?.is_none() {
        return Err(own.lost());
    }
    hdfs.delete(&done).await?;
    Ok(())
}

/// Copies the first bytes of a file to one of this session.
async fn copied(
    hdfs: &Hdfs,
    own: &Session,
    (from, to): (&str, &str),
    (length, part_bytes): (u64, usize),
) -> Result<()> {
    let part = u64::try_from(part_bytes).unwrap_or(u64::MAX);
    let mut done = 0;
    while done < length {
        let read = hdfs.read(from, done, part.min(length - done)).await;
        let bytes: Bytes = read.map_err(|failure| is_gone(failure, from))?;
        if bytes.is_empty() {
            return Err(shorter(from, length));
        }
        let written =
            if done == 0 { hdfs.create(to, &bytes).await } else { hdfs.append(to, &bytes).await };
        written.map_err(|failure| own.told(failure))?;
        done += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    }
    Ok(())
}

/// The error of a file that could not be read.
fn is_gone(failure: Failure, path: &str) -> ConnectorError {
    if failure.is_missing() {
        let text = format!("Somebody else has dealt with \"{path}\" in the meantime");
        return ConnectorError::retriable(text).caused_by(failure.error);
    }
    failure.error
}

/// Path of a growing file that its owner does not find any more.
fn other(open: &str, word: &str) -> String {
    let (folder, name) = open.rsplit_once('/').unwrap_or(("", open));
    format!("{folder}/{}", name.replacen(OPEN, word, 1))
}

fn shorter(path: &str, length: u64) -> ConnectorError {
    ConnectorError::invalid(format!(
        "\"{path}\" is shorter than the {length} bytes that were committed: somebody has changed it"
    ))
    .hint("Move it away to go on without it; its lost records have to be read again by other means")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_a_file_is_changed() {
        assert_eq!(other("/a+open.b/t+0+5+open.f0.json", SHUT), "/a+open.b/t+0+5+shut.f0.json");
    }
}
