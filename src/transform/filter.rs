//! Drops every record; a predicate says which.
//!
//! Source: apache/kafka `Filter.java`.

use connect_api::error::Result;

use super::{ConnectRecord, Transform, Verdict};

/// Drops records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter;

impl Transform for Filter {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.transforms.Filter"
    }

    fn apply(&self, _record: &mut dyn ConnectRecord) -> Result<Verdict> {
        Ok(Verdict::Drop)
    }
}
