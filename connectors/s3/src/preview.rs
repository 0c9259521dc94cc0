//! What the sink would write for a record, without a bucket.

use connect_api::{error::Result, record::SinkRecord, sink::Preview};

use crate::{
    config::{DecimalFormat, NullBehavior, S3SinkConfig},
    format::{Format, Layouts},
    naming::Naming,
    route::Router,
    task::null_value,
};

/// Finds the object that a record would begin, and its text in there.
#[derive(Debug)]
pub(crate) struct Previewer {
    router: Router,
    naming: Naming,
    format: Format,
    layouts: Layouts,
    nulls: NullBehavior,
}

impl Previewer {
    /// # Errors
    /// As [`Router::new`].
    pub(crate) fn new(config: &S3SinkConfig) -> Result<Self> {
        Ok(Self {
            router: Router::new(config)?,
            naming: Naming::new(config),
            format: Format::new(config),
            layouts: Layouts::new(config.connector.schemas_cache_config),
            nulls: config.connector.behavior_on_null_values,
        })
    }

    /// # Errors
    /// `Record` for one that the task would reject.
    pub(crate) fn preview(&mut self, record: &SinkRecord, now_ms: i64) -> Result<Option<Preview>> {
        if record.value.value.is_null() {
            return match self.nulls {
                NullBehavior::Ignore => Ok(None),
                _ => Err(null_value(record)),
            };
        }
        let time_ms = self.router.time_ms(record, now_ms)?;
        let folder = self.router.folder(record, time_ms)?;
        let mut content = Vec::new();
        let layout = self.layouts.find(&self.format, record.value.schema.as_ref())?;
        self.format.write(&mut content, &record.value.value, layout.as_deref())?;
        if layout.is_some() {
            // Bytes of Avro and Parquet say nothing to the eye: the same value as JSON does.
            content.clear();
            let text = Format::Json(DecimalFormat::Numeric);
            text.write(&mut content, &record.value.value, None)?;
        }
        Ok(Some(Preview { place: self.naming.key(&folder, record), content: content.into() }))
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{
        config::Config as _,
        record::{SchemaAndValue, TimestampType, TopicPartition},
        value::Value,
    };

    use super::*;

    fn record(value: Value) -> SinkRecord {
        SinkRecord {
            topic: "logs".into(),
            origin: TopicPartition::new("logs", 2),
            offset: 17,
            timestamp_ms: Some(0),
            timestamp_type: TimestampType::CreateTime,
            key: SchemaAndValue::NULL,
            value: SchemaAndValue::schemaless(value),
            headers: Vec::new(),
        }
    }

    #[test]
    fn a_record_shows_the_object_that_it_would_begin() {
        let props = [
            ("s3.bucket.name", "b"),
            ("flush.size", "10"),
            ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
            ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
        ];
        let config = S3SinkConfig::parse(&props.into_iter().collect()).unwrap();
        let mut previewer = Previewer::new(&config).unwrap();
        let preview = previewer.preview(&record("x".into()), 0).unwrap().unwrap();
        assert_eq!(preview.place, "topics/logs/partition=2/logs+2+0000000017.json");
        assert_eq!(preview.content, "\"x\"\n");
        let refused = previewer.preview(&record(Value::Null), 0).unwrap_err();
        assert!(refused.to_string().contains("has no value"), "{refused}");
    }
}
