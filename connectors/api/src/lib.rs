//! Everything a connector author needs: records, schemas, configuration, tasks, errors.

pub mod config;
