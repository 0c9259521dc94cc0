//! In append mode a group is added to growing files, and these are closed at times.
//!
//! The order is the argument. Bytes go to the ends of files, and into temporary ones where a folder has
//! none that grows; then the ledger appears in the session, which commits them; then new files appear and
//! the marker moves. A task that dies before the ledger leaves bytes that the next one cuts off, one that
//! dies after it leaves a rename or a marker that the next one makes up for. One that sleeps, and has
//! lost its partition meanwhile, finds neither its files nor its session.

use std::sync::Arc;

use connect_api::error::{ConnectorError, Result};
use connect_storage::rotation::Rotation;
use futures::future::try_join_all;

use super::{
    Shared,
    commit::{appear, check},
    writer::PartitionWriter,
};
use crate::{
    file::OpenFile,
    growing::{Bounds, Grew, GrowingFile, MOST_FILES},
    recovery::{
        Claim,
        session::{Session, commit},
    },
};

impl PartitionWriter {
    /// Adds the open files to the growing ones of their folders.
    ///
    /// The files stay where they are, so that neither an error nor somebody who drops this future makes
    /// their offsets safe.
    pub(super) async fn append_group(&mut self, shared: &Shared, now_ms: i64) -> Result<()> {
        let Some(claim) = &mut self.claim else {
            return Err(ConnectorError::internal("A partition was written before it was claimed"));
        };
        claim.is_settled = false;
        let (next, partition) = (self.position, self.origin.partition);
        let since_ms = self.since_ms.unwrap_or(now_ms);
        let known = &*claim;
        let written = self.files.values_mut().map(|file| add(shared, known, partition, file));
        let mut grew = try_join_all(written).await?;
        for one in &mut grew {
            one.file.grown = next;
            if one.temporary.is_some() {
                one.file.since_ms = since_ms;
            }
        }
        claim.session.record(&shared.hdfs, &claim.growing.ledger(next, &grew)).await?;
        let begun = grew.iter().filter_map(|one| {
            let from = claim.session.place(one.temporary.as_ref()?);
            Some(appear(shared, &claim.session, (from, one.file.open.clone())))
        });
        try_join_all(begun).await?;
        claim.marker.advance(&shared.hdfs, next).await?;
        let before = claim.growing.recorded();
        shared.tally.grew(grew.len());
        claim.growing.take(next, grew);
        if let Some(before) = before {
            claim.session.forget(&shared.hdfs, before).await?;
        }
        claim.is_settled = true;
        Ok(())
    }

    /// Gives their final names to files that have grown enough. No record waits to be added to any.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub(super) async fn close_grown(
        &mut self,
        shared: &Shared,
        reason: Rotation,
        now_ms: i64,
    ) -> Result<()> {
        let Some(claim) = &mut self.claim else { return Ok(()) };
        let done = claim.growing.done(bounds(shared, reason, now_ms));
        if done.is_empty() {
            return Ok(());
        }
        let closed = close(shared, claim, done).await;
        self.after(shared, closed).map(drop)
    }

    /// Closes all growing files, and deletes the session, where nothing in it is left to do.
    pub(super) async fn end(mut self, shared: &Shared) {
        let Some(claim) = self.claim.as_mut().filter(|claim| claim.is_settled) else { return };
        let all = Bounds { most_bytes: None, until_ms: None, most_files: 0, ends_idle: false };
        let done = claim.growing.done(all);
        let ended = match close(shared, claim, done).await {
            Ok(()) => claim.session.end(&shared.hdfs).await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::debug!("What is temporary of {} is left: {error}", self.origin);
        }
    }
}

fn bounds(shared: &Shared, reason: Rotation, now_ms: i64) -> Bounds {
    let keys = &shared.config.connector;
    let most = usize::try_from(keys.partitioner_max_open_files).ok().filter(|&most| most > 0);
    Bounds {
        most_bytes: u64::try_from(keys.file_size_bytes_max).ok().filter(|&most| most > 0),
        until_ms: (keys.file_age_ms_max > 0).then(|| now_ms.saturating_sub(keys.file_age_ms_max)),
        most_files: if reason.is_by_schema() { 0 } else { most.unwrap_or(MOST_FILES) },
        ends_idle: shared.config.storage.is_time_based(),
    }
}

/// Writes the rest of a file, to the end of the growing one of its folder or to a temporary one.
async fn add(shared: &Shared, claim: &Claim, partition: i32, file: &mut OpenFile) -> Result<Grew> {
    // The semaphore is never closed.
    let _permit = shared.writing.acquire().await.ok();
    let naming = &shared.naming;
    let path = file.finish(&shared.hdfs, &claim.session, naming.extension).await?;
    let before = claim.growing.get(&file.folder);
    let first = before.map_or(file.first, |before| before.first);
    let folder = naming.folder(&file.topic, &file.folder)?;
    let closed = format!("{folder}/{}", naming.file(&file.topic, partition, (first, file.last)));
    let (open, temporary) = if before.is_some() {
        (path, None)
    } else {
        let token = claim.session.token();
        let name = naming.growing(&file.topic, partition, first, token);
        (format!("{folder}/{name}"), path.rsplit('/').next().map(str::to_owned))
    };
    Ok(Grew {
        folder: Arc::clone(&file.folder),
        file: GrowingFile {
            open,
            closed,
            first,
            length: file.length(),
            schema: file.schema.clone(),
            since_ms: before.map_or(0, |before| before.since_ms),
            grown: 0,
        },
        temporary,
    })
}

/// Gives growing files their final names.
async fn close(
    shared: &Shared,
    claim: &mut Claim,
    done: Vec<(Arc<str>, GrowingFile)>,
) -> Result<()> {
    let session = &claim.session;
    try_join_all(done.iter().map(|(_, file)| close_one(shared, session, file))).await?;
    done.iter().for_each(|(folder, _)| claim.growing.forget(folder));
    shared.tally.named(done.len());
    Ok(())
}

async fn close_one(shared: &Shared, session: &Session, file: &GrowingFile) -> Result<()> {
    let _permit = shared.writing.acquire().await.ok();
    let moved = commit(&shared.hdfs, &file.open, &file.closed).await?;
    check(session, moved, &file.closed)
}
