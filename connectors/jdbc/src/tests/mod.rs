//! The sink on real databases.

mod conformance;
mod delivery;
mod errors;
mod model;
mod names;
mod offsets;
mod order;
mod patience;
mod points;
mod server;
mod support;
mod values;
