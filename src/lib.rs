//! Millrace: Kafka Connect without the JVM.
//!
//! The rooms, lowest floor first:
//!
//! - [`config`]: the worker's properties, connector files, `${provider:…}` references.
//! - [`tasks`]: the only place that spawns.
//! - [`broker`]: topics, groups and offsets, on Kafka or on the embedded log.
//! - [`store`]: configurations, offsets and statuses, on topics or in memory.
//! - [`herder`]: one actor that decides what runs.
//! - [`rest`]: Kafka Connect's REST interface.
//! - [`generate`]: the generators of input: users of the public doors only.

pub mod broker;
pub mod config;
pub mod generate;
pub mod herder;
pub mod rest;
pub mod store;
pub mod tasks;
