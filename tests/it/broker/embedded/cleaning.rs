//! Retention and compaction: what goes, what stays, and that offsets never change.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use connect_testkit::ManualClock;
use millrace::broker::{
    Broker, ConsumerRecord, NewTopic, Producer, Watermarks, embedded::EmbeddedBroker,
};
use proptest::prelude::*;

use super::{as_broker, open_at};
use crate::broker::suite::{
    Member, admin, contents, keyed, new_topic, partition, producer, send, send_values, values,
};

const NOW_MS: i64 = 1_800_000_000_000;

fn topic_with(settings: &[(&str, &str)]) -> NewTopic {
    let mut topic = new_topic("topic", 1);
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    topic.settings.extend(settings);
    topic
}

async fn log_with(
    directory: &Path,
    clock: &Arc<ManualClock>,
    settings: &[(&str, &str)],
) -> (Arc<EmbeddedBroker>, Arc<dyn Broker>) {
    let log = open_at(directory, Arc::clone(clock) as _);
    let broker = as_broker(&log);
    admin(&broker).await.create_topic(&topic_with(settings)).await.unwrap();
    (log, broker)
}

async fn watermarks(broker: &Arc<dyn Broker>) -> Watermarks {
    let at = partition("topic", 0);
    admin(broker).await.watermarks(std::slice::from_ref(&at)).await.unwrap()[&at]
}

#[tokio::test]
async fn records_past_their_age_go_and_offsets_stay() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(NOW_MS);
    let (log, broker) = log_with(directory.path(), &clock, &[("retention.ms", "1000")]).await;
    let mut producer = producer(&broker).await;
    send_values(&mut producer, "topic", &["a", "b"]).await;
    clock.advance_ms(600);
    send_values(&mut producer, "topic", &["c"]).await;
    clock.advance_ms(600);
    log.clean().await.unwrap();
    assert_eq!(values(&broker, "topic").await, ["c"]);
    assert_eq!(watermarks(&broker).await, Watermarks { low: 2, high: 3 });
    clock.advance_ms(600);
    log.clean().await.unwrap();
    assert_eq!(watermarks(&broker).await, Watermarks { low: 3, high: 3 });
    log.close().await;
    let broker = as_broker(&open_at(directory.path(), clock));
    assert_eq!(watermarks(&broker).await, Watermarks { low: 3, high: 3 });
    send_values(&mut crate::broker::suite::producer(&broker).await, "topic", &["d"]).await;
    assert_eq!(contents(&broker, "topic").await[&0][0].offset, 3);
}

#[tokio::test]
async fn the_oldest_records_go_when_there_are_too_many_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(NOW_MS);
    let (log, broker) = log_with(directory.path(), &clock, &[("retention.bytes", "2500")]).await;
    let mut producer = producer(&broker).await;
    let thousand = "x".repeat(1000);
    for letter in ["a", "b", "c", "d", "e"] {
        send_values(&mut producer, "topic", &[&format!("{letter}{thousand}")]).await;
    }
    log.clean().await.unwrap();
    let kept: Vec<char> =
        values(&broker, "topic").await.iter().filter_map(|value| value.chars().next()).collect();
    assert_eq!(kept, ['c', 'd', 'e']);
    assert_eq!(watermarks(&broker).await, Watermarks { low: 2, high: 5 });
}

#[tokio::test]
async fn a_member_behind_what_went_continues_with_what_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(NOW_MS);
    let (log, broker) = log_with(directory.path(), &clock, &[("retention.ms", "1000")]).await;
    let mut producer = producer(&broker).await;
    send_values(&mut producer, "topic", &["a", "b"]).await;
    let at = partition("topic", 0);
    let mut member = Member::join(&broker, "group", "topic").await;
    member.until(|member| member.seen.len() == 2).await;
    member.consumer.pause(vec![at.clone()]).await;
    send_values(&mut producer, "topic", &["never read"]).await;
    clock.advance_ms(2000);
    log.clean().await.unwrap();
    send_values(&mut producer, "topic", &["c"]).await;
    member.consumer.seek([(at.clone(), 1)].into()).await;
    member.consumer.resume(vec![at.clone()]).await;
    member.until(|member| member.seen.len() == 3).await;
    assert_eq!(member.values(&at), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_compacted_topic_is_never_deleted_from_by_age() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(NOW_MS);
    let settings = [("cleanup.policy", "compact"), ("retention.ms", "1000")];
    let (log, broker) = log_with(directory.path(), &clock, &settings).await;
    send(&mut producer(&broker).await, vec![keyed("topic", "k", Some("v"))]).await;
    clock.advance_ms(2000);
    log.clean().await.unwrap();
    assert_eq!(values(&broker, "topic").await, ["v"]);
}

