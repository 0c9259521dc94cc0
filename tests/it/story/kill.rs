//! The worker killed with -9 twenty times, and what is at the far ends afterwards.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::{Broker, Promise, Story, far_end};
use crate::{harness::Generator, services};

const KILLS: u32 = 20;
const LINES_PER_SECOND: f64 = 5000.0;
/// Records in an object: several objects in every life, not hundreds a second.
const FLUSH_SIZE: u32 = 500;

/// Lets a worker live for a random while and kills it, twenty times, while the log grows.
async fn killed_again_and_again(
    name: &str,
    broker: &Broker<'_>,
    longest_life: Duration,
) -> Outcome {
    let s3 = services::require!(s3, Outcome::Skipped);
    let story = Story::begin(name, broker, s3).await;
    let worker = story.start_worker().await;
    story.register(&worker.rest, FLUSH_SIZE).await;
    let generator = Generator::start(&story.logs(), LINES_PER_SECOND);
    let mut random = SmallRng::seed_from_u64(u64::from(std::process::id()));
    let mut worker = Some(worker);
    for _ in 0..KILLS {
        let life = longest_life.mul_f64(random.random_range(0.0..1.0));
        tokio::time::sleep(life).await;
        worker.take().unwrap().kill();
        worker = Some(story.start_worker().await);
    }
    let written = generator.stop().await;
    let worker = worker.unwrap();
    let lines = story.arrive(&worker.rest).await;
    assert_eq!(u64::try_from(lines.len()).unwrap(), written);
    let stored = far_end::stored_lines(&story.objects());
    let counted = worker.rest.counted("events").await.unwrap();
    assert!(worker.stop().success());
    Outcome::Counted { lines, stored, counted }
}

enum Outcome {
    Skipped,
    Counted { lines: Vec<String>, stored: Vec<String>, counted: u64 },
}

impl Outcome {
    fn assert_exactly_once(self) {
        let Self::Counted { lines, stored, counted } = self else { return };
        assert_eq!(stored.len(), lines.len(), "records in S3 beside lines of the log");
        assert!(stored == lines, "other records in S3 than lines in the log");
        assert_eq!(counted, u64::try_from(lines.len()).unwrap(), "counted by the aggregate");
    }

    fn assert_none_lost(self) {
        let Self::Counted { lines, mut stored, counted } = self else { return };
        assert!(counted >= u64::try_from(lines.len()).unwrap(), "{counted} counted");
        stored.dedup();
        let mut expected = lines;
        expected.dedup();
        assert!(stored == expected, "a line of the log is not in S3");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_on_the_embedded_log_lose_and_double_nothing() {
    let life = Duration::from_millis(2500);
    killed_again_and_again("kill-embedded", &Broker::Embedded, life).await.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_on_kafka_with_exactly_once_lose_and_double_nothing() {
    let kafka = services::require!(kafka);
    let broker = Broker::Kafka(kafka, Promise::ExactlyOnce);
    // Long enough for some lives to outlast the session of the member that was killed before.
    let life = Duration::from_secs(10);
    killed_again_and_again("kill-kafka-eos", &broker, life).await.assert_exactly_once();
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_on_kafka_without_exactly_once_lose_nothing() {
    let kafka = services::require!(kafka);
    let broker = Broker::Kafka(kafka, Promise::AtLeastOnce);
    killed_again_and_again("kill-kafka", &broker, Duration::from_secs(10)).await.assert_none_lost();
}
