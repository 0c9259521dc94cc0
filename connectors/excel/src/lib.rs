//! Topics as the sheets of one Excel workbook.
//!
//! The worker links [`ExcelSink`] as a connector and mounts [`router`] as a REST extension. Rows are
//! kept by topic, partition and offset in a small SQLite store beside the workbook, so that a record
//! that comes again is the same row, and offsets are safe as soon as the store has the rows. The
//! workbook is made of the store, from time to time and as a whole: written beside the old one,
//! brought to the disk, and put in its place.
//!
//! Bottom up: `cell` is a value as Excel has it, `row` a record as cells, `store` keeps rows, `names`
//! names sheets, `render` makes the workbook, `task` drives that and `api` hands it out.
//!
//! Appending to the workbook itself was rejected: the format has no place to append to, and a library
//! that changes a workbook holds all of it in memory.

mod api;
mod cell;
mod config;
mod names;
mod render;
mod row;
mod store;
mod task;
#[cfg(test)]
mod tests;

pub use self::{
    api::{openapi, router},
    task::ExcelSink,
};
