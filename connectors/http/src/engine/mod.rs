//! A running task: takes records, sends requests, sees to what becomes of them.
//!
//! [`HttpTask`] is one loop without a task of its own: the worker calls `put` again and again, and each
//! call works on for a short slice of time, so that the worker can stop, pause or rebalance in between.
//! What is on its way meanwhile stands still for no longer than that takes.

mod accept;
mod line;
mod outcome;
mod record;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, future::Future, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    sink::{Progress, SinkContext, SinkOffsets, SinkTask},
    topics::{TopicRecord, TopicWriter},
};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use self::{line::Line, record::Recording};
use crate::{
    client::{Answer, Failure, Transport},
    ledger::Ledger,
    pace::Pace,
    report::Report,
    request::{Draft, Renderer},
    settings::Settings,
};

/// Longest time that one call of the worker is worked on while there is more to do.
const SLICE: Duration = Duration::from_millis(200);
/// Longest wait for answers when partitions are handed over: shorter than the worker waits.
const FAREWELL: Duration = Duration::from_secs(3);
/// Records in hand from which on no more are fetched.
const MANY: usize = 2000;
/// As many seconds' worth of records are in hand at most where their pace is limited, so that a task
/// that is paused comes to rest soon.
const AHEAD: f64 = 2.0;
/// Records in hand that are not too many at any pace.
const SOME: f64 = 50.0;

type Flight = Pin<Box<dyn Future<Output = (Draft, Result<Answer, Failure>)> + Send>>;

/// What is done besides finishing what is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Requests are sent.
    Working,
    /// None are.
    Leaving,
}

/// How records of answers are written, where they are.
struct Reporting {
    report: Report,
    topics: Arc<dyn TopicWriter>,
}

/// A task of the sink.
pub(crate) struct HttpTask {
    settings: Arc<Settings>,
    context: SinkContext,
    transport: Arc<dyn Transport>,
    renderer: Renderer,
    reporting: Option<Reporting>,
    ledger: Ledger,
    line: Line,
    flights: FuturesUnordered<Flight>,
    pace: Pace,
    recording: Recording,
    /// Records of errors that are written although their offsets are not committed.
    last_words: Vec<TopicRecord>,
    /// Partitions of which no more is fetched.
    paused: BTreeSet<TopicPartition>,
    /// Records in hand from which on no more are fetched.
    many: usize,
    /// Its status says that it does not get on.
    is_held: bool,
    /// When the log said last why requests wait.
    told_at: Option<Instant>,
    /// Bytes that there was no memory for, since there was some last.
    lacking: usize,
}

impl HttpTask {
    /// Makes a task whose far end is this.
    ///
    /// # Errors
    /// `Retriable` while the broker is away, where answers are written to topics.
    pub(crate) async fn start(
        settings: Arc<Settings>,
        context: SinkContext,
        transport: Arc<dyn Transport>,
    ) -> Result<Self> {
        let reporting = match &settings.report {
            Some(rules) => Some(reporting(rules, &context).await?),
            None => None,
        };
        Ok(Self {
            renderer: Renderer::new(Arc::clone(&settings)),
            reporting,
            ledger: Ledger::default(),
            line: Line::default(),
            flights: FuturesUnordered::new(),
            pace: Pace::new(settings.rate),
            recording: Recording::default(),
            last_words: Vec::new(),
            paused: BTreeSet::new(),
            many: many(settings.rate),
            is_held: false,
            told_at: None,
            lacking: 0,
            settings,
            context,
            transport,
        })
    }

