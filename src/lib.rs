//! Millrace: Kafka Connect without the JVM.
//!
//! The rooms, lowest floor first:
//!
//! - [`broker`]: topics, groups and offsets, on Kafka or on the embedded log.

pub mod broker;
pub mod tasks;
