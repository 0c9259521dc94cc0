//! Which letters are meant.

use chrono::DateTime;
use memchr::memmem;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    context::Context,
    error::{LettersError, Result},
};
use crate::broker::ConsumerRecord;

/// Letters that all of these are true of; without any, every letter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Topic the record was in first.
    pub topic: Option<String>,
    /// Partition the record was in first.
    pub partition: Option<i32>,
    /// Stage that failed, in any case.
    pub stage: Option<String>,
    /// Class of the exception, with or without its package.
    pub exception: Option<String>,
    /// Text in the key, the value or the exception's message.
    pub contains: Option<String>,
    /// Earliest time of the record, in milliseconds since the epoch.
    #[serde(deserialize_with = "moment")]
    pub from: Option<i64>,
    /// Time before which the record is, in milliseconds since the epoch.
    #[serde(deserialize_with = "moment")]
    pub to: Option<i64>,
}

impl Filter {
    /// Sets a part by its name; `false` for a name that is none.
    ///
    /// # Errors
    /// `Invalid` for a value that cannot be read.
    pub fn set(&mut self, name: &str, text: &str) -> Result<bool> {
        let owned = || Some(text.to_owned());
        match name {
            "topic" => self.topic = owned(),
            "stage" => self.stage = owned(),
            "exception" => self.exception = owned(),
            "contains" => self.contains = owned(),
            "partition" => self.partition = Some(number(name, text)?),
            "from" => self.from = Some(parse_moment(text)?),
            "to" => self.to = Some(parse_moment(text)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn matches(&self, record: &ConsumerRecord, context: &Context<'_>) -> bool {
        let home = context.home.as_ref();
        let is_from = self.from.is_none_or(|from| record.timestamp_ms.is_some_and(|at| at >= from));
        let is_before = self.to.is_none_or(|to| record.timestamp_ms.is_some_and(|at| at < to));
        let is_stage =
            |wanted: &String| context.stage.is_some_and(|stage| stage.eq_ignore_ascii_case(wanted));
        is_from
            && is_before
            && is_so(&self.topic, |wanted| home.is_some_and(|home| *home.topic == **wanted))
            && is_so(&self.partition, |wanted| {
                home.is_some_and(|home| home.partition == Some(*wanted))
            })
            && is_so(&self.stage, is_stage)
            && is_so(&self.exception, |wanted| {
                context.exception.is_some_and(|class| is_class(class, wanted))
            })
            && is_so(&self.contains, |wanted| has_text(record, context, wanted))
    }
}

fn is_so<T>(wanted: &Option<T>, is_there: impl FnOnce(&T) -> bool) -> bool {
    wanted.as_ref().is_none_or(is_there)
}

fn is_class(class: &str, wanted: &str) -> bool {
    class == wanted || class.rsplit(['.', '$']).next() == Some(wanted)
}

fn has_text(record: &ConsumerRecord, context: &Context<'_>, wanted: &str) -> bool {
    let parts = [record.key.as_deref(), record.value.as_deref()];
    let parts = parts.into_iter().chain([context.message.map(str::as_bytes)]);
    parts.flatten().any(|part| memmem::find(part, wanted.as_bytes()).is_some())
}

/// Reads a whole number of a request.
pub(super) fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T> {
    let wrong = |_| LettersError::Invalid(format!("\"{name}\" must be a whole number: \"{text}\""));
    text.trim().parse().map_err(wrong)
}

/// Reads milliseconds since the epoch, or a time as RFC 3339 writes it.
fn parse_moment(text: &str) -> Result<i64> {
    if let Ok(millis) = text.trim().parse() {
        return Ok(millis);
    }
    let parsed = DateTime::parse_from_rfc3339(text.trim());
    parsed.map(|at| at.timestamp_millis()).map_err(|_| {
        LettersError::Invalid(format!(
            "\"{text}\" is no time: write 2026-11-21T10:00:00Z, or milliseconds since the epoch"
        ))
    })
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Moment {
        Millis(i64),
        Text(String),
    }
    match Option::<Moment>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Moment::Millis(millis)) => Ok(Some(millis)),
        Some(Moment::Text(text)) => parse_moment(&text).map(Some).map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use connect_api::record::TimestampType;

    use super::*;

    #[test]
    fn every_part_must_be_true() {
        let header = |name: &str, text: &'static str| {
            (format!("__connect.errors.{name}").into(), Some(Bytes::from_static(text.as_bytes())))
        };
        let record = ConsumerRecord {
            offset: 0,
            timestamp_ms: Some(1000),
            timestamp_type: TimestampType::CreateTime,
            key: Some(Bytes::from_static(b"k")),
            value: Some(Bytes::from_static(b"\xff{broken")),
            headers: vec![
                header("topic", "orders"),
                header("partition", "2"),
                header("stage", "VALUE_CONVERTER"),
                header("exception.class.name", "org.apache.kafka.connect.errors.DataException"),
                header("exception.message", "what a pity"),
            ],
        };
        for (name, yes, no) in [
            ("topic", "orders", "order"),
            ("partition", "2", "0"),
            ("stage", "value_converter", "KEY_CONVERTER"),
            ("exception", "DataException", "Exception"),
            ("exception", "org.apache.kafka.connect.errors.DataException", "errors.DataException"),
            ("contains", "{broken", "whole"),
            ("contains", "pity", "City"),
            ("from", "1970-01-01T00:00:01Z", "1001"),
            ("to", "1001", "1000"),
        ] {
            for (text, expected) in [(yes, true), (no, false)] {
                let mut filter = Filter::default();
                assert!(filter.set(name, text).unwrap());
                let context = Context::of(&record);
                assert_eq!(filter.matches(&record, &context), expected, "{name}={text}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let mut filter = Filter::default();
        assert!(!filter.set("colour", "red").unwrap());
        let error = filter.set("from", "yesterday").unwrap_err().to_string();
        assert!(error.starts_with("\"yesterday\" is no time"), "{error}");
        let read: Filter = serde_json::from_str(r#"{"from": "1970-01-01T00:00:01Z"}"#).unwrap();
        assert_eq!(read.from, Some(1000));
        assert!(serde_json::from_str::<Filter>(r#"{"colour": "red"}"#).is_err());
    }
}
