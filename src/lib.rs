//! Millrace: Kafka Connect without the JVM.
//!
//! The rooms, lowest floor first:
//!
//! - [`config`]: the worker's properties, connector files, `${provider:…}` references.
//! - [`tasks`]: the only place that spawns.
//! - [`broker`]: topics, groups and offsets, on Kafka or on the embedded log.
//! - [`convert`]: bytes of a topic to Connect data and back.
//! - [`transform`]: changes to single records on their way.
//! - [`store`]: configurations, offsets and statuses, on topics or in memory.
//! - [`pipeline`]: a batch through transforms, converters and tolerance.
//! - [`runtime`]: running tasks.
//! - [`herder`]: one actor that decides what runs.
//! - [`rest`]: Kafka Connect's REST interface.
//! - [`generate`]: the generators of input: users of the public doors only.

pub mod broker;
pub mod config;
pub mod convert;
pub mod generate;
pub mod herder;
pub mod pipeline;
pub mod rest;
pub mod runtime;
pub mod store;
pub mod tasks;
pub mod transform;
