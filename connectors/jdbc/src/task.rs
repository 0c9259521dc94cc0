//! One running task.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use async_trait::async_trait;
use connect_api::{
    config::Props,
    error::{ConnectorError, ErrorClass, Result, chain},
    record::{SinkRecord, TopicPartition},
    sink::{SinkContext, SinkOffsets, SinkTask, Sought},
};
use tracing::{info, warn};

use crate::{
    config::{InsertMode, JdbcSinkConfig},
    database::{Claim, Claims, Database, Job, OffsetMove, Written},
    layout::{Layout, Layouts, check_points, coordinates},
    offsets::keep_offsets,
    plan::Planner,
    sql::Action,
    tables::{Found, Tables},
};

/// A task of the JDBC sink.
///
/// 1. `open` claims the partitions where offsets are kept, and reads from the offsets it finds.
/// 2. `put` writes a batch in one transaction, without the records that cannot be rows.
/// 3. `pre_commit` names what `put` has written; it writes nothing.
pub(crate) struct JdbcSinkTask {
    config: Arc<JdbcSinkConfig>,
    context: SinkContext,
    database: Box<dyn Database>,
    /// Whether offsets are kept beside the rows.
    keeps_offsets: bool,
    layouts: Layouts,
    tables: Tables,
    assigned: BTreeSet<TopicPartition>,
    claims: Claims,
    /// Partitions that are read from their claims on and of which no record has come yet.
    sought: Sought,
    /// Partitions that were claimed when a batch was here already, which may have been read elsewhere:
    /// once the batch is done, they are read from their claims on.
    late: BTreeSet<TopicPartition>,
    /// Partitions that another task has taken over.
    lost: BTreeSet<TopicPartition>,
    /// Offsets from which records were brought and are not written.
    unwritten: SinkOffsets,
    /// Records of the batch that were reported, by where they lie: it may come again.
    reported: BTreeSet<(TopicPartition, i64)>,
    /// Times in a row that the database could not take the batch.
    failures: u32,
}

/// What is done with the records of a layout.
pub(crate) fn action_of(config: &JdbcSinkConfig, layout: &Layout) -> Action {
    match config.insert_mode {
        _ if layout.deletes => Action::Delete,
        InsertMode::Insert => Action::Insert,
        InsertMode::Upsert => Action::Upsert,
        InsertMode::Update => Action::Update,
    }
}

/// The records of a batch in parts that follow each other in one partition.
fn of_partitions(batch: &[SinkRecord]) -> impl Iterator<Item = &[SinkRecord]> {
    batch.chunk_by(|one, next| one.origin == next.origin)
}

impl JdbcSinkTask {
    /// A task without partitions, connected.
    ///
    /// # Errors
    /// `Retriable` when the database is away, which is waited for here; `Forbidden` when it refuses
    /// the user.
    pub(crate) async fn start(
        config: JdbcSinkConfig,
        context: SinkContext,
        mut database: Box<dyn Database>,
        props: &Props,
    ) -> Result<Self> {
        database.connect().await?;
        let keeps_offsets = keep_offsets(&config, props, database.as_mut(), &context).await?;
        let ignored = config.keys_without_meaning(props);
        if !ignored.is_empty() {
            info!(connector = %context.connector, "Keys without meaning here: {}", ignored.join(", "));
        }
        let config = Arc::new(config);
        Ok(Self {
            layouts: Layouts::new(Arc::clone(&config)),
            tables: Tables::new(Arc::clone(&config)),
            config,
            context,
            database,
            keeps_offsets,
            assigned: BTreeSet::new(),
            claims: Claims::new(),
            sought: Sought::default(),
            late: BTreeSet::new(),
            lost: BTreeSet::new(),
            unwritten: SinkOffsets::new(),
            reported: BTreeSet::new(),
            failures: 0,
        })
    }

    /// Takes over what is assigned and not yet claimed, and says which of it stands somewhere.
    async fn claim(&mut self) -> Result<Vec<TopicPartition>> {
        let missing =
            |of: &&TopicPartition| !self.claims.contains_key(of) && !self.lost.contains(of);
        let mut missing: Vec<_> = self.assigned.iter().filter(missing).cloned().collect();
        if !self.keeps_offsets || missing.is_empty() {
            return Ok(Vec::new());
        }
        let claims = self.database.claim(&missing).await?;
        missing.retain(|of| claims.get(of).is_some_and(|claim| claim.next.is_some()));
        self.claims.extend(claims);
        Ok(missing)
    }

