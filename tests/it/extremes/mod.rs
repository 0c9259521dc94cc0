//! Extremes: what no well-meant record holds and some record will. Converters and transformations
//! answer with data or with an error in plain words, in time and in memory that follow the input.

mod converters;
mod transforms;

use std::time::Duration;

/// Longest time for what takes milliseconds, on a machine that is busy with other things. Work that
/// grows with the square of its input takes minutes here.
const PATIENCE: Duration = Duration::from_secs(20);

/// Does something that must not take long.
fn soon<T>(work: impl FnOnce() -> T) -> T {
    #[expect(clippy::disallowed_methods, reason = "the time that code takes is what is tested")]
    let start = std::time::Instant::now();
    let outcome = work();
    assert!(start.elapsed() < PATIENCE, "it took {:?}", start.elapsed());
    outcome
}
