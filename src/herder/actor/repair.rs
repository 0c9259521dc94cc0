//! Starts of failed tasks without being asked.

use std::time::Duration;

use connect_api::error::ErrorClass;
use tokio::time::Instant;
use tracing::info;

use super::{Actor, jobs::Done, slots::SlotState};
use crate::herder::{
    history::Repair,
    repair::{RepairConfig, Verdict},
    replies::Moment,
    starter::TaskId,
};

/// Time that a task has to run before its next failure counts as the first again.
const HEALTHY: Duration = Duration::from_secs(60);

/// How a task has fared lately.
#[derive(Debug, Default)]
pub(super) struct Fortune {
    /// Starts in a row that nobody asked for.
    attempts: u32,
    runs_since: Option<Instant>,
}

impl Fortune {
    /// The task has failed, or is started anew: whether it ran before.
    pub(super) fn ends(&mut self) -> bool {
        let ran = self.runs_since.take();
        if ran.is_some_and(|since| since.elapsed() >= HEALTHY) {
            self.attempts = 0;
        }
        ran.is_some()
    }

    /// The task runs: whether that is news.
    pub(super) fn runs(&mut self) -> bool {
        let is_news = self.runs_since.is_none();
        self.runs_since.get_or_insert_with(Instant::now);
        is_news
    }
}

impl Actor {
    /// Decides what follows from a task's failure, and says it in the history.
    pub(super) fn plan_repair(&mut self, id: &TaskId, instance: u64, class: ErrorClass) {
        let Some(config) = self.configs.config(&id.connector) else { return };
        let config = RepairConfig::of(config, &self.settings.worker);
        let Some(slot) = self.slot(id) else { return };
        let ran = slot.fortune.ends();
        let verdict = config.judge(class, slot.fortune.attempts);
        if !ran {
            self.parts.metrics.worker().tasks.ended(false);
        }
        let repair = match verdict {
            Verdict::Leave(reason) => Repair::Left(reason),
            Verdict::Restart { attempt, wait } => {
                info!(connector = %id.connector, task = id.task,
                    "Task {id} is started again in {wait:.1?}, for the {attempt}. time in a row");
                let due = id.clone();
                self.wait(format!("wait to repair {id}"), wait, move || Done::RepairDue {
                    id: due.clone(),
                    instance,
                });
                let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                let at = Moment(self.parts.clock.now_ms().saturating_add(wait_ms));
                Repair::Planned { attempt, at }
            }
        };
        self.connector(&id.connector).history.explain(id.task, repair);
    }

    /// Starts a task again, unless it was stopped, changed or restarted meanwhile.
    pub(super) fn repair_due(&mut self, id: &TaskId, instance: u64) {
        if self.is_stopping {
            return;
        }
        let Some(slot) = self.slot(id) else { return };
        let is_same = matches!(&slot.state, SlotState::Running { instance: current, .. } if *current == instance);
        if !is_same || slot.is_restart_due {
            return;
        }
        slot.is_restart_due = true;
        slot.fortune.attempts = slot.fortune.attempts.saturating_add(1);
        let attempt = slot.fortune.attempts;
        self.parts.metrics.worker().repaired();
        // The status goes on telling why it failed, until the task runs.
        let at = Moment(self.parts.clock.now_ms());
        let worker_id = self.settings.worker_id.clone();
        self.connector(&id.connector).history.note_repair(at, id.task, worker_id, attempt);
        self.reconcile(id);
    }
}
