//! Files become objects: a group together, and what follows when some of them do not.

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    record::SinkRecord,
};
use connect_storage::{rotation::Rotation, writers::Writer as _};
use futures::future::join_all;

use super::{
    Shared, now,
    writer::{PartitionWriter, Route},
};
use crate::file::{End, Facts, Fate, OpenFile};

/// Lookups that run side by side when earlier objects are searched for.
const CONCURRENT_LOOKUPS: usize = 8;

/// A file of a group, and what became of it; nothing when it was not tried.
type Outcome = (Facts, Option<Result<Fate>>);

impl PartitionWriter {
    /// Ends all open files, which are a group.
    ///
    /// # Errors
    /// What does not pass by itself. What does is remembered, and the partition rewound.
    pub(super) async fn end_group(
        &mut self,
        shared: &Shared,
        reason: Rotation,
        now_ms: i64,
    ) -> Result<()> {
        let files = self.take_group();
        if reason.moves_schedule() {
            self.slots.begin(now_ms);
        }
        let Some(first) = files.first().map(|file| file.facts.held.first) else {
            self.forget();
            return Ok(());
        };
        // Neither an error nor somebody who drops this future may make it safe.
        self.unsettled = Some(first);
        shared.rotations.count(reason);
        self.warn_of_schemas(reason);
        tracing::debug!(
            partition = %self.origin,
            "Rotating {} files of {} from offset {first} on because of {reason}",
            files.len(),
            self.origin
        );
        let outcomes = if shared.config.storage.is_by_clock() {
            finish_in_order(shared, files).await
        } else {
            let work = files.into_iter().map(|file| finish(shared, file));
            join_all(work).await
        };
        self.settle(shared, first, outcomes).await
    }

    fn warn_of_schemas(&mut self, reason: Rotation) {
        if reason.is_by_schema() && self.schema_changes.rings(now()) {
            tracing::warn!(
                partition = %self.origin,
                "The schema of {} changes again and again, and each change closes the open files: \
                 schemas that take turns make an object per record. Have producers write one schema \
                 or send the others to topics of their own; with a schema registry, \
                 schema.compatibility=BACKWARD keeps versions that fit in one file",
                self.origin
            );
        }
    }

    async fn settle(&mut self, shared: &Shared, first: i64, outcomes: Vec<Outcome>) -> Result<()> {
        let mut failure: Option<ConnectorError> = None;
        let mut is_incomplete = false;
        for (facts, outcome) in outcomes {
            match outcome {
                Some(Ok(Fate::Begun(end))) => {
                    tracing::info!(
                        "Objects of \"{}\" are there, but not all: an earlier task was interrupted. \
                         They are completed",
                        facts.stem
                    );
                    is_incomplete = true;
                    self.stored.add_begun(&facts, end);
                }
                Some(Ok(Fate::Stored(end))) => {
                    is_incomplete |= !matches!(end, End::Offset(last) if last >= facts.held.last);
                    if end != End::Offset(facts.held.last) {
                        tracing::info!(
                            "The object \"{}\" exists: an earlier task stored it",
                            facts.stem
                        );
                    }
                    self.stored.add(facts.lane, facts.held.first, end);
                }
                Some(Err(error)) if !error.class().is_retriable() => return Err(error),
                Some(Err(error)) => {
                    self.remember_route(&facts);
                    failure.get_or_insert(error);
                }
                None => self.remember_route(&facts),
            }
        }
        self.unsettled = None;
        if failure.is_some() || is_incomplete {
            let first = self.let_go(shared).await.map_or(first, |repair| repair.min(first));
            match failure {
                Some(error) => self.back_off(shared, first, &error),
                None => self.rewind(shared, first),
            }
        } else {
            self.held_by = None;
            self.forget();
        }
        Ok(())
    }

    /// Forgets what no task reads again. As long as a file that was begun is open that is not what lies
    /// behind its first record, whatever has become of the other files.
    fn forget(&mut self) {
        let safe = self.safe_offset(self.position);
        self.stored.forget_before(safe);
        self.routes.retain(|route| route.last >= safe);
    }

