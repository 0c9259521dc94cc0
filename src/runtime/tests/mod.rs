//! Tasks of scripted connectors on the embedded log.

mod harness;
mod plain_broker;
mod sinks;
mod sources;
