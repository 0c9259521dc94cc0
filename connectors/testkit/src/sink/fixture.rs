//! What a sink's tests say about the sink and its far end.

use std::{future::Future, sync::Arc};

use connect_api::{
    config::Props,
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    sink::SinkConnector,
    value::{Map, Value},
};

/// Time at which the clock of every case starts: 2026-11-21T10:00:00Z.
pub(super) const START_MS: i64 = 1_795_255_200_000;

/// What a sink promises about records that come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Each record arrives once, whatever fails.
    ExactlyOnce,
    /// Each record arrives at least once.
    AtLeastOnce,
}

/// What a sink does with an unusual record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// It arrives at the far end as one more entry.
    Delivered,
    /// It is passed over.
    Skipped,
    /// It is reported, or fails the task when there is no reporter.
    Rejected,
    /// It removes what arrived earlier under its key.
    Deletes,
}

/// When the far end refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Before anything of the next write has happened.
    BeforeWrite,
    /// After the next write has happened; only the answer is lost.
    AfterWrite,
}

/// A sink with a far end of its own, for the conformance suite.
pub trait SinkFixture: Sized + Send + Sync {
    /// Sets up a far end that is empty.
    fn start() -> impl Future<Output = Self> + Send;

    /// The kind of sink under test.
    fn connector(&self) -> Box<dyn SinkConnector>;

    /// A configuration that writes to this far end.
    fn props(&self) -> Props;

    /// Changes to [`SinkFixture::props`] after which the system is not there; none for a connector that has
    /// none behind it.
    fn lost(&self) -> &'static [(&'static str, &'static str)];

    /// Ids of the records that are durable at the far end, one entry each time one arrived. What a
    /// crash of the task would take away does not count.
    fn arrived(&self) -> impl Future<Output = Vec<String>> + Send;

    /// What [`SinkFixture::props`] promises.
    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }

    /// What becomes of a record without a value.
    fn tombstones(&self) -> Handling;

    /// What becomes of a record without a key.
    fn null_keys(&self) -> Handling {
        Handling::Delivered
    }

    /// Milliseconds after which an empty `put` makes durable whatever is held.
    fn settle_ms(&self) -> i64 {
        3_600_000
    }

    /// A good record that carries this id: by default as its key and as field `id` of a JSON value.
    fn record(&self, origin: &TopicPartition, offset: i64, id: &str) -> SinkRecord {
        let value = Value::Map(Map::new(vec![("id".into(), id.into())]));
        SinkRecord {
            topic: Arc::clone(&origin.topic),
            origin: origin.clone(),
            offset,
            timestamp_ms: Some(START_MS + offset),
            timestamp_type: TimestampType::CreateTime,
            key: SchemaAndValue::schemaless(id.into()),
            value: SchemaAndValue::schemaless(value),
            headers: Vec::new(),
        }
    }

    /// A record that the sink cannot write; none when it writes anything.
    fn bad_record(&self, _origin: &TopicPartition, _offset: i64) -> Option<SinkRecord> {
        None
    }

    /// Makes the far end refuse once; `false` when it cannot be made to, which skips the case.
    fn fail_next(&self, _fault: Fault) -> bool {
        false
    }
}
