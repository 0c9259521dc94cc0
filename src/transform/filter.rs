//! Drops every record; a predicate says which.
//!
//! Source: apache/kafka `Filter.java`.

use connect_api::{
    config::{Config, Props},
    error::Result,
};

use super::{ConnectRecord, Transform, Verdict};

/// The transform has no options.
#[derive(Config, Debug)]
pub(super) struct FilterConfig {}

/// Drops records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter;

impl Filter {
    pub(super) fn configured(_props: &Props) -> Result<Self> {
        Ok(Self)
    }
}

impl Transform for Filter {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.transforms.Filter"
    }

    fn apply(&self, _record: &mut dyn ConnectRecord) -> Result<Verdict> {
        Ok(Verdict::Drop)
    }
}
