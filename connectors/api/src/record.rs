//! Records, and the coordinates that name them.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde_json::{Map as JsonMap, Value as Json};

use crate::{schema::Schema, value::Value};

/// A value with the schema that describes it; without one it describes itself.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SchemaAndValue {
    /// Schema, shared by the records of a batch.
    pub schema: Option<Arc<Schema>>,
    /// The value.
    pub value: Value,
}

impl SchemaAndValue {
    /// No schema and no value.
    pub const NULL: Self = Self { schema: None, value: Value::Null };

    /// A value with its schema.
    #[must_use]
    pub const fn new(schema: Arc<Schema>, value: Value) -> Self {
        Self { schema: Some(schema), value }
    }

    /// A value that describes itself.
    #[must_use]
    pub const fn schemaless(value: Value) -> Self {
        Self { schema: None, value }
    }
}

/// A named value beside the key and the value; names may repeat.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Name.
    pub key: Arc<str>,
    /// Value with its schema.
    pub data: SchemaAndValue,
}

/// A header as a topic holds it.
pub type RawHeader = (Arc<str>, Option<Bytes>);

/// Headers of a record in their order. Empty by default and free then.
pub type Headers = Vec<Header>;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Names a partition.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A record on its way from a source into a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRecord {
    /// Topic it goes to.
    pub topic: Arc<str>,
    /// Partition it goes to; without one the key, or the producer, decides.
    pub partition: Option<i32>,
    /// Key.
    pub key: SchemaAndValue,
    /// Value.
    pub value: SchemaAndValue,
    /// Milliseconds since the epoch; without one, the time of sending.
    pub timestamp_ms: Option<i64>,
    /// Headers.
    pub headers: Headers,
}

impl SourceRecord {
    /// A record with a value and nothing else.
    #[must_use]
    pub const fn new(topic: Arc<str>, value: SchemaAndValue) -> Self {
        Self {
            topic,
            partition: None,
            key: SchemaAndValue::NULL,
            value,
            timestamp_ms: None,
            headers: Vec::new(),
        }
    }
}

/// Who stamped a record of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// The producer, when it made the record.
    #[default]
    CreateTime,
    /// The broker, when it stored the record.
    LogAppendTime,
}

/// A record on its way from a topic into a sink.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkRecord {
    /// Topic, as transforms left it: use it for naming only.
    pub topic: Arc<str>,
    /// Partition and topic it was read from: use it for offsets.
    pub origin: TopicPartition,
    /// Offset in the partition it was read from.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp_ms: Option<i64>,
    /// Who stamped it.
    pub timestamp_type: TimestampType,
    /// Key.
    pub key: SchemaAndValue,
    /// Value.
    pub value: SchemaAndValue,
    /// Headers.
    pub headers: Headers,
}

/// Names a part of a source system, such as a file or a table: flat, with primitive values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct SourcePartition(pub JsonMap<String, Json>);

/// A position in a part of a source system: flat, with primitive values.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SourceOffset(pub JsonMap<String, Json>);

/// What one call of a source task's `poll` read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceBatch {
    /// Records in the order they are to be written.
    pub records: Vec<SourceRecord>,
    /// Where each part of the source that the batch touched stands after it. Committed once every
    /// record of this and of all earlier batches is acknowledged; no offset forgets the part.
    pub offsets: Vec<(SourcePartition, Option<SourceOffset>)>,
}
