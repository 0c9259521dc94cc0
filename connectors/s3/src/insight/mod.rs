//! What the sinks tell of themselves: what their settings promise and cost, and where they put what.

mod advice;
mod estimate;
mod explain;
mod keys;
mod objects;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use self::{
    estimate::{After, Costs, MemoryOf, Shape, Trigger, costs},
    explain::{example_record, explain, first_topic, only_topic},
    keys::Keys,
    objects::{Named, Names, objects},
    words::{float, number, seconds, span},
};
