//! Where a sink task stands: what it consumed, what it committed, and when it commits next.

use std::time::Duration;

use connect_api::{
    error::{ConnectorError, ErrorClass, Result, chain},
    record::TopicPartition,
    sink::SinkOffsets,
};
use tokio::time::Instant;

use super::Sink;
use crate::{
    broker,
    pipeline::java_trace,
    runtime::{RuntimeSettings, TaskId},
};

/// Time that the answer to a commit has once the task listens again.
const ANSWER: Duration = Duration::from_secs(1);

/// A commit that was sent and not answered yet.
struct Pending {
    sequence: u64,
    offsets: SinkOffsets,
    began: Instant,
    expires: Instant,
}

/// Offsets of the assigned partitions.
pub(super) struct Commits {
    interval: Duration,
    timeout: Duration,
    due: Instant,
    sequence: u64,
    pending: Option<Pending>,
    /// Offset after the last record brought to the sink.
    current: SinkOffsets,
    /// Offset committed last.
    committed: SinkOffsets,
}

impl Commits {
    pub(super) fn new(settings: &RuntimeSettings) -> Self {
        Self {
            interval: settings.offset_flush_interval,
            timeout: settings.offset_flush_timeout,
            due: Instant::now() + settings.offset_flush_interval,
            sequence: 0,
            pending: None,
            current: SinkOffsets::new(),
            committed: SinkOffsets::new(),
        }
    }

    pub(super) fn assigned(&self) -> Vec<TopicPartition> {
        self.current.keys().cloned().collect()
    }

    pub(super) fn is_assigned(&self, partition: &TopicPartition) -> bool {
        self.current.contains_key(partition)
    }

    pub(super) fn due_at(&self) -> Instant {
        self.pending.as_ref().map_or(self.due, |pending| pending.expires.min(self.due))
    }

    /// Commits at the next turn.
    pub(super) fn hurry(&mut self) {
        self.due = Instant::now();
    }

    /// The task was busy, and an answer that came meanwhile could not be read yet.
    pub(super) fn was_busy(&mut self) {
        if let Some(pending) = &mut self.pending {
            pending.expires = pending.expires.max(Instant::now() + ANSWER);
        }
    }

    /// Partitions begin at these offsets.
    pub(super) fn begin(&mut self, positions: &SinkOffsets) {
        let positions = || positions.iter().map(|(partition, offset)| (partition.clone(), *offset));
        self.current.extend(positions());
        self.committed.extend(positions());
    }

    /// Partitions belong to others now.
    pub(super) fn end(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.current.remove(partition);
            self.committed.remove(partition);
        }
    }

    /// The sink took records up to these offsets.
    pub(super) fn consumed(&mut self, next: SinkOffsets) {
        for (partition, offset) in next {
            if let Some(current) = self.current.get_mut(&partition) {
                *current = offset;
            }
        }
    }

    /// The sink committed these offsets itself, together with records of its own.
    pub(super) fn committed_by_task(&mut self, mut offsets: SinkOffsets) {
        offsets.retain(|partition, _| self.current.contains_key(partition));
        self.committed.extend(offsets);
    }

    /// The sink reads anew from these offsets.
    pub(super) fn rewound(&mut self, offsets: &SinkOffsets) {
        self.begin(offsets);
    }

    /// What was consumed in these partitions.
    pub(super) fn current_of(&self, partitions: &[TopicPartition]) -> SinkOffsets {
        let of = |partition: &TopicPartition| self.current.get_key_value(partition);
        partitions
            .iter()
            .filter_map(of)
            .map(|(partition, offset)| (partition.clone(), *offset))
            .collect()
    }

    /// A commit ended; when it began. None for older ones, whose answers are of no interest.
    fn ended(
        &mut self,
        task: &TaskId,
        sequence: u64,
        outcome: broker::Result<()>,
    ) -> Option<Instant> {
        let pending = self.pending.take_if(|pending| pending.sequence == sequence)?;
        match outcome {
            Ok(()) => {
                let known = pending.offsets.into_iter();
                let known = known.filter(|(partition, _)| self.current.contains_key(partition));
                self.committed.extend(known);
            }
            Err(error) => tracing::warn!(%task, error = chain(&error),
                "Task {task} could not commit its offsets and tries again at the next interval"),
        }
        Some(pending.began)
    }

    /// Offsets that were consumed and are not committed.
    fn uncommitted(&self) -> u64 {
        let behind = |(partition, current): (&TopicPartition, &i64)| {
            let committed = self.committed.get(partition).copied().unwrap_or(*current);
            u64::try_from(current - committed).unwrap_or(0)
        };
        self.current.iter().map(behind).sum()
    }

    /// Which of the offsets a sink says are safe can be committed: of assigned partitions, not
    /// beyond what was consumed, and news.
    fn committable(&self, task: &TaskId, consumed: &SinkOffsets, safe: SinkOffsets) -> SinkOffsets {
        safe.into_iter()
            .filter(|(partition, offset)| {
                let is_possible = consumed.get(partition).is_some_and(|most| offset <= most);
                if !is_possible {
                    tracing::warn!(%task, %partition, offset,
                        "Task {task} wants to commit offset {offset} of {partition}, which it has \
                         not consumed; ignored");
                }
                is_possible && self.committed.get(partition) != Some(offset)
            })
            .collect()
    }
}

