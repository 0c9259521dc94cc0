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
