//! What becomes of records that cannot become documents, and of documents that the server refuses.

use bytes::Bytes;
use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    record::SinkRecord,
};

use super::SearchSinkTask;
use crate::{
    client::Cause,
    config::Behavior,
    document::{Conflict, Named},
    flow::Operation,
    settings::Product,
};

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
        let Named { index, id, .. } = Named::of(lines);
        let product = self.rules.product;
        let document = match id {
            Some(id) => format!("document \"{id}\" of \"{index}\""),
            None => format!("a document of \"{index}\""),
        };
        let text = format!(
            "{product} does not take record {} of {partition} as {document} ({status}): {cause}",
            operation.offset
        );
        match self.verdict(operation, lines, status, cause).await? {
            Verdict::Written => {}
            Verdict::Final => return Err(final_error(status, text, cause)),
            Verdict::Bad(behavior) => {
                let error = ConnectorError::record(text);
                let error = match behavior {
                    Behavior::Fail => error.hint(remedy(status, cause)),
                    _ => error,
                };
                if behavior == Behavior::Warn {
                    tracing::warn!("Skipped: {error}");
                }
                // Confluent's sink reports what it ignores, Aiven's what it is told to report.
                let is_reported = product == Product::Elasticsearch
                    || matches!(behavior, Behavior::Fail | Behavior::Report);
                match (&self.context.reporter, &operation.record) {
                    (Some(reporter), Some(record)) if is_reported => {
                        reporter.report(record, error).await?;
                    }
                    _ if behavior == Behavior::Fail => return Err(error),
                    _ => {}
                }
            }
        }
        self.offsets.answered(operation.seat, operation.offset);
        Ok(())
    }

    /// What the rules say about a refusal.
    async fn verdict(
        &mut self,
        operation: &Operation,
        lines: &Bytes,
        status: u16,
        cause: &Cause,
    ) -> Result<Verdict> {
        if cause.is_version_conflict() {
            return self.conflict(operation, lines, cause).await;
        }
        // Alone and still too large: nothing else is to blame.
        let is_about_it = cause.is_about_the_document() || status == 413;
        Ok(if is_about_it { Verdict::Bad(self.rules.malformed) } else { Verdict::Final })
    }

    /// What a version conflict is, which after a crash may be one with this sink's own earlier write.
    async fn conflict(
        &mut self,
        operation: &Operation,
        lines: &Bytes,
        cause: &Cause,
    ) -> Result<Verdict> {
        let Some(behavior) = self.rules.conflicts else {
            return Ok(match operation.conflict {
                Conflict::Newer | Conflict::Same | Conflict::Exists => Verdict::Written,
                Conflict::Race => Verdict::Bad(Behavior::Fail),
            });
        };
        let is_ours = match operation.conflict {
            Conflict::Same => true,
            // What the server has is this very document or a newer one.
            Conflict::Newer => {
                behavior == Behavior::Fail || operation.is_repeated || cause.is_same_version()
            }
            Conflict::Exists => {
                behavior != Behavior::Ignore && self.targets.has(&Named::of(lines), cause).await?
            }
            Conflict::Race => false,
        };
        Ok(if is_ours { Verdict::Written } else { Verdict::Bad(behavior) })
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
fn remedy(status: u16, cause: &Cause) -> String {
    let mend = match status {
        413 => "Raise http.max_content_length of the cluster",
        _ => "Mend the record or the mapping",
    };
    let key = if cause.is_version_conflict() {
        "behavior.on.version.conflict"
    } else {
        "behavior.on.malformed.documents"
    };
    format!(
        "{mend}, give the connector a dead letter queue with errors.tolerance=all, or set {key} to warn"
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