    /// Asks to read a partition from its claim on, and returns where that is.
    fn seek(&mut self, partition: &TopicPartition) -> Option<i64> {
        let next = self.claims.get(partition)?.next?;
        self.sought.seek(&self.context, partition, next);
        Some(next)
    }

    /// Looks whether the first records after a seek are those that were asked for.
    fn check_begun(&mut self, batch: &[SinkRecord]) -> Result<()> {
        let keeper = format_args!("table \"{}\"", self.config.offsets_table);
        self.sought.check(batch, keeper).map_err(|error| {
            error.hint(format!(
                "Stop the connector and reset its offsets by DELETE /connectors/{}/offsets",
                self.context.connector
            ))
        })
    }

    async fn write(&mut self, batch: &[SinkRecord]) -> Result<()> {
        self.tables.forget_refusals();
        let late = self.claim().await?;
        self.late.extend(late);
        self.check_begun(batch)?;
        let mut bad = BTreeSet::new();
        let mut changes = 0;
        let mut is_fresh = false;
        loop {
            match self.attempt(batch, is_fresh, &mut bad).await? {
                Written::Done => break,
                Written::Outdated => {
                    self.tables.forget();
                    is_fresh = true;
                }
                Written::Moved(stored) => self.learn(stored)?,
                Written::Refused(refused) => {
                    for (row, error) in refused {
                        self.reject(batch, row, error, &mut bad).await?;
                    }
                }
                Written::Changed(error) => {
                    self.tables.forget();
                    changes += 1;
                    if changes > self.config.max_retries {
                        return Err(error);
                    }
                }
            }
        }
        self.written(batch);
        Ok(())
    }

    /// Takes what the store knows better.
    fn learn(&mut self, stored: BTreeMap<TopicPartition, Option<Claim>>) -> Result<()> {
        let mut outcome = Ok(());
        for (partition, stored) in stored {
            let Some(known) = self.claims.remove(&partition) else { continue };
            match stored {
                Some(stored) if stored.epoch == known.epoch => {
                    self.claims.insert(partition, stored);
                }
                Some(_) => {
                    warn!(
                        connector = %self.context.connector,
                        "Left {partition} to the task that has taken it over"
                    );
                    self.lost.insert(partition);
                }
                None => {
                    let message = format!("The row of {partition} in \"offsets.table\" is gone");
                    outcome = Err(ConnectorError::retriable(message));
                }
            }
        }
        outcome
    }

