//! The JDBC sink: records become rows of PostgreSQL or SQLite.
//!
//! [`JdbcSink`] answers to `io.confluent.connect.jdbc.JdbcSinkConnector` and to
//! `io.aiven.connect.jdbc.JdbcSinkConnector`, and takes the configurations of both unchanged. Called by
//! the worker only; everything else here is private to the crate.
//!
//! # Delivery
//!
//! **One batch is one transaction.** When `put` returns, every record of the batch is a row, is
//! reported as bad, or changed nothing; when it fails, nothing of the batch is there, or all of it is
//! and only the answer was lost. The same batch then comes again, after a crash from the offset that
//! the group has, which is never past what is committed.
//!
//! *With `insert.mode=upsert` and deletions* writing records again ends in the same rows: rows are
//! named by their keys, and within a partition the last record for a key is written last, in the batch
//! and across batches. The effect is exactly-once.
//!
//! *With `insert.mode=update`* it is the same for rows that are there.
//!
//! *With `insert.mode=insert`* a row has no name by which a second writing could find it. So the
//! transaction also moves the offset of each partition in a table of our own (`offsets.table`), and
//! that table, not the group, says where a task begins: `open` seeks to it. Take the steps of a batch
//! one after the other. Before the commit nothing is there, neither row nor offset: the records come
//! again. After it both are there, whether we hear of it or not: a task that lives asks the table
//! before it writes and leaves out what is below the offset, and one that begins anew seeks behind it.
//! There is no step between the two.
//!
//! A partition may move while its old task is still writing. Taking it over raises its epoch in the
//! table; a transaction first reads, and locks, the epochs of the partitions it writes, and writes
//! nothing when one is not its own. Of two tasks, whichever commits first, the other one sees it.
//!
//! What this needs: a table that the connector alone writes offsets to, and a connector that keeps its
//! name. Offsets that users set or reset by the worker are changed in the table too, which raises the
//! epoch: rows stay, because one made anew could have the epoch of a task that still writes. A topic
//! that is made anew begins below what the table says of the old one: the first record after a seek
//! shows it, and fails the task.
//!
//! With an empty `offsets.table`, and where nobody has named one and the user may not make it, a crash
//! between a commit and that of the group writes rows twice, and the task says so when it starts.
//!
//! Keeping offsets for upserts as well was rejected: it would put a table into databases whose users
//! need none, to keep out only what the next record of the key mends.

mod check;
mod config;
mod database;
mod layout;
mod offsets;
mod plan;
mod preview;
mod sink;
mod sql;
mod tables;
mod task;
#[cfg(test)]
mod tests;

pub use self::sink::JdbcSink;
