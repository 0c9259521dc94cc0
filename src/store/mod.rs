//! What the worker keeps about itself: configurations, offsets and statuses.
//!
//! Called by the herder, which owns the truth of one worker, and by source tasks for their
//! offsets. Everything is in the records of Kafka Connect's own compacted topics, on either broker,
//! so that a cluster of the JVM's workers can be taken over and given back; a standalone worker
//! keeps configurations and statuses in memory, and offsets in a file unless its broker is the
//! embedded log, where they share a transaction with the records.
//!
//! [`ConfigState`], [`StatusState`] and [`OffsetState`] say what a log adds up to and do no I/O;
//! [`RecordLog`] and [`SourceOffsets`] are the I/O and know nothing of meaning. A store that does
//! both was rejected: its rules could only be tested through a broker.

mod config_record;
mod config_state;
mod error;
#[cfg(test)]
mod golden;
mod log;
mod offset_state;
mod offsets;
mod status;
mod topic;

pub use self::{
    config_record::{ConfigRecord, RestartScope, SessionKey, TargetState},
    config_state::{ConfigChange, ConfigState},
    error::{Result, StoreError},
    log::{LogRecord, MemoryLog, RecordLog},
    offset_state::OffsetState,
    offsets::{FileOffsets, SourceOffsets, TopicOffsets, WorkerOffsets},
    status::{ConnectorStatus, State, Status, StatusRecord, StatusState, TopicStatus},
    topic::{TopicLog, TopicSettings, TopicUse},
};
