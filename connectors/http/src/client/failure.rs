//! Why a request did not succeed, in one sentence, and what follows.

use std::error::Error;

use connect_api::error::{ConnectorError, ErrorClass};
use connect_tls::Mismatch;

use super::Answer;
use crate::settings::Settings;

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
    let words = reqwest::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    let sentence =
        format!("{place} answered {status} {}", words.unwrap_or("")).trim_end().to_owned();
    let failure = Failure { class, sentence, hint: None, reason: None, is_final: false };
    let failure = match status {
        401 | 403 => failure.hint("Check the credentials of the connector and what they allow"),
        407 => failure.hint("Check http.proxy.user and http.proxy.password"),
        404 | 410 => failure.hint(format!("Check the path in {url_key}")),
        300..=399 => failure.hint(format!("Give the address it points to in {url_key}")),
        _ => failure,
    };
    let text = String::from_utf8_lossy(&answer.body);
    let quoted: String = text.trim().chars().take(QUOTED).collect();
    if quoted.is_empty() { failure } else { failure.because(format!("It said: {quoted}")) }
}

/// What it means that there is no answer.
pub(super) fn unreachable(place: &str, error: reqwest::Error, settings: &Settings) -> Failure {
    let prefix = settings.ssl_prefix;
    let error = error.without_url();
    let reason = innermost(&error);
    if let Some(mismatch) = Mismatch::in_error(&error) {
        let sentence = format!("Could not agree on TLS with {place}");
        let failure = Failure::final_one(ErrorClass::Invalid, sentence).because(reason);
        return match mismatch {
            Mismatch::Certificate => failure.hint(format!(
                "Give the certificate that signed the service's in {prefix}ssl.truststore.location"
            )),
            Mismatch::NoTls => failure.hint(format!(
                "Nothing there seems to speak TLS: is it http:// in {}?",
                settings.url_key
            )),
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
            .hint(format!("Check {} and whether the service is up", settings.url_key));
    }
    Failure::away(format!("{place} broke off before it had answered")).because(reason)
}

/// The first cause of an error.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
