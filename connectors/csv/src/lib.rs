//! CSV files as a source, put into a directory or uploaded.
//!
//! The worker links [`CsvSource`] as a connector and mounts [`router`] as a REST extension;
//! [`LiveFiles`] is what the two share. Each row becomes a record once: the offset of a file is the
//! position of its next row, together with what tells the file from another one that has its name
//! later, and a file is moved or deleted only after its last record is acknowledged.
//!
//! Bottom up: `content` is a file as text, `lines` its lines and `row` their fields; `cell` makes
//! values of them by the `schema`; `reader` is a file that is being read and `offset` where it
//! stands; `spool` is the directory with its flags; the `task` reads file after file, `progress`
//! says how far it is and `upload` brings files and tells of them.

mod cell;
mod config;
mod content;
mod headers;
mod lines;
mod notices;
mod offset;
mod progress;
mod reader;
mod row;
mod schema;
mod source;
mod spool;
mod task;
#[cfg(test)]
mod tests;
mod upload;

pub use self::{
    progress::LiveFiles,
    source::CsvSource,
    upload::{openapi, router},
};
