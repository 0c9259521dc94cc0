//! What the tests of several modules start from.

use connect_api::config::{Config, Props};

use crate::{config::AggregateConfig, definition::Definition};

/// The definition of an aggregate `a` with windows of a minute.
pub(crate) fn definition(group_by: &str, measures: &str) -> Definition {
    let props = Props::from([("group.by", group_by), ("measures", measures)]);
    AggregateConfig::parse(&props).unwrap().definition("a")
}
