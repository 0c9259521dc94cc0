//! What a task is told from outside.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::TaskTarget;

/// The end that tells.
#[derive(Debug)]
pub(super) struct ControlWriter {
    target: watch::Sender<TaskTarget>,
    stop: CancellationToken,
}

/// The end that a task listens to.
#[derive(Clone, Debug)]
pub(super) struct ControlReader {
    target: watch::Receiver<TaskTarget>,
    stop: CancellationToken,
}

/// Both ends; the task is also to stop when the worker's token is cancelled.
pub(super) fn pair(
    target: TaskTarget,
    worker: CancellationToken,
) -> (ControlWriter, ControlReader) {
    let (sender, receiver) = watch::channel(target);
    let stop = worker.child_token();
    (ControlWriter { target: sender, stop: stop.clone() }, ControlReader { target: receiver, stop })
}

impl ControlWriter {
    pub(super) fn set_target(&self, target: TaskTarget) {
        self.target.send_replace(target);
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

impl ControlReader {
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub(super) fn is_paused(&self) -> bool {
        *self.target.borrow() == TaskTarget::Paused
    }

    /// Resolves when the task is to stop. Cancel safe.
    pub(super) async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Resolves when the target was set anew or the task is to stop. Cancel safe.
    pub(super) async fn changed(&mut self) {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            // The handle may be gone: then only the worker stops the task.
            () = async {
                if self.target.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            } => {}
        }
    }
}
