//! Tells the herder what becomes of a task.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::mpsc;

use super::{ControlReader, TaskEvent, TaskEventKind, TaskId, TaskSpec};

/// Sends the events of one run of a task.
#[derive(Debug)]
pub(super) struct Reports {
    id: TaskId,
    instance: u64,
    events: mpsc::Sender<TaskEvent>,
    control: ControlReader,
    topics: Mutex<HashSet<Arc<str>>>,
}

impl Reports {
    pub(super) fn new(
        spec: &TaskSpec,
        events: mpsc::Sender<TaskEvent>,
        control: ControlReader,
    ) -> Self {
        let (id, instance) = (spec.id.clone(), spec.instance);
        Self { id, instance, events, control, topics: Mutex::default() }
    }

    /// Sends an event. Once the task is to stop it waits for nobody: who stops it may be the one
    /// who reads the events.
    pub(super) async fn send(&self, kind: TaskEventKind) {
        let event = TaskEvent { id: self.id.clone(), instance: self.instance, kind };
        let permit = tokio::select! {
            biased;
            permit = self.events.reserve() => permit,
            () = self.control.stopping() => {
                // Full or closed: nobody waits for this event any more.
                let _unread = self.events.try_send(event);
                return;
            }
        };
        if let Ok(permit) = permit {
            permit.send(event);
        }
    }

    /// Whether the topic was reported already.
    pub(super) fn knows(&self, topic: &Arc<str>) -> bool {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner).contains(topic)
    }

    /// Reports a topic the first time it is seen.
    pub(super) async fn topic(&self, topic: &Arc<str>) {
        let is_new = {
            let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
            topics.insert(Arc::clone(topic))
        };
        if is_new {
            self.send(TaskEventKind::TopicSeen(Arc::clone(topic))).await;
        }
    }
}
