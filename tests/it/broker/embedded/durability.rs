//! What is there after the log was closed and opened again, and limits of reading.

use millrace::broker::{Broker, Producer, Subscription, Watermarks};

use super::{as_broker, open};
use crate::broker::suite::{
    Member, admin, new_topic, partition, producer, send, send_values, transactional, value, values,
};

#[tokio::test]
async fn a_reopened_log_goes_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let at = partition("topic", 0);
    let mut id = None;
    let mut expected = Vec::new();
    for round in 0..3 {
        let log = open(directory.path());
        let broker = as_broker(&log);
        let now = log.cluster_id().await.unwrap();
        assert_eq!(*id.get_or_insert_with(|| now.clone()), now);
        let admin = admin(&broker).await;
        if round > 0 {
            assert_eq!(admin.committed_offsets("group").await.unwrap()[&at], round);
        }
        let mut producer = producer(&broker).await;
        let (plain, whole) = (format!("plain {round}"), format!("whole {round}"));
        send_values(&mut producer, "topic", &[&plain]).await;
        let mut transactional = transactional(&broker, "id").await;
        transactional.begin().await.unwrap();
        send_values(&mut transactional, "topic", &[&whole]).await;
        transactional.commit().await.unwrap();
        expected.extend([plain, whole]);
        admin.alter_offsets("group", &[(at.clone(), Some(round + 1))]).await.unwrap();
        assert_eq!(values(&broker, "topic").await, expected);
        log.close().await;
    }
}

#[tokio::test]
async fn a_topic_made_again_has_nothing_of_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let at = partition("topic", 0);
    let log = open(directory.path());
    let broker = as_broker(&log);
    let admin = admin(&broker).await;
    send_values(&mut producer(&broker).await, "topic", &["a", "b"]).await;
    admin.alter_offsets("group", &[(at.clone(), Some(1))]).await.unwrap();
    admin.delete_topic("topic").await.unwrap();
    assert!(admin.committed_offsets("group").await.unwrap().is_empty());
    log.close().await;
    let log = open(directory.path());
    let broker = as_broker(&log);
    let admin = crate::broker::suite::admin(&broker).await;
    assert!(admin.list_topics().await.unwrap().is_empty());
    admin.create_topic(&new_topic("topic", 1)).await.unwrap();
    assert!(values(&broker, "topic").await.is_empty());
    let watermarks = admin.watermarks(std::slice::from_ref(&at)).await.unwrap();
    assert_eq!(watermarks[&at], Watermarks { low: 0, high: 0 });
}

#[tokio::test]
async fn a_member_of_a_topic_made_again_reads_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let broker = as_broker(&open(directory.path()));
    let admin = admin(&broker).await;
    let mut producer = producer(&broker).await;
    send_values(&mut producer, "topic", &["old", "old"]).await;
    let mut member = Member::join(&broker, "group", "topic").await;
    member.until(|member| member.seen.len() == 2).await;
    admin.delete_topic("topic").await.unwrap();
    send_values(&mut producer, "topic", &["new"]).await;
    member.until(|member| member.seen.len() == 3).await;
    assert_eq!(member.values(&partition("topic", 0)), ["old", "old", "new"]);
}

#[tokio::test]
async fn an_event_holds_no_more_records_than_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let broker = as_broker(&open(directory.path()));
    let records = (0..50).map(|at| value("topic", 0, &at.to_string())).collect();
    send(&mut producer(&broker).await, records).await;
    for limit in [("max.poll.records", "7"), ("fetch.max.bytes", "1")] {
        let subscription = Subscription::Topics(vec!["topic".to_owned()]);
        let mut member = Member::join_with(&broker, limit.0, subscription, &[limit]).await;
        let mut largest = 0;
        while member.seen.len() < 50 {
            let before = member.seen.len();
            member.until(|member| member.seen.len() > before).await;
            largest = largest.max(member.seen.len() - before);
        }
        let expected: Vec<String> = (0..50).map(|at: i32| at.to_string()).collect();
        assert_eq!(member.values(&partition("topic", 0)), expected);
        assert_eq!(largest, if limit.0 == "max.poll.records" { 7 } else { 50 });
        member.close().await;
        let committed = admin(&broker).await.committed_offsets(limit.0).await.unwrap();
        assert_eq!(committed[&partition("topic", 0)], 50);
    }
}

