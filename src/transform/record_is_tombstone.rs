//! Whether a record has no value.
//!
//! Source: apache/kafka `RecordIsTombstone.java`.

use connect_api::error::Result;

use super::{ConnectRecord, Predicate};

/// Matches tombstones.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordIsTombstone;

impl Predicate for RecordIsTombstone {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone"
    }

    fn test(&self, record: &dyn ConnectRecord) -> Result<bool> {
        Ok(record.value().value.is_null())
    }
}
