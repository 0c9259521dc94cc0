//! One running task: its partitions, and what they share.
//!
//! Partitions are written side by side by futures of this task; the store bounds how many
//! requests run at once. A failure that may pass never leaves `put` as an error: the partition it
//! belongs to is paused, rewound to the start of its open files and resumed after
//! `retry.backoff.ms`, while the others go on.

mod accept;
mod alarm;
mod commit;
mod files;
mod leftovers;
mod memory;
mod stored;
mod tally;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use std::path::Path;

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    sink::{SinkContext, SinkOffsets, SinkTask},
};
use connect_joda::Zone;
use connect_storage::{
    body::{Room, Spill},
    rotation::{Rotation, Rotations},
    writers::Writers,
};
use futures::future::join_all;
use tokio::{sync::Semaphore, time::Instant};

pub(crate) use self::accept::null_value;
use self::{tally::Tally, writer::PartitionWriter};
use crate::{
    config::S3SinkConfig,
    file::{Fate, OpenFile},
    naming::Naming,
    store::Store,
    view::Shape,
};

/// Files of a task that become objects at once: as many as there are requests at once.
const WRITTEN_AT_ONCE: usize = 8;

/// What all partitions of a task use.
#[derive(Debug)]
struct Shared {
    config: S3SinkConfig,
    context: SinkContext,
    store: Store,
    /// What is stored of a record.
    shapes: Vec<Shape>,
    naming: Naming,
    /// Time zone of the schedule.
    zone: Zone,
    rotations: Rotations,
    tally: Tally,
    /// Where files wait.
    room: Room,
    /// Files that are written at once.
    writing: Semaphore,
}

impl Shared {
    /// Makes a file objects, when it is its turn.
    async fn finish(&self, file: OpenFile) -> Result<Fate> {
        // The semaphore is never closed.
        let _permit = self.writing.acquire().await.ok();
        let (records, content_bytes) = (file.facts.held.count, file.content_bytes);
        let fate = file.finish(&self.store).await;
        if matches!(fate, Ok(Fate::Stored(_))) {
            self.tally.stored(records, content_bytes);
        }
        fate
    }
}

impl connect_storage::writers::Shared for Shared {
    fn context(&self) -> &SinkContext {
        &self.context
    }
}

/// A task of the S3 sink.
#[derive(Debug)]
pub(crate) struct S3SinkTask {
    shared: Shared,
    writers: Writers<PartitionWriter>,
    /// Set once the server does not let us look for what was left behind.
    cannot_clean: bool,
    /// When the open files were looked at last.
    looked_at: Option<Instant>,
}

impl S3SinkTask {
    /// Opens the bucket and looks whether it is there.
    ///
    /// # Errors
    /// As [`Store::check_bucket`]; `Invalid` for an option that validation would have refused.
    pub(crate) async fn start(config: S3SinkConfig, mut context: SinkContext) -> Result<Self> {
        let store = Store::open(&config).await?.counted(&context.figures);
        store.check_bucket().await?;
        let zone = match config.storage.timezone.as_str() {
            "" => Zone::UTC,
            id => Zone::parse(id).map_err(ConnectorError::invalid)?,
        };
        explain(&config);
        let keys = &config.connector;
        if let Some(most) = usize::try_from(keys.store_memory_bytes).ok().filter(|&most| most > 0) {
            context.budget = context.budget.part(most);
        }
        let most_bytes = u64::try_from(keys.store_spill_bytes).ok().filter(|&most| most > 0);
        let disk =
            Some(Path::new(&keys.store_spill_path)).filter(|_| !keys.store_spill_path.is_empty());
        let disk = disk.map(|path| Spill::create(path, most_bytes.unwrap_or(u64::MAX)));
        let room = Room { memory: context.budget.clone(), disk: disk.transpose()? };
        Ok(Self {
            shared: Shared {
                shapes: Shape::all(&config),
                naming: Naming::new(&config),
                config,
                rotations: Rotations::new(
                    &Rotation::ALL,
                    crate::figures::ROTATIONS,
                    &context.figures,
                ),
                tally: Tally::new(&context.figures),
                context,
                store,
                zone,
                room,
                writing: Semaphore::new(WRITTEN_AT_ONCE),
            },
            writers: Writers::default(),
            cannot_clean: false,
            looked_at: None,
        })
    }

    async fn end(&mut self, mut gone: Vec<PartitionWriter>) {
        let store = &self.shared.store;
        join_all(gone.iter_mut().map(|writer| writer.discard(store))).await;
    }
}

#[async_trait]
impl SinkTask for S3SinkTask {
    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.writers.open(&self.shared, partitions)?;
        self.clean(partitions).await;
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        self.writers.open_for(&self.shared, batch)?;
        self.writers.write(&self.shared, batch).await?;
        self.shared.tally.look(&mut self.looked_at, self.writers.iter());
        self.writers.tell_progress(&self.shared.context);
        Ok(())
    }

    async fn finish_files(&mut self) -> Result<()> {
        self.writers.finish_files(&self.shared).await
    }

    async fn pre_commit(&mut self, consumed: &SinkOffsets) -> Result<SinkOffsets> {
        Ok(self.writers.safe_offsets(consumed))
    }

    async fn release(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let keys = &self.shared.config.connector;
        if !keys.flush_on_stop {
            return Ok(());
        }
        self.writers.release(&self.shared, partitions, keys.shutdown_timeout).await
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let gone = self.writers.take(partitions);
        self.end(gone).await;
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        let gone = self.writers.take_all();
        self.end(gone).await;
        for (reason, count) in self.shared.rotations.counts() {
            let context = &self.shared.context;
            tracing::info!("{context:?} closed its files {count} times because of {reason}");
        }
        Ok(())
    }
}

/// Says once what the settings mean for delivery and naming.
fn explain(config: &S3SinkConfig) {
    let connector = &config.connector;
    if config.storage.is_by_clock() && connector.enable_conditional_writes {
        tracing::info!(
            "Folders follow the clock (timestamp.extractor=Wallclock): after a restart the last {} \
             time buckets are searched for objects of the task before. Exactly-once holds unless \
             the task was away for longer, or a task that lost its partition writes on; \
             timestamp.extractor=Record has no such limit",
            connector.max_files_scan_limit
        );
    }
    let is_by_schedule = connector.rotate_schedule_interval_ms > 0 || connector.file_age_ms_max > 0;
    if connector.rotate_interval_ms > 0 && config.storage.is_time_based() && !is_by_schedule {
        tracing::warn!(
            "rotate.interval.ms closes files when a later record comes: the last files of a topic that \
             goes quiet stay open, and their offsets are not committed. Set file.age.ms.max or \
             rotate.schedule.interval.ms to have the clock close them"
        );
    }
    if !connector.enable_conditional_writes && (is_by_schedule || config.storage.is_by_clock()) {
        tracing::warn!(
            "Objects may be doubled or overwritten after a crash, because file borders depend on \
             the clock and enable.conditional.writes is false"
        );
    }
    if connector.rotate_interval_ms > 0 && !config.storage.is_time_based() {
        tracing::warn!("rotate.interval.ms is ignored, because the partitioner is not by time");
    }
    if config.storage.has_foreign_names() {
        tracing::warn!(
            "Names in path.format are written in English, whatever locale \"{}\" says",
            config.storage.locale
        );
    }
}

/// The moment now, by the timer that tests can pause.
fn now() -> Instant {
    Instant::now()
}