#[tokio::test]
async fn appends_of_many_producers_are_all_stored_once() {
    let directory = tempfile::tempdir().unwrap();
    let broker = as_broker(&open(directory.path()));
    admin(&broker).await.create_topic(&new_topic("topic", 1)).await.unwrap();
    let producers = (0..20).map(|number| {
        let broker = &broker;
        async move {
            let mut producer = producer(broker).await;
            for at in 0..20 {
                send_values(&mut producer, "topic", &[&format!("{number}/{at}")]).await;
            }
        }
    });
    futures::future::join_all(producers).await;
    let values = values(&broker, "topic").await;
    for number in 0..20 {
        let own = values.iter().filter_map(|value| value.strip_prefix(&format!("{number}/")));
        let expected: Vec<String> = (0..20).map(|at: i32| at.to_string()).collect();
        assert_eq!(own.collect::<Vec<_>>(), expected);
    }
    assert_eq!(values.len(), 400);
}

/// Values of a megabyte, so that a transaction outgrows what is kept of it in memory.
fn long_values(kind: &str) -> Vec<String> {
    (0..40).map(|at| format!("{kind} {at} {}", "x".repeat(1 << 20))).collect()
}

async fn send_long(producer: &mut Box<dyn Producer>, topic: &str, values: &[String]) {
    for value in values {
        send_values(producer, topic, &[value]).await;
    }
}

#[tokio::test]
async fn a_long_transaction_is_stored_whole_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let broker = as_broker(&log);
    let mut long = transactional(&broker, "long").await;
    long.begin().await.unwrap();
    let values = long_values("long");
    send_long(&mut long, "topic", &values).await;
    send_values(&mut producer(&broker).await, "topic", &["between"]).await;
    log.clean().await.unwrap();
    assert_eq!(stored(&broker).await, ["between"]);
    long.commit().await.unwrap();
    let mut expected = vec!["between".to_owned()];
    expected.extend(values);
    assert_eq!(stored(&broker).await, expected);
    log.clean().await.unwrap();
    log.close().await;
    assert_eq!(stored(&as_broker(&open(directory.path()))).await, expected);
}

#[tokio::test]
async fn a_long_transaction_that_ends_badly_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let values = long_values("never");
    let log = open(directory.path());
    let broker = as_broker(&log);
    let mut long = transactional(&broker, "long").await;
    long.begin().await.unwrap();
    send_long(&mut long, "topic", &values).await;
    long.abort().await.unwrap();
    log.clean().await.unwrap();
    long.begin().await.unwrap();
    send_long(&mut long, "topic", &values).await;
    log.close().await;
    let size = |name: &str| std::fs::metadata(directory.path().join(name)).map_or(0, |at| at.len());
    let before = size("log.db");
    let log = open(directory.path());
    let broker = as_broker(&log);
    assert!(stored(&broker).await.is_empty());
    log.clean().await.unwrap();
    // What is left over is used again: the file does not grow.
    let values = long_values("seen");
    let mut long = transactional(&broker, "long").await;
    long.begin().await.unwrap();
    send_long(&mut long, "topic", &values).await;
    long.commit().await.unwrap();
    assert_eq!(stored(&broker).await, values);
    log.close().await;
    assert!(size("log.db") <= before + before / 4, "{} after {before}", size("log.db"));
}

async fn stored(broker: &std::sync::Arc<dyn Broker>) -> Vec<String> {
    values(broker, "topic").await
}
