//! What follows from an answer, or from none.

use std::time::Duration;

use connect_api::{
    error::{ConnectorError, ErrorClass, Result, chain},
    record::SinkRecord,
    sink::SinkContext,
    topics::TopicRecord,
};
use reqwest::Url;
use tokio::time::Instant;

use super::HttpTask;
use crate::{
    client::{Answer, Failure, place, refusal},
    ledger::Became,
    report::held_bytes,
    request::Draft,
    settings::{ErrorBehavior, Rejection},
};

/// Longest wait before a request is tried again; also how long altogether a limit of requests may put
/// one off before each time counts as a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// A wait that the status tells of at once.
const LONG_WAIT: Duration = Duration::from_secs(5);
/// The log says why the task stands still once in so long.
const TOLD_AGAIN: Duration = Duration::from_secs(60);
/// A service says that it was asked too often.
const TOO_MANY_REQUESTS: u16 = 429;
/// A service says that it is not there for anybody.
const UNAVAILABLE: u16 = 503;

/// The failure of a request, and the answer where there was one.
struct Verdict {
    failure: Failure,
    answer: Option<Answer>,
    may_retry: bool,
}

impl Verdict {
    fn status(&self) -> Option<u16> {
        self.answer.as_ref().map(|answer| answer.status)
    }

    /// How long the service asks to be left alone; none where it says "at once".
    fn asked(&self) -> Option<Duration> {
        self.answer.as_ref()?.retry_after.filter(|wait| !wait.is_zero())
    }
}

impl HttpTask {
    /// A request has come back.
    pub(super) async fn landed(
        &mut self,
        draft: Draft,
        outcome: Result<Answer, Failure>,
    ) -> Result<()> {
        if draft.epoch != self.ledger.epoch(&draft.origin) {
            // Its partition was handed over meanwhile, and whoever has it now sends it again.
            return Ok(());
        }
        let (failure, answer) = match outcome {
            Ok(answer) if answer.is_success() => {
                self.succeeded(&draft, &answer);
                return Ok(());
            }
            Ok(answer) => {
                let at = Url::parse(&draft.request.url).map(|url| place(&url)).unwrap_or_default();
                (refusal(&answer, &at, self.settings.url_key), Some(answer))
            }
            Err(failure) => (failure, None),
        };
        let may_retry = match &answer {
            Some(answer) => self.settings.retry.codes.has(answer.status),
            None => !failure.is_final(),
        };
        let failure = failure.about(&draft.name());
        self.failed(draft, Verdict { failure, answer, may_retry }).await
    }

    fn succeeded(&mut self, draft: &Draft, answer: &Answer) {
        self.gets_on();
        self.line.release(draft);
        let result = |item| {
            let report = &self.reporting.as_ref()?.report;
            Some(report.result(&draft.origin, item, answer))
        };
        let results = draft.items.iter().filter_map(result).collect();
        self.end(draft, results);
    }

    /// The records of a request have ended as these, one each where answers become records.
    fn end(&mut self, draft: &Draft, records: Vec<TopicRecord>) {
        let mut held = self.hold(held_bytes(&records));
        let mut records = records.into_iter();
        let last = draft.items.len().saturating_sub(1);
        for (place, item) in draft.items.iter().enumerate() {
            let records = records.next().into_iter().collect();
            let mut became = Became { records, ..Became::default() };
            if place == last {
                // They may share one answer, which is in memory until the last of them is stored.
                became.held = held.take();
            }
            self.ledger.finish(&draft.origin, item.offset, became);
        }
    }

    async fn failed(&mut self, mut draft: Draft, verdict: Verdict) -> Result<()> {
        if !verdict.may_retry {
            return self.give_up(draft, &verdict).await;
        }
        if let Some(wait) = self.wait_before_next(&mut draft, &verdict) {
            self.try_again(draft, &verdict, wait);
            return Ok(());
        }
        if let Some(pause) = self.settings.retry.pause {
            let error = verdict.failure.error();
            tracing::warn!(connector = %self.context.connector, error = chain(&error),
                "A request is begun anew after a pause");
            self.held(&error);
            (draft.failures, draft.put_off) = (0, Duration::ZERO);
            let wait = pause.max(verdict.asked().unwrap_or_default());
            self.line.put_off(draft, Instant::now() + wait);
            return Ok(());
        }
        self.give_up(draft, &verdict).await
    }

