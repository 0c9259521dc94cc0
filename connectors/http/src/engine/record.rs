//! Storing what has ended: the records of answers and the offsets behind them, in one step.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use connect_api::{
    error::{ConnectorError, Result, chain},
    sink::SinkOffsets,
};
use tokio::time::Instant;

use super::HttpTask;
use crate::ledger::Settled;

/// Wait before what could not be stored is stored again.
const AGAIN: Duration = Duration::from_secs(1);

type Writing = Pin<Box<dyn Future<Output = Written> + Send>>;

/// What was to be stored, and whether it was.
pub(super) struct Written {
    settled: Settled,
    offsets: SinkOffsets,
    /// Bytes of the longest record.
    longest: usize,
    outcome: Result<()>,
}

/// What is being stored.
#[derive(Default)]
pub(super) struct Recording {
    writing: Option<Writing>,
    /// Offsets to commit without records.
    passed: SinkOffsets,
    /// No sooner than this.
    not_before: Option<Instant>,
    failed: Option<ConnectorError>,
    /// Something waits for the time above.
    is_due: bool,
    /// Something could not be stored for good. Nothing behind it may be: its offset would stand for
    /// what is missing.
    is_broken: bool,
}

impl Recording {
    /// Whether nothing is being stored and nothing waits to be.
    pub(super) fn is_idle(&self) -> bool {
        self.writing.is_none() && !self.is_due && self.failed.is_none()
    }

    /// Offsets to commit with what is stored next.
    pub(super) fn note(&mut self, passed: SinkOffsets) {
        self.passed.extend(passed);
    }

    /// An error to tell at the next occasion.
    pub(super) fn fail(&mut self, error: ConnectorError) {
        self.failed.get_or_insert(error);
    }

    /// Waits for what is being stored, or until it can be tried again; for ever when there is nothing.
    pub(super) async fn finished(&mut self) -> Option<Written> {
        if self.failed.is_some() {
            return None;
        }
        match (&mut self.writing, self.not_before) {
            (Some(writing), _) => {
                let written = writing.await;
                self.writing = None;
                Some(written)
            }
            (None, Some(until)) if self.is_due => {
                tokio::time::sleep_until(until).await;
                None
            }
            _ => std::future::pending().await,
        }
    }
}

impl HttpTask {
    /// Stores what has ended, unless something is being stored.
    pub(super) fn begin_recording(&mut self) {
        let Some(reporting) = &mut self.reporting else {
            // Nothing is stored: what has ended is committed by the worker.
            while !self.ledger.settle().is_empty() {}
            return;
        };
        if self.recording.writing.is_some() || self.recording.is_broken {
            return;
        }
        if self.recording.not_before.is_some_and(|until| until > Instant::now()) {
            return;
        }
        self.recording.not_before = None;
        self.recording.is_due = false;
        let settled = self.ledger.settle();
        let mut offsets = std::mem::take(&mut self.recording.passed);
        offsets.retain(|at, _| self.ledger.has(at));
        offsets.extend(settled.offsets());
        if offsets.is_empty() {
            return;
        }
        let topics = Arc::clone(&reporting.topics);
        let mut records = settled.records();
        let longest = reporting.report.fit(&mut records);
        self.recording.writing = Some(Box::pin(async move {
            let outcome = topics.write(records, &offsets).await;
            Written { settled, offsets, longest, outcome }
        }));
    }

    /// Something was stored, or was not.
    pub(super) fn recorded(&mut self, written: Option<Written>) -> Result<()> {
        let Some(Written { settled, offsets, longest, outcome }) = written else {
            return self.recording.failed.take().map_or(Ok(()), Err);
        };
        let Err(error) = outcome else {
            self.gets_on();
            return Ok(());
        };
        let is_passing = error.class().is_retriable();
        if !is_passing && !self.shrinks(&error, longest) {
            self.recording.is_broken = true;
            return Err(error);
        }
        self.put_back(settled, offsets);
        if is_passing {
            tracing::warn!(connector = %self.context.connector, error = chain(&error),
                "Answers could not be recorded and are recorded again");
            self.held(&error);
            self.recording.not_before = Some(Instant::now() + AGAIN);
            self.recording.is_due = true;
        }
        Ok(())
    }

    /// Whether the answers are to be recorded again in shorter records. Failing instead would have all
    /// of their requests sent again, only to fail in the same way.
    fn shrinks(&mut self, error: &ConnectorError, longest: usize) -> bool {
        let reporting = self.reporting.as_mut().filter(|_| is_about_size(error));
        reporting.is_some_and(|reporting| reporting.report.shrink(longest))
    }

    fn put_back(&mut self, settled: Settled, mut offsets: SinkOffsets) {
        offsets.retain(|at, _| !settled.has(at));
        self.recording.note(offsets);
        self.ledger.unsettle(settled);
    }

    /// Stores everything that has ended, once: what cannot be stored now is left.
    pub(super) async fn record_all(&mut self) -> Result<()> {
        loop {
            self.begin_recording();
            if self.recording.writing.is_none() {
                return Ok(());
            }
            let written = self.recording.finished().await;
            self.recorded(written)?;
        }
    }

    /// Records the errors that end the task, and what has ended before.
    pub(super) async fn say_last_words(&mut self) {
        let mut words = std::mem::take(&mut self.last_words);
        let Some(reporting) = self.reporting.as_mut().filter(|_| !words.is_empty()) else { return };
        reporting.report.fit(&mut words);
        let topics = Arc::clone(&reporting.topics);
        let mut outcome = self.record_all().await;
        if outcome.is_ok() {
            outcome = topics.write(words, &SinkOffsets::new()).await;
        }
        if let Err(error) = outcome {
            tracing::warn!(connector = %self.context.connector, error = chain(&error),
                "The errors that end the task could not be recorded");
        }
    }
}

/// Whether a broker refuses a record for its size, by the words of either broker.
fn is_about_size(error: &ConnectorError) -> bool {
    let text = chain(error).to_ascii_lowercase();
    ["too large", "larger than", "max.message.bytes"].iter().any(|words| text.contains(words))
}