#[tokio::test]
async fn a_tombstone_stays_until_its_time_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(NOW_MS);
    let settings = [("cleanup.policy", "compact"), ("delete.retention.ms", "1000")];
    let (log, broker) = log_with(directory.path(), &clock, &settings).await;
    let mut producer = producer(&broker).await;
    send(&mut producer, vec![keyed("topic", "k", Some("v")), keyed("topic", "k", None)]).await;
    clock.advance_ms(5000);
    for (wait_ms, tombstones) in [(0, 1), (999, 1), (1, 0)] {
        clock.advance_ms(wait_ms);
        log.clean().await.unwrap();
        let left = contents(&broker, "topic").await.remove(&0).unwrap_or_default();
        assert_eq!(left.len(), tombstones, "after {wait_ms} ms more");
    }
    assert_eq!(watermarks(&broker).await.high, 2);
}

#[tokio::test]
async fn young_records_are_not_compacted() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(NOW_MS);
    let settings = [("cleanup.policy", "compact"), ("min.compaction.lag.ms", "1000")];
    let (log, broker) = log_with(directory.path(), &clock, &settings).await;
    let mut producer = producer(&broker).await;
    for value in ["1", "2", "3"] {
        send(&mut producer, vec![keyed("topic", "k", Some(value))]).await;
        clock.advance_ms(600);
    }
    log.clean().await.unwrap();
    assert_eq!(values(&broker, "topic").await, ["2", "3"]);
}

/// The last record of each key.
fn last(records: &[ConsumerRecord]) -> BTreeMap<String, ConsumerRecord> {
    let key =
        |record: &ConsumerRecord| String::from_utf8(record.key.clone().unwrap().to_vec()).unwrap();
    records.iter().map(|record| (key(record), record.clone())).collect()
}

type Batches = Vec<Vec<(u8, Option<u8>)>>;

/// Sends batches of numbered keys and values.
async fn write(producer: &mut Box<dyn Producer>, batches: &Batches) {
    for batch in batches {
        let record = |(key, value): &(u8, Option<u8>)| {
            let value = value.map(|value| value.to_string());
            keyed("topic", &key.to_string(), value.as_deref())
        };
        send(producer, batch.iter().map(record).collect()).await;
    }
}

/// Writes rounds of batches and compacts after each; returns everything that was ever written and
/// what is left.
async fn compacted(rounds: &[Batches]) -> (Vec<ConsumerRecord>, Vec<ConsumerRecord>) {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(NOW_MS);
    let settings = [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0")];
    let (log, broker) = log_with(directory.path(), &clock, &settings).await;
    let mut producer = producer(&broker).await;
    let mut written = BTreeMap::new();
    for batches in rounds {
        write(&mut producer, batches).await;
        let now = contents(&broker, "topic").await.remove(&0).unwrap_or_default();
        written.extend(now.into_iter().map(|record| (record.offset, record)));
        let before = watermarks(&broker).await;
        log.clean().await.unwrap();
        assert_eq!(watermarks(&broker).await, before);
    }
    let before = watermarks(&broker).await;
    log.close().await;
    let broker = as_broker(&open_at(directory.path(), clock));
    assert_eq!(watermarks(&broker).await, before);
    let left = contents(&broker, "topic").await.remove(&0).unwrap_or_default();
    (written.into_values().collect(), left)
}

fn batch() -> impl Strategy<Value = Vec<(u8, Option<u8>)>> {
    prop::collection::vec((0..8_u8, prop::option::of(any::<u8>())), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn compaction_keeps_the_last_record_of_each_key_and_nothing_else(
        rounds in prop::collection::vec(prop::collection::vec(batch(), 0..5), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (written, left) = runtime.block_on(compacted(&rounds));
        let expected = last(&written);
        prop_assert_eq!(&last(&left), &expected);
        let offsets: BTreeSet<i64> = expected.values().map(|record| record.offset).collect();
        let found: Vec<i64> = left.iter().map(|record| record.offset).collect();
        prop_assert_eq!(found, offsets.into_iter().collect::<Vec<_>>());
    }
}
