//! A folder that only its owner writes, and from which files are committed.
//!
//! It is a lease that needs no clock: every file is committed by a rename out of it, and whoever takes the
//! partition over renames the folder first, which is one step for the name node. From then on nothing of
//! the owner before finds its source, and no new file of it finds its folder.
//!
//! A group of one file is committed by one rename, and its position is known from then on: what is to be
//! renamed next stands in the name of a folder in the session, the *intent*, with the position that
//! follows. Where that file is gone from the session, it was renamed. Several files need a manifest.

use bytes::Bytes;
use connect_api::{
    error::{ConnectorError, Result},
    record::TopicPartition,
};

use super::{Held, ledger::Ledger, manifest::Manifest, marker::Marker, settle::settle};
use crate::{
    client::{Entry, Failure, Hdfs, Outcome, path::parent},
    naming::Naming,
};

/// Times that folders of others are looked for until none is left.
const MOST_ROUNDS: usize = 100;
/// Name of a manifest that is complete.
pub(crate) const MANIFEST: &str = "manifest";
/// Name of one that is being written.
const MANIFEST_DRAFT: &str = "manifest_tmp";
/// Folder whose name says what is committed next, after its first part.
const INTENT: &str = "commit";
/// Longest manifest or ledger: some hundred thousand files.
const MOST_MANIFEST_BYTES: u64 = 64 << 20;

/// The folder of one owner of a partition.
#[derive(Debug)]
pub(crate) struct Session {
    folder: String,
    /// Name of the folder that says what is committed next.
    intent: String,
}

/// What became of a rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// The file has its new name, now or by somebody who completed this.
    Yes,
    /// The source is gone, and nobody has completed this.
    Gone,
    /// Another file has the name.
    Taken,
}

impl Session {
    /// Makes a folder for a partition.
    ///
    /// # Errors
    /// By the server's answer.
    pub(super) async fn begin(
        hdfs: &Hdfs,
        naming: &Naming,
        origin: &TopicPartition,
    ) -> Result<Self> {
        let folder = format!("{}/{}", naming.temporary(origin)?, unique());
        hdfs.make_folder(&format!("{folder}/{INTENT}")).await?;
        Ok(Self { folder, intent: INTENT.to_owned() })
    }

    /// Takes away the folders of others, completes what they had promised, and ends their growing
    /// files.
    ///
    /// # Errors
    /// By the server's answer.
    pub(super) async fn take_over(
        &self,
        hdfs: &Hdfs,
        marker: &mut Marker,
        held: Held,
    ) -> Result<()> {
        let (all, own) = self.folder.rsplit_once('/').unwrap_or(("", &self.folder));
        for _round in 0..MOST_ROUNDS {
            let entries = hdfs.list(all).await?.unwrap_or_default();
            let others: Vec<_> = entries.iter().filter(|entry| entry.name != own).collect();
            if others.is_empty() {
                return Ok(());
            }
            for entry in others {
                let (from, to) = (format!("{all}/{}", entry.name), format!("{all}/{}", unique()));
                if !entry.is_folder() {
                    hdfs.delete(&from).await?;
                } else if renamed(hdfs, &from, &to).await? {
                    self.complete(hdfs, &to, marker, held).await?;
                    hdfs.delete(&to).await?;
                }
            }
        }
        Err(ConnectorError::retriable(format!(
            "Others keep writing to \"{all}\": another connector has the same topic and topics.dir"
        )))
    }

    /// The place of a new file of this owner.
    pub(crate) fn new_file(&self, extension: &str) -> String {
        format!("{}/{}_tmp{extension}", self.folder, unique())
    }

    /// Promises that these files will be committed, whoever does it.
    ///
    /// # Errors
    /// By the server's answer; `Retriable` when somebody has taken the partition over.
    pub(crate) async fn promise(&self, hdfs: &Hdfs, manifest: &Manifest) -> Result<()> {
        self.write(hdfs, (&self.place(MANIFEST_DRAFT), MANIFEST), &manifest.to_bytes()?).await
    }

