//! Sends reads to a worker at a steady rate and tells how long the answers took, as JSON.
//!
//!     cargo run --release -p rest-load -- URL RATE SECONDS PATH...
//!
//! A request counts from the moment it was due, so that a slow answer is not hidden by the requests
//! that it held up. `make bench` runs it; a client in a script would measure itself.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Requests under way at once.
const CLIENTS: u32 = 16;

struct Load {
    url: String,
    paths: Vec<String>,
    rate: u32,
    begun: Instant,
    total: u32,
}

impl Load {
    fn due(&self, turn: u32) -> Instant {
        self.begun + Duration::from_secs(1) * turn / self.rate
    }
}

/// What one client saw: times in milliseconds, and answers that were none.
#[derive(Default)]
struct Seen {
    delays: Vec<f64>,
    failed: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments: VecDeque<String> = std::env::args().skip(1).collect();
    let mut next = |name: &str| {
        arguments
            .pop_front()
            .with_context(|| format!("{name} is missing: URL RATE SECONDS PATH..."))
    };
    let (url, rate) = (next("URL")?, next("RATE")?.parse()?);
    let seconds: u16 = next("SECONDS")?.parse()?;
    let paths: Vec<String> = arguments.into();
    ensure!(!paths.is_empty(), "no PATH");
    let total = rate * u32::from(seconds);
    let begun = Instant::now() + Duration::from_millis(100);
    let load = Arc::new(Load { url, paths, rate, begun, total });
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(client(Arc::clone(&load), number));
    }
    let mut all = Seen::default();
    while let Some(seen) = clients.join_next().await {
        let seen = seen??;
        all.delays.extend(seen.delays);
        all.failed += seen.failed;
    }
    report(all, load.begun.elapsed());
    Ok(())
}

async fn client(load: Arc<Load>, number: u32) -> Result<Seen> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut seen = Seen::default();
    let step = usize::try_from(CLIENTS)?;
    for turn in (number..load.total).step_by(step) {
        let due = load.due(turn);
        sleep_until(due).await;
        let path = turn.try_into().map(|turn: usize| turn % load.paths.len())?;
        let path = load.paths.get(path).context("a path")?;
        let answer = http.get(format!("{}{path}", load.url)).send().await?;
        let is_good = answer.status().is_success();
        let _body = answer.bytes().await?;
        seen.delays.push(due.elapsed().as_secs_f64() * 1000.0);
        seen.failed += u32::from(!is_good);
    }
    Ok(seen)
}

#[expect(clippy::print_stdout, reason = "the outcome is what it prints")]
fn report(mut all: Seen, took: Duration) {
    all.delays.sort_by(f64::total_cmp);
    let at = |percent: usize| all.delays.get(all.delays.len().saturating_sub(1) * percent / 100);
    let count = u32::try_from(all.delays.len()).unwrap_or(u32::MAX);
    println!(
        "{}",
        json!({
            "per_second": f64::from(count) / took.as_secs_f64(),
            "p50_ms": at(50), "p99_ms": at(99), "max_ms": at(100), "failed": all.failed,
        })
    );
}
