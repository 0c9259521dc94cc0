//! The connectors as the worker sees them, on real sockets.

mod answers;
mod conformance;
mod network;
mod nulls;
mod server;
mod shown;
mod tokens;
