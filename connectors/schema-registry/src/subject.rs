//! Names of subjects.
//!
//! Source: confluentinc/schema-registry `TopicNameStrategy.java`, `RecordNameStrategy.java`,
//! `TopicRecordNameStrategy.java`.

use std::fmt;

use connect_api::config::{ConfigKind, ConfigType};

const PACKAGE: &str = "io.confluent.kafka.serializers.subject.";

/// How the subject of a schema is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectName {
    /// `TOPIC-key` or `TOPIC-value`.
    Topic,
    /// The record's full name.
    Record,
    /// `TOPIC-RECORD`.
    TopicRecord,
}

impl SubjectName {
    const fn simple(self) -> &'static str {
        match self {
            Self::Topic => "TopicNameStrategy",
            Self::Record => "RecordNameStrategy",
            Self::TopicRecord => "TopicRecordNameStrategy",
        }
    }

    /// The subject of a schema, by the topic and the full name of its record, if it is one.
    ///
    /// # Errors
    /// The sentence of a strategy that needs a record.
    pub fn of(self, topic: &str, is_key: bool, record: Option<&str>) -> Result<String, String> {
        let role = if is_key { "key" } else { "value" };
        match (self, record) {
            (Self::Topic, _) => Ok(format!("{topic}-{role}")),
            (Self::Record, Some(record)) => Ok(record.to_owned()),
            (Self::TopicRecord, Some(record)) => Ok(format!("{topic}-{record}")),
            (Self::Record | Self::TopicRecord, None) => Err(format!(
                "In configuration {role}.subject.name.strategy = {self}, the message {role} must \
                 only be a record schema"
            )),
        }
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PACKAGE}{}", self.simple())
    }
}

impl ConfigType for SubjectName {
    const KIND: ConfigKind = ConfigKind::Class;

    fn parse(text: &str) -> Result<Self, String> {
        let simple = text.strip_prefix(PACKAGE).unwrap_or(text);
        // The newest original asks for associations first and then does as with the topic's name.
        if simple == "AssociatedNameStrategy" {
            return Ok(Self::Topic);
        }
        let known = [Self::Topic, Self::Record, Self::TopicRecord];
        known.into_iter().find(|known| known.simple() == simple).ok_or_else(|| {
            "Class must be TopicNameStrategy, RecordNameStrategy or TopicRecordNameStrategy of \
             io.confluent.kafka.serializers.subject; classes of others cannot run here"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_named_as_the_strategy_says() {
        assert_eq!(SubjectName::Topic.of("t", true, None).unwrap(), "t-key");
        assert_eq!(SubjectName::Record.of("t", false, Some("a.B")).unwrap(), "a.B");
        assert_eq!(SubjectName::TopicRecord.of("t", false, Some("a.B")).unwrap(), "t-a.B");
        let error = SubjectName::Record.of("t", false, None).unwrap_err();
        assert!(error.ends_with("the message value must only be a record schema"), "{error}");
    }

    #[test]
    fn strategies_are_found_by_class() {
        for known in [SubjectName::Topic, SubjectName::Record, SubjectName::TopicRecord] {
            assert_eq!(SubjectName::parse(&known.to_string()), Ok(known));
        }
        assert!(SubjectName::parse("com.acme.MyStrategy").is_err());
    }
}