    /// How long until the request is sent again; none when its tries are used up.
    ///
    /// That a limit of requests puts it off says nothing about the request, and is no failure of it
    /// until that has lasted too long.
    fn wait_before_next(&self, draft: &mut Draft, verdict: &Verdict) -> Option<Duration> {
        let (retry, asked) = (&self.settings.retry, verdict.asked());
        let is_limit = verdict.status() == Some(TOO_MANY_REQUESTS)
            && asked.is_some()
            && draft.put_off < LONGEST_WAIT;
        if !is_limit {
            draft.failures = draft.failures.saturating_add(1);
            if draft.failures > retry.most {
                return None;
            }
        }
        let doubled =
            if retry.is_exponential { draft.failures.saturating_sub(1).min(31) } else { 0 };
        let backoff = retry.backoff.saturating_mul(1 << doubled).min(LONGEST_WAIT);
        let wait = backoff.max(asked.unwrap_or_default());
        if is_limit {
            draft.put_off = draft.put_off.saturating_add(wait);
        }
        Some(wait)
    }

    fn try_again(&mut self, mut draft: Draft, verdict: &Verdict, wait: Duration) {
        let (now, error) = (Instant::now(), verdict.failure.error());
        tracing::debug!(error = chain(&error), "A request is tried again");
        let asked = verdict.asked();
        if let (Some(asked), Some(TOO_MANY_REQUESTS | UNAVAILABLE)) = (asked, verdict.status()) {
            // That is about everybody's requests.
            self.pace.hold(now + asked);
        }
        // Once may happen to any request.
        let is_news = std::mem::replace(&mut draft.is_again, true) || wait >= LONG_WAIT;
        if is_news {
            self.held(&error);
        }
        if is_news || asked.is_some() {
            self.tell_of_wait(&error, wait, now);
        }
        self.line.put_off(draft, now + wait);
    }

    /// Says in the log why the task stands still, now and then.
    fn tell_of_wait(&mut self, error: &ConnectorError, wait: Duration, now: Instant) {
        if self.told_at.is_none_or(|at| now.duration_since(at) >= TOLD_AGAIN) {
            self.told_at = Some(now);
            tracing::warn!(connector = %self.context.connector, wait_ms = wait.as_millis(),
                error = chain(error), "Requests wait until they are tried again");
        }
    }

    async fn give_up(&mut self, draft: Draft, verdict: &Verdict) -> Result<()> {
        self.line.release(&draft);
        let refused = if self.is_reported(&draft, verdict) {
            reported(&self.context, &draft, &verdict.failure).await.err()
        } else {
            Some(verdict.failure.error())
        };
        if let Some(error) = refused
            && let Err(error) = self.tolerated(error)
        {
            self.last_words = self.error_records(&draft, verdict);
            return Err(error);
        }
        let records = self.error_records(&draft, verdict);
        self.end(&draft, records);
        Ok(())
    }

    /// Whether the reporter is asked, where there is one.
    fn is_reported(&self, draft: &Draft, verdict: &Verdict) -> bool {
        let is_fit = match self.settings.rejection {
            // That a service is away, does not know us or has moved says nothing about the record.
            Rejection::Answers => match verdict.failure.class() {
                ErrorClass::Record => true,
                ErrorClass::Forbidden | ErrorClass::Invalid => false,
                _ => verdict.answer.is_some(),
            },
            Rejection::Single => draft.items.len() == 1,
        };
        self.context.reporter.is_some() && is_fit
    }

    /// A record that no request can be made from.
    pub(super) async fn unsendable(
        &mut self,
        record: &SinkRecord,
        error: ConnectorError,
    ) -> Result<()> {
        let is_theirs =
            self.settings.rejection == Rejection::Single && record.value.value.is_null();
        let refused = match is_theirs {
            true => Err(error),
            false => self.context.reject(record, error).await,
        };
        refused.or_else(|error| self.tolerated(error))?;
        self.ledger.finish(&record.origin, record.offset, Became::default());
        Ok(())
    }

    /// What the configuration says of an error that no reporter has taken.
    fn tolerated(&self, error: ConnectorError) -> Result<()> {
        match self.settings.on_error {
            ErrorBehavior::Fail => Err(error),
            ErrorBehavior::Ignore => Ok(()),
            ErrorBehavior::Log => {
                tracing::warn!(connector = %self.context.connector, error = chain(&error),
                    "Skipped records that could not be sent");
                Ok(())
            }
        }
    }

    fn error_records(&self, draft: &Draft, verdict: &Verdict) -> Vec<TopicRecord> {
        let Some(reporting) = &self.reporting else { return Vec::new() };
        let ended = (&verdict.failure, verdict.answer.as_ref());
        draft.items.iter().map(|item| reporting.report.error(&draft.origin, item, ended)).collect()
    }
}

/// Gives the records of a request to the reporter.
async fn reported(context: &SinkContext, draft: &Draft, failure: &Failure) -> Result<()> {
    for record in draft.items.iter().filter_map(|item| item.record.as_ref()) {
        context.reject(record, failure.error()).await?;
    }
    Ok(())
}
