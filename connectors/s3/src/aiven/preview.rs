//! What the Aiven class would write for a record, without a bucket.

use connect_api::{error::Result, record::SinkRecord, sink::Preview};

use super::{config::AivenConfig, content::Content, group::Grouper};

/// Finds the object that a record would begin, and its text in there.
#[derive(Debug)]
pub(super) struct Previewer {
    grouper: Grouper,
    content: Content,
}

impl Previewer {
    /// # Errors
    /// As [`Grouper::new`].
    pub(super) fn new(config: &AivenConfig) -> Result<Self> {
        Ok(Self { grouper: Grouper::new(config)?, content: Content::new(config) })
    }

    /// # Errors
    /// `Record` for one that the task would reject.
    pub(super) fn preview(&mut self, record: &SinkRecord, now_ms: i64) -> Result<Preview> {
        let shape = self.content.shape(record)?;
        let mut content = Vec::new();
        self.content.write(&mut content, record, shape.as_deref())?;
        if shape.is_some() {
            // Bytes of Avro and Parquet say nothing to the eye: the same record as JSON does.
            content.clear();
            self.content.write_text(&mut content, record)?;
        }
        self.grouper.clear();
        let (name, _) = self.grouper.find(record, shape.as_ref(), now_ms, |_| None)?;
        let place = self.grouper.key(&name, record, now_ms)?;
        Ok(Preview { place, content: content.into() })
    }
}
