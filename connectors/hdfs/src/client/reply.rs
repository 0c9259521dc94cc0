//! What a server says when it does what it is asked.

use bytes::Bytes;
use connect_api::error::ConnectorError;
use serde::Deserialize;

use super::{
    Outcome,
    answer::{Failure, failure},
    transport::Received,
};

/// What there is at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Entry {
    #[serde(rename = "pathSuffix")]
    pub(crate) name: String,
    #[serde(rename = "type")]
    kind: String,
    pub(crate) length: u64,
}

impl Entry {
    pub(crate) fn is_folder(&self) -> bool {
        self.kind == "DIRECTORY"
    }
}

/// Some of the entries of a folder.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Page {
    pub(super) directory_listing: Listing,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listing {
    pub(super) partial_listing: Listed,
    #[serde(default)]
    pub(super) remaining_entries: u64,
}

/// The entries of a folder.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    pub(super) file_statuses: Statuses,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statuses {
    pub(super) file_status: Vec<Entry>,
}

/// The answer that says yes or no.
pub(super) fn boolean(received: Outcome<(String, Received)>, what: &str) -> Outcome<bool> {
    #[derive(Deserialize)]
    struct Said {
        boolean: bool,
    }
    parsed::<Said>(received, what).map(|said| said.boolean)
}

/// The answer as what it should be.
pub(super) fn parsed<T: for<'a> Deserialize<'a>>(
    received: Outcome<(String, Received)>,
    what: &str,
) -> Outcome<T> {
    let (node, received) = received?;
    if !(200..300).contains(&received.status) {
        return Err(failure(&node, what, &received));
    }
    serde_json::from_slice(&received.body).map_err(|error| {
        // What was read may repeat the address with a token in it.
        let (line, column) = (error.line(), error.column());
        let text = format!(
            "{node} could not {what}: its answer is not that of WebHDFS (line {line}, column {column})"
        );
        let error = ConnectorError::invalid(text);
        error.hint("Check the host and port of store.url or webhdfs.url").into()
    })
}

/// Whether a name node does not know what it was asked for.
pub(super) fn is_unknown(failure: &Failure) -> bool {
    let text = failure.error.to_string();
    text.contains("IllegalArgumentException") && text.contains("\"op\"")
}

/// The answer as the content of a file.
pub(super) fn content(node: &str, what: &str, received: Received) -> Outcome<Bytes> {
    if received.status == 200 { Ok(received.body) } else { Err(failure(node, what, &received)) }
}

/// What was found, or that there is nothing.
pub(super) fn or_nothing<T>(outcome: Outcome<T>) -> Outcome<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.is_missing() => Ok(None),
        Err(failure) => Err(failure),
    }
}
