//! Why a sink task that runs does not get on, for its status.
//!
//! Kafka Connect shows such a task as running and says no more; here its status has the trace of what
//! it waits for, until it gets on again.

use connect_api::{
    error::{ConnectorError, ErrorClass},
    sink::Progress,
};

use super::Sink;
use crate::{pipeline::java_trace, runtime::TaskEventKind};

/// What hinders a task, by where it was met, each as a trace.
#[derive(Debug, Default)]
pub(super) struct Hindrances {
    /// The batch could not be taken.
    pub(super) put: Option<String>,
    /// A commit could not be prepared.
    pub(super) commit: Option<String>,
    /// What the task says itself.
    said: Option<String>,
    /// What was reported last.
    told: Option<String>,
}

impl Hindrances {
    /// The task says whether it gets on.
    pub(super) fn tell(&mut self, progress: Progress) {
        self.said = match progress {
            Progress::Made => None,
            Progress::Held(text) => {
                Some(java_trace(&ConnectorError::new(ErrorClass::Retriable, text)))
            }
        };
    }

    /// Something else was reported since.
    pub(super) fn forget_told(&mut self) {
        self.told = None;
    }

    /// What there is to report; nothing when it is no news.
    fn news(&mut self) -> Option<TaskEventKind> {
        let now = self.put.as_ref().or(self.commit.as_ref()).or(self.said.as_ref());
        if now == self.told.as_ref() {
            return None;
        }
        self.told = now.cloned();
        Some(now.cloned().map_or(TaskEventKind::Running, |trace| TaskEventKind::Held { trace }))
    }
}

impl Sink<'_> {
    /// Reports what hinders the task, if that has changed. A task that is to wait is not hindered.
    pub(super) async fn tell_hindrances(&mut self) {
        if self.seat.targets.is_paused() {
            return;
        }
        if let Some(news) = self.hindrances.news() {
            self.seat.reporter.report(news).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_is_reported() {
        let mut hindrances = Hindrances::default();
        assert_eq!(hindrances.news(), None);
        hindrances.tell(Progress::Held("away".to_owned()));
        let held = |text: &str| {
            let error = ConnectorError::new(ErrorClass::Retriable, text);
            Some(TaskEventKind::Held { trace: java_trace(&error) })
        };
        assert_eq!((hindrances.news(), hindrances.news()), (held("away"), None));
        hindrances.commit = Some("refused".to_owned());
        let refused = Some(TaskEventKind::Held { trace: "refused".to_owned() });
        assert_eq!(hindrances.news(), refused);
        hindrances.commit = None;
        assert_eq!(hindrances.news(), held("away"));
        hindrances.tell(Progress::Made);
        assert_eq!((hindrances.news(), hindrances.news()), (Some(TaskEventKind::Running), None));
    }
}
