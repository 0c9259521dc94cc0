//! What the server says about what it refuses.

use std::fmt;

use serde::Deserialize;
use serde_json::Value as Json;

/// Errors about a document itself, which no other document and no other time would change.
///
/// Source: confluentinc/kafka-connect-elasticsearch `ElasticsearchClient.java`.
const ABOUT_THE_DOCUMENT: [&str; 5] = [
    "strict_dynamic_mapping_exception",
    "mapper_parsing_exception",
    "illegal_argument_exception",
    "action_request_validation_exception",
    "document_parsing_exception",
];
const VERSION_CONFLICT: &str = "version_conflict_engine_exception";
/// Most characters of an answer that is no error of the server's form.
const MOST_SHOWN: usize = 200;

/// An error with the errors below it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct Cause {
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    caused_by: Option<Box<Cause>>,
    /// The index itself, where a data stream or an alias was named.
    #[serde(default)]
    pub(crate) index: Option<String>,
}

impl Cause {
    /// The error of an answer, or the answer's beginning where it has none.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        let error = serde_json::from_slice::<Json>(body)
            .ok()
            .and_then(|mut body| body.get_mut("error").map(Json::take));
        let text = match error {
            Some(Json::String(text)) => text,
            Some(error) => {
                if let Ok(cause) = serde_json::from_value::<Self>(error.clone()) {
                    return cause;
                }
                error.to_string()
            }
            None => String::from_utf8_lossy(body).into_owned(),
        };
        let shown = text.trim().chars().take(MOST_SHOWN).collect();
        Self { reason: Some(shown), ..Self::default() }
    }

    /// Whether an error is of this type, or comes from one that is.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind == kind || self.caused_by.as_ref().is_some_and(|cause| cause.is(kind))
    }

    pub(crate) fn is_about_the_document(&self) -> bool {
        ABOUT_THE_DOCUMENT.iter().any(|kind| self.is(kind))
    }

    pub(crate) fn is_version_conflict(&self) -> bool {
        self.is(VERSION_CONFLICT)
    }

    /// Whether the server has the very version of the document that was sent.
    pub(crate) fn is_same_version(&self) -> bool {
        let reason = self.reason.as_deref().unwrap_or_default();
        let version = |before: &str| Some(reason.split_once(before)?.1.split_once(']')?.0);
        let current = version("current version [");
        current.is_some() && current == version("provided [")
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason.as_deref().unwrap_or_default();
        match (self.kind.is_empty(), reason.is_empty()) {
            (true, true) => f.write_str("no reason is given")?,
            (true, false) => f.write_str(reason)?,
            (false, true) => f.write_str(&self.kind)?,
            (false, false) => write!(f, "{}: {reason}", self.kind)?,
        }
        match &self.caused_by {
            Some(cause) => write!(f, ", caused by {cause}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_chain_is_told() {
        let body = br#"{"error":{"root_cause":[],"type":"mapper_parsing_exception","reason":"failed to parse field [n]","caused_by":{"type":"number_format_exception","reason":"For input string: \"x\""}},"status":400}"#;
        let cause = Cause::of_body(body);
        assert!(cause.is_about_the_document() && !cause.is_version_conflict());
        assert_eq!(
            cause.to_string(),
            "mapper_parsing_exception: failed to parse field [n], caused by \
             number_format_exception: For input string: \"x\""
        );
    }

    #[test]
    fn versions_that_are_the_same_are_told_apart() {
        let is_same = |reason: &str| {
            Cause { reason: Some(reason.to_owned()), ..Cause::default() }.is_same_version()
        };
        let text =
            "[k]: version conflict, current version [7] is higher or equal to the one provided";
        assert!(is_same(&format!("{text} [7]")));
        assert!(!is_same(&format!("{text} [5]")));
        assert!(!is_same("[k]: version conflict, document already exists (current version [1])"));
    }

    #[test]
    fn answers_of_others_are_shown_as_they_begin() {
        assert_eq!(Cause::of_body(b"<html>no</html>").to_string(), "<html>no</html>");
        assert_eq!(Cause::of_body(br#"{"error":"no"}"#).to_string(), "no");
        assert_eq!(Cause::of_body(b"").to_string(), "no reason is given");
    }
}
