//! Partitions that come and go, pause and resume.

use connect_api::{
    error::{Result, chain},
    record::TopicPartition,
    sink::SinkOffsets,
};

use super::{LEAVE, Sink};
use crate::{
    broker::{ConsumerEvent, Revocation},
    runtime::TaskEventKind,
};

impl Sink<'_> {
    pub(super) async fn assigned(&mut self, positions: SinkOffsets) -> Result<()> {
        let partitions: Vec<_> = positions.keys().cloned().collect();
        self.commits.begin(&positions);
        self.measure_standing();
        if self.redelivery.is_some() || self.seat.targets.is_paused() {
            self.consumer.pause(partitions.clone()).await;
        }
        self.task.open(&partitions).await
    }

    /// Commits what is safe, closes, and lets the partitions go.
    pub(super) async fn revoked(&mut self, revocation: Revocation) -> Result<()> {
        let Revocation { partitions, reply } = revocation;
        let consumed = self.commits.current_of(&partitions);
        let safe = self.safe_offsets(&consumed).await;
        let closed = self.close(&partitions).await;
        let offsets = safe.unwrap_or_else(|error| {
            tracing::warn!(task = %self.seat.spec.id, error = chain(&error),
                "Task {} hands over partitions without a last commit", self.seat.spec.id);
            SinkOffsets::new()
        });
        // The thread stops waiting only when it is gone, and then nothing can be committed.
        let _gone = reply.send(offsets);
        closed
    }

    pub(super) async fn lost(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.close(partitions).await
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.commits.end(partitions);
        if self.commits.assigned().is_empty() {
            self.hindrances.commit = None;
        }
        self.measure_standing();
        self.forget_batch_of(|partition| partitions.contains(partition));
        self.paused_by_task.retain(|partition| !partitions.contains(partition));
        if self.batch.records.is_empty() && self.batch.next.is_empty() {
            self.redelivery = None;
            self.hindrances.put = None;
            self.resume_all().await;
        }
        self.task.close(partitions).await
    }

    /// Leaves the group: hands over what is still assigned, through the same door as ever.
    pub(super) async fn leave(&mut self) -> Result<()> {
        self.consumer.close().await;
        let mut outcome = Ok(());
        let leaving = async {
            while let Some(event) = self.consumer.next().await {
                let handed_over = match event {
                    ConsumerEvent::Revoked(revocation) => self.revoked(revocation).await,
                    ConsumerEvent::Lost(partitions) => self.lost(&partitions).await,
                    _ => Ok(()),
                };
                outcome = std::mem::replace(&mut outcome, Ok(())).and(handed_over);
            }
        };
        if tokio::time::timeout(LEAVE, leaving).await.is_err() {
            tracing::warn!(task = %self.seat.spec.id,
                "Task {} could not leave its group in time", self.seat.spec.id);
        }
        outcome
    }

    /// Pauses or resumes everything as the target says, and reports it.
    pub(super) async fn obey_target(&mut self) {
        if self.seat.targets.is_paused() {
            self.consumer.pause(self.commits.assigned()).await;
            self.commits.hurry();
            self.seat.reporter.report(TaskEventKind::Paused).await;
        } else {
            self.resume_all().await;
            self.seat.reporter.report(TaskEventKind::Running).await;
        }
        self.hindrances.forget_told();
    }

    pub(super) async fn pause_by_task(&mut self, partitions: Vec<TopicPartition>) {
        if !partitions.is_empty() {
            self.paused_by_task.extend(partitions.iter().cloned());
            self.consumer.pause(partitions).await;
        }
    }

    pub(super) async fn resume_by_task(&mut self, partitions: Vec<TopicPartition>) {
        for partition in &partitions {
            self.paused_by_task.remove(partition);
        }
        self.resume_all().await;
    }

    /// Resumes every partition that nothing holds back.
    pub(super) async fn resume_all(&mut self) {
        if self.seat.targets.is_paused() || self.redelivery.is_some() {
            return;
        }
        let mut partitions = self.commits.assigned();
        partitions.retain(|partition| !self.paused_by_task.contains(partition));
        if !partitions.is_empty() {
            self.consumer.resume(partitions).await;
        }
    }
}
