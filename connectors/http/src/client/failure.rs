//! Why a request did not succeed, in one sentence, and what follows.

use std::{error::Error, time::Duration};

use connect_api::error::{ConnectorError, ErrorClass};
use connect_tls::Mismatch;

use super::Answer;

/// Most letters of an answer that an error quotes.
const QUOTED: usize = 300;

/// Why a request did not succeed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    class: ErrorClass,
    sentence: String,
    hint: Option<String>,
    reason: Option<String>,
    is_final: bool,
}

impl Failure {
    /// Nobody answered: the same request may succeed later.
    pub(crate) fn away(sentence: String) -> Self {
        Self { class: ErrorClass::Retriable, sentence, hint: None, reason: None, is_final: false }
    }

    /// Nobody answered in time.
    pub(super) fn late(place: &str, limit: Duration) -> Self {
        Self::away(format!("{place} did not answer within {} ms", limit.as_millis()))
    }

    /// Trying again does not help.
    pub(crate) fn final_one(class: ErrorClass, sentence: String) -> Self {
        Self { class, sentence, hint: None, reason: None, is_final: true }
    }

    pub(crate) fn because(mut self, reason: String) -> Self {
        self.reason = Some(reason);
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What it is about in front of what happened.
    pub(crate) fn about(mut self, name: &str) -> Self {
        self.sentence = format!("{} (request for {name})", self.sentence);
        self
    }

    /// What was to be done in front of what happened.
    pub(super) fn within(mut self, what: &str) -> Self {
        self.sentence = format!("{what}: {}", self.sentence);
        self
    }

    /// Whether trying again does not help.
    pub(crate) const fn is_final(&self) -> bool {
        self.is_final
    }

    pub(crate) const fn class(&self) -> ErrorClass {
        self.class
    }

    /// The failure as an error; it can be had more than once, for several records.
    pub(crate) fn error(&self) -> ConnectorError {
        let mut error = ConnectorError::new(self.class, self.sentence.as_str());
        if let Some(hint) = &self.hint {
            error = error.hint(hint.as_str());
        }
        match &self.reason {
            Some(reason) => error.caused_by(reason.as_str()),
            None => error,
        }
    }

    pub(crate) fn into_error(self) -> ConnectorError {
        self.error()
    }
}

/// What an answer that is no success means.
pub(crate) fn refusal(answer: &Answer, place: &str, url_key: &str) -> Failure {
    let status = answer.status;
    let class = match status {
        401 | 403 | 407 => ErrorClass::Forbidden,
        404 | 410 => ErrorClass::NotFound,
        408 | 425 | 429 | 500.. => ErrorClass::Retriable,
        300..=399 => ErrorClass::Invalid,
        _ => ErrorClass::Record,
    };
    let sentence = format!("{place} answered {}", named(status));
    let failure = Failure { class, sentence, hint: None, reason: None, is_final: false };
    let failure = match status {
        401 | 403 => failure.hint("Check the credentials of the connector and what they allow"),
        407 => failure.hint("Check http.proxy.user and http.proxy.password"),
        404 | 410 => failure.hint(format!("Check the path in {url_key}")),
        300..=399 => failure.hint(format!("Give the address it points to in {url_key}")),
        _ => failure,
    };
    match quoted(&String::from_utf8_lossy(&answer.body)) {
        Some(words) => failure.because(words),
        None => failure,
    }
}

/// A status with its name.
pub(super) fn named(status: u16) -> String {
    let code = reqwest::StatusCode::from_u16(status).ok();
    let words = code.and_then(|code| code.canonical_reason()).unwrap_or("");
    format!("{status} {words}").trim_end().to_owned()
}

/// What an answer said, where it said something.
pub(super) fn quoted(text: &str) -> Option<String> {
    let quoted: String = text.trim().chars().take(QUOTED).collect();
    (!quoted.is_empty()).then(|| format!("It said: {quoted}"))
}

/// The keys under which users find an address and its TLS.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    pub(super) url: &'static str,
    /// What stands before those of TLS.
    pub(super) ssl_prefix: &'static str,
}

/// What it means that there is no answer.
pub(super) fn unreachable(place: &str, error: reqwest::Error, keys: Keys) -> Failure {
    let Keys { url, ssl_prefix: prefix } = keys;
    let error = error.without_url();
    let reason = reasons(&error);
    if let Some(mismatch) = Mismatch::in_error(&error) {
        let sentence = format!("Could not agree on TLS with {place}");
        let failure = Failure::final_one(ErrorClass::Invalid, sentence).because(reason);
        return match mismatch {
            Mismatch::Certificate => failure.hint(format!(
                "Give the certificate that signed the service's in {prefix}ssl.truststore.location"
            )),
            Mismatch::NoTls => {
                failure.hint(format!("Nothing there seems to speak TLS: is it http:// in {url}?"))
            }
            Mismatch::Refused => failure.hint(format!(
                "The service may want a certificate of ours: see {prefix}ssl.keystore.location"
            )),
            Mismatch::Other => failure,
        };
    }
    if error.is_builder() {
        let sentence = format!("No request can be made to {place}");
        return Failure::final_one(ErrorClass::Record, sentence).because(reason);
    }
    if error.is_connect() {
        return Failure::away(format!("Could not reach {place}"))
            .because(reason)
            .hint(format!("Check {url} and whether the service is up"));
    }
    Failure::away(format!("{place} broke off before it had answered")).because(reason)
}

/// What led to an error, each cause once.
fn reasons(error: &(dyn Error + 'static)) -> String {
    let mut found = vec![];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if found.last() != Some(&text) {
            found.push(text);
        }
        cause = error.source();
    }
    if found.is_empty() { error.to_string() } else { found.join(": ") }
}
