//! Everything a connector author needs: records, schemas, configuration, tasks, errors.

// The derives write `::connect_api::…`, also inside this crate.
extern crate self as connect_api;

pub mod config;