    /// Says which file is committed next, and which offset comes after it.
    ///
    /// # Errors
    /// As [`Session::promise`].
    pub(crate) async fn intend(&mut self, hdfs: &Hdfs, name: &str, next: i64) -> Result<()> {
        let intent = format!("{INTENT}+{next}+{name}");
        match commit(hdfs, &self.place(&self.intent), &self.place(&intent)).await? {
            Moved::Yes => self.intent = intent,
            Moved::Gone | Moved::Taken => return Err(self.lost()),
        }
        Ok(())
    }

    /// Commits what growing files have by now.
    ///
    /// # Errors
    /// As [`Session::promise`].
    pub(crate) async fn record(&self, hdfs: &Hdfs, ledger: &Ledger) -> Result<()> {
        let name = Ledger::name(ledger.next);
        self.write(hdfs, (&self.new_file(""), &name), &ledger.to_bytes()?).await
    }

    /// Forgets a ledger that has a newer one beside it.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn forget(&self, hdfs: &Hdfs, next: i64) -> Result<()> {
        hdfs.delete(&self.place(&Ledger::name(next))).await?;
        Ok(())
    }

    /// Writes a file of this session so that it is whole or not there.
    async fn write(&self, hdfs: &Hdfs, (draft, name): (&str, &str), bytes: &Bytes) -> Result<()> {
        let made = hdfs.create(draft, bytes).await;
        made.map_err(|failure| self.told(failure))?;
        // A server that makes missing folders has made one anew that was taken away, with only this in it.
        if hdfs.look(&self.place(&self.intent)).await?.is_none() {
            return Err(self.lost());
        }
        match commit(hdfs, draft, &self.place(name)).await? {
            Moved::Yes => Ok(()),
            Moved::Gone | Moved::Taken => Err(self.lost()),
        }
    }

    /// Keeps the promise of an owner whose folder was taken away, and ends its growing files.
    async fn complete(
        &self,
        hdfs: &Hdfs,
        folder: &str,
        marker: &mut Marker,
        held: Held,
    ) -> Result<()> {
        let entries = hdfs.list(folder).await?.unwrap_or_default();
        if let Some(entry) = entries.iter().find(|entry| entry.name == MANIFEST) {
            keep_promise(hdfs, (folder, entry), marker).await?;
        }
        let intended = entries.iter().find_map(|entry| intended(&entry.name));
        if let Some((next, name)) = intended
            && entries.iter().all(|entry| entry.name != name)
        {
            marker.advance(hdfs, next).await?;
        }
        let newest = entries.iter().filter_map(|it| Some((Ledger::next_of(&it.name)?, it)));
        if let Some((_, entry)) = newest.max_by_key(|(next, _)| *next) {
            let Some((place, bytes)) = content(hdfs, folder, entry).await? else { return Ok(()) };
            let ledger = Ledger::parse(&place, &bytes)?;
            settle(hdfs, self, (folder, &ledger), held).await?;
            marker.advance(hdfs, ledger.next).await?;
        }
        Ok(())
    }

    /// Forgets a promise that was kept.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn is_kept(&self, hdfs: &Hdfs) -> Result<()> {
        hdfs.delete(&self.place(MANIFEST)).await?;
        Ok(())
    }

    /// Deletes the folder and what is in it.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn end(&self, hdfs: &Hdfs) -> Result<()> {
        hdfs.delete(&self.folder).await?;
        Ok(())
    }

    /// The error of a request that did not find what belongs to this owner.
    pub(crate) fn told(&self, failure: Failure) -> ConnectorError {
        if failure.is_missing() { self.lost().caused_by(failure.error) } else { failure.error }
    }

    /// The error of an owner that was one.
    pub(crate) fn lost(&self) -> ConnectorError {
        ConnectorError::retriable(format!(
            "Another task has taken the partition over: \"{}\" is gone",
            self.folder
        ))
    }

    /// What nobody but this owner has in the names of its files.
    pub(crate) fn token(&self) -> &str {
        self.folder.rsplit('/').next().unwrap_or(&self.folder)
    }

    /// The path of what has this name in the folder.
    pub(crate) fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }
}

