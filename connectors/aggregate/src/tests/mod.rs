//! The connector as a whole, from records to rows.

mod api;
mod conformance;
mod exactly_once;
mod flush;
mod store;
