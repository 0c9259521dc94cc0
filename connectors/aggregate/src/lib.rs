//! Aggregates: how many, how much, how often, per time window and group, exactly once.

mod cell;
mod config;
mod definition;
mod held;
mod live;
mod record;
mod sink;
mod sketch;
mod store;
mod task;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

pub use self::{live::LiveAggregates, sink::AggregateSink};
