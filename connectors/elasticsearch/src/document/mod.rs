//! Records as operations of a bulk: what is done to which document, and the document.
//!
//! Source: confluentinc/kafka-connect-elasticsearch `DataConverter.java`,
//! Aiven-Open/opensearch-connector-for-apache-kafka `BulkOperationBuilder.java`.

mod id;
mod json;
pub(crate) mod mapping;
#[cfg(test)]
mod tests;
mod time;

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use connect_api::{
    error::{ConnectorError, Result},
    json::write_text,
    record::SinkRecord,
};
use serde_json::Value as Json;

use self::{
    id::{key_text, routing_of, version_of},
    json::Style,
};
use crate::{
    config::{IdStrategy, NullBehavior, WriteMethod},
    settings::{DocumentTime, Rules},
};

/// Where the documents of a topic go, and how.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: Arc<str>,
    ids: IdStrategy,
    follows_schemas: bool,
}

impl Target {
    /// # Errors
    /// As [`Rules::target_name`].
    pub(crate) fn new(rules: &Rules, topic: &str) -> Result<Self> {
        Ok(Self {
            name: rules.target_name(topic)?.into(),
            ids: rules.ids.of(topic),
            follows_schemas: !rules.schemas.is_ignored(topic),
        })
    }

    /// Whether schemas become mappings.
    pub(crate) const fn follows_schemas(&self) -> bool {
        self.follows_schemas
    }
}

/// What is done to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Index,
    Create,
    Update,
    Delete,
}

/// What a version conflict tells about an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The server has this version or a newer one.
    Newer,
    /// The server has this very document.
    Same,
    /// The server has a document of this id.
    Exists,
    /// Somebody else wrote at the same time.
    Race,
}

/// An operation of which everything but its text is known.
#[derive(Debug)]
pub(crate) struct Plan {
    action: Action,
    id: Option<String>,
    version: Option<i64>,
    routing: Option<String>,
    /// Names the document, where its operations must stay in their order.
    pub(crate) order: Option<u64>,
    pub(crate) conflict: Conflict,
}

/// What becomes of a record.
#[derive(Debug)]
pub(crate) enum Draft {
    /// Nothing.
    Skipped,
    /// Nothing, because it has no value.
    IgnoredNull,
    /// An operation.
    Planned(Plan),
}

impl Rules {
    /// Decides what becomes of a record.
    ///
    /// # Errors
    /// `Record` for one that cannot become a document.
    pub(crate) fn plan(&self, record: &SinkRecord, target: &Target) -> Result<Draft> {
        let is_null = record.value.value.is_null();
        if is_null {
            match self.nulls {
                NullBehavior::Ignore => return Ok(Draft::IgnoredNull),
                NullBehavior::Fail => return Err(null_value(record)),
                // Documents whose ids are not keys cannot be found.
                NullBehavior::Delete
                    if record.key.value.is_null() || target.ids != IdStrategy::RecordKey =>
                {
                    return Ok(Draft::Skipped);
                }
                NullBehavior::Delete => {}
            }
        }
        let id = match target.ids {
            IdStrategy::None => None,
            IdStrategy::RecordKey => {
                Some(key_text(&record.key).map_err(|reason| bad(record, &reason))?)
            }
            IdStrategy::Coordinates => {
                let origin = &record.origin;
                Some(format!("{}+{}+{}", origin.topic, origin.partition, record.offset))
            }
        };
        let action = self.action(is_null);
        // A merge has no version of ours, and neither has what ends it: they would not compare.
        let is_versioned = target.ids == IdStrategy::RecordKey
            && self.method != WriteMethod::Upsert
            && matches!(action, Action::Index | Action::Delete);
        let version = match (is_versioned, &self.version_header) {
            (false, _) => None,
            (true, None) => Some(record.offset),
            (true, Some(name)) => {
                Some(version_of(record, name).map_err(|reason| bad(record, &reason))?)
            }
        };
        let order = id.as_deref().filter(|_| target.ids == IdStrategy::RecordKey);
        let order = order.map(|id| fingerprint(&target.name, id));
        let routing = routing_of(record, &self.routing).map_err(|reason| bad(record, &reason))?;
        let conflict = match (action, target.ids) {
            _ if version.is_some() => Conflict::Newer,
            (Action::Create, IdStrategy::Coordinates) => Conflict::Same,
            (Action::Create, _) => Conflict::Exists,
            _ => Conflict::Race,
        };
        Ok(Draft::Planned(Plan { action, id, version, routing, order, conflict }))
    }

