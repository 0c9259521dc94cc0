//! Payloads against their schema.

use std::{error::Error, sync::Arc};

use bytestring::ByteString;
use connect_api::error::{ConnectorError, Result};
use jsonschema::{Draft, Retrieve, Uri, Validator};
use serde_json::Value as Json;

/// Most problems of a payload that are told.
const MOST_PROBLEMS: usize = 5;

/// A schema that payloads are checked by.
#[derive(Debug)]
pub(super) struct Validation(Validator);

/// Gives the schemas that one refers to by name, and no others.
struct Named(Vec<(String, Arc<str>)>);

impl Retrieve for Named {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> std::result::Result<Json, Box<dyn Error + Send + Sync>> {
        let uri = uri.as_str();
        let is_meant = |name: &str| {
            let bare = name.trim_start_matches("./");
            uri == name || uri.strip_suffix(bare).is_some_and(|rest| rest.ends_with('/'))
        };
        match self.0.iter().find(|(name, _)| is_meant(name)) {
            Some((_, text)) => Ok(serde_json::from_str(text)?),
            None => Err(format!("\"{uri}\" is not among its references").into()),
        }
    }
}

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

fn json(text: &[u8]) -> Result<Json> {
    serde_json::from_slice(text).map_err(|error| bad("It is no JSON").caused_by(error))
}

impl Validation {
    /// Reads a schema and those it refers to by name. Nothing is fetched from anywhere.
    ///
    /// # Errors
    /// `Record` when it is none.
    pub(super) fn new(text: &str, named: &[(String, Arc<str>)]) -> Result<Self> {
        let mut options = jsonschema::options().with_retriever(Named(named.to_vec()));
        if !text.contains("\"$schema\"") {
            options = options.with_draft(Draft::Draft7);
        }
        let validator = options.build(&json(text.as_bytes())?).map_err(|error| {
            bad(format!("The JSON Schema cannot be checked by: {error}"))
                .hint("Set json.fail.invalid.schema=false to do without")
        })?;
        Ok(Self(validator))
    }

    /// Checks a payload.
    ///
    /// # Errors
    /// `Record` with what is wrong.
    pub(super) fn check(&self, payload: &ByteString) -> Result<()> {
        self.check_bytes(payload.as_bytes())
    }

    /// As [`Self::check`].
    pub(super) fn check_bytes(&self, payload: &[u8]) -> Result<()> {
        let payload = json(payload)?;
        let problems: Vec<String> = self
            .0
            .iter_errors(&payload)
            .take(MOST_PROBLEMS)
            .map(|problem| format!("{}: {problem}", problem.instance_path()))
            .collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(bad(format!("Validation error in JSON: {}", problems.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_that_do_not_fit_are_told_with_their_place() {
        let text = r#"{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}"#;
        let validation = Validation::new(text, &[]).unwrap();
        assert!(validation.check(&r#"{"a":1}"#.into()).is_ok());
        let error = validation.check(&r#"{"a":"x"}"#.into()).unwrap_err().to_string();
        assert!(error.contains("/a: \"x\" is not of type \"integer\""), "{error}");
        assert!(validation.check(&"{}".into()).is_err());
    }

    #[test]
    fn references_are_those_of_the_registry() {
        let named = [("other.json".to_owned(), Arc::from(r#"{"type":"integer"}"#))];
        let validation = Validation::new(r#"{"$ref":"other.json"}"#, &named).unwrap();
        assert!(validation.check(&"1".into()).is_ok());
        assert!(validation.check(&"true".into()).is_err());
    }

    #[test]
    fn nothing_is_fetched() {
        let text = r#"{"$ref":"http://127.0.0.1:1/schema.json"}"#;
        assert!(Validation::new(text, &[]).is_err());
    }
}
