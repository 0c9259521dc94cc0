//! What sinks that write files share: which folder a record goes to, how it becomes bytes, and how the
//! bytes of a file wait in bounded memory until they are stored.
//!
//! It plays the part of Confluent's `kafka-connect-storage-common`, whose keys, class names and file
//! contents it keeps. How a file appears in its store, and what makes that exactly once, is each sink's
//! own affair.
//!
//! A record goes through it like this: a [`Router`](route::Router) finds its folder, a
//! [`Draft`](format::Draft) its bytes, and a [`Body`](body::Body) collects the bytes of a file, from
//! which the sink takes parts.

pub mod body;
pub mod figure;
pub mod format;
pub mod keys;
pub mod memory;
pub mod projection;
pub mod rewind;
pub mod rotation;
pub mod route;
pub mod slots;
pub mod words;
pub mod writers;
