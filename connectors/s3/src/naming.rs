//! Keys of objects.

use connect_api::record::SinkRecord;

use crate::config::S3SinkConfig;

/// Names objects.
#[derive(Debug)]
pub(crate) struct Naming {
    directory_delimiter: String,
    file_delimiter: String,
    pad_width: usize,
}

impl Naming {
    /// The names that a configuration asks for.
    pub(crate) fn new(config: &S3SinkConfig) -> Self {
        Self {
            directory_delimiter: config.storage.directory_delim.clone(),
            file_delimiter: config.storage.file_delim.clone(),
            pad_width: config.connector.filename_offset_zero_pad_width,
        }
    }

    /// The key, without its suffix, of the objects in a folder whose first record this is.
    pub(crate) fn stem(&self, folder: &str, record: &SinkRecord) -> String {
        let Self { directory_delimiter, file_delimiter, pad_width } = self;
        let (topic, partition, offset) = (&record.topic, record.origin.partition, record.offset);
        format!(
            "{folder}{directory_delimiter}{topic}{file_delimiter}{partition}{file_delimiter}\
             {offset:0pad_width$}"
        )
    }
}