/// Gives a file its final name.
///
/// # Errors
/// By the server's answer.
pub(crate) async fn commit(hdfs: &Hdfs, from: &str, to: &str) -> Result<Moved> {
    if renamed(hdfs, from, to).await? {
        return Ok(Moved::Yes);
    }
    let source = hdfs.look(from).await?.is_some();
    match (source, hdfs.look(to).await?.is_some()) {
        (true, true) => Ok(Moved::Taken),
        // Where the folder is gone too, somebody has taken it over, and the target may be another file.
        (false, true) if hdfs.look(parent(from)).await?.is_some() => Ok(Moved::Yes),
        (false, _) => Ok(Moved::Gone),
        (true, false) => {
            hdfs.make_folder(parent(to)).await?;
            let is_moved = renamed(hdfs, from, to).await?;
            Ok(if is_moved { Moved::Yes } else { Moved::Gone })
        }
    }
}

/// Renames, and asks again where the answer was lost.
pub(super) async fn renamed(hdfs: &Hdfs, from: &str, to: &str) -> Outcome<bool> {
    match hdfs.rename(from, to).await {
        Err(failure) if failure.error.class().is_retriable() => {
            // It may have happened: the source tells, because no name is used twice.
            if hdfs.look(from).await?.is_none() {
                return Ok(hdfs.look(to).await?.is_some());
            }
            hdfs.rename(from, to).await
        }
        outcome => outcome,
    }
}

/// The position and the file of an intent with this name; nothing when it is not that of one.
fn intended(name: &str) -> Option<(i64, &str)> {
    let (next, file) = name.strip_prefix(INTENT)?.strip_prefix('+')?.split_once('+')?;
    Some((next.parse().ok()?, file))
}

/// The error of a file whose name another one has.
pub(crate) fn taken(to: &str) -> ConnectorError {
    let text = format!("The file \"{to}\" is there already and is not this task's");
    ConnectorError::invalid(text).hint(
        "Another connector writes the same topic to the same topics.dir, or a transformation gives two \
         topics one name: give each a topics.dir of its own",
    )
}

/// Keeps the promise of an owner whose folder was taken away.
///
/// # Errors
/// By the server's answer; `Invalid` when a file has the name of one that was promised.
async fn keep_promise(
    hdfs: &Hdfs,
    (folder, entry): (&str, &Entry),
    marker: &mut Marker,
) -> Result<()> {
    let Some((place, bytes)) = content(hdfs, folder, entry).await? else { return Ok(()) };
    let manifest = Manifest::parse(&place, &bytes)?;
    for (name, to) in &manifest.files {
        match commit(hdfs, &format!("{folder}/{name}"), to).await? {
            Moved::Yes => {}
            // The folder has the only copy: it stays, and so does the position.
            Moved::Taken => return Err(taken(to)),
            // Somebody else takes the folder over at the same time, and keeps the promise.
            Moved::Gone if hdfs.look(folder).await?.is_none() => return Ok(()),
            Moved::Gone => {
                tracing::warn!("\"{to}\" was promised by \"{place}\" and is gone");
            }
        }
    }
    marker.advance(hdfs, manifest.next).await
}

/// The path of a manifest or ledger, and what is in it; nothing when somebody else takes the folder over
/// at the same time, who is found when folders are listed again.
async fn content(hdfs: &Hdfs, folder: &str, entry: &Entry) -> Outcome<Option<(String, Bytes)>> {
    let place = format!("{folder}/{}", entry.name);
    match hdfs.read(&place, 0, entry.length.min(MOST_MANIFEST_BYTES)).await {
        Ok(bytes) => Ok(Some((place, bytes))),
        Err(failure) if failure.is_missing() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// A name that nobody had before.
fn unique() -> String {
    format!("{:032x}", rand::random::<u128>())
}
