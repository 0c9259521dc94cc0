//! Millrace: Kafka Connect without the JVM.
//!
//! The rooms, lowest floor first:
//!
//! - [`broker`]: topics, groups and offsets, on Kafka or on the embedded log.
//! - [`store`]: configurations, offsets and statuses, on topics or in memory.

pub mod broker;
pub mod store;
pub mod tasks;
