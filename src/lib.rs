//! Millrace: Kafka Connect without the JVM.
//!
//! The rooms, lowest floor first:
//!
//! - [`tasks`]: the only place that spawns.
//! - [`loggers`]: what is logged, and how that is changed while the worker runs.
//! - [`config`]: the worker's properties, connector files, `${provider:…}` references.
//! - [`broker`]: topics, groups and offsets, on Kafka or on the embedded log.
//! - [`convert`], [`transform`]: bytes to values and back; changes on the way.
//! - [`store`]: configurations, offsets and statuses, on topics or in memory.
//! - [`pipeline`]: one batch through transforms, converters, tolerance, dead letters.
//! - [`runtime`]: one running task.
//! - [`letters`]: what lies in dead letter queues, and its way back.
//! - [`herder`]: one actor that decides what runs.
//! - [`rest`]: Kafka Connect's REST interface.
//! - [`plugins`]: what is linked in.
//! - [`app`]: the worker as a whole.
//! - [`generate`], [`demo`]: the generators and the demo, users of the public doors only.
//! - [`command`]: the command line.

pub mod app;
pub mod broker;
pub mod command;
pub mod config;
pub mod convert;
pub mod demo;
pub mod generate;
pub mod herder;
pub mod letters;
pub mod loggers;
pub mod metrics;
pub mod pipeline;
pub mod plugins;
pub mod rest;
pub mod runtime;
pub mod store;
pub mod tasks;
pub mod transform;
