//! Makes the topic of the topic and the record's time.
//!
//! Source: apache/kafka `TimestampRouter.java`.

use std::sync::{Arc, Mutex, PoisonError};

use connect_api::{
    config::{Config, Props},
    date_format::DateFormat,
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    value_text::write_java_text,
};

use super::{ConnectRecord, Transform, Verdict, fields::shown_schema};

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct TimestampRouterConfig {
    /// Format string which can contain <code>${topic}</code> and <code>${timestamp}</code> as
    /// placeholders for the topic and timestamp, respectively.
    #[config(key = "topic.format", default = "${topic}-${timestamp}", importance = High)]
    topic: String,
    /// Format string for the timestamp that is compatible with
    /// <code>java.text.SimpleDateFormat</code>.
    #[config(key = "timestamp.format", default = "yyyyMMdd", importance = High)]
    timestamp: String,
}

/// Routes by time.
#[derive(Debug)]
pub(super) struct TimestampRouter {
    topic_format: String,
    /// What is wrong with the pattern is said of the first record, as in the original.
    timestamp_format: Result<DateFormat, String>,
    last: Mutex<Option<Routed>>,
}

/// A topic, a time as text, and what becomes of them: the records of a batch nearly always share
/// theirs.
#[derive(Debug)]
struct Routed {
    topic: Arc<str>,
    time: String,
    routed: Arc<str>,
}

impl TimestampRouter {
    pub(super) fn configured(props: &Props) -> Result<Self> {
        let config = TimestampRouterConfig::parse(props)?;
        Ok(Self {
            topic_format: config.topic,
            timestamp_format: DateFormat::new(&config.timestamp),
            last: Mutex::default(),
        })
    }

    fn routed(&self, topic: &Arc<str>, time: String) -> Arc<str> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(known) if known.time == time && known.topic == *topic => Arc::clone(&known.routed),
            _ => {
                let routed = self.topic_format.replace("${topic}", topic);
                let routed: Arc<str> = routed.replace("${timestamp}", &time).into();
                let topic = Arc::clone(topic);
                *last = Some(Routed { topic, time, routed: Arc::clone(&routed) });
                routed
            }
        }
    }
}

/// The record as the original shows it.
fn shown(record: &dyn ConnectRecord) -> String {
    let text = |data: &SchemaAndValue| {
        let mut text = String::new();
        write_java_text(&mut text, &data.value);
        text
    };
    let schema = |data: &SchemaAndValue| match &data.schema {
        Some(schema) => shown_schema(schema),
        None => "null".to_owned(),
    };
    let headers = record.headers().iter().map(|header| {
        let (value, schema) = (text(&header.data), schema(&header.data));
        format!("ConnectHeader(key={}, value={value}, schema={schema})", header.key)
    });
    let headers = match headers.collect::<Vec<_>>() {
        headers if headers.is_empty() => String::new(),
        headers => format!("[{}]", headers.join(", ")),
    };
    format!(
        "ConnectRecord{{topic='{}', kafkaPartition={}, key={}, keySchema={}, value={}, \
         valueSchema={}, timestamp=null, headers=ConnectHeaders(headers={headers})}}",
        record.topic(),
        record.partition().map_or_else(|| "null".to_owned(), |partition| partition.to_string()),
        text(record.key()),
        schema(record.key()),
        text(record.value()),
        schema(record.value())
    )
}

impl Transform for TimestampRouter {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.transforms.TimestampRouter"
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let Some(ms) = record.timestamp_ms() else {
            let message = format!("Timestamp missing on record: {}", shown(record));
            return Err(ConnectorError::record(message));
        };
        let format = self.timestamp_format.as_ref();
        let format = format.map_err(|reason| ConnectorError::record(reason.clone()))?;
        let routed = self.routed(record.topic(), format.format(ms));
        record.set_topic(routed);
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::record::SourceRecord;

    use super::*;

    fn routed(entries: &[(&str, &str)], timestamp_ms: Option<i64>) -> Result<String> {
        let transform = TimestampRouter::configured(&entries.iter().copied().collect())?;
        let data = SchemaAndValue::schemaless("v".into());
        let mut record = SourceRecord { timestamp_ms, ..SourceRecord::new("test".into(), data) };
        transform.apply(&mut record)?;
        Ok(record.topic.to_string())
    }

    #[test]
    fn the_topic_is_made_of_topic_and_time() {
        let at = Some(1_483_425_001_864);
        assert_eq!(routed(&[], at).unwrap(), "test-20170103");
        let formats = [("topic.format", "${timestamp}/a$1${topic}"), ("timestamp.format", "YYYY")];
        assert_eq!(routed(&formats, at).unwrap(), "2017/a$1test");
    }

    #[test]
    fn what_is_wrong_is_said_in_the_original_words() {
        assert_eq!(
            routed(&[], None).unwrap_err().to_string(),
            "Timestamp missing on record: ConnectRecord{topic='test', kafkaPartition=null, \
             key=null, keySchema=null, value=v, valueSchema=null, timestamp=null, \
             headers=ConnectHeaders(headers=)}"
        );
        assert_eq!(
            routed(&[("timestamp.format", "bogus")], Some(0)).unwrap_err().to_string(),
            "Illegal pattern character 'b'"
        );
    }
}
