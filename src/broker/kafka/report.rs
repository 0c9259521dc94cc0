//! librdkafka's own log, and errors that belong to no call.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::native::Callbacks;

/// How long the same trouble is not warned of again: a broker that is away is one event, although
/// librdkafka reports every attempt.
const QUIET: Duration = Duration::from_secs(60);

/// Kinds of trouble that are remembered; more than these are warned of each time.
const REMEMBERED: usize = 64;

/// Writes what one client reports into the worker's log.
#[derive(Debug)]
pub(super) struct Reporter {
    client_id: String,
    warned: Mutex<BTreeMap<String, Instant>>,
}

impl Reporter {
    /// For the client with this `client.id`.
    pub(super) fn new(client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), warned: Mutex::default() }
    }

    /// A line of librdkafka's log; the level is syslog's.
    pub(super) fn log(&self, level: i32, facility: &str, text: &str) {
        let client_id = self.client_id.as_str();
        let text = text.trim_end();
        match level {
            ..=2 => error!(client_id, facility, "Kafka client {client_id}: {text}"),
            3 | 4 if self.is_news(facility) => {
                warn!(client_id, facility, "Kafka client {client_id}: {text}");
            }
            _ => debug!(client_id, facility, "Kafka client {client_id}: {text}"),
        }
    }

    /// An error that may pass.
    pub(super) fn trouble(&self, code: Code, text: &str) {
        let client_id = self.client_id.as_str();
        if self.is_news(&format!("{code:?}")) {
            warn!(client_id, "Kafka client {client_id}: {text} ({code})");
        } else {
            debug!(client_id, "Kafka client {client_id}: {text} ({code})");
        }
    }

    /// Settings that mean nothing here.
    pub(super) fn ignored(&self, keys: &[String]) {
        let client_id = self.client_id.as_str();
        if !keys.is_empty() {
            let keys = keys.join(", ");
            debug!(client_id, "Kafka client {client_id}: settings without meaning here: {keys}");
        }
    }

    fn is_news(&self, kind: &str) -> bool {
        let now = Instant::now();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        warned.retain(|_kind, at| now.duration_since(*at) < QUIET);
        if warned.contains_key(kind) {
            return false;
        }
        if warned.len() < REMEMBERED {
            warned.insert(kind.to_owned(), now);
        }
        true
    }
}

impl Callbacks for Reporter {
    fn logged(&self, level: i32, facility: &str, text: &str) {
        self.log(level, facility, text);
    }

    fn failed(&self, code: Code, text: &str) {
        self.trouble(code, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_trouble_is_news_once_a_minute() {
        let reporter = Reporter::new("c");
        assert!(reporter.is_news("FAIL"));
        assert!(!reporter.is_news("FAIL"));
        assert!(reporter.is_news("other"));
        tokio::time::advance(QUIET).await;
        assert!(reporter.is_news("FAIL"));
    }
}
