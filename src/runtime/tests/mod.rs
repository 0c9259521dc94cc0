//! Tasks of scripted connectors on the embedded log.

mod answers;
mod harness;
mod plain_broker;
mod sinks;
mod sources;