impl Sink<'_> {
    /// The broker answered a commit.
    pub(super) fn commit_answered(&mut self, sequence: u64, outcome: broker::Result<()>) {
        let is_success = outcome.is_ok();
        match self.commits.ended(&self.seat.spec.id, sequence, outcome) {
            Some(began) => {
                self.seat.reporter.meter.committed(began.elapsed(), is_success);
                if is_success {
                    self.meter.commit_completed();
                }
                self.measure_standing();
            }
            None => self.meter.commit_skipped(),
        }
    }

    pub(super) fn measure_standing(&self) {
        self.meter.stands_at(self.commits.current.len(), self.commits.uncommitted());
    }

    /// Commits when the interval has passed or the task asked for it.
    pub(super) async fn commit_if_due(&mut self) -> Result<()> {
        let now = Instant::now();
        if let Some(late) = self.commits.pending.take_if(|pending| pending.expires <= now) {
            tracing::warn!(task = %self.seat.spec.id, sequence = late.sequence,
                "A commit of task {} was not answered in time", self.seat.spec.id);
        }
        if self.commits.due > now {
            return Ok(());
        }
        if self.commits.current.is_empty() || self.commits.pending.is_some() {
            self.commits.due = now + self.commits.interval;
            return Ok(());
        }
        match self.commit().await {
            Ok(()) => Ok(()),
            Err(error) => self.rewind_to_committed(&error).await,
        }
    }

    /// Commits what the sink says is safe.
    ///
    /// # Errors
    /// The sink's: it could not prepare the commit.
    async fn commit(&mut self) -> Result<()> {
        let now = Instant::now();
        self.commits.due = now + self.commits.interval;
        let consumed = self.commits.current.clone();
        let offsets = self.safe_offsets(&consumed).await?;
        if !offsets.is_empty() {
            self.hindrances.commit = None;
            self.commits.sequence += 1;
            self.commits.pending = Some(Pending {
                sequence: self.commits.sequence,
                offsets: offsets.clone(),
                began: now,
                expires: now + self.commits.timeout,
            });
            self.meter.commit_sent(self.commits.sequence);
            self.consumer.commit(offsets, self.commits.sequence).await;
        }
        Ok(())
    }

    /// Asks the sink which of what it consumed is safe.
    pub(super) async fn safe_offsets(&mut self, consumed: &SinkOffsets) -> Result<SinkOffsets> {
        self.pipeline.errors().settle().await?;
        let safe = self.task.pre_commit(consumed).await?;
        Ok(self.commits.committable(&self.seat.spec.id, consumed, safe))
    }

    /// Has the sink end its open files and commits behind them. The answer to a commit that is under
    /// way is of no interest then.
    ///
    /// # Errors
    /// What the sink said; one of class `Retriable` is dealt with.
    pub(super) async fn finish_files(&mut self) -> Result<()> {
        self.task.finish_files().await?;
        let Err(error) = self.commit().await else { return Ok(()) };
        self.rewind_to_committed(&error).await?;
        Err(ConnectorError::new(ErrorClass::Retriable, chain(&error)))
    }

    /// After a commit that could not be prepared.
    async fn rewind_to_committed(&mut self, error: &ConnectorError) -> Result<()> {
        tracing::warn!(task = %self.seat.spec.id, error = chain(error),
            "Task {} could not prepare a commit and reads again from its last one",
            self.seat.spec.id);
        self.hindrances.commit = Some(java_trace(error));
        let committed = self.commits.committed.clone();
        self.commits.rewound(&committed);
        self.forget_batch_of(|_| true);
        self.consumer.seek(committed).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    fn commits(positions: &[(i32, i64)]) -> Commits {
        let mut commits = Commits {
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(5),
            due: Instant::now(),
            sequence: 0,
            pending: None,
            current: SinkOffsets::new(),
            committed: SinkOffsets::new(),
        };
        let positions = positions.iter().map(|&(number, offset)| (partition(number), offset));
        commits.begin(&positions.collect());
        commits
    }

    #[test]
    fn only_what_was_consumed_and_is_news_is_committed() {
        let mut commits = commits(&[(0, 10), (1, 10)]);
        commits.consumed([(partition(0), 20), (partition(2), 5)].into());
        let task = TaskId { connector: "c".into(), task: 0 };
        let consumed = commits.current.clone();
        let safe = [(partition(0), 15), (partition(1), 10), (partition(2), 5)].into();
        let expected: SinkOffsets = [(partition(0), 15)].into();
        assert_eq!(commits.committable(&task, &consumed, safe), expected);
        let beyond = [(partition(0), 21)].into();
        assert!(commits.committable(&task, &consumed, beyond).is_empty());
    }

    #[test]
    fn the_answer_to_an_older_commit_changes_nothing() {
        let mut commits = commits(&[(0, 10)]);
        let (offsets, now) = (SinkOffsets::from([(partition(0), 12)]), Instant::now());
        commits.pending =
            Some(Pending { sequence: 2, offsets: offsets.clone(), began: now, expires: now });
        let task = TaskId { connector: "c".into(), task: 0 };
        assert!(commits.ended(&task, 1, Ok(())).is_none());
        assert_eq!(commits.committed.get(&partition(0)), Some(&10));
        assert_eq!(commits.ended(&task, 2, Ok(())), Some(now));
        assert_eq!(commits.committed, offsets);
    }
}
