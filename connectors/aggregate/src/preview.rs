//! What the sink would count of a record, without a store.

use std::sync::Arc;

use connect_api::{error::Result, record::SinkRecord, sink::Preview};
use serde_json::Value as Json;

use crate::{
    api::shown_row, cell::Cell, config::AggregateConfig, definition::Definition,
    record::RecordReader,
};

/// Finds the row that a record counts in, and what it adds there.
#[derive(Debug)]
pub(crate) struct Previewer {
    definition: Arc<Definition>,
    reader: RecordReader,
    place: String,
    groups: String,
    text: String,
}

impl Previewer {
    /// For a connector of this name.
    pub(crate) fn new(config: &AggregateConfig, connector: &str) -> Self {
        let definition = Arc::new(config.definition(connector));
        let place = format!("aggregate \"{}\" in {}", definition.name, config.store_url());
        let reader = RecordReader::new(Arc::clone(&definition), config);
        Self { definition, reader, place, groups: String::new(), text: String::new() }
    }

    /// The row that would be there if this were the only record.
    ///
    /// # Errors
    /// `Record` for one that the task would reject.
    pub(crate) fn preview(&mut self, record: &SinkRecord) -> Result<Option<Preview>> {
        let Some(reading) = self.reader.open(record)? else { return Ok(None) };
        let mut cell = Cell::new(&self.definition);
        self.reader.count(&reading, &mut cell, &mut self.text);
        self.reader.write_groups(&reading, &mut self.groups);
        let start = self.definition.window_of(reading.time_ms);
        let window = (start, start.saturating_add(self.definition.window_ms));
        let groups: Vec<Json> = serde_json::from_str(&self.groups).unwrap_or_default();
        let groups = self.definition.group_names().zip(groups);
        let row = shown_row(&self.definition, window, groups, &cell);
        Ok(Some(Preview { place: self.place.clone(), content: row.to_string().into() }))
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{
        config::{Config as _, Props},
        record::{SchemaAndValue, TimestampType, TopicPartition},
        value::Value,
    };

    use super::*;

    #[test]
    fn a_record_shows_the_row_that_it_counts_in() {
        let props = Props::from([
            ("group.by", "topic,level"),
            ("measures", "count,sum:n"),
            ("store.url", "postgres://someone:secret@db/rows"),
        ]);
        let mut previewer = Previewer::new(&AggregateConfig::parse(&props).unwrap(), "errors");
        let mut record = SinkRecord {
            topic: "logs".into(),
            origin: TopicPartition::new("logs", 0),
            offset: 0,
            timestamp_ms: Some(61_000),
            timestamp_type: TimestampType::CreateTime,
            key: SchemaAndValue::NULL,
            value: SchemaAndValue::schemaless(r#"{"level":"INFO","n":7}"#.into()),
            headers: Vec::new(),
        };
        let preview = previewer.preview(&record).unwrap().unwrap();
        assert!(preview.place.starts_with("aggregate \"errors\" in postgres"), "{}", preview.place);
        assert!(!preview.place.contains("secret"), "{}", preview.place);
        assert_eq!(
            preview.content,
            r#"{"window_start":"1970-01-01T00:01:00Z","window_end":"1970-01-01T00:02:00Z","topic":"logs","level":"INFO","count":1,"sum:n":7}"#
        );
        record.value = SchemaAndValue::schemaless(r#"{"n":"many"}"#.into());
        assert!(previewer.preview(&record).unwrap_err().to_string().contains("not a number"));
        record.value = SchemaAndValue::schemaless(Value::Null);
        assert_eq!(previewer.preview(&record).unwrap(), None);
    }
}
