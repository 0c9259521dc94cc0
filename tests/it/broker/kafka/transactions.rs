//! What transactions leave behind in a partition.

use millrace::broker::ConsumerEvent;

use super::open_for_a_case;
use crate::broker::suite::{
    Member, partition, producer, reader, send_values, topic, transactional, unique, within,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_position_passes_markers_and_aborted_records() {
    let Some(broker) = open_for_a_case().await else { return };
    within(async {
        let name = topic(&broker, 1).await;
        let mut producer = transactional(&broker, &unique("producer")).await;
        producer.begin().await.unwrap();
        send_values(&mut producer, &name, &["a"]).await;
        producer.commit().await.unwrap();
        producer.begin().await.unwrap();
        send_values(&mut producer, &name, &["never", "nor this"]).await;
        producer.abort().await.unwrap();
        // a, its marker, two that were aborted, and their marker.
        let mut member = Member::join(&broker, &unique("group"), &name).await;
        let at = partition(&name, 0);
        member.until(|member| member.positions.get(&at) == Some(&5)).await;
        assert_eq!(member.values(&at), ["a"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_waits_for_no_records_where_only_a_marker_is_left() {
    let Some(broker) = open_for_a_case().await else { return };
    within(async {
        let name = topic(&broker, 1).await;
        let mut producer = transactional(&broker, &unique("producer")).await;
        producer.begin().await.unwrap();
        send_values(&mut producer, &name, &["never"]).await;
        producer.abort().await.unwrap();
        let mut reader = reader(&broker, &name).await;
        assert!(reader.read_to_end().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_does_not_hold_up_who_reads_everything() {
    let Some(broker) = open_for_a_case().await else { return };
    within(async {
        let name = topic(&broker, 1).await;
        let mut open = transactional(&broker, &unique("producer")).await;
        open.begin().await.unwrap();
        send_values(&mut open, &name, &["open"]).await;
        send_values(&mut producer(&broker).await, &name, &["plain"]).await;
        let settings = [("isolation.level", "read_uncommitted")];
        let subscription = millrace::broker::Subscription::Topics(vec![name.clone()]);
        let mut member =
            Member::join_with(&broker, &unique("group"), subscription, &settings).await;
        member.until(|member| member.seen.len() == 2).await;
        assert_eq!(member.values(&partition(&name, 0)), ["open", "plain"]);
        open.abort().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_dropped_leaves_its_group() {
    let Some(broker) = open_for_a_case().await else { return };
    within(async {
        let (name, group) = (topic(&broker, 1).await, unique("group"));
        let mut first = Member::join(&broker, &group, &name).await;
        first.until(|member| member.owned.len() == 1).await;
        drop(first);
        // Far sooner than the session of the first would have expired.
        let mut second = Member::join(&broker, &group, &name).await;
        let at = partition(&name, 0);
        match second.consumer.next().await {
            Some(ConsumerEvent::Assigned(new)) => assert!(new.positions.contains_key(&at)),
            other => panic!("expected an assignment, got {other:?}"),
        }
    })
    .await;
}
