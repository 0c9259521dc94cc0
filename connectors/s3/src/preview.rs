//! What the sink would write for a record, without a bucket.

use connect_api::{error::Result, json::DecimalFormat, record::SinkRecord, sink::Preview};

use connect_storage::{
    format::{Draft, Format},
    route::Router,
};

use crate::{
    config::{NullBehavior, S3SinkConfig},
    naming::Naming,
    task::null_value,
    view::{Shape, View, write_view},
};

/// Finds the object that a record would begin, and its text in there.
#[derive(Debug)]
pub(crate) struct Previewer {
    router: Router,
    naming: Naming,
    shapes: Vec<Shape>,
    draft: Draft,
    nulls: NullBehavior,
    /// Folder of records without a value.
    tombstone: String,
}

impl Previewer {
    /// # Errors
    /// As [`Router::new`].
    pub(crate) fn new(config: &S3SinkConfig) -> Result<Self> {
        Ok(Self {
            router: config.router()?,
            naming: Naming::new(config),
            shapes: Shape::all(config),
            draft: Draft::new(config.connector.format.schemas_cache_config),
            nulls: config.connector.behavior_on_null_values,
            tombstone: config.connector.tombstone_encoded_partition.clone(),
        })
    }

    /// # Errors
    /// `Record` for one that the task would reject.
    pub(crate) fn preview(&mut self, record: &SinkRecord, now_ms: i64) -> Result<Option<Preview>> {
        let is_null = record.value.value.is_null();
        let folder = match self.nulls {
            NullBehavior::Ignore if is_null => return Ok(None),
            NullBehavior::Fail if is_null => return Err(null_value(record)),
            NullBehavior::Write if is_null => self.router.named_folder(record, &self.tombstone),
            _ => {
                let time_ms = self.router.time_ms(record, now_ms)?;
                self.router.folder(record, time_ms)?
            }
        };
        // What is missing in a record is told whichever side of it is shown.
        let mut place = self.naming.stem(&folder, record);
        for shape in Shape::of(&self.shapes, record) {
            write_view(&mut self.draft, shape, record)?;
        }
        let mut content = std::mem::take(&mut self.draft.content);
        let Some(shown) = Shape::of(&self.shapes, record).last() else { return Ok(None) };
        place.push_str(&shown.suffix);
        if self.draft.layout.is_some() {
            // Bytes of Avro and Parquet say nothing to the eye: the same value as JSON does.
            content.clear();
            let side = if shown.view == View::Value { &record.value } else { &record.key };
            let text = Format::Json(DecimalFormat::Numeric);
            text.write(&mut content, &side.value, None)?;
        }
        Ok(Some(Preview { place, content: content.into() }))
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
    fn a_record_without_value_shows_the_object_of_its_key() {
        let props = [
            ("s3.bucket.name", "b"),
            ("flush.size", "10"),
            ("format.class", "JsonFormat"),
            ("storage.class", "S3Storage"),
            ("store.kafka.keys", "true"),
            ("keys.format.class", "JsonFormat"),
            ("behavior.on.null.values", "write"),
        ];
        let config = S3SinkConfig::parse(&props.into_iter().collect()).unwrap();
        let mut previewer = Previewer::new(&config).unwrap();
        let mut null = record(Value::Null);
        let refused = previewer.preview(&null, 0).unwrap_err();
        assert!(refused.to_string().contains("has no key"), "{refused}");
        null.key = SchemaAndValue::schemaless("k".into());
        let preview = previewer.preview(&null, 0).unwrap().unwrap();
        assert_eq!(preview.place, "topics/logs/tombstone/logs+2+0000000017.keys.json");
        assert_eq!(preview.content, "\"k\"\n");
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
