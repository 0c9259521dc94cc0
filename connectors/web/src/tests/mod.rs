//! Tests of the whole connector, through its port.

mod conformance;
mod crash;
mod harness;
mod limits;
mod many;
mod requests;
mod routes;
mod tls;
