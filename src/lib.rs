//! Millrace: Kafka Connect without the JVM.
//!
//! The rooms, lowest floor first:
//!
//! - [`config`]: the worker's properties, connector files, `${provider:…}` references.
//! - [`tasks`]: the only place that spawns.
//! - [`broker`]: topics, groups and offsets, on Kafka or on the embedded log.

pub mod broker;
pub mod config;
pub mod tasks;
