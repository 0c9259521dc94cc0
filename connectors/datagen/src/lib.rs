//! Made-up records: what tutorials and load tests read before there is anything real.
//!
//! [`Datagen`] takes one of the built-in schemas by name, or an Avro schema whose types say in
//! `arg.properties` what their values are like. Records come from a seed that is a part of the
//! offsets, so that a task goes on exactly where it was.

mod config;
mod generator;
mod quickstart;
mod source;
#[cfg(test)]
mod tests;

pub use self::source::Datagen;
