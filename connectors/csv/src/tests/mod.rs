//! The source through its public doors.

mod api;
mod conformance;
mod files;
mod support;
mod trouble;
