//! Open files ended because somebody asked for it.

use std::time::Duration;

use connect_api::error::chain;
use futures::future::join_all;
use serde::Serialize;
use tokio::time::timeout;

use super::{
    command::{Command, Flushing},
    error::{HerderError, Result},
    handle::HerderHandle,
    replies::ConnectorType,
};

/// Time that tasks have to end their files; they go on when it is over.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of the open files of a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectorFlush {
    /// Name of the connector.
    pub name: String,
    /// Each of its tasks.
    pub tasks: Vec<TaskFlush>,
}

/// What became of the open files of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskFlush {
    /// Number of the task.
    pub id: u32,
    /// Whether its files are ended.
    pub flushed: bool,
    /// Why they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl HerderHandle {
    /// Ends the files that the tasks of a sink have open, wherever they would wait for more records.
    ///
    /// # Errors
    /// `ConnectorNotFound`, `NothingToFlush`, and as every request.
    pub async fn flush(&self, name: &str) -> Result<ConnectorFlush> {
        let snapshot = self.snapshot().await?;
        if snapshot.connector(name)?.kind != ConnectorType::Sink {
            return Err(HerderError::NothingToFlush(name.to_owned()));
        }
        let asked = self.ask(|reply| Command::Flush { name: name.into(), reply }).await?;
        let tasks = join_all(asked.into_iter().map(answered)).await;
        Ok(ConnectorFlush { name: name.to_owned(), tasks })
    }
}

async fn answered(Flushing { task, answer }: Flushing) -> TaskFlush {
    let reason = match answer {
        None => Some("The task does not run".to_owned()),
        Some(answer) => match timeout(PATIENCE, answer).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => Some(chain(&error)),
            Ok(Err(_ended)) => {
                Some("The task ended or failed meanwhile: see its status".to_owned())
            }
            Err(_late) => {
                Some("The task has not ended its files in a minute and goes on".to_owned())
            }
        },
    };
    TaskFlush { id: task, flushed: reason.is_none(), reason }
}

#[cfg(test)]
mod tests {
    use connect_api::error::ConnectorError;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_task_that_did_not_flush_says_why() {
        let (reply, refused) = oneshot::channel();
        let cause = ConnectorError::internal("no route");
        let away = ConnectorError::retriable("the bucket is away").caused_by(cause);
        reply.send(Err(away)).unwrap();
        let (ended, gone) = oneshot::channel();
        drop(ended);
        for (answer, expected) in [
            (None, "does not run"),
            (Some(refused), "the bucket is away: no route"),
            (Some(gone), "ended or failed"),
        ] {
            let flush = answered(Flushing { task: 3, answer }).await;
            assert_eq!((flush.id, flush.flushed), (3, false));
            let reason = flush.reason.unwrap();
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
