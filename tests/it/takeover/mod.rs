//! A JVM worker stopped and ours started in its place, and the other way round.
//!
//! Both run on the same properties and the same topics or files, and whoever starts goes on where
//! the other one left off.

mod files;
mod quickstart;
mod rounds;
mod topics;
