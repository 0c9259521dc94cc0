//! Files as a source and a sink.
//!
//! [`LogFileSource`] follows log files.

mod blocking;
mod log;

pub use self::log::LogFileSource;
