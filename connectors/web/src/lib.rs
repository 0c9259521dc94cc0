//! HTTP requests as a source: what browsers, scripts and webhooks send becomes records.
//!
//! A connector has a listener of its own. Its routes say which parts of a request become which
//! fields of a record; [`WebEventSource`] is the door to all of it.
//!
//! Requests are served by tasks of their own connections, which put events into an inbox; the
//! worker takes them out in batches. Where an answer may come before the broker has the event
//! (`acks=1`), the inbox is a journal on disk, so that what was answered survives a crash.

mod answer;
mod body;
mod config;
mod document;
mod event;
mod guard;
mod inbox;
mod intake;
mod journal;
mod places;
mod routes;
mod server;
mod site;
mod source;
mod task;
#[cfg(test)]
mod tests;

pub use self::source::WebEventSource;
