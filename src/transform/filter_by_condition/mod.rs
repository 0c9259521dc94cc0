//! Keeps or drops records by what their key or value holds.
//!
//! Millrace's own, with the options of `io.confluent.connect.transforms.Filter`. A condition is a
//! path with, in most cases, a filter at its end: `$[?(@.level == 'ERROR' && @.code >= 500)]`. It
//! holds when the path leads somewhere.

mod evaluate;
mod parse;
#[cfg(test)]
mod tests;

use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
};

use self::parse::Path;
use super::{ConnectRecord, Transform, Verdict, side::Side};

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct FilterByConditionConfig {
    /// Condition that a record meets or does not: a path such as `$.user.id`, which is
    /// met when something is there, or one with a filter, such as `$[?(@.level == 'ERROR' &&
    /// @.code >= 500)]`. Filters know ==, !=, <, <=, >, >=, =~ with a regular expression
    /// between slashes, in with a list in brackets, &&, ||, ! and parentheses.
    #[config(key = "filter.condition", importance = High, check = Path::check())]
    condition: String,
    /// Whether records that meet the condition go on (include) or are dropped (exclude); the others
    /// have the opposite fate.
    #[config(key = "filter.type", importance = High, check = one_of(&["include", "exclude"]))]
    kind: String,
    /// What becomes of a record whose condition cannot be told because a field of it is missing or
    /// null: the record fails (fail), goes on (include) or is dropped (exclude).
    #[config(
        key = "missing.or.null.behavior",
        default = "fail",
        check = one_of(&["fail", "include", "exclude"])
    )]
    missing: String,
}

/// What becomes of a record without the fields of the condition.
#[derive(Clone, Copy, Debug)]
enum Missing {
    Fails,
    Has(Verdict),
}

/// Filters.
#[derive(Debug)]
pub(super) struct FilterByCondition {
    side: Side,
    text: String,
    condition: Path,
    is_include: bool,
    missing: Missing,
}

impl FilterByCondition {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let FilterByConditionConfig { condition: text, kind, missing } =
            FilterByConditionConfig::parse(props)?;
        let condition = Path::parse(&text).map_err(ConnectorError::invalid)?;
        let missing = match missing.as_str() {
            "include" => Missing::Has(Verdict::Keep),
            "exclude" => Missing::Has(Verdict::Drop),
            _ => Missing::Fails,
        };
        Ok(Self { side, text, condition, is_include: kind == "include", missing })
    }
}

impl Transform for FilterByCondition {
    fn class(&self) -> &'static str {
        self.side.class(
            "millrace.transforms.FilterByCondition$Key",
            "millrace.transforms.FilterByCondition$Value",
        )
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        match (self.condition.holds(&self.side.of(record).value), self.missing) {
            (Some(holds), _) if holds == self.is_include => Ok(Verdict::Keep),
            (Some(_), _) => Ok(Verdict::Drop),
            (None, Missing::Has(verdict)) => Ok(verdict),
            (None, Missing::Fails) => Err(ConnectorError::record(format!(
                "A field of the condition {} is missing or null in the record",
                self.text
            ))),
        }
    }
}
