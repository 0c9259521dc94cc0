//! The conformance suite of sinks: the same cases on every one of them.
//!
//! A crate describes its far end as a [`SinkFixture`] and writes `sink_conformance!(Fixture);` in
//! its tests. Each case then runs against a far end of its own, through a [`SinkDriver`] that
//! brings records, commits, rebalances and crashes as the worker does. What arrived is read back
//! from the far end and compared with what was promised.

mod cases;
mod driver;
mod fixture;
mod manual;

pub use self::{
    cases::{
        bad_record_fails_without_a_reporter, bad_record_goes_to_the_reporter,
        batch_that_comes_again_is_not_doubled, committed_offsets_never_pass_what_is_durable,
        crash_at_every_step_loses_nothing, delivers_every_record, empty_batches_are_taken,
        fault_after_the_write_heals, fault_before_the_write_heals, null_key_is_handled_as_declared,
        opens_and_closes_without_records, partition_that_moves_is_continued,
        revoked_partition_leaves_the_other, stop_while_holding_loses_nothing,
        tombstone_is_handled_as_declared,
    },
    driver::SinkDriver,
    fixture::{Delivery, Fault, Handling, SinkFixture},
    manual::{every_key_is_documented, its_system_is_looked_at},
};

pub(crate) use self::manual::{document, judge_look};
use connect_api::error::{ConnectorError, Result, chain};

/// Runs one case of the suite on a runtime of its own.
///
/// # Errors
/// What did not hold, with its causes, in one line.
pub fn run<C: Future<Output = Result<()>>>(case: C) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| format!("Could not start the runtime of the test: {error}"))?;
    runtime.block_on(case).map_err(|error| chain(&error))
}

/// Fails the case with this sentence unless the condition holds.
pub(crate) fn ensure(holds: bool, sentence: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(ConnectorError::internal(sentence())) }
}

/// Runs every case of the sink conformance suite on a [`SinkFixture`].
///
/// `sink_conformance!(MyFixture);` makes a module `sink_conformance` with one test per case. Write
/// it in a test module; in several of them for several fixtures.
#[macro_export]
macro_rules! sink_conformance {
    ($fixture:ty) => {
        $crate::sink_conformance! { @cases $fixture,
            opens_and_closes_without_records, empty_batches_are_taken, delivers_every_record,
            tombstone_is_handled_as_declared, null_key_is_handled_as_declared,
            batch_that_comes_again_is_not_doubled, fault_before_the_write_heals,
            fault_after_the_write_heals, bad_record_goes_to_the_reporter,
            bad_record_fails_without_a_reporter, revoked_partition_leaves_the_other,
            partition_that_moves_is_continued, stop_while_holding_loses_nothing,
            crash_at_every_step_loses_nothing, committed_offsets_never_pass_what_is_durable,
            every_key_is_documented, its_system_is_looked_at,
        }
    };
    (@cases $fixture:ty, $($case:ident),+ $(,)?) => {
        mod sink_conformance {
            #[allow(unused_imports, clippy::allow_attributes, reason = "for the fixture's name")]
            use super::*;

            $(#[test]
            fn $case() {
                let outcome = $crate::sink::run($crate::sink::$case::<$fixture>());
                assert_eq!(outcome, Ok(()));
            })+
        }
    };
}
