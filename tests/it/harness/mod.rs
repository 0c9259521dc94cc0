//! The worker as a process, met through its public doors only.

mod input;
mod rest;
mod worker;

pub(crate) use input::{Generator, log_lines};
pub(crate) use rest::{RestClient, http_client};
pub(crate) use worker::{Mode, Worker, free_port};

use std::time::{Duration, Instant};

/// Longest time anything in a test may take: a guard against waiting for ever, not a measure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again until there is an answer; `what` names it when there never is.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    #[expect(clippy::disallowed_methods, reason = "a guard on real time in a test")]
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "gave up waiting for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
