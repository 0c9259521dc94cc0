//! Takes the topic from a field of the key or value, or from a header.
//!
//! Millrace's own, with the options of `io.confluent.connect.transforms.ExtractTopic`.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
    value::Value,
    value_text::java_class,
};

use super::{ConnectRecord, Transform, Verdict, side::Side};

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct ExtractTopicConfig {
    /// Name of the field that holds the topic, with dots between the steps to a nested one; of the
    /// header, for a topic from a header. Left empty, the whole key or value is the topic.
    #[config(default = "", importance = High)]
    field: String,
    /// Whether a record passes with its own topic when the field is missing or null. It fails
    /// otherwise.
    #[config(key = "skip.missing.or.null", default = false, importance = Low)]
    is_missing_skipped: bool,
}

/// Where the topic is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Part(Side),
    Header,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Part(Side::Key) => "key",
            Self::Part(Side::Value) => "value",
            Self::Header => "headers",
        })
    }
}

/// Routes by content.
#[derive(Debug)]
pub(super) struct ExtractTopic {
    place: Place,
    field: String,
    is_missing_skipped: bool,
    /// The last topic: those of a batch are often the same.
    last: Mutex<Option<Arc<str>>>,
}

impl ExtractTopic {
    pub(super) fn configured(props: &Props, place: Place) -> Result<Self> {
        let ExtractTopicConfig { field, is_missing_skipped } = ExtractTopicConfig::parse(props)?;
        if matches!(place, Place::Header) && field.is_empty() {
            return Err(ConnectorError::invalid(
                "Invalid value  for configuration field: The name of a header must be given",
            ));
        }
        Ok(Self { place, field, is_missing_skipped, last: Mutex::default() })
    }

    fn found<'a>(&self, record: &'a dyn ConnectRecord) -> Option<&'a Value> {
        let found = match self.place {
            Place::Part(side) if self.field.is_empty() => Some(&side.of(record).value),
            Place::Part(side) => side.of(record).value.path(&self.field),
            Place::Header => {
                let mut headers = record.headers().iter().rev();
                headers.find(|header| *header.key == *self.field).map(|header| &header.data.value)
            }
        };
        found.filter(|value| !value.is_null())
    }

    fn topic(&self, name: &str) -> Arc<str> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(known) if **known == *name => Arc::clone(known),
            _ => Arc::clone(last.insert(name.into())),
        }
    }
}

impl Transform for ExtractTopic {
    fn class(&self) -> &'static str {
        match self.place {
            Place::Part(Side::Key) => "millrace.transforms.ExtractTopic$Key",
            Place::Part(Side::Value) => "millrace.transforms.ExtractTopic$Value",
            Place::Header => "millrace.transforms.ExtractTopic$Header",
        }
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let (field, place) = (&self.field, self.place);
        let topic = match self.found(record) {
            None if self.is_missing_skipped => return Ok(Verdict::Keep),
            None => Err(format!("Field \"{field}\" of the {place} is missing or null")),
            Some(Value::String(name)) if name.is_empty() => {
                Err(format!("Field \"{field}\" of the {place} is empty and no topic"))
            }
            Some(Value::String(name)) => Ok(self.topic(name)),
            Some(other) => Err(format!(
                "Field \"{field}\" of the {place} must be a string to be a topic, found: {}",
                java_class(other)
            )),
        };
        record.set_topic(topic.map_err(ConnectorError::record)?);
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{
        record::{Header, SchemaAndValue, SourceRecord},
        value::Map,
    };

    use super::*;

    const VALUE: Place = Place::Part(Side::Value);

    fn routed(entries: &[(&str, &str)], place: Place) -> Result<String> {
        let inner = Map::new(vec![("name".into(), "inner".into()), ("n".into(), Value::Int8(1))]);
        let map = Map::new(vec![("to".into(), Value::Map(inner)), ("null".into(), Value::Null)]);
        let data = SchemaAndValue::schemaless(Value::Map(map));
        let mut record = SourceRecord::new("own".into(), data);
        record.key = SchemaAndValue::schemaless("whole".into());
        let header = SchemaAndValue::schemaless("header".into());
        record.headers.push(Header { key: "to.name".into(), data: header });
        let props = entries.iter().copied().collect();
        ExtractTopic::configured(&props, place)?.apply(&mut record)?;
        Ok(record.topic.to_string())
    }

    #[test]
    fn the_topic_is_where_it_was_said_to_be() {
        let field = [("field", "to.name")];
        assert_eq!(routed(&field, VALUE).unwrap(), "inner");
        assert_eq!(routed(&field, Place::Header).unwrap(), "header");
        assert_eq!(routed(&[], Place::Part(Side::Key)).unwrap(), "whole");
    }

    #[test]
    fn what_is_missing_fails_or_passes() {
        for field in ["gone", "null", "to.gone.x"] {
            let missing = format!("Field \"{field}\" of the value is missing or null");
            assert_eq!(routed(&[("field", field)], VALUE).unwrap_err().to_string(), missing);
            let skipped = [("field", field), ("skip.missing.or.null", "true")];
            assert_eq!(routed(&skipped, VALUE).unwrap(), "own");
        }
        assert_eq!(
            routed(&[("field", "to.n")], VALUE).unwrap_err().to_string(),
            "Field \"to.n\" of the value must be a string to be a topic, found: java.lang.Byte"
        );
        assert!(routed(&[], Place::Header).is_err());
    }
}