    /// Which records of the batch are to be written by this task, and where their partitions then end.
    fn due<'a>(&self, batch: &'a [SinkRecord]) -> (Vec<usize>, BTreeMap<&'a TopicPartition, i64>) {
        let (mut rows, mut ends) = (Vec::with_capacity(batch.len()), BTreeMap::new());
        let mut begin = 0;
        for part in of_partitions(batch) {
            let end = begin + part.len();
            if let Some(last) = part.last()
                && let Some(from) = self.due_from(&last.origin)
                && last.offset >= from
            {
                rows.extend(begin + part.partition_point(|record| record.offset < from)..end);
                ends.insert(&last.origin, last.offset + 1);
            }
            begin = end;
        }
        (rows, ends)
    }

    /// Offset from which records of a partition are to be written; none when all are another task's, or
    /// come again.
    fn due_from(&self, partition: &TopicPartition) -> Option<i64> {
        if !self.keeps_offsets {
            return Some(i64::MIN);
        }
        let claim = self.claims.get(partition).filter(|_| !self.late.contains(partition))?;
        Some(claim.next.unwrap_or(i64::MIN))
    }

    async fn attempt(
        &mut self,
        batch: &[SinkRecord],
        is_fresh: bool,
        bad: &mut BTreeSet<usize>,
    ) -> Result<Written> {
        let mut planner = Planner::new(self.config.batch_size, self.config.delete_enabled);
        let (rows, ends) = self.due(batch);
        for row in rows {
            let Some(record) = batch.get(row).filter(|_| !bad.contains(&row)) else { continue };
            let reason = match self.layouts.of(record) {
                Err(reason) => reason,
                Ok(layout) => {
                    let found = self.tables.find(self.database.as_mut(), &layout).await?;
                    match (check_points(&layout, record), found) {
                        (Err(reason), _) | (Ok(()), Found::Refused(reason)) => reason,
                        (Ok(()), Found::Nothing) => continue,
                        (Ok(()), Found::Target(target)) => {
                            let action = action_of(&self.config, &layout);
                            planner.add((row, record), action, &layout, &target);
                            continue;
                        }
                    }
                }
            };
            let place = coordinates(record);
            let message = format!("The record at {place} cannot be a row: {reason}");
            self.reject(batch, row, ConnectorError::record(message), bad).await?;
        }
        let runs = planner.finish();
        let offsets: Vec<_> =
            ends.into_iter().filter_map(|(partition, end)| self.moves(partition, end)).collect();
        if runs.is_empty() && offsets.is_empty() {
            return Ok(Written::Done);
        }
        let may_wait = self.failures < self.config.max_retries;
        let job = Job { batch, runs: &runs, offsets: &offsets, may_wait, is_fresh };
        self.database.write(&job).await
    }

    fn moves(&self, partition: &TopicPartition, end: i64) -> Option<OffsetMove> {
        let claim = *self.claims.get(partition)?;
        Some(OffsetMove { partition: partition.clone(), claim, end })
    }

    /// Reports a bad record, once however often its batch comes.
    async fn reject(
        &mut self,
        batch: &[SinkRecord],
        row: usize,
        error: ConnectorError,
        bad: &mut BTreeSet<usize>,
    ) -> Result<()> {
        let Some(record) = batch.get(row) else { return Ok(()) };
        let place = (record.origin.clone(), record.offset);
        if !self.reported.contains(&place) {
            self.context.reject(record, error).await?;
            self.reported.insert(place);
        }
        bad.insert(row);
        Ok(())
    }

    /// Notes that a batch is written.
    fn written(&mut self, batch: &[SinkRecord]) {
        let late = mem::take(&mut self.late);
        let last = of_partitions(batch).filter_map(<[_]>::last);
        for record in last.filter(|record| !late.contains(&record.origin)) {
            self.unwritten.remove(&record.origin);
            if let Some(claim) = self.claims.get_mut(&record.origin) {
                claim.next = claim.next.max(Some(record.offset + 1));
            }
        }
        for partition in late {
            // The records come again from there.
            if let Some(next) = self.seek(&partition) {
                self.unwritten.insert(partition, next);
            }
        }
        self.reported.clear();
        self.failures = 0;
    }

    /// Decides what follows from an error.
    fn failed(&mut self, batch: &[SinkRecord], error: ConnectorError) -> ConnectorError {
        for record in of_partitions(batch).filter_map(<[_]>::first) {
            let from = self.unwritten.entry(record.origin.clone()).or_insert(record.offset);
            *from = (*from).min(record.offset);
        }
        // A table may have been made or granted meanwhile.
        self.tables.forget();
        if error.class() == ErrorClass::Conflict {
            self.failures += 1;
            if self.failures > self.config.max_retries {
                let message = format!("{error}; it was tried {} times", self.failures);
                return ConnectorError::internal(message)
                    .hint("Set \"max.retries\" to more, if waiting longer helps");
            }
        }
        error
    }
}

#[async_trait]
impl SinkTask for JdbcSinkTask {
    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.assigned.extend(partitions.iter().cloned());
        match self.claim().await {
            // The first batch claims them: a rebalance must not fail for a database that is away.
            Err(error) if error.class().is_retriable() => {
                warn!(
                    connector = %self.context.connector,
                    "Could not take partitions over yet: {}",
                    chain(&error)
                );
                Ok(())
            }
            Err(error) => Err(error),
            Ok(claimed) => {
                for partition in &claimed {
                    self.seek(partition);
                }
                Ok(())
            }
        }
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (outcome, backoff) = match self.database.connect().await {
            Ok(()) => (self.write(batch).await, self.config.retry_backoff),
            Err(error) => (Err(error), self.config.connection_backoff),
        };
        outcome.map_err(|error| {
            self.context.set_timeout(backoff);
            self.failed(batch, error)
        })
    }

    async fn pre_commit(&mut self, consumed: &SinkOffsets) -> Result<SinkOffsets> {
        let is_ours = |of: &TopicPartition| !self.keeps_offsets || self.claims.contains_key(of);
        let safe = consumed.iter().filter(|(of, _)| is_ours(of)).map(|(of, &offset)| {
            let limit = self.unwritten.get(of).copied().unwrap_or(i64::MAX);
            (of.clone(), offset.min(limit))
        });
        Ok(safe.collect())
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        for partition in partitions {
            self.assigned.remove(partition);
            self.claims.remove(partition);
            self.sought.forget(partition);
            self.late.remove(partition);
            self.lost.remove(partition);
            self.unwritten.remove(partition);
        }
        self.reported.retain(|(of, _)| !partitions.contains(of));
        Ok(())
    }
}
