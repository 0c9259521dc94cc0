//! What becomes of records that cannot become documents, and of documents that the server refuses.

use bytes::Bytes;
use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    record::SinkRecord,
};
use serde_json::Value as Json;

use super::SearchSinkTask;
use crate::{client::Cause, config::Behavior, document::Conflict, flow::Operation};

impl SearchSinkTask {
    /// A record cannot become a document.
    pub(super) async fn reject_draft(
        &mut self,
        record: &SinkRecord,
        error: ConnectorError,
    ) -> Result<()> {
        let text = error.to_string();
        let outcome = self.context.reject(record, error).await;
        if self.rules.drops_invalid {
            tracing::debug!("Skipped: {text}");
        } else {
            outcome?;
        }
        self.offsets.pass(&record.origin, record.offset);
        Ok(())
    }

    /// A record has no value, and such are ignored.
    pub(super) async fn ignore_null(&mut self, record: &SinkRecord) -> Result<()> {
        if self.rules.reports_nulls
            && let Some(reporter) = &self.context.reporter
        {
            let text = format!(
                "Record {} of {} has no value and is ignored",
                record.offset, record.origin
            );
            reporter.report(record, ConnectorError::record(text)).await?;
        }
        self.offsets.pass(&record.origin, record.offset);
        Ok(())
    }

    /// The server refused an operation for good.
    pub(super) async fn refused(
        &mut self,
        operation: &Operation,
        lines: &Bytes,
        status: u16,
        cause: &Cause,
    ) -> Result<()> {
        let Some(partition) = self.offsets.partition(operation.seat) else { return Ok(()) };
        let (index, id) = named(lines);
        let product = self.rules.product;
        let document = match id {
            Some(id) => format!("document \"{id}\" of \"{index}\""),
            None => format!("a document of \"{index}\""),
        };
        let text = format!(
            "{product} does not take record {} of {partition} as {document} ({status}): {cause}",
            operation.offset
        );
        match self.behavior(operation, cause) {
            Verdict::Written => {}
            Verdict::Final => return Err(final_error(status, text, cause)),
            Verdict::Bad(behavior) => {
                let error = ConnectorError::record(text);
                let error = match behavior {
                    Behavior::Fail => error.hint(remedy(cause)),
                    _ => error,
                };
                if behavior == Behavior::Warn {
                    tracing::warn!("Skipped: {error}");
                }
                match (&self.context.reporter, &operation.record) {
                    (Some(reporter), Some(record)) => reporter.report(record, error).await?,
                    _ if behavior == Behavior::Fail => return Err(error),
                    _ => {}
                }
            }
        }
        self.offsets.answered(operation.seat, operation.offset);
        Ok(())
    }

    /// What the rules say about a refusal.
    fn behavior(&self, operation: &Operation, cause: &Cause) -> Verdict {
        if cause.is_version_conflict() {
            return match (operation.conflict, self.rules.conflicts) {
                // What the server has is this very document or a newer one.
                (Conflict::Newer | Conflict::Same, None | Some(Behavior::Fail))
                | (Conflict::Exists, None) => Verdict::Written,
                (_, Some(behavior)) => Verdict::Bad(behavior),
                (Conflict::Race, None) => Verdict::Bad(Behavior::Fail),
            };
        }
        if cause.is_about_the_document() {
            Verdict::Bad(self.rules.malformed)
        } else {
            Verdict::Final
        }
    }
}

/// What becomes of a refused operation.
enum Verdict {
    /// It counts as written.
    Written,
    /// Its record is bad.
    Bad(Behavior),
    /// Others would be refused for the same reason.
    Final,
}

/// What helps against a bad document.
fn remedy(cause: &Cause) -> String {
    let key = if cause.is_version_conflict() {
        "behavior.on.version.conflict"
    } else {
        "behavior.on.malformed.documents"
    };
    format!(
        "Mend the record or the mapping, give the connector a dead letter queue with \
         errors.tolerance=all, or set {key} to warn"
    )
}

/// The error that fails the task: more than this one record is concerned.
fn final_error(status: u16, text: String, cause: &Cause) -> ConnectorError {
    let (class, hint) = match status {
        404 => {
            (ErrorClass::NotFound, "Create the index, or allow action.auto_create_index to make it")
        }
        401 | 403 => (ErrorClass::Forbidden, "Check the rights of the user and the index's blocks"),
        _ if cause.is("index_closed_exception") => (ErrorClass::Invalid, "Open the index"),
        _ => (ErrorClass::Invalid, "The log of the cluster may say more"),
    };
    ConnectorError::new(class, text).hint(hint)
}

/// Index and id as the first line of an operation says them.
fn named(lines: &Bytes) -> (String, Option<String>) {
    let line = lines.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let action: Json = serde_json::from_slice(line).unwrap_or_default();
    let entry = action.as_object().and_then(|action| action.values().next());
    let text = |name: &str| Some(entry?.get(name)?.as_str()?.to_owned());
    (text("_index").unwrap_or_default(), text("_id"))
}
