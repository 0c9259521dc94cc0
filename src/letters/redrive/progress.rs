//! How far a redrive is.

use std::sync::{Arc, Mutex, PoisonError};

use connect_api::{error::chain, time::Clock};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::request::{Destination, LetterPlace, RedriveRequest};
use crate::letters::{
    error::{LettersError, Result},
    queue::Queue,
    shown::moment,
};

/// Letters that are listed one by one with what became of them.
const LISTED: usize = 1000;

/// What a redrive is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RedriveState {
    /// It is at work.
    Running,
    /// Every letter was looked at.
    Done,
    /// It could not go on.
    Failed,
    /// It was told to end.
    Cancelled,
}

/// Why a letter was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Skip {
    /// It was redriven before.
    AlreadyRedriven,
    /// It is of the same record as a letter before it.
    SameRecord,
    /// Its record was redriven as often as is allowed.
    TooManyAttempts,
    /// Nobody knows which topic it is of.
    NoOrigin,
    /// The topic it is of is gone.
    TopicMissing,
    /// The queue has no such letter of this connector.
    NotFound,
}

/// Letters that were passed over, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Redriven before.
    pub already_redriven: u64,
    /// Of the same record as a letter before, which a task wrote that did not live to commit.
    pub same_record: u64,
    /// Redriven as often as is allowed.
    pub too_many_attempts: u64,
    /// Of a topic that nobody knows.
    pub no_origin: u64,
    /// Of a topic that is gone.
    pub topic_missing: u64,
    /// Named in the request, and not there.
    pub not_found: u64,
}

/// A letter that was not sent, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unsent {
    /// The letter.
    #[serde(flatten)]
    pub place: LetterPlace,
    /// Why.
    pub reason: String,
}

/// A letter that a dry run would send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WouldSend {
    /// The letter.
    #[serde(flatten)]
    pub place: LetterPlace,
    /// Topic it would be written to.
    pub topic: String,
}

/// How far a redrive is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Its identity, which the markers repeat.
    pub id: String,
    /// Name of the connector.
    pub connector: String,
    /// Topic of the dead letter queue.
    pub queue: String,
    /// Where letters go.
    pub to: Destination,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// What it is about.
    pub state: RedriveState,
    /// When it was asked for.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Letters that were selected so far.
    pub selected: u64,
    /// Letters that were sent, in transactions that are committed; with a dry run, would be.
    pub sent: u64,
    /// Letters that the broker refused.
    pub failed: u64,
    /// Letters that were passed over.
    pub skipped: Skipped,
    /// The first of the letters that were refused or passed over.
    pub unsent: Vec<Unsent>,
    /// The first of the letters that a dry run would send.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would_send: Vec<WouldSend>,
    /// Why it could not go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A redrive: its progress, and how it is told to end.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) token: CancellationToken,
    clock: Arc<dyn Clock>,
    progress: Mutex<Progress>,
}

impl Job {
    pub(super) fn begin(
        queue: &Queue,
        request: &RedriveRequest,
        (clock, token): (&Arc<dyn Clock>, CancellationToken),
    ) -> Self {
        let id = format!("{:016x}", rand::random::<u64>());
        let progress = Progress {
            id: id.clone(),
            connector: queue.connector.as_ref().to_owned(),
            queue: queue.topic.as_ref().to_owned(),
            to: request.to,
            dry_run: request.dry_run,
            state: RedriveState::Running,
            started_at: moment(clock.now_ms()),
            ended_at: None,
            selected: 0,
            sent: 0,
            failed: 0,
            skipped: Skipped::default(),
            unsent: Vec::new(),
            would_send: Vec::new(),
            error: None,
        };
        Self { id, token, clock: Arc::clone(clock), progress: Mutex::new(progress) }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn select(&self) {
        self.change(|progress| progress.selected += 1);
    }

    pub(super) fn sent(&self, letters: usize) {
        self.change(|progress| progress.sent += u64::try_from(letters).unwrap_or(0));
    }

    pub(super) fn would_send(&self, place: LetterPlace, topic: &Arc<str>) {
        self.change(|progress| {
            progress.sent += 1;
            if progress.would_send.len() < LISTED {
                progress.would_send.push(WouldSend { place, topic: topic.as_ref().to_owned() });
            }
        });
    }

    pub(super) fn skip(&self, place: LetterPlace, why: Skip) {
        self.change(|progress| {
            let skipped = &mut progress.skipped;
            let (count, reason) = match why {
                Skip::AlreadyRedriven => (&mut skipped.already_redriven, "already redriven"),
                Skip::SameRecord => (&mut skipped.same_record, "same record as a letter before"),
                Skip::TooManyAttempts => (&mut skipped.too_many_attempts, "too many attempts"),
                Skip::NoOrigin => (&mut skipped.no_origin, "no origin: name its \"topic\""),
                Skip::TopicMissing => (&mut skipped.topic_missing, "its topic does not exist"),
                Skip::NotFound => (&mut skipped.not_found, "no letter of this connector"),
            };
            *count += 1;
            list(&mut progress.unsent, place, reason.to_owned());
        });
    }

    pub(super) fn refused(&self, place: LetterPlace, reason: String) {
        self.change(|progress| {
            progress.failed += 1;
            list(&mut progress.unsent, place, reason);
        });
    }

    /// Notes the end, unless it was noted before.
    pub(super) fn end(&self, outcome: Result<RedriveState>) {
        let at = moment(self.clock.now_ms());
        self.change(|progress| {
            if progress.state != RedriveState::Running {
                return;
            }
            progress.ended_at = Some(at);
            match outcome {
                Ok(state) => progress.state = state,
                Err(error) => {
                    tracing::warn!(connector = %progress.connector, error = chain(&error),
                        "Redrive {} of connector {} could not go on", progress.id,
                        progress.connector);
                    progress.state = RedriveState::Failed;
                    progress.error = Some(told(&error));
                }
            }
        });
    }
}

/// The whole chain: it is the answer to a question about this redrive, and nobody else's.
fn told(error: &LettersError) -> String {
    chain(error)
}

fn list(unsent: &mut Vec<Unsent>, place: LetterPlace, reason: String) {
    if unsent.len() < LISTED {
        unsent.push(Unsent { place, reason });
    }
}
