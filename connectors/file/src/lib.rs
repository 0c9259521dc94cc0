//! Files as a source and a sink.
//!
//! [`LogFileSource`] follows log files by what they are, not by their names; [`FileStreamSource`]
//! and [`FileStreamSink`] are Apache Kafka's file connectors.

#[cfg(test)]
mod conformance;
mod log;
mod stream;

pub use self::{
    log::LogFileSource,
    stream::{FileStreamSink, FileStreamSource},
};
