//! Whether a whole topic name matches a pattern.
//!
//! Source: apache/kafka `TopicNameMatches.java`.

use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
};
use regex::Regex;

use super::{ConnectRecord, Predicate};

/// Options of the predicate.
#[derive(Config, Debug)]
pub(super) struct TopicNameMatchesConfig {
    /// A Java regular expression for matching against the name of a record's topic.
    #[config(importance = Medium, check = [NOT_EMPTY, REGEX])]
    pattern: String,
}

/// Matches records of some topics.
#[derive(Debug)]
pub(super) struct TopicNameMatches {
    whole: Regex,
}

impl TopicNameMatches {
    pub(super) fn configured(props: &Props) -> Result<Self> {
        let pattern = TopicNameMatchesConfig::parse(props)?.pattern;
        let whole = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            ConnectorError::invalid(format!(
                "Invalid value {pattern} for configuration pattern: Invalid regex: {error}"
            ))
        })?;
        Ok(Self { whole })
    }
}

impl Predicate for TopicNameMatches {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"
    }

    fn test(&self, record: &dyn ConnectRecord) -> Result<bool> {
        Ok(self.whole.is_match(record.topic()))
    }
}
