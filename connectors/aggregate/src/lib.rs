//! Aggregates: how many, how much, how often, per time window and group, exactly once.
//!
//! The worker links [`AggregateSink`] as a connector and mounts [`router`] as a REST extension;
//! [`LiveAggregates`] is what the two share. Records are counted in memory by the window their own
//! time falls into, late ones too; what is due becomes rows of SQLite or PostgreSQL in one
//! transaction with the offsets, and a task starts from those offsets whatever the consumer group
//! says. So each record is counted once, through crashes, rebalances and lost answers. Queries add
//! what is held to what is stored, so that a record shows in the first query after it was counted.
//!
//! Bottom up: `sketch` and `cell` are one row's numbers, `record` finds them in a record, `held`
//! keeps them until they are due, `store` makes them rows, `task` drives that, `api` reads it.
//!
//! Rows of all partitions are merged in the store, not in queries: a table that people look into
//! holds one row per window and group. One row per partition as well would need no lock between
//! writers, and was rejected because it multiplies the table by the partitions for ever.

mod api;
mod cell;
mod config;
mod definition;
mod held;
mod live;
mod preview;
mod record;
mod sink;
mod sketch;
mod store;
mod task;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

pub use self::{
    api::{openapi, router},
    live::LiveAggregates,
    sink::AggregateSink,
};
