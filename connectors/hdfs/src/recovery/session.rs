//! A folder that only its owner writes, and from which files are committed.
//!
//! It is a lease that needs no clock: every file is committed by a rename out of it, and whoever takes the
//! partition over renames the folder first, which is one step for the name node. From then on nothing of
//! the owner before finds its source, and no new file of it finds its folder.

use bytes::Bytes;
use connect_api::{
    error::{ConnectorError, Result},
    record::TopicPartition,
};

use super::{manifest::Manifest, marker::Marker};
use crate::{
    client::{Failure, Hdfs, Outcome, path::parent},
    naming::Naming,
};

/// Times that folders of others are looked for until none is left.
const MOST_ROUNDS: usize = 100;
/// Name of a manifest that is complete.
pub(crate) const MANIFEST: &str = "manifest";
/// Name of one that is being written.
const MANIFEST_DRAFT: &str = "manifest_tmp";
/// Longest manifest: some hundred thousand files.
const MOST_MANIFEST_BYTES: u64 = 64 << 20;

/// The folder of one owner of a partition.
#[derive(Debug)]
pub(crate) struct Session {
    folder: String,
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
        hdfs.make_folder(&folder).await?;
        Ok(Self { folder })
    }

    /// Takes away the folders of others, and completes what they had promised.
    ///
    /// # Errors
    /// By the server's answer.
    pub(super) async fn take_over(&self, hdfs: &Hdfs, marker: &mut Marker) -> Result<()> {
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
                    complete(hdfs, &to, marker).await?;
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
        let (draft, whole) = (self.place(MANIFEST_DRAFT), self.place(MANIFEST));
        let made = hdfs.create(&draft, &manifest.to_bytes()?).await;
        made.map_err(|failure| self.told(failure))?;
        match commit(hdfs, &draft, &whole).await? {
            Moved::Yes => Ok(()),
            Moved::Gone | Moved::Taken => Err(self.lost()),
        }
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
        if failure.is_missing { self.lost().caused_by(failure.error) } else { failure.error }
    }

    /// The error of an owner that was one.
    pub(crate) fn lost(&self) -> ConnectorError {
        ConnectorError::retriable(format!(
            "Another task has taken the partition over: \"{}\" is gone",
            self.folder
        ))
    }

    fn place(&self, name: &str) -> String {
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
        (false, true) => Ok(Moved::Yes),
        (false, false) => Ok(Moved::Gone),
        (true, false) => {
            hdfs.make_folder(parent(to)).await?;
            let is_moved = renamed(hdfs, from, to).await?;
            Ok(if is_moved { Moved::Yes } else { Moved::Gone })
        }
    }
}

/// Renames, and asks again where the answer was lost.
async fn renamed(hdfs: &Hdfs, from: &str, to: &str) -> Outcome<bool> {
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

/// Keeps the promise of an owner whose folder was taken away.
async fn complete(hdfs: &Hdfs, folder: &str, marker: &mut Marker) -> Result<()> {
    let place = format!("{folder}/{MANIFEST}");
    let Some(entry) = hdfs.look(&place).await? else { return Ok(()) };
    let bytes: Bytes = hdfs.read(&place, 0, entry.length.min(MOST_MANIFEST_BYTES)).await?;
    let manifest = Manifest::parse(&place, &bytes)?;
    for (name, to) in &manifest.files {
        let moved = commit(hdfs, &format!("{folder}/{name}"), to).await?;
        if moved != Moved::Yes {
            tracing::warn!(
                "\"{to}\" was promised by \"{place}\" and is {}",
                if moved == Moved::Gone { "gone" } else { "another file" }
            );
        }
    }
    marker.advance(hdfs, manifest.next).await
}

/// A name that nobody had before.
fn unique() -> String {
    format!("{:032x}", rand::random::<u128>())
}
