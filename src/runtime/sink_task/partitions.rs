//! Partitions that come and go, pause and resume.

use connect_api::{
    error::{Result, chain},
    record::TopicPartition,
    sink::SinkOffsets,
};

use tokio::time::{Instant, timeout_at};

use super::{LEAVE, Sink, naming};
use crate::{
    broker::{Assignment, ConsumerEvent, Revocation},
    runtime::TaskEventKind,
};

impl Sink<'_> {
    pub(super) async fn assigned(&mut self, assignment: &Assignment) -> Result<()> {
        let partitions: Vec<_> = assignment.positions.keys().cloned().collect();
        self.commits.begin(&assignment.positions);
        self.measure_standing();
        if self.redelivery.is_some() || self.seat.targets.is_paused() {
            self.consumer.pause(partitions.clone()).await;
        }
        naming::warn(self.seat, &self.naming, assignment).await;
        self.task.open(&partitions).await
    }

    /// Commits what is safe, closes, and lets the partitions go.
    pub(super) async fn revoked(&mut self, revocation: Revocation) -> Result<()> {
        let Revocation { partitions, reply } = revocation;
        if let Err(error) = self.task.release(&partitions).await {
            tracing::warn!(task = %self.seat.spec.id, error = chain(&error),
                "Task {} hands over partitions with files that could not be ended",
                self.seat.spec.id);
        }
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
        let mut until = Instant::now() + LEAVE;
        loop {
            let event = match timeout_at(until, self.consumer.next()).await {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(_) => {
                    tracing::warn!(task = %self.seat.spec.id,
                        "Task {} could not leave its group in time", self.seat.spec.id);
                    break;
                }
            };
            let handed_over = match event {
                ConsumerEvent::Revoked(revocation) => {
                    let began = Instant::now();
                    let handed_over = self.revoked(revocation).await;
                    // How long the sink takes is its own affair.
                    until += began.elapsed();
                    handed_over
                }
                ConsumerEvent::Lost(partitions) => self.lost(&partitions).await,
                _ => Ok(()),
            };
            outcome = outcome.and(handed_over);
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