    /// Uploads the full parts of a file, or rewinds the whole group when that fails.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub(super) async fn upload_parts(&mut self, shared: &Shared, folder: &str) -> Result<()> {
        let Some(file) = self.files.get_mut(folder) else { return Ok(()) };
        let uploaded = file.upload_full_parts(&shared.store).await;
        self.check_upload(shared, uploaded).await
    }

    /// Goes back to the first record of the open files after a failure that passes.
    ///
    /// # Errors
    /// One that does not pass by itself.
    pub(super) async fn check_upload(
        &mut self,
        shared: &Shared,
        uploaded: Result<()>,
    ) -> Result<()> {
        let Err(error) = uploaded else {
            self.held_by = None;
            return Ok(());
        };
        if !error.class().is_retriable() {
            return Err(error);
        }
        let first = self.let_go(shared).await;
        self.back_off(shared, first.unwrap_or(self.position), &error);
        Ok(())
    }

    /// Throws the open files away, and says where the first of them began.
    async fn let_go(&mut self, shared: &Shared) -> Option<i64> {
        let first = self.files.values().map(|file| file.facts.held.first).min();
        let routes: Vec<_> = self.files.values().map(|file| file.facts.clone()).collect();
        routes.iter().for_each(|facts| self.remember_route(facts));
        self.discard(&shared.store).await;
        first
    }

    /// Creates the objects that are missing of a begun file, of which every record up to an offset has
    /// come.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub(super) async fn end_repair(
        &mut self,
        shared: &Shared,
        folder: &str,
        offset: i64,
    ) -> Result<()> {
        if self.files.get(folder).is_some_and(|file| file.is_repair)
            && let Some(file) = self.files.remove(folder)
        {
            let facts = file.facts.clone();
            match shared.finish(file).await {
                Ok(_) => {
                    tracing::info!("Completed the objects of \"{}\"", facts.stem);
                }
                Err(error) if error.class().is_retriable() => {
                    let first = self.let_go(shared).await;
                    let first = first.map_or(facts.held.first, |first| first.min(facts.held.first));
                    self.back_off(shared, first, &error);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.stored.complete(folder, offset);
        Ok(())
    }

    /// Searches for an object that an earlier task began with this record.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub(super) async fn probe(
        &mut self,
        shared: &Shared,
        record: &SinkRecord,
        now_ms: i64,
    ) -> Result<()> {
        let lane = self.router.clock_lane(record)?;
        match self.search(shared, (record, &lane), now_ms).await {
            Ok(Some((_, Fate::Stored(end)))) => {
                self.stored.add(lane, record.offset, end);
                Ok(())
            }
            Ok(Some((facts, Fate::Begun(end)))) => {
                self.stored.add_begun(&facts, end);
                Ok(())
            }
            Ok(None) => {
                self.probed.insert(lane);
                Ok(())
            }
            Err(error) => self.check_upload(shared, Err(error)).await,
        }
    }

    async fn search(
        &mut self,
        shared: &Shared,
        (record, lane): (&SinkRecord, &Arc<str>),
        now_ms: i64,
    ) -> Result<Option<(Facts, Fate)>> {
        let limit = shared.config.connector.max_files_scan_limit;
        let folders = self.router.folders_back(record, now_ms, limit);
        let content = self.drafts.first().map_or(&[][..], |draft| &draft.content);
        for some in folders.chunks(CONCURRENT_LOOKUPS) {
            let looks = some.iter().map(|folder| {
                let (folder, lane) = (Arc::clone(folder), Arc::clone(lane));
                let facts = Facts::new(shared.naming.stem(&folder, record), folder, lane, record);
                look(shared, facts, content)
            });
            for found in join_all(looks).await {
                if let Some(found) = found? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Keeps the folder of a file whose fate is unknown: if it did appear, the same key tells.
    fn remember_route(&mut self, facts: &Facts) {
        let Some(time_ms) = facts.time_ms else { return };
        let route = Route {
            lane: Arc::clone(&facts.lane),
            first: facts.held.first,
            last: facts.held.last,
            time_ms,
        };
        self.routes.push(route);
    }
}

async fn finish(shared: &Shared, file: OpenFile) -> Outcome {
    let facts = file.facts.clone();
    let fate = shared.finish(file).await;
    (facts, Some(fate))
}

/// What there is of a file whose first object would begin with this content.
async fn look(shared: &Shared, facts: Facts, content: &[u8]) -> Result<Option<(Facts, Fate)>> {
    let (Some(first), Some(last)) = (shared.shapes.first(), shared.shapes.last()) else {
        return Ok(None);
    };
    let name = facts.name(&first.suffix, content);
    let Some(end) = facts.find(&name, &shared.store, first.extent).await? else {
        return Ok(None);
    };
    let is_whole = first.view == last.view || {
        let name = facts.name(&last.suffix, &[]);
        shared.store.existing(&name.key).await?.is_some()
    };
    let fate = if is_whole { Fate::Stored(end) } else { Fate::Begun(end) };
    Ok(Some((facts, fate)))
}

/// One after another, until one fails: where folders follow the clock, objects of a topic follow
/// one another without a gap, so that a restart finds them one by one.
async fn finish_in_order(shared: &Shared, files: Vec<OpenFile>) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(files.len());
    let mut has_failed = false;
    for mut file in files {
        if has_failed {
            file.give_up(&shared.store).await;
            outcomes.push((file.facts, None));
            continue;
        }
        let outcome = finish(shared, file).await;
        has_failed = matches!(outcome.1, Some(Err(_)));
        outcomes.push(outcome);
    }
    outcomes
}
