//! The three configurations on real services.

use super::{Broker, Promise, Story, far_end};
use crate::{
    harness::{Generator, eventually, log_lines},
    services,
};

/// Runs the story without faults: everything arrives, in objects named to the letter.
async fn everything_arrives(name: &str, broker: Broker<'_>, store_url: Option<String>) {
    let s3 = services::require!(s3);
    let mut story = Story::begin(name, &broker, s3).await;
    story.store_url = store_url.unwrap_or(story.store_url);
    let worker = story.start_worker().await;
    story.register(&worker.rest, 10).await;
    let generator = Generator::start(&story.logs(), 500.0);
    eventually("a thousand lines", async || {
        let is_there = story.logs().is_dir() && log_lines(&story.logs()).len() >= 1000;
        is_there.then_some(())
    })
    .await;
    generator.stop().await;
    let lines = story.arrive(&worker.rest).await;
    assert_eq!(far_end::stored_lines(&story.objects()), lines);
    let counted = worker.rest.counted("events").await.unwrap();
    assert_eq!(counted, u64::try_from(lines.len()).unwrap());
    assert_named_to_the_letter(name, &far_end::objects(&story.objects()));
    assert!(worker.stop().success());
}

/// `topics/T/year=…/month=…/day=…/hour=…/T+0+OFFSET.json`, ten records each but for the ones that
/// the schedule closed.
fn assert_named_to_the_letter(topic: &str, objects: &[far_end::Object]) {
    let pattern = format!(
        r"^topics/{topic}/year=\d{{4}}/month=\d\d/day=\d\d/hour=\d\d/{topic}\+0\+\d{{10}}\.json$"
    );
    let pattern = regex::Regex::new(&pattern).unwrap();
    let strange = objects.iter().find(|object| !pattern.is_match(&object.key));
    assert!(strange.is_none(), "{strange:?}");
    let full = objects.iter().filter(|object| object.lines.len() == 10).count();
    assert!(full * 10 >= 900, "only {full} of {} objects hold 10 records", objects.len());
    assert!(objects.iter().all(|object| (1..=10).contains(&object.lines.len())));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_three_configurations_run_on_the_embedded_log() {
    everything_arrives("story-embedded", Broker::Embedded, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aggregates_can_be_kept_in_postgresql() {
    let postgres = services::require!(postgres);
    let url = postgres.create_database("story").await;
    let url = postgres.secured(&url);
    everything_arrives("story-postgres", Broker::Embedded, Some(url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_three_configurations_run_on_kafka() {
    let kafka = services::require!(kafka);
    everything_arrives("story-kafka", Broker::Kafka(kafka, Promise::AtLeastOnce), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_three_configurations_run_on_kafka_exactly_once() {
    let kafka = services::require!(kafka);
    everything_arrives("story-kafka-eos", Broker::Kafka(kafka, Promise::ExactlyOnce), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trickle_of_three_records_arrives_after_the_schedule_interval() {
    let s3 = services::require!(s3);
    let story = Story::begin("story-trickle", &Broker::Embedded, s3).await;
    std::fs::create_dir_all(story.logs()).unwrap();
    let line = "[2026-11-21 10:00:00.123] [INFO] [user_id:user1] User logged in successfully.\n";
    std::fs::write(story.logs().join("20261121.log"), line.repeat(3)).unwrap();
    let worker = story.start_worker().await;
    story.register(&worker.rest, 10).await;
    let objects = eventually("the trickle", async || {
        Some(far_end::objects(&story.objects())).filter(|objects| !objects.is_empty())
    })
    .await;
    let [object] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!(object.lines, [line.trim_end(); 3]);
    assert!(object.key.contains("/year=2026/month=11/day=21/hour=10/"), "{}", object.key);
}
