//! What follows when a record fails.
//!
//! Source: KIP-298, apache/kafka `RetryWithToleranceOperator.java`.

use std::{sync::Arc, time::Duration};

use connect_api::{
    config::{Config, Props, choice},
    error::{ConnectorError, Result, chain},
};
use rand::RngExt as _;
use tokio::time::Instant;

use super::{
    dead_letters::DeadLetters,
    stage::{Failure, Origin},
};
use crate::metrics::TaskMeter;

/// First wait before a record is tried again; doubled each time.
const FIRST_DELAY: Duration = Duration::from_millis(300);

/// Doublings after which a wait is beyond any limit anyway.
const MOST_DOUBLINGS: u32 = 20;

choice! {
    /// What to do with records that fail.
    pub enum Tolerance {
        /// The task fails.
        None = "none",
        /// They are skipped.
        All = "all",
    }
}

/// The connector's options for records that fail.
#[derive(Clone, Config, Debug)]
pub struct ErrorsConfig {
    /// The maximum duration in milliseconds that a failed operation will be reattempted.
    #[config(key = "errors.retry.timeout", default = 0)]
    retry_timeout_ms: i64,
    /// The maximum duration in milliseconds between consecutive retry attempts.
    #[config(key = "errors.retry.delay.max.ms", default = 60000)]
    retry_delay_max: Duration,
    /// Behavior for tolerating errors during connector operation.
    #[config(key = "errors.tolerance", default = Tolerance::None)]
    pub(super) tolerance: Tolerance,
    /// Whether each error is written to the application log.
    #[config(key = "errors.log.enable", default = false)]
    pub(super) log_enable: bool,
    /// Whether the log says which record failed.
    #[config(key = "errors.log.include.messages", default = false)]
    log_include_messages: bool,
}

/// Tries again, reports and tolerates, for one task.
#[derive(Debug)]
pub struct ErrorHandler {
    /// `CONNECTOR-NUMBER`.
    task: String,
    config: ErrorsConfig,
    dead_letters: Option<Arc<DeadLetters>>,
    meter: Arc<TaskMeter>,
}

impl ErrorHandler {
    /// The handler that a connector's configuration asks for.
    ///
    /// # Errors
    /// `Invalid` when a value of the configuration is wrong.
    pub fn new(
        task: String,
        connector: &Props,
        dead_letters: Option<Arc<DeadLetters>>,
        meter: Arc<TaskMeter>,
    ) -> Result<Self> {
        Ok(Self { task, config: ErrorsConfig::parse(connector)?, dead_letters, meter })
    }

    /// What to do with records that fail.
    #[must_use]
    pub const fn tolerance(&self) -> Tolerance {
        self.config.tolerance
    }

    /// Whether a failure is written anywhere, so that sinks may report records of their own.
    #[must_use]
    pub const fn has_reporters(&self) -> bool {
        self.config.log_enable || self.dead_letters.is_some()
    }

    /// Whether a record must be kept to be tried again or shown.
    #[must_use]
    pub const fn needs_originals(&self) -> bool {
        self.config.retry_timeout_ms != 0
            || (self.config.log_enable && self.config.log_include_messages)
    }

    /// Waits until every dead letter is stored.
    ///
    /// # Errors
    /// When one could not be.
    pub async fn settle(&self) -> Result<()> {
        match &self.dead_letters {
            Some(dead_letters) => {
                let settled = dead_letters.settle().await;
                settled.inspect_err(|_| self.meter.errors().lost_letter())
            }
            None => Ok(()),
        }
    }

    /// The tries of one record from now on.
    #[must_use]
    pub fn tries(&self) -> Tries<'_> {
        Tries { errors: self, start: Instant::now(), attempt: 0 }
    }

    /// The wait before the next try; none when time is up.
    fn delay(&self, attempt: u32, elapsed: Duration) -> Option<Duration> {
        let left = match u64::try_from(self.config.retry_timeout_ms) {
            Ok(limit_ms) => Duration::from_millis(limit_ms).checked_sub(elapsed)?,
            Err(_negative) => Duration::MAX,
        };
        if left.is_zero() {
            return None;
        }
        let delay = FIRST_DELAY * 2_u32.pow(attempt.min(MOST_DOUBLINGS));
        let most = self.config.retry_delay_max;
        let delay = if delay > most {
            let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX).max(1);
            Duration::from_millis(rand::rng().random_range(0..most_ms))
        } else {
            delay
        };
        Some(delay.min(left))
    }

    /// Reports a failure and says whether the record may be skipped.
    ///
    /// # Errors
    /// `Internal`, caused by the failure, when it is not tolerated; the dead letter queue's error
    /// when the record could not be written there.
    pub async fn give_up(&self, failure: Failure, origin: Origin<'_>) -> Result<()> {
        self.meter.errors().failed();
        self.meter.errors().gave_up();
        self.log(&failure, origin);
        if let (Some(dead_letters), Origin::Consumed(topic, partition, record)) =
            (&self.dead_letters, origin)
        {
            self.meter.errors().sent_letter();
            let sent = dead_letters.send(topic, partition, record, &failure).await;
            sent.inspect_err(|_| self.meter.errors().lost_letter())?;
        }
        match self.config.tolerance {
            Tolerance::All => {
                self.meter.errors().skipped();
                Ok(())
            }
            Tolerance::None => Err(ConnectorError::internal("Tolerance exceeded in error handler")
                .caused_by(failure.error)),
        }
    }

    fn log(&self, failure: &Failure, origin: Origin<'_>) {
        if self.config.log_enable {
            self.meter.errors().logged();
            tracing::error!(
                task = %self.task,
                error = %chain(&failure.error),
                "{}",
                self.log_text(failure, origin)
            );
        }
    }

    /// The sentence that the log reporter writes.
    pub(super) fn log_text(&self, failure: &Failure, origin: Origin<'_>) -> String {
        let Failure { stage, class, .. } = failure;
        let record = match self.config.log_include_messages {
            true => origin.log_text(),
            false => String::new(),
        };
        let task = &self.task;
        format!(
            "Error encountered in task {task}. Executing stage '{stage}' with class \
             '{class}'{record}."
        )
    }
}

/// How often one record was tried, and since when.
#[derive(Debug)]
pub struct Tries<'a> {
    errors: &'a ErrorHandler,
    start: Instant,
    attempt: u32,
}

impl Tries<'_> {
    /// Waits until the record may be tried again, and says whether it may: the failure has to be
    /// one that passes, and there has to be time left.
    pub async fn wait(&mut self, failure: &Failure) -> bool {
        if !failure.error.class().is_retriable() {
            return false;
        }
        let Some(delay) = self.errors.delay(self.attempt, self.start.elapsed()) else {
            return false;
        };
        self.errors.meter.errors().failed();
        tokio::time::sleep(delay).await;
        self.errors.meter.errors().retried();
        self.attempt += 1;
        true
    }
}
