//! Small summaries that answer with a stated error and can be merged.

mod hyperloglog;
mod space_saving;

pub(crate) use self::{
    hyperloglog::{HyperLogLog, PRECISION, STANDARD_ERROR},
    space_saving::{Counter, Top},
};
