//! At least once: batches are sent ahead, offsets follow their acknowledgements.

use std::time::Duration;

use connect_api::error::{ConnectorError, ErrorClass, Result, chain};
use futures::future::BoxFuture;
use tokio::time::{Interval, MissedTickBehavior};

use super::{Offsets, Source, progress::Progress, send_failed};
use crate::{
    broker::{self, DeliveryReport},
    runtime::life::from_broker,
};

/// Batches that may be unacknowledged at once: enough to keep the broker busy while the next is
/// read. A full window stops polling; the producer's own queue bounds the bytes.
const WINDOW: usize = 32;

/// A commit of offsets that is under way, with what it commits.
type Commit = BoxFuture<'static, (Offsets, broker::Result<()>)>;

struct Steady {
    progress: Progress,
    committing: Option<Commit>,
    ticks: Interval,
    timeout: Duration,
}

pub(super) async fn run(source: &mut Source<'_>) -> Result<()> {
    let settings = &source.seat.settings;
    let mut ticks = tokio::time::interval(settings.offset_flush_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    let mut steady = Steady {
        progress: Progress::default(),
        committing: None,
        ticks,
        timeout: settings.offset_flush_timeout,
    };
    let outcome = steady.work(source).await;
    steady.finish(source).await;
    outcome
}

impl Steady {
    async fn work(&mut self, source: &mut Source<'_>) -> Result<()> {
        let stop = source.seat.stop.clone();
        let mut targets = source.seat.targets.clone();
        loop {
            let has_room = self.progress.in_flight() < WINDOW;
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = targets.change() => {
                    if targets.is_paused() {
                        self.finish(source).await;
                    }
                    if !source.obey_target().await {
                        return Ok(());
                    }
                    targets = source.seat.targets.clone();
                }
                report = self.progress.next() => judge(source, report)?,
                (offsets, outcome) = under_way(&mut self.committing) => {
                    self.committed(source, offsets, outcome).await;
                }
                _ = self.ticks.tick() => self.commit(source),
                batch = source.poll(), if has_room => {
                    let (records, offsets) = source.prepare(batch?).await?;
                    let delivery = source.producer.send(records).await.map_err(send_failed)?;
                    self.progress.sent(delivery, offsets);
                }
            }
        }
    }

    /// Begins to commit what may be committed, unless a commit is under way.
    fn commit(&mut self, source: &Source<'_>) {
        if self.committing.is_some() {
            return;
        }
        let offsets = self.progress.take_committable();
        if offsets.is_empty() {
            return;
        }
        let store = std::sync::Arc::clone(&source.seat.settings.offsets);
        let connector = std::sync::Arc::clone(&source.seat.spec.id.connector);
        self.committing = Some(Box::pin(async move {
            let outcome = store.write(&connector, &offsets).await;
            (offsets, outcome)
        }));
    }

    async fn committed(
        &mut self,
        source: &mut Source<'_>,
        offsets: Offsets,
        outcome: broker::Result<()>,
    ) {
        match outcome {
            Ok(()) => source.committed(&offsets).await,
            Err(error) => {
                tracing::warn!(task = %source.seat.spec.id, error = chain(&error),
                    "Task {} could not commit its offsets and tries again at the next interval",
                    source.seat.spec.id);
                self.progress.put_back(offsets);
            }
        }
    }

    /// Waits for what is in flight and commits it, as far as the time allows.
    async fn finish(&mut self, source: &mut Source<'_>) {
        let timeout = self.timeout;
        let finishing = async {
            if self.committing.is_some() {
                let (offsets, outcome) = under_way(&mut self.committing).await;
                self.committed(source, offsets, outcome).await;
            }
            while self.progress.in_flight() > 0 {
                let report = self.progress.next().await;
                judge(source, report)?;
            }
            self.commit(source);
            if self.committing.is_some() {
                let (offsets, outcome) = under_way(&mut self.committing).await;
                self.committed(source, offsets, outcome).await;
            }
            Ok::<_, ConnectorError>(())
        };
        match tokio::time::timeout(timeout, finishing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(task = %source.seat.spec.id, error = chain(&error),
                "Task {} could not deliver everything before it ended", source.seat.spec.id),
            Err(_late) => tracing::warn!(task = %source.seat.spec.id,
                "Task {} could not commit everything before it ended; what is not committed is \
                 read again", source.seat.spec.id),
        }
    }
}

/// The commit that is under way; for ever while there is none. Cancel safe.
async fn under_way(committing: &mut Option<Commit>) -> (Offsets, broker::Result<()>) {
    let Some(commit) = committing else { return std::future::pending().await };
    let done = commit.await;
    *committing = None;
    done
}

/// A record that the broker did not take fails the task, unless `errors.tolerance` says otherwise.
fn judge(source: &Source<'_>, report: broker::Result<DeliveryReport>) -> Result<()> {
    let Some((_, error)) = report.map_err(from_broker)?.failed.into_iter().next() else {
        return Ok(());
    };
    if source.config().get("errors.tolerance").is_some_and(|text| text.trim() == "all") {
        tracing::warn!(task = %source.seat.spec.id, error = chain(&error),
            "Task {} skips records that the broker did not take", source.seat.spec.id);
        return Ok(());
    }
    let message = "Unrecoverable exception from producer send callback";
    Err(ConnectorError::new(ErrorClass::Internal, message).caused_by(from_broker(error)))
}
