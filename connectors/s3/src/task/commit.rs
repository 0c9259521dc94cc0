//! Files become objects: a group together, and what follows when some of them do not.

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    record::SinkRecord,
};
use futures::future::join_all;

use super::{
    Shared,
    writer::{PartitionWriter, Route},
};
use crate::file::{End, Facts, OpenFile};

/// Lookups that run side by side when earlier objects are searched for.
const CONCURRENT_LOOKUPS: usize = 8;

/// A file of a group, and what became of it; nothing when it was not tried.
type Outcome = (Facts, Option<Result<End>>);

impl PartitionWriter {
    /// Commits all open files.
    ///
    /// # Errors
    /// What does not pass by itself. What does is remembered, and the partition rewound.
    pub(super) async fn commit(
        &mut self,
        shared: &Shared,
        reason: &'static str,
        now_ms: i64,
    ) -> Result<()> {
        let files = self.take_group();
        if reason.starts_with("rotate.") {
            self.schedule(shared, now_ms);
        }
        let Some(first) = files.first().map(|file| file.facts.first) else {
            self.stored.forget_before(self.position);
            return Ok(());
        };
        tracing::debug!(
            partition = %self.origin,
            "Rotating {} files of {} from offset {first} on because of {reason}",
            files.len(),
            self.origin
        );
        let outcomes = if shared.config.is_by_clock() {
            finish_in_order(shared, files).await
        } else {
            let work = files.into_iter().map(|file| finish(shared, file));
            join_all(work).await
        };
        self.settle(shared, first, outcomes)
    }

    fn settle(&mut self, shared: &Shared, first: i64, outcomes: Vec<Outcome>) -> Result<()> {
        let mut failure: Option<ConnectorError> = None;
        let mut is_incomplete = false;
        for (facts, outcome) in outcomes {
            match outcome {
                Some(Ok(end)) => {
                    is_incomplete |= !matches!(end, End::Offset(last) if last >= facts.last);
                    if end != End::Offset(facts.last) {
                        tracing::info!(
                            "The object \"{}\" exists: an earlier task stored it",
                            facts.key
                        );
                    }
                    self.stored.add(facts.lane, facts.first, end);
                }
                Some(Err(error)) if !error.class().is_retriable() => return Err(error),
                Some(Err(error)) => {
                    self.remember_route(&facts);
                    failure.get_or_insert(error);
                }
                None => self.remember_route(&facts),
            }
        }
        if let Some(error) = failure {
            self.back_off(shared, first, &error);
        } else if is_incomplete {
            self.rewind(shared, first);
        } else {
            self.stored.forget_before(self.position);
            self.routes.retain(|route| route.last >= self.position);
        }
        Ok(())
    }

    /// Uploads a part of a file, or rewinds the whole group when that fails.
    ///
    /// # Errors
    /// What does not pass by itself.
    pub(super) async fn upload_part(
        &mut self,
        shared: &Shared,
        folder: &Arc<str>,
        part_bytes: usize,
    ) -> Result<()> {
        let Some(file) = self.files.get_mut(folder) else { return Ok(()) };
        let Err(error) = file.upload_part(&shared.store, part_bytes).await else { return Ok(()) };
        if !error.class().is_retriable() {
            return Err(error);
        }
        let first = self.files.values().map(|file| file.facts.first).min();
        let routes: Vec<_> = self.files.values().map(|file| file.facts.clone()).collect();
        routes.iter().for_each(|facts| self.remember_route(facts));
        self.discard(&shared.store).await;
        self.back_off(shared, first.unwrap_or(self.position), &error);
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
        match self.search(shared, record, now_ms).await {
            Ok(Some(end)) => {
                self.stored.add(Arc::clone(&record.topic), record.offset, end);
                Ok(())
            }
            Ok(None) => {
                self.probed.insert(Arc::clone(&record.topic));
                Ok(())
            }
            Err(error) if error.class().is_retriable() => {
                let first = self.files.values().map(|file| file.facts.first).min();
                self.discard(&shared.store).await;
                self.back_off(shared, first.unwrap_or(record.offset), &error);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn search(
        &mut self,
        shared: &Shared,
        record: &SinkRecord,
        now_ms: i64,
    ) -> Result<Option<End>> {
        let limit = shared.config.connector.max_files_scan_limit;
        let folders = self.router.folders_back(record, now_ms, limit);
        for some in folders.chunks(CONCURRENT_LOOKUPS) {
            let facts: Vec<_> = some
                .iter()
                .map(|folder| {
                    let key = shared.naming.key(folder, record);
                    Facts::new(key, Arc::clone(&record.topic), record, &self.scratch)
                })
                .collect();
            let found = join_all(facts.iter().map(|facts| shared.store.existing(&facts.key))).await;
            for (facts, found) in facts.iter().zip(found) {
                let Some(existing) = found? else { continue };
                let end = facts.end_of(&existing, &shared.store, shared.body.extent);
                if let Some(end) = end.await? {
                    return Ok(Some(end));
                }
            }
        }
        Ok(None)
    }

    /// Keeps the folder of a file whose fate is unknown: if it did appear, the same key tells.
    fn remember_route(&mut self, facts: &Facts) {
        let Some(time_ms) = facts.time_ms else { return };
        let route =
            Route { lane: Arc::clone(&facts.lane), first: facts.first, last: facts.last, time_ms };
        self.routes.push(route);
    }
}

async fn finish(shared: &Shared, file: OpenFile) -> Outcome {
    let facts = file.facts.clone();
    let end = file.finish(&shared.store, shared.body).await;
    (facts, Some(end))
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
