//! One running task: its partitions, and what they share.
//!
//! Partitions are written side by side by futures of this task. A failure that may pass never leaves
//! `put` as an error: what is open of the partition is thrown away, the partition is paused, and after a
//! pause it is claimed again as if the task had just begun, while the others go on.

mod accept;
mod append;
mod commit;
mod memory;
mod tally;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, Result, chain},
    record::{SinkRecord, TopicPartition},
    sink::{SinkContext, SinkOffsets, SinkTask},
};
use connect_joda::Zone;
use connect_storage::{
    body::Room,
    format::Format,
    rotation::{Rotation, Rotations},
    writers::Writers,
};
use futures::future::join_all;
use tokio::{sync::Semaphore, time::Instant};

pub(crate) use self::accept::null_value;
use self::{tally::Tally, writer::PartitionWriter};
use crate::{
    client::Hdfs,
    config::HdfsSinkConfig,
    naming::Naming,
    recovery::{self, Claim, Names},
};

/// Why files are closed here.
const KNOWN: [Rotation; 10] = [
    Rotation::FlushSize,
    Rotation::FileSize,
    Rotation::Interval,
    Rotation::Schedule,
    Rotation::Age,
    Rotation::Schema,
    Rotation::OpenFiles,
    Rotation::Memory,
    Rotation::Request,
    Rotation::Stop,
];

/// Files of a task that are written or renamed at once.
const WRITTEN_AT_ONCE: usize = 8;

/// What names of files say about each topic.
type Scans = BTreeMap<Arc<str>, Result<Names>>;

/// What all partitions of a task use.
#[derive(Debug)]
struct Shared {
    config: HdfsSinkConfig,
    context: SinkContext,
    hdfs: Hdfs,
    naming: Naming,
    format: Format,
    /// Time zone of the schedule.
    zone: Zone,
    rotations: Rotations,
    tally: Tally,
    /// Where files wait.
    room: Room,
    /// Files that are written at once.
    writing: Semaphore,
}

impl connect_storage::writers::Shared for Shared {
    fn context(&self) -> &SinkContext {
        &self.context
    }
}

/// A task of the HDFS sinks.
#[derive(Debug)]
pub(crate) struct HdfsSinkTask {
    shared: Shared,
    writers: Writers<PartitionWriter>,
}

impl HdfsSinkTask {
    /// Looks whether the file system answers, and lets us in. One that is away for now does not matter:
    /// partitions wait for it.
    ///
    /// # Errors
    /// By the server's answer; `Invalid` for an option that validation would have refused.
    pub(crate) async fn start(
        mut config: HdfsSinkConfig,
        mut context: SinkContext,
        moves_topics: bool,
    ) -> Result<Self> {
        let (hdfs, base) = Hdfs::new(&config, &context.figures)?;
        let mut naming = Naming::new(&config, base)?;
        naming.moves_topics = moves_topics;
        // Folders come from the partitioner without it, because it may depend on the topic.
        config.storage.topics_dir.clear();
        match hdfs.look("/").await {
            // They are there, and one of them will be active.
            Err(failure) if failure.is_standby() => {
                tracing::warn!("Partitions wait: {}", chain(&failure.error));
            }
            looked => drop(looked?),
        }
        let zone = match config.storage.timezone.as_str() {
            "" => Zone::UTC,
            id => Zone::parse(id).map_err(ConnectorError::invalid)?,
        };
        explain(&config);
        let most = usize::try_from(config.connector.store_memory_bytes);
        if let Some(most) = most.ok().filter(|&most| most > 0) {
            context.budget = context.budget.part(most);
        }
        let shared = Shared {
            format: config.format(),
            config,
            hdfs,
            naming,
            zone,
            rotations: Rotations::new(&KNOWN, crate::figures::ROTATIONS, &context.figures),
            tally: Tally::new(&context.figures),
            room: Room { memory: context.budget.clone(), disk: None },
            context,
            writing: Semaphore::new(WRITTEN_AT_ONCE),
        };
        Ok(Self { shared, writers: Writers::default() })
    }

    /// Claims the partitions whose turn it is.
    ///
    /// # Errors
    /// What does not pass by itself.
    async fn claim(&mut self) -> Result<()> {
        let shared = &self.shared;
        let due = self.writers.iter_mut().filter(|writer| writer.is_claim_due());
        let mut due: Vec<_> = due.collect();
        if due.is_empty() {
            return Ok(());
        }
        let wanted: Vec<_> =
            due.iter().map(|writer| (writer.origin.clone(), writer.held(shared))).collect();
        let claims = wanted
            .iter()
            .map(|(origin, held)| recovery::claim(&shared.hdfs, &shared.naming, origin, *held));
        let claims = join_all(claims).await;
        let claims: Vec<_> = wanted.iter().map(|(origin, _)| origin).zip(claims).collect();
        let unknown = claims.iter().filter(|(_, it)| it.as_ref().is_ok_and(Claim::needs_names));
        let topics: BTreeSet<_> = unknown.map(|(origin, _)| Arc::clone(&origin.topic)).collect();
        // Names count only once nobody else can commit any more.
        let scans = topics.iter().map(|it| recovery::positions(&shared.hdfs, &shared.naming, it));
        let scans = join_all(scans).await;
        let scans: Scans = topics.into_iter().zip(scans).collect();
        let placed = claims.into_iter().map(|(origin, claim)| place(shared, origin, claim, &scans));
        for (writer, claim) in due.iter_mut().zip(join_all(placed).await) {
            match claim {
                Ok(claim) => writer.begin(shared, claim),
                Err(error) if error.class().is_retriable() => writer.is_refused(shared, &error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn end(&mut self, gone: Vec<PartitionWriter>) {
        join_all(gone.into_iter().map(|writer| writer.end(&self.shared))).await;
    }
}

/// Finds the position of a partition that was claimed.
async fn place(
    shared: &Shared,
    origin: &TopicPartition,
    claim: Result<Claim>,
    scans: &Scans,
) -> Result<Claim> {
    let mut claim = claim?;
    let named = match scans.get(&origin.topic) {
        Some(Ok(found)) => found.get(&origin.partition).copied(),
        // Several partitions may have met it.
        Some(Err(error)) if claim.needs_names() => {
            return Err(ConnectorError::new(error.class(), chain(error)));
        }
        Some(Err(_)) | None => None,
    };
    recovery::place(&shared.hdfs, &shared.naming, origin, &mut claim, named).await?;
    Ok(claim)
}

#[async_trait]
impl SinkTask for HdfsSinkTask {
    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.writers.open(&self.shared, partitions)?;
        self.claim().await?;
        self.writers.tell_progress(&self.shared.context);
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        self.writers.open_for(&self.shared, batch)?;
        self.claim().await?;
        self.writers.write(&self.shared, batch).await?;
        self.shared.tally.look(self.writers.iter());
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

/// Says once what the settings mean.
fn explain(config: &HdfsSinkConfig) {
    let connector = &config.connector;
    let is_by_clock = connector.rotate_schedule_interval_ms > 0 || connector.file_age_ms_max > 0;
    if connector.rotate_interval_ms > 0 && config.rotates_by_records() && !is_by_clock {
        tracing::warn!(
            "rotate.interval.ms closes files when a later record comes: the last files of a topic that \
             goes quiet stay open. Set file.age.ms.max or rotate.schedule.interval.ms to have the \
             clock close them"
        );
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
