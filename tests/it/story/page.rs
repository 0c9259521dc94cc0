//! The page of an aggregate in a real browser.

use std::{fs, path::Path};

use super::{Broker, Story};
use crate::services::{self, browser::screenshots};

/// A line of ten o'clock on 2026-11-21 and some seconds.
fn line(seconds: u32, level: &str) -> String {
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!("[2026-11-21 10:{minutes:02}:{seconds:02}.000] [{level}] [user_id:user1] Said so.\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_drawn_while_they_grow() {
    let (s3, browser) = (services::require!(s3), services::require!(browser));
    let story = Story::begin("story-page", &Broker::Embedded, s3).await;
    fs::create_dir_all(story.logs()).unwrap();
    let log = story.logs().join("20261121.log");
    let written = [(0, "INFO"), (30, "INFO"), (59, "ERROR"), (60, "INFO")];
    fs::write(&log, written.map(|(seconds, level)| line(seconds, level)).concat()).unwrap();
    let worker = story.start_worker().await;
    story.register(&worker.rest, 10).await;
    story.arrive(&worker.rest).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/story/page.cjs");
    let url = format!("http://127.0.0.1:{}/aggregates/events/page", worker.port());
    let (shot, next) = (screenshots().join("aggregates.png"), line(90, "INFO"));
    let arguments = [&url, log.to_str().unwrap(), &next, shot.to_str().unwrap()];
    let output = tokio::task::block_in_place(|| browser.run(&script, &arguments));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let expected = [
        "events",
        // By level, two bars in the first minute and one in the second.
        "2026-11-21T10:01:00Z INFO 1",
        "2026-11-21T10:00:00Z ERROR 1",
        "2026-11-21T10:00:00Z INFO 2",
        "3 bars",
        // Another line is written while the page is open.
        "2026-11-21T10:01:00Z INFO 2",
        "2026-11-21T10:00:00Z ERROR 1",
        "2026-11-21T10:00:00Z INFO 2",
        "3 bars",
        // Everything together, by five minutes.
        "2026-11-21T10:00:00Z 5",
        "1 bars",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    assert!(fs::metadata(&shot).unwrap().len() > 1000, "the screenshot is empty");
    assert!(worker.stop().success());
}
