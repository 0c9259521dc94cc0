//! What happened to a connector and its tasks since the worker started.

use std::collections::VecDeque;

use serde::Serialize;

use super::replies::Moment;
use crate::store::{State, Status};

/// Events of a connector that are kept; older ones are counted.
const KEPT: usize = 50;

/// Characters of a trace that are kept: the causes stand at its beginning.
const TRACE: usize = 2000;

/// A change of the state of a connector or a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryEvent {
    /// When.
    pub at: Moment,
    /// Number of the task; none for the connector itself.
    pub task: Option<u32>,
    /// The state it came into.
    pub state: State,
    /// The worker that says so.
    pub worker_id: String,
    /// Beginning of the trace of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// What the worker does about a failure without being asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
}

/// What the worker does about a failure without being asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// It starts the task again.
    Planned {
        /// Which start in a row it is, from 1.
        attempt: u32,
        /// When.
        at: Moment,
    },
    /// The start that was planned.
    Begun {
        /// Which start in a row it is, from 1.
        attempt: u32,
    },
    /// Nothing, for this reason.
    Left(&'static str),
}

/// The events of one connector.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    events: VecDeque<HistoryEvent>,
    dropped: u64,
}

impl History {
    pub(super) fn note(&mut self, at: Moment, task: Option<u32>, status: &Status) {
        let trace = status.trace.as_ref().map(|trace| trace.chars().take(TRACE).collect());
        self.push(HistoryEvent {
            at,
            task,
            state: status.state,
            worker_id: status.worker_id.clone(),
            trace,
            repair: None,
        });
    }

    /// A task is started again without being asked.
    pub(super) fn note_repair(&mut self, at: Moment, task: u32, worker_id: String, attempt: u32) {
        self.push(HistoryEvent {
            at,
            task: Some(task),
            state: State::Restarting,
            worker_id,
            trace: None,
            repair: Some(Repair::Begun { attempt }),
        });
    }

    fn push(&mut self, event: HistoryEvent) {
        if self.events.len() == KEPT {
            self.events.pop_front();
            self.dropped += 1;
        }
        self.events.push_back(event);
    }

    /// Says what the worker does about the last event of a task.
    pub(super) fn explain(&mut self, task: u32, repair: Repair) {
        let last = self.events.iter_mut().rev().find(|event| event.task == Some(task));
        if let Some(last) = last {
            last.repair = Some(repair);
        }
    }

    /// Oldest first, and how many came before them.
    pub(super) fn events(&self) -> (Vec<HistoryEvent>, u64) {
        (self.events.iter().cloned().collect(), self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_are_dropped_and_counted() {
        let mut history = History::default();
        let status = Status {
            state: State::Failed,
            trace: Some("é".repeat(TRACE + 1)),
            worker_id: "w".to_owned(),
            generation: 0,
            version: None,
        };
        for at in 0..=50 {
            history.note(Moment(at), Some(0), &status);
        }
        history.explain(0, Repair::Left("why"));
        let (events, dropped) = history.events();
        assert_eq!((events.len(), dropped, events[0].at), (KEPT, 1, Moment(1)));
        assert_eq!(events[0].trace.as_ref().unwrap().chars().count(), TRACE);
        assert_eq!(events.last().unwrap().repair, Some(Repair::Left("why")));
    }
}
