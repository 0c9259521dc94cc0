//! What follows from an answer, or from none.

use std::time::Duration;

use bytes::Bytes;
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
    request::{Draft, Item},
    settings::{ErrorBehavior, Rejection},
};

/// Longest wait before a request is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The failure of a request, and the answer where there was one.
struct Verdict {
    failure: Failure,
    answer: Option<(u16, Bytes)>,
    may_retry: bool,
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
                if let Some(wait) = answer.retry_after {
                    self.come_back(draft, wait);
                    return Ok(());
                }
                let at = Url::parse(&draft.request.url).map(|url| place(&url)).unwrap_or_default();
                (refusal(&answer, &at, self.settings.url_key), Some((answer.status, answer.body)))
            }
            Err(failure) => (failure, None),
        };
        let may_retry = match &answer {
            Some((status, _)) => self.settings.retry.codes.has(*status),
            None => !failure.is_final(),
        };
        let failure = failure.about(&draft.name());
        self.failed(draft, Verdict { failure, answer, may_retry }).await
    }

    fn succeeded(&mut self, draft: &Draft, answer: &Answer) {
        self.gets_on();
        self.line.release(draft);
        for item in &draft.items {
            let result = self.reporting.as_ref().map(|reporting| {
                reporting.report.result(&draft.origin, item, (answer.status, &answer.body))
            });
            self.ledger.finish(&draft.origin, item.offset, result.into_iter().collect());
        }
    }

    /// The service wants to be left alone for a while; that is no failure of the request.
    fn come_back(&mut self, draft: Draft, wait: Duration) {
        let until = Instant::now() + wait;
        tracing::debug!(wait_ms = wait.as_millis(), "The service asks to come back later");
        self.pace.hold(until);
        self.line.put_off(draft, until);
    }

    async fn failed(&mut self, mut draft: Draft, verdict: Verdict) -> Result<()> {
        draft.failures = draft.failures.saturating_add(1);
        let retry = &self.settings.retry;
        if verdict.may_retry && draft.failures <= retry.most {
            let doubled =
                if retry.is_exponential { draft.failures.saturating_sub(1).min(31) } else { 0 };
            let wait = retry.backoff.saturating_mul(1 << doubled).min(LONGEST_WAIT);
            let error = verdict.failure.error();
            tracing::debug!(error = chain(&error), "A request is tried again");
            if draft.failures > 1 {
                // Once may happen to any request.
                self.held(&error);
            }
            self.line.put_off(draft, Instant::now() + wait);
            return Ok(());
        }
        if let (true, Some(pause)) = (verdict.may_retry, retry.pause) {
            let error = verdict.failure.error();
            tracing::warn!(connector = %self.context.connector, error = chain(&error),
                "A request is begun anew after a pause");
            self.held(&error);
            draft.failures = 0;
            self.line.put_off(draft, Instant::now() + pause);
            return Ok(());
        }
        self.give_up(draft, &verdict).await
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
        for item in &draft.items {
            let record = self.error_record(&draft, item, verdict);
            self.ledger.finish(&draft.origin, item.offset, record.into_iter().collect());
        }
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
        if let Err(error) = self.context.reject(record, error).await {
            self.tolerated(error)?;
        }
        self.ledger.finish(&record.origin, record.offset, Vec::new());
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

    fn error_record(&self, draft: &Draft, item: &Item, verdict: &Verdict) -> Option<TopicRecord> {
        let answer = verdict.answer.as_ref().map(|(status, body)| (*status, body));
        let reporting = self.reporting.as_ref()?;
        Some(reporting.report.error(&draft.origin, item, (&verdict.failure, answer)))
    }

    fn error_records(&self, draft: &Draft, verdict: &Verdict) -> Vec<TopicRecord> {
        draft.items.iter().filter_map(|item| self.error_record(draft, item, verdict)).collect()
    }
}

/// Gives the records of a request to the reporter.
async fn reported(context: &SinkContext, draft: &Draft, failure: &Failure) -> Result<()> {
    for record in draft.items.iter().filter_map(|item| item.record.as_ref()) {
        context.reject(record, failure.error()).await?;
    }
    Ok(())
}
