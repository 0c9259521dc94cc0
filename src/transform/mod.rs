//! Transforms and predicates: one file each, applied record by record.
//!
//! The pipeline builds one [`Chain`] per task from `transforms`, `transforms.A.*` and
//! `predicates.*`. A transform changes a record in place through [`ConnectRecord`], which is the
//! same for source and sink, and says whether the record goes on, alone or with a copy.

mod cast;
mod chain;
mod drop_headers;
mod envelope;
mod extract_field;
mod extract_topic;
mod field_path;
mod fields;
mod filter;
mod filter_by_condition;
mod flatten;
mod has_header_key;
mod header_from;
mod hoist_field;
mod insert_field;
mod insert_header;
mod lift;
mod mask_field;
mod names;
mod numbers;
mod record_is_tombstone;
mod regex_router;
mod registry;
mod replace_field;
mod schema_cache;
mod set_schema_metadata;
mod side;
mod tag;
mod timestamp_converter;
mod timestamp_router;
mod topic_name_matches;
mod value_to_key;

use std::{fmt::Debug, sync::Arc};

use connect_api::{
    error::Result,
    record::{Headers, SchemaAndValue, SinkRecord, SourceRecord},
};

pub use chain::{Chain, Link};
pub use registry::{
    PredicatePlugin, TransformPlugin, predicate, predicate_registry, transform, transform_registry,
};

/// Whether a record goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Keep,
    /// It goes on, and so does a copy of it behind it, as [`Transform::change_copy`] leaves it.
    KeepAndCopy,
    /// It ends here and counts as processed.
    Drop,
}

/// Changes records.
pub trait Transform: Debug + Send + Sync {
    /// Class name, as errors about a record name it.
    fn class(&self) -> &'static str;

    /// Changes a record in place. After an error the record is not used any more.
    ///
    /// # Errors
    /// `Record` when the record does not fit.
    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict>;

    /// Changes the copy that a verdict asked for.
    ///
    /// # Errors
    /// As [`Transform::apply`].
    fn change_copy(&self, copy: &mut dyn ConnectRecord) -> Result<()> {
        let _unchanged = copy;
        Ok(())
    }
}

/// Says whether a transform is for a record.
pub trait Predicate: Debug + Send + Sync {
    /// Class name, as errors about a record name it.
    fn class(&self) -> &'static str;

    /// Whether the record is one of those.
    ///
    /// # Errors
    /// `Record` when it cannot be said.
    fn test(&self, record: &dyn ConnectRecord) -> Result<bool>;
}

/// What source and sink records have in common.
pub trait ConnectRecord {
    /// Topic.
    fn topic(&self) -> &Arc<str>;
    /// Gives the record another topic.
    fn set_topic(&mut self, topic: Arc<str>);
    /// Partition: where a source record goes, where a sink record came from.
    fn partition(&self) -> Option<i32>;
    /// Offset of a sink record; none for a source record.
    fn offset(&self) -> Option<i64>;
    /// Milliseconds since the epoch.
    fn timestamp_ms(&self) -> Option<i64>;
    /// Stamps the record anew.
    fn set_timestamp_ms(&mut self, timestamp_ms: Option<i64>);
    /// Key.
    fn key(&self) -> &SchemaAndValue;
    /// Key, to change.
    fn key_mut(&mut self) -> &mut SchemaAndValue;
    /// Value.
    fn value(&self) -> &SchemaAndValue;
    /// Value, to change.
    fn value_mut(&mut self) -> &mut SchemaAndValue;
    /// Headers.
    fn headers(&self) -> &Headers;
    /// Headers, to change.
    fn headers_mut(&mut self) -> &mut Headers;
}

/// The accessors that both records implement alike.
macro_rules! fields {
    () => {
        fn topic(&self) -> &Arc<str> {
            &self.topic
        }
        fn set_topic(&mut self, topic: Arc<str>) {
            self.topic = topic;
        }
        fn timestamp_ms(&self) -> Option<i64> {
            self.timestamp_ms
        }
        fn set_timestamp_ms(&mut self, timestamp_ms: Option<i64>) {
            self.timestamp_ms = timestamp_ms;
        }
        fn key(&self) -> &SchemaAndValue {
            &self.key
        }
        fn key_mut(&mut self) -> &mut SchemaAndValue {
            &mut self.key
        }
        fn value(&self) -> &SchemaAndValue {
            &self.value
        }
        fn value_mut(&mut self) -> &mut SchemaAndValue {
            &mut self.value
        }
        fn headers(&self) -> &Headers {
            &self.headers
        }
        fn headers_mut(&mut self) -> &mut Headers {
            &mut self.headers
        }
    };
}

impl ConnectRecord for SourceRecord {
    fields!();

    fn partition(&self) -> Option<i32> {
        self.partition
    }
    fn offset(&self) -> Option<i64> {
        None
    }
}

impl ConnectRecord for SinkRecord {
    fields!();

    fn partition(&self) -> Option<i32> {
        Some(self.origin.partition)
    }
    fn offset(&self) -> Option<i64> {
        Some(self.offset)
    }
}