    /// Works until there is nothing to do or the time is over.
    async fn drive(&mut self, until: Instant, mode: Mode) -> Result<()> {
        loop {
            self.begin_recording();
            let now = Instant::now();
            if mode == Mode::Working {
                self.send_what_may(now);
            }
            let is_waiting = mode == Mode::Working && !self.line.is_empty();
            if (self.flights.is_empty() && self.recording.is_idle() && !is_waiting) || now >= until
            {
                return Ok(());
            }
            let wake = self.wake_at(now).unwrap_or(until).min(until);
            tokio::select! {
                biased;
                written = self.recording.finished() => self.recorded(written)?,
                Some((draft, outcome)) = self.flights.next(), if !self.flights.is_empty() => {
                    self.landed(draft, outcome).await?;
                }
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    fn send_what_may(&mut self, now: Instant) {
        if self.line.is_empty() {
            self.pace.rest(now);
        }
        // Without memory for their answers requests go one by one, the oldest first: what has ended
        // behind it can be stored only after it.
        let at_once = if self.is_pinched() { 1 } else { self.settings.in_flight };
        while self.flights.len() < at_once && self.pace.next() <= now {
            let Some(draft) = self.line.next(now, at_once) else { return };
            self.pace.take(now);
            let transport = Arc::clone(&self.transport);
            self.flights.push(Box::pin(async move {
                let outcome = transport.send(&draft.request).await;
                (draft, outcome)
            }));
        }
    }

    /// When a request can be sent next that cannot be sent now; none when only what is on its way
    /// can change that.
    fn wake_at(&self, now: Instant) -> Option<Instant> {
        if self.flights.len() >= self.settings.in_flight {
            return None;
        }
        let place = Some(self.pace.next()).filter(|place| *place > now);
        match self.line.due().filter(|due| *due > now) {
            Some(due) => Some(place.map_or(due, |place| place.max(now).min(due))),
            None => place,
        }
    }

    /// Has more records fetched, or none.
    fn steer(&mut self) {
        let (in_hand, is_pinched) = (self.ledger.len(), self.is_pinched());
        if in_hand >= self.many || is_pinched {
            let all: Vec<_> = self.ledger.partitions().cloned().collect();
            let new: Vec<_> = all.into_iter().filter(|at| self.paused.insert(at.clone())).collect();
            if !new.is_empty() {
                self.context.pause(new);
            }
        } else if in_hand <= self.many / 2 && !self.paused.is_empty() {
            self.context.resume(std::mem::take(&mut self.paused));
        }
        if !(self.line.is_empty() && self.flights.is_empty() && self.recording.is_idle()) {
            self.context.set_timeout(Duration::ZERO);
        }
    }

    /// Says in the status why the task does not get on.
    fn held(&mut self, error: &ConnectorError) {
        self.is_held = true;
        self.context.set_progress(Progress::held_by(error));
    }

    /// Says in the status that it does, where it said otherwise: what ends while nothing new may be
    /// sent is no sign of it.
    fn gets_on(&mut self) {
        if !self.pace.is_held(Instant::now()) && std::mem::take(&mut self.is_held) {
            self.context.set_progress(Progress::Made);
        }
    }

    /// Ends what is on its way, then stores it; nothing new is sent.
    async fn settle(&mut self, patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        let mut outcome = Ok(());
        // Each error has ended what it is about, so that there is an end to them.
        while let Err(error) = self.drive(until, Mode::Leaving).await {
            outcome = outcome.and(Err(error));
        }
        outcome.and(self.record_all().await)
    }
}

async fn reporting(
    rules: &crate::settings::ReportRules,
    context: &SinkContext,
) -> Result<Reporting> {
    let topics = context.topics.clone().ok_or_else(|| {
        ConnectorError::internal("The worker gives this task no way to write the topics of answers")
    })?;
    let report = Report::new(rules, &context.connector);
    topics.open(&report.topics()).await?;
    if rules.names_brokers {
        tracing::info!(
            connector = %context.connector,
            "The topics of answers are written to the worker's own brokers; \
             reporter.bootstrap.servers is passed over"
        );
    }
    Ok(Reporting { report, topics })
}

/// Records in hand from which on no more are fetched, at so many requests per second.
fn many(rate: Option<f64>) -> usize {
    let Some(rate) = rate else { return MANY };
    let records = Duration::from_secs_f64((rate * AHEAD).max(SOME)).as_secs();
    usize::try_from(records).map_or(MANY, |records| records.min(MANY))
}

/// An error that ends the task, whatever its class: what it was about is not in hand any more.
fn fatal(error: ConnectorError) -> ConnectorError {
    if !error.class().is_retriable() {
        return error;
    }
    ConnectorError::internal("The service did not take a request, which is not tried again")
        .caused_by(error)
}

#[async_trait]
impl SinkTask for HttpTask {
    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        for partition in partitions {
            self.ledger.begin(partition);
        }
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        let mut outcome = self.accept(batch).await;
        if outcome.is_ok() {
            outcome = self.drive(Instant::now() + SLICE, Mode::Working).await;
        }
        if let Err(error) = outcome {
            self.say_last_words().await;
            return Err(fatal(error));
        }
        self.steer();
        Ok(())
    }

    async fn pre_commit(&mut self, consumed: &SinkOffsets) -> Result<SinkOffsets> {
        if self.reporting.is_some() {
            // The offsets are committed with the records of answers.
            let passed = self.ledger.pass(consumed);
            self.recording.note(passed);
            self.begin_recording();
            return Ok(SinkOffsets::new());
        }
        if let Err(error) = self.settle(FAREWELL).await {
            // It is told where requests are sent.
            self.recording.fail(error);
        }
        drop(self.ledger.pass(consumed));
        Ok(self.ledger.settled())
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.line.forget(partitions);
        if let Err(error) = self.settle(FAREWELL).await {
            tracing::warn!(connector = %self.context.connector,
                error = connect_api::error::chain(&error),
                "Not everything that was answered could be recorded before partitions were handed over");
        }
        self.line.forget(partitions);
        for partition in partitions {
            self.ledger.end(partition);
            self.paused.remove(partition);
        }
        Ok(())
    }
}
