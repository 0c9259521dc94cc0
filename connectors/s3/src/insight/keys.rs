//! Keys of Confluent's class.

use connect_storage::words::{Affix, PartitionerClass};

use super::objects::{Named, Names};
use crate::{config::S3SinkConfig, naming::Naming, view::Shape};

/// Reads keys: `<folder>/<topic>+<partition>+<offset><suffix>`.
pub(crate) struct Keys {
    naming: Naming,
    /// Ends of keys, the longest first.
    suffixes: Vec<String>,
    /// Text between the segments, where the folder follows from the partition alone.
    by_partition: Option<String>,
}

impl Keys {
    pub(crate) fn new(config: &S3SinkConfig) -> Self {
        let mut suffixes: Vec<_> = Shape::all(config).into_iter().map(|it| it.suffix).collect();
        suffixes.sort_by_key(|suffix| std::cmp::Reverse(suffix.len()));
        let is_by_partition = config.storage.partitioner_class == PartitionerClass::Default
            && config.connector.schema_affix == Affix::None
            && !config.connector.store_kafka_keys;
        let delimiter = config.storage.directory_delim.clone();
        let by_partition = is_by_partition.then_some(delimiter);
        Self { naming: Naming::new(config), suffixes, by_partition }
    }
}

impl Names for Keys {
    fn prefix(&self, topic: &str, partition: Option<i32>) -> String {
        let folder = self.naming.folder(topic);
        match partition.zip(self.by_partition.as_ref()) {
            Some((partition, delimiter)) => format!("{folder}partition={partition}{delimiter}"),
            None => folder,
        }
    }

    fn read(&self, key: &str) -> Option<Named> {
        let mut named = self.suffixes.iter().filter_map(|suffix| {
            let stem = key.strip_suffix(suffix.as_str())?;
            let (topic, partition, first) = self.naming.parts(stem)?;
            let row = stem.trim_end_matches(|c: char| c.is_ascii_digit());
            Some(Named { topic: topic.to_owned(), partition, first, row: format!("{row}{suffix}") })
        });
        named.next()
    }
}
