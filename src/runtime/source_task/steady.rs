//! At least once: batches are sent ahead, offsets follow their acknowledgements.

use std::time::Duration;

use connect_api::error::{ConnectorError, Result, chain};
use futures::future::BoxFuture;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{Offsets, Prepared, Sizes, Source, progress::Progress, refused_by_broker, send_failed};
use crate::{
    broker::{self, DeliveryReport},
    runtime::life::from_broker,
};

/// Batches that may be unacknowledged at once: enough to keep the broker busy while the next is
/// read. A full window stops polling; the producer's own queue bounds the bytes.
const WINDOW: usize = 32;

/// A commit of offsets that is under way.
type Commit = BoxFuture<'static, Committed>;

/// A commit of offsets that has ended.
struct Committed {
    offsets: Offsets,
    took: Duration,
    outcome: broker::Result<()>,
}

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
                answered = self.progress.next() => self.answered(source, answered)?,
                committed = under_way(&mut self.committing) => {
                    self.committed(source, committed).await;
                }
                _ = self.ticks.tick() => self.commit(source),
                batch = source.poll(), if has_room => {
                    let Prepared { records, offsets, sizes } = source.prepare(batch?).await?;
                    let delivery = source.producer.send(records).await.map_err(send_failed)?;
                    self.progress.sent(delivery, offsets, sizes);
                }
            }
        }
    }

    /// The broker has answered for a batch.
    fn answered(
        &mut self,
        source: &mut Source<'_>,
        (offsets, sizes, report): (Offsets, Sizes, broker::Result<DeliveryReport>),
    ) -> Result<()> {
        match judge(source, sizes, report) {
            Ok(refused) => {
                self.progress.settle(offsets);
                source.task.acknowledged(refused);
                Ok(())
            }
            Err(error) => {
                self.progress.give_up();
                Err(error)
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
            let began = Instant::now();
            let outcome = store.write(&connector, &offsets).await;
            Committed { offsets, took: began.elapsed(), outcome }
        }));
    }

    async fn committed(&mut self, source: &mut Source<'_>, committed: Committed) {
        let Committed { offsets, took, outcome } = committed;
        source.seat.reporter.meter.committed(took, outcome.is_ok());
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
            let mut outcome = Ok::<_, ConnectorError>(());
            if self.committing.is_some() {
                let committed = under_way(&mut self.committing).await;
                self.committed(source, committed).await;
            }
            while self.progress.in_flight() > 0 {
                let answered = self.progress.next().await;
                outcome = outcome.and(self.answered(source, answered));
            }
            self.commit(source);
            if self.committing.is_some() {
                let committed = under_way(&mut self.committing).await;
                self.committed(source, committed).await;
            }
            outcome
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
async fn under_way(committing: &mut Option<Commit>) -> Committed {
    let Some(commit) = committing else { return std::future::pending().await };
    let done = commit.await;
    *committing = None;
    done
}

/// How many records the broker did not take; the first fails the task, unless `errors.tolerance`
/// says otherwise.
fn judge(
    source: &Source<'_>,
    sizes: Sizes,
    report: broker::Result<DeliveryReport>,
) -> Result<usize> {
    let failed = report.map_err(from_broker)?.failed;
    source.meter.finished(sizes.brought, sizes.sent.saturating_sub(failed.len()));
    let refused = failed.len();
    let Some((_, error)) = failed.into_iter().next() else { return Ok(0) };
    if source.tolerates_refusals() {
        tracing::warn!(task = %source.seat.spec.id, error = chain(&error),
            "Task {} skips records that the broker did not take", source.seat.spec.id);
        return Ok(refused);
    }
    Err(refused_by_broker(error))
}
