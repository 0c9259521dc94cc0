//! The seed generators: users of the public doors only, here of the file system.
//!
//! `millrace generate logs` writes the log that the demo tails: one file a day, lines of three
//! levels whose events and messages belong together.

mod logs;

pub use logs::{GenerateError, Generated, LogGenerator, Pace};
