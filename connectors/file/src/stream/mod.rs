//! Apache Kafka's file connectors: the simplest source and the simplest sink.
//!
//! [`FileStreamSource`] sends the lines of one file, or of standard input; [`FileStreamSink`]
//! appends values to a file, or to standard output, one per line. Their keys, offsets and messages
//! are those of Apache Kafka. For files that rotate there is [`LogFileSource`](crate::LogFileSource).
//!
//! One thing differs, by choice: the position counts bytes, where the original counts characters
//! and then skips as many bytes, which loses its place in text that is not ASCII.

mod input;
mod sink;
mod source;

pub use self::{sink::FileStreamSink, source::FileStreamSource};
