//! What the sink would write for a record, without a file system.

use connect_api::{error::Result, json::DecimalFormat, record::SinkRecord, sink::Preview};
use connect_storage::{
    format::{Draft, Format},
    route::Router,
};

use crate::{
    config::{HdfsSinkConfig, NullBehavior},
    naming::Naming,
    task::null_value,
};

/// Finds the file that a record would be alone in, and its text in there.
#[derive(Debug)]
pub(crate) struct Previewer {
    router: Router,
    naming: Naming,
    format: Format,
    draft: Draft,
    nulls: NullBehavior,
}

impl Previewer {
    /// # Errors
    /// As [`Router::new`] and [`Naming::new`].
    pub(crate) fn new(mut config: HdfsSinkConfig) -> Result<Self> {
        let naming = Naming::new(&config, crate::config::base(&config.cluster))?;
        config.storage.topics_dir.clear();
        Ok(Self {
            router: Router::new(&config.storage)?,
            naming,
            format: config.format(),
            draft: Draft::new(config.connector.format.schemas_cache_config),
            nulls: config.connector.behavior_on_null_values,
        })
    }

    /// # Errors
    /// `Record` for one that the task would reject.
    pub(crate) fn preview(&mut self, record: &SinkRecord, now_ms: i64) -> Result<Option<Preview>> {
        if record.value.value.is_null() {
            return match self.nulls {
                NullBehavior::Ignore => Ok(None),
                NullBehavior::Fail => Err(null_value(record)),
            };
        }
        let place = self.place(record, now_ms)?;
        self.draft.write(&self.format, record.value.schema.as_ref(), &record.value.value)?;
        let mut content = std::mem::take(&mut self.draft.content);
        if self.draft.layout.is_some() {
            // Bytes of Avro and Parquet say nothing to the eye: the same value as JSON does.
            content.clear();
            let text = Format::Json(DecimalFormat::Numeric);
            text.write(&mut content, &record.value.value, None)?;
        }
        Ok(Some(Preview { place, content: content.into() }))
    }

    /// Path of the file that a record would be alone in.
    ///
    /// # Errors
    /// `Record` when it has no folder.
    pub(crate) fn place(&mut self, record: &SinkRecord, now_ms: i64) -> Result<String> {
        let time_ms = self.router.time_ms(record, now_ms)?;
        let folder = self.router.folder(record, time_ms)?;
        let folder = self.naming.folder(&record.topic, &folder)?;
        let range = (record.offset, record.offset);
        Ok(format!("{folder}/{}", self.naming.file(&record.topic, record.origin.partition, range)))
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{
        config::{Config as _, Props},
        value::Value,
    };

    use super::*;
    use crate::task::tests::record;

    #[test]
    fn a_record_shows_the_file_that_it_would_be_in() {
        let props = [
            ("hdfs.url", "hdfs://nn:8020/base"),
            ("flush.size", "10"),
            ("format.class", "io.confluent.connect.hdfs.string.StringFormat"),
        ];
        let config = HdfsSinkConfig::parse(&Props::from(props)).unwrap();
        let mut previewer = Previewer::new(config).unwrap();
        let preview = previewer.preview(&record(17, "x".into()), 0).unwrap().unwrap();
        assert_eq!(preview.place, "/base/topics/t/partition=0/t+0+0000000017+0000000017.txt");
        assert_eq!(preview.content, "x\n");
        let refused = previewer.preview(&record(1, Value::Null), 0).unwrap_err();
        assert!(refused.to_string().contains("has no value"), "{refused}");
    }
}
