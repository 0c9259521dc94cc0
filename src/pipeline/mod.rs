//! One batch through transforms, converters and error tolerance.
//!
//! The runtime hands a whole batch to [`SourcePipeline`] or [`SinkPipeline`] and gets a whole batch
//! back. A record that fails is tried again, reported and skipped, or fails the task, as the
//! `errors.*` keys say (KIP-298); the rest of the batch goes on. Nothing here polls, commits or
//! knows the state of a task.

mod converters;
mod dead_letters;
mod errors;
mod preview;
mod redriven;
mod reporter;
mod sink;
mod source;
mod stage;
mod trace;

#[cfg(test)]
mod tests;

pub use converters::Converters;
pub use dead_letters::{DeadLetterConfig, DeadLetters};
pub use errors::{ErrorHandler, ErrorsConfig, Tolerance};
pub use preview::{PreviewError, PreviewStage, PreviewStages, PreviewedRecord};
pub use redriven::{
    ATTEMPTS_HEADER, CONTEXT_HEADERS, Home, REDRIVE_HEADERS, last_text, redrive_topic,
};
pub use reporter::TaskReporter;
pub use sink::{Originals, SinkPipeline};
pub use source::{Converted, SourcePipeline};
pub use stage::{Failure, Origin, Stage};
pub use trace::java_trace;
