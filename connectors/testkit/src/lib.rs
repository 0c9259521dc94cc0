//! What a connector is tested with: doubles of what the worker gives it, and the conformance
//! suites that every connector runs.
//!
//! [`ManualClock`] stands still until the test moves it; [`MemoryOffsets`] keeps what a source
//! committed, [`MemoryTopics`] what a sink wrote to topics itself; [`source_context`] and [`sink_context`] make a task's context from them. [`sink`] is
//! the suite of [`sink_conformance!`], [`source`] that of [`source_conformance!`]. [`fuzz`] gives a
//! parser inputs that nobody would think of, and [`shape`] says what came of them. [`s3`] makes an S3
//! server fail on demand.

mod doubles;
pub mod fuzz;
pub mod geocoder;
pub mod s3;
pub mod shape;
pub mod sink;
pub mod source;
mod topics;

pub use doubles::{CollectingReporter, ManualClock, MemoryOffsets, sink_context, source_context};
pub use topics::MemoryTopics;
