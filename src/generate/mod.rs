//! The seed generators: users of the public doors only, here of the file system.
//!
//! `millrace generate logs` writes the log that the demo tails: one file a day, lines of three
//! levels whose events and messages belong together. `millrace generate web` writes that of a web
//! server, as JSON.

mod logs;
mod web;
mod writer;

pub use writer::{GenerateError, Generated, Lines, LogGenerator, Pace};
