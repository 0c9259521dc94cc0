//! The connectors as the worker sees them, on real sockets.

mod conformance;
mod network;
mod server;
mod shown;
