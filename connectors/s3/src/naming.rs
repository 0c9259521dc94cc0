//! Keys of objects.

use connect_api::record::SinkRecord;

use crate::config::S3SinkConfig;

/// Names objects.
#[derive(Debug)]
pub(crate) struct Naming {
    /// Top folder with its delimiter, or nothing.
    root: String,
    directory_delimiter: String,
    file_delimiter: String,
    pad_width: usize,
}

impl Naming {
    /// The names that a configuration asks for.
    pub(crate) fn new(config: &S3SinkConfig) -> Self {
        let root = match config.storage.topics_dir.as_str() {
            "" => String::new(),
            dir => format!("{dir}{}", config.storage.directory_delim),
        };
        Self {
            root,
            directory_delimiter: config.storage.directory_delim.clone(),
            file_delimiter: config.storage.file_delim.clone(),
            pad_width: config.connector.filename_offset_zero_pad_width,
        }
    }

    /// The key, without its suffix, of the objects in a folder whose first record this is.
    pub(crate) fn stem(&self, folder: &str, record: &SinkRecord) -> String {
        let Self { directory_delimiter, file_delimiter, pad_width, .. } = self;
        let (topic, partition, offset) = (&record.topic, record.origin.partition, record.offset);
        format!(
            "{folder}{directory_delimiter}{topic}{file_delimiter}{partition}{file_delimiter}\
             {offset:0pad_width$}"
        )
    }

    /// What the keys of all objects of a topic begin with.
    pub(crate) fn folder(&self, topic: &str) -> String {
        format!("{}{topic}{}", self.root, self.directory_delimiter)
    }

    /// Partition of the object with this stem; nothing when it is none of the topic's.
    pub(crate) fn partition_of(&self, topic: &str, stem: &str) -> Option<i32> {
        self.parts(stem).filter(|(named, ..)| *named == topic).map(|(_, partition, _)| partition)
    }

    /// Topic, partition and first offset of the object with this stem; nothing when it has another kind of
    /// name.
    pub(crate) fn parts<'a>(&self, stem: &'a str) -> Option<(&'a str, i32, i64)> {
        let (_, name) = stem.rsplit_once(&self.directory_delimiter)?;
        let (name, offset) = name.rsplit_once(&self.file_delimiter)?;
        let (topic, partition) = name.rsplit_once(&self.file_delimiter)?;
        let is_offset = !offset.is_empty() && offset.bytes().all(|byte| byte.is_ascii_digit());
        Some((topic, partition.parse().ok()?, offset.parse().ok().filter(|_| is_offset)?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connect_api::{
        config::{Config as _, Props},
        record::{SchemaAndValue, TimestampType, TopicPartition},
        schema::{Schema, Type},
        value::{Struct, Value},
    };

    use super::*;
    use crate::view::Shape;

    /// 2024-03-05T09:30:00Z.
    const MORNING: i64 = 1_709_631_000_000;

    fn order() -> SinkRecord {
        let schema = Schema::new(Type::Struct).named("com.x.Order");
        let schema = Arc::new(schema.field("region", Schema::string()));
        let value = Value::Struct(Struct::new(Arc::clone(&schema), vec!["eu".into()]));
        SinkRecord {
            topic: "orders".into(),
            origin: TopicPartition::new("orders", 2),
            offset: 7,
            timestamp_ms: Some(MORNING),
            timestamp_type: TimestampType::CreateTime,
            key: SchemaAndValue::NULL,
            value: SchemaAndValue::new(schema, value),
            headers: Vec::new(),
        }
    }

    fn key(more: &[(&str, &str)]) -> String {
        let mut props = Props::from([
            ("s3.bucket.name", "b"),
            ("storage.class", "S3Storage"),
            ("format.class", "JsonFormat"),
            ("flush.size", "3"),
            ("locale", "en"),
            ("timezone", "UTC"),
        ]);
        props.extend(more.iter().copied());
        let config = S3SinkConfig::parse(&props).unwrap();
        let (mut router, record) = (config.router().unwrap(), order());
        let time_ms = router.time_ms(&record, MORNING).unwrap();
        let folder = router.folder(&record, time_ms).unwrap();
        let shapes = Shape::all(&config);
        let suffix = &shapes.last().unwrap().suffix;
        format!("{}{suffix}", Naming::new(&config).stem(&folder, &record))
    }

    #[test]
    fn keys_are_those_of_the_original() {
        let hourly =
            [("partitioner.class", "HourlyPartitioner"), ("timestamp.extractor", "Record")];
        for (settings, expected) in [
            (vec![], "topics/orders/partition=2/orders+2+0000000007.json"),
            (vec![("topics.dir", " ")], "orders/partition=2/orders+2+0000000007.json"),
            (
                vec![
                    ("partitioner.class", "FieldPartitioner"),
                    ("partition.field.name", "region"),
                    ("format.class", "ByteArrayFormat"),
                    ("s3.compression.type", "gzip"),
                    ("format.bytearray.extension", ".txt"),
                ],
                "topics/orders/region=eu/orders+2+0000000007.txt.gz",
            ),
            (
                hourly.to_vec(),
                "topics/orders/year=2024/month=03/day=05/hour=09/orders+2+0000000007.json",
            ),
            (
                vec![
                    ("file.delim", "-"),
                    ("filename.offset.zero.pad.width", "2"),
                    ("topics.dir", "a/b"),
                ],
                "a/b/orders/partition=2/orders-2-07.json",
            ),
            (
                vec![("s3.schema.partition.affix.type", "PREFIX")],
                "topics/orders/schema_name=com.x.Order/partition=2/orders+2+0000000007.json",
            ),
            (
                vec![("s3.schema.partition.affix.type", "SUFFIX"), ("directory.delim", "|")],
                "topics|orders|partition=2|schema_name=com.x.Order|orders+2+0000000007.json",
            ),
            (
                vec![("filename.offset.zero.pad.width", "0")],
                "topics/orders/partition=2/orders+2+7.json",
            ),
        ] {
            assert_eq!(key(&settings), expected, "{settings:?}");
        }
    }
}
