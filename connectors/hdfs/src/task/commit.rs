//! Open files are committed: a group together, and what follows when that fails.

use std::{collections::BTreeSet, sync::Arc};

use connect_api::{
    error::{ConnectorError, Result},
    record::TopicPartition,
};
use connect_storage::rotation::Rotation;
use futures::future::{join_all, try_join_all};

use super::{Shared, writer::PartitionWriter};
use crate::{
    client::path::parent,
    file::OpenFile,
    recovery::{
        self, Claim,
        manifest::Manifest,
        session::{Moved, Session, commit, taken},
    },
};

impl PartitionWriter {
    /// Ends all open files, which are a group.
    ///
    /// # Errors
    /// What does not pass by itself. What does is remembered, and the partition claimed anew.
    pub(super) async fn end_group(
        &mut self,
        shared: &Shared,
        reason: Rotation,
        now_ms: i64,
    ) -> Result<()> {
        if matches!(reason, Rotation::Interval | Rotation::Schedule) {
            self.slots.begin(now_ms);
        }
        if self.count == 0 {
            return self.close_grown(shared, reason, now_ms).await;
        }
        shared.rotations.count(reason);
        tracing::debug!(
            partition = %self.origin,
            "Committing {} files of {} because of {reason}",
            self.files.len(),
            self.origin
        );
        let apart = self.keep_apart(shared).await;
        let committed = match apart {
            Ok(()) if shared.config.connector.hdfs_append => {
                self.append_group(shared, now_ms).await
            }
            Ok(()) => self.commit_group(shared).await,
            Err(error) => Err(error),
        };
        if !self.after(shared, committed)? {
            return Ok(());
        }
        self.take_files().iter().for_each(|file| shared.tally.stored(file));
        self.rotated_ms = Some(now_ms);
        self.close_grown(shared, reason, now_ms).await
    }

    /// The files stay where they are, so that neither an error nor somebody who drops this future makes
    /// their offsets safe.
    async fn commit_group(&mut self, shared: &Shared) -> Result<()> {
        let Some(Claim { session, marker, is_settled, .. }) = &mut self.claim else {
            return Err(ConnectorError::internal("A partition was written before it was claimed"));
        };
        let mut files: Vec<&mut OpenFile> = self.files.values_mut().collect();
        files.sort_by_key(|file| file.first);
        let partition = self.origin.partition;
        let known = &*session;
        let written = files.into_iter().map(|file| finish(shared, known, partition, file));
        let pairs = try_join_all(written).await?;
        let next = self.position;
        *is_settled = false;
        let has_promise = promise(shared, session, &pairs, next).await?;
        let named = pairs.len();
        let known = &*session;
        let moved = pairs.into_iter().map(|pair| appear(shared, known, pair));
        join_all(moved).await.into_iter().collect::<Result<()>>()?;
        marker.advance(&shared.hdfs, next).await?;
        if has_promise {
            session.is_kept(&shared.hdfs).await?;
        }
        *is_settled = true;
        shared.tally.named(named);
        Ok(())
    }

    /// Before a file of another topic is committed, its name must not be taken for one of that topic's.
    async fn keep_apart(&mut self, shared: &Shared) -> Result<()> {
        let topics = self.files.values().map(|file| &file.topic);
        let others = topics.filter(|it| **it != self.origin.topic && !self.apart.contains(*it));
        let others: BTreeSet<_> = others.cloned().collect();
        for topic in others {
            let target = TopicPartition::new(Arc::clone(&topic), self.origin.partition);
            recovery::keep_apart(&shared.hdfs, &shared.naming, &target).await?;
            self.apart.insert(topic);
        }
        Ok(())
    }

    /// Writes the full parts of a file.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub(super) async fn write_parts(&mut self, shared: &Shared, folder: &str) -> Result<()> {
        let (Some(claim), Some(file)) = (&mut self.claim, self.files.get_mut(folder)) else {
            return Ok(());
        };
        claim.is_settled &= !file.is_growing();
        let extension = shared.naming.extension;
        let written = file.write_full_parts(&shared.hdfs, &claim.session, extension).await;
        self.after(shared, written).map(drop)
    }

    /// What follows a step: whether it was taken. After a failure that may pass the partition waits.
    ///
    /// # Errors
    /// One that does not pass by itself.
    pub(super) fn after(&mut self, shared: &Shared, outcome: Result<()>) -> Result<bool> {
        match outcome {
            Ok(()) => {
                self.held_by = None;
                Ok(true)
            }
            Err(error) if error.class().is_retriable() => {
                self.back_off(shared, &error);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Writes down which files are committed; whether that is a promise, which is forgotten once it is kept.
async fn promise(
    shared: &Shared,
    session: &mut Session,
    pairs: &[(String, String)],
    next: i64,
) -> Result<bool> {
    let name = |from: &str| from.rsplit('/').next().unwrap_or(from).to_owned();
    if let [(from, _)] = pairs {
        session.intend(&shared.hdfs, &name(from), next).await?;
        return Ok(false);
    }
    let files = pairs.iter().map(|(from, to)| (name(from), to.clone())).collect();
    session.promise(&shared.hdfs, &Manifest { next, files }).await?;
    Ok(true)
}

/// Writes the rest of a file; its path, and the one it gets.
async fn finish(
    shared: &Shared,
    session: &Session,
    partition: i32,
    file: &mut OpenFile,
) -> Result<(String, String)> {
    // The semaphore is never closed.
    let _permit = shared.writing.acquire().await.ok();
    let from = file.finish(&shared.hdfs, session, shared.naming.extension).await?;
    let folder = shared.naming.folder(&file.topic, &file.folder)?;
    let name = shared.naming.file(&file.topic, partition, (file.first, file.last));
    Ok((from, format!("{folder}/{name}")))
}

/// Gives a file its final name.
pub(super) async fn appear(
    shared: &Shared,
    session: &Session,
    (from, to): (String, String),
) -> Result<()> {
    let _permit = shared.writing.acquire().await.ok();
    shared.hdfs.make_folder(parent(&to)).await?;
    let moved = commit(&shared.hdfs, &from, &to).await?;
    check(session, moved, &to)
}

/// What became of a rename, where it has to have happened.
pub(super) fn check(session: &Session, moved: Moved, to: &str) -> Result<()> {
    match moved {
        Moved::Yes => Ok(()),
        Moved::Gone => Err(session.lost()),
        Moved::Taken => Err(taken(to)),
    }
}
