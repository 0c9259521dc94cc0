//! Millrace: Kafka Connect without the JVM.
//!
//! The rooms, lowest floor first:
//!
//! - [`broker`]: topics, groups and offsets, on Kafka or on the embedded log.
//! - [`convert`]: bytes of a topic to Connect data and back.
//! - [`transform`]: changes to single records on their way.

pub mod broker;
pub mod convert;
pub mod tasks;
pub mod transform;
