//! What a redrive is asked to do.

use serde::{Deserialize, Serialize};

use crate::letters::{
    error::{LettersError, Result},
    filter::Filter,
    queue::Queue,
};

/// Most letters that a request names one by one; more are selected by what they have in common.
const NAMED: usize = 10_000;

/// Attempts of a record, unless the request says otherwise.
const MAX_ATTEMPTS: u32 = 3;

/// Where letters go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// To the connector alone.
    Connector,
    /// To the topic they were in first, and all its readers.
    Topic,
}

/// A letter by its place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LetterPlace {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// A request to redrive letters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedriveRequest {
    /// These letters.
    pub letters: Option<Vec<LetterPlace>>,
    /// Every letter of which this is true.
    pub select: Option<Filter>,
    /// Where they go.
    pub to: Destination,
    /// Most records a second; none for as fast as it goes.
    pub rate: Option<u32>,
    /// Whether only to say what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Records that were redriven so often are passed over.
    #[serde(default = "max_attempts")]
    pub max_attempts: u32,
    /// Topic of letters that do not say where they were first.
    pub topic: Option<String>,
}

const fn max_attempts() -> u32 {
    MAX_ATTEMPTS
}

impl RedriveRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// `Invalid`, with what is wrong.
    pub fn parse(body: &[u8]) -> Result<Self> {
        serde_json::from_slice(body).map_err(|error| {
            LettersError::Invalid(format!(
                "The body must say what to redrive, as {{\"select\": {{}}, \"to\": \"connector\"}}: \
                 {error}"
            ))
        })
    }

    pub(super) fn check(&self, queue: &Queue) -> Result<()> {
        let invalid = |text: &str| Err(LettersError::Invalid(text.to_owned()));
        match (&self.letters, &self.select) {
            (Some(letters), None) if letters.is_empty() => invalid("\"letters\" names none"),
            (Some(letters), None) if letters.len() > NAMED => Err(LettersError::Invalid(format!(
                "\"letters\" names more than {NAMED}: select them by what they have in common"
            ))),
            (Some(_), None) | (None, Some(_)) => Ok(()),
            _ => invalid(
                "Either \"letters\" or \"select\" must say which letters; \"select\": {} is all",
            ),
        }?;
        if self.rate == Some(0) {
            return invalid("\"rate\" must be at least 1 record a second");
        }
        if self.max_attempts == 0 {
            return invalid("\"max_attempts\" must be at least 1");
        }
        match queue.offset_reset() {
            Some(reset) if self.to == Destination::Connector && reset != "earliest" => {
                Err(LettersError::Invalid(format!(
                    "Consumers of the connector begin at the {reset} offset \
                     (auto.offset.reset), and could pass over the first letters that come back: \
                     redrive to the topic, or set consumer.override.auto.offset.reset=earliest"
                )))
            }
            _ => Ok(()),
        }
    }
}