    fn action(&self, is_null: bool) -> Action {
        match self.method {
            _ if is_null => Action::Delete,
            WriteMethod::Upsert => Action::Update,
            _ if self.is_stream() => Action::Create,
            WriteMethod::Create => Action::Create,
            WriteMethod::Insert | WriteMethod::Index => Action::Index,
        }
    }

    /// Appends an operation, each of its lines with its end.
    ///
    /// # Errors
    /// `Record` when the value has no form as a document; the buffer is as it was then.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        record: &SinkRecord,
        target: &Target,
        plan: &Plan,
    ) -> Result<()> {
        let start = out.len();
        self.write_action(out, target, plan);
        let outcome = match plan.action {
            Action::Delete => Ok(()),
            Action::Update => {
                out.extend_from_slice(br#"{"doc":"#);
                self.write_document(out, record, target).map(|()| {
                    out.extend_from_slice(b",\"doc_as_upsert\":true}\n");
                })
            }
            Action::Index | Action::Create => {
                self.write_document(out, record, target).map(|()| out.push(b'\n'))
            }
        };
        outcome.map_err(|reason| {
            out.truncate(start);
            bad(record, &reason)
        })
    }

    /// Appends the document of a record.
    fn write_document(
        &self,
        out: &mut Vec<u8>,
        record: &SinkRecord,
        target: &Target,
    ) -> std::result::Result<(), String> {
        let style = Style {
            follows_schemas: target.follows_schemas && record.value.schema.is_some(),
            compacts_maps: self.schemas.compacts_maps,
        };
        if self.time == DocumentTime::AsItIs {
            style.write(out, &record.value.value, record.value.schema.as_deref())
        } else {
            time::write_timed(out, record, &self.time, style)
        }
    }

    fn write_action(&self, out: &mut Vec<u8>, target: &Target, plan: &Plan) {
        out.extend_from_slice(match plan.action {
            Action::Index => br#"{"index":{"_index":"#,
            Action::Create => br#"{"create":{"_index":"#,
            Action::Update => br#"{"update":{"_index":"#,
            Action::Delete => br#"{"delete":{"_index":"#,
        });
        write_text(out, &target.name);
        if let Some(id) = &plan.id {
            out.extend_from_slice(br#","_id":"#);
            write_text(out, id);
        }
        if let Some(version) = plan.version {
            out.extend_from_slice(br#","version":"#);
            out.extend_from_slice(version.to_string().as_bytes());
            out.extend_from_slice(br#","version_type":"external""#);
        }
        if let Some(routing) = &plan.routing {
            out.extend_from_slice(br#","routing":"#);
            write_text(out, routing);
        }
        if plan.action == Action::Update && self.repeated_merges > 0 {
            out.extend_from_slice(br#","retry_on_conflict":"#);
            out.extend_from_slice(self.repeated_merges.to_string().as_bytes());
        }
        out.extend_from_slice(b"}}\n");
    }
}

impl Plan {
    /// The id of the document, where it is known.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

/// An operation as its lines say it.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) index: String,
    pub(crate) id: Option<String>,
    pub(crate) routing: Option<String>,
    /// The document; null where there is none.
    pub(crate) document: Json,
}

impl Named {
    /// Reads the lines of an operation.
    pub(crate) fn of(lines: &[u8]) -> Self {
        let mut lines = lines.split(|byte| *byte == b'\n');
        let mut next = || -> Json {
            serde_json::from_slice(lines.next().unwrap_or_default()).unwrap_or_default()
        };
        let (action, document) = (next(), next());
        let entry = action.as_object().and_then(|action| action.values().next());
        let text = |name: &str| Some(entry?.get(name)?.as_str()?.to_owned());
        let index = text("_index").unwrap_or_default();
        Self { index, id: text("_id"), routing: text("routing"), document }
    }
}

fn fingerprint(index: &str, id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    index.hash(&mut hasher);
    id.hash(&mut hasher);
    hasher.finish()
}

/// What is said of a record that cannot become a document.
fn bad(record: &SinkRecord, reason: &str) -> ConnectorError {
    ConnectorError::record(format!(
        "Record {} of {} cannot become a document: {reason}",
        record.offset, record.origin
    ))
}

/// What is said of a record without a value that may not be there.
fn null_value(record: &SinkRecord) -> ConnectorError {
    ConnectorError::record(format!("Record {} of {} has no value", record.offset, record.origin))
        .hint("Set behavior.on.null.values to delete or ignore to let such records pass")
}
