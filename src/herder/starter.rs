//! What the herder needs of the runtime: tasks that start, change and stop. Tests bring a double.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use connect_api::{budget::MemoryBudget, error::ConnectorError};

pub use crate::runtime::{
    ConnectorPlugin, FlushAnswer, PreviewRequest, PreviewSpec, PreviewedRecord, TaskEvent,
    TaskEventKind, TaskId, TaskSpec, TaskTarget,
};
use crate::runtime::{Runtime, TaskHandle};

/// Starts tasks; what becomes of them comes back as [`TaskEvent`]s.
#[async_trait]
pub trait TaskStarter: Debug + Send + Sync {
    /// Starts a task and returns at once.
    fn start(&self, spec: TaskSpec) -> Box<dyn TaskControl>;

    /// Shows what tasks would do to real records, and what else should be known.
    async fn preview(
        &self,
        spec: PreviewSpec,
    ) -> Result<(Vec<PreviewedRecord>, Option<String>), ConnectorError>;

    /// Memory that all tasks share.
    fn budget(&self) -> MemoryBudget;
}

/// A started task.
#[async_trait]
pub trait TaskControl: Debug + Send + Sync {
    /// Tells it what to do from now on; returns at once.
    fn set_target(&self, target: TaskTarget);

    /// Asks it to end its open files; none when it cannot be asked.
    fn flush(&self) -> Option<FlushAnswer>;

    /// Ends it, and cancels it when it takes longer than the deadline; `false` says that it had to
    /// be cancelled.
    async fn stop(self: Box<Self>, deadline: Duration) -> bool;
}

#[async_trait]
impl TaskStarter for Runtime {
    fn start(&self, spec: TaskSpec) -> Box<dyn TaskControl> {
        Box::new(Self::start(self, spec))
    }

    async fn preview(
        &self,
        spec: PreviewSpec,
    ) -> Result<(Vec<PreviewedRecord>, Option<String>), ConnectorError> {
        Self::preview(self, &spec).await
    }

    fn budget(&self) -> MemoryBudget {
        Self::budget(self).clone()
    }
}

#[async_trait]
impl TaskControl for TaskHandle {
    fn set_target(&self, target: TaskTarget) {
        Self::set_target(self, target);
    }

    fn flush(&self) -> Option<FlushAnswer> {
        Self::flush(self)
    }

    async fn stop(self: Box<Self>, deadline: Duration) -> bool {
        Self::stop(*self, deadline).await
    }
}
