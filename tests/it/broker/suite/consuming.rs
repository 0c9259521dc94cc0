use std::sync::Arc;

use millrace::broker::{Broker, Subscription, TopicCreation};

use super::{
    Member, admin, new_topic, partition, producer, send, send_values, topic, transactional, unique,
    value,
};

pub(crate) async fn reading_begins_at_the_earliest_record(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 1).await;
    send_values(&mut producer(&broker).await, &name, &["a", "b"]).await;
    let mut member = Member::join(&broker, &unique("group"), &name).await;
    member.until(|member| member.seen.len() == 2).await;
    assert_eq!(member.began[&partition(&name, 0)], 0);
    assert_eq!(member.values(&partition(&name, 0)), ["a", "b"]);
    let offsets: Vec<i64> = member.seen.iter().map(|(_, record)| record.offset).collect();
    assert_eq!(offsets, [0, 1]);
}

pub(crate) async fn reading_begins_at_the_latest_record_if_asked_to(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 1).await;
    let mut producer = producer(&broker).await;
    send_values(&mut producer, &name, &["a", "b"]).await;
    let subscription = Subscription::Topics(vec![name.clone()]);
    let latest = [("auto.offset.reset", "latest")];
    let mut member = Member::join_with(&broker, &unique("group"), subscription, &latest).await;
    member.until(|member| !member.owned.is_empty()).await;
    assert_eq!(member.began[&partition(&name, 0)], 2);
    send_values(&mut producer, &name, &["c"]).await;
    member.until(|member| !member.seen.is_empty()).await;
    assert_eq!(member.values(&partition(&name, 0)), ["c"]);
}

pub(crate) async fn a_member_continues_where_the_group_committed(broker: Arc<dyn Broker>) {
    let (name, group) = (topic(&broker, 1).await, unique("group"));
    let at = partition(&name, 0);
    send_values(&mut producer(&broker).await, &name, &["a", "b", "c", "d"]).await;
    let mut first = Member::join(&broker, &group, &name).await;
    first.has_offsets_to_commit = false;
    first.until(|member| member.seen.len() == 4).await;
    first.commit([(at.clone(), 1)].into(), 1).await;
    first.commit([(at.clone(), 3)].into(), 2).await;
    assert!(first.commits.values().all(Result::is_ok), "{:?}", first.commits);
    first.close().await;
    let mut second = Member::join(&broker, &group, &name).await;
    second.until(|member| !member.seen.is_empty()).await;
    assert_eq!(second.began[&at], 3);
    assert_eq!(second.values(&at), ["d"]);
}

pub(crate) async fn a_paused_partition_brings_nothing_until_it_is_resumed(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 2).await;
    let mut producer = producer(&broker).await;
    let mut member = Member::join(&broker, &unique("group"), &name).await;
    member.until(|member| member.owned.len() == 2).await;
    member.consumer.pause(vec![partition(&name, 0)]).await;
    for round in ["1", "2", "3"] {
        send(&mut producer, vec![value(&name, 0, round), value(&name, 1, round)]).await;
    }
    member.until(|member| member.seen.len() == 3).await;
    assert_eq!(member.values(&partition(&name, 1)), ["1", "2", "3"]);
    member.consumer.resume(vec![partition(&name, 0)]).await;
    member.until(|member| member.seen.len() == 6).await;
    assert_eq!(member.values(&partition(&name, 0)), ["1", "2", "3"]);
}

pub(crate) async fn a_seek_decides_what_comes_next(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 1).await;
    let at = partition(&name, 0);
    let mut producer = producer(&broker).await;
    send_values(&mut producer, &name, &["a", "b", "c"]).await;
    let mut member = Member::join(&broker, &unique("group"), &name).await;
    member.until(|member| member.seen.len() == 3).await;
    // On its way when the seek is made, or not: it is read once, after those that come again.
    send_values(&mut producer, &name, &["d"]).await;
    member.consumer.seek([(at.clone(), 1)].into()).await;
    member.until(|member| member.seen.len() == 6).await;
    assert_eq!(member.values(&at), ["a", "b", "c", "b", "c", "d"]);
    member.consumer.seek([(at.clone(), 0)].into()).await;
    member.consumer.seek([(at.clone(), 3)].into()).await;
    member.until(|member| member.seen.len() == 7).await;
    assert_eq!(member.values(&at)[6..], ["d"]);
}

pub(crate) async fn a_topic_that_comes_later_is_read(broker: Arc<dyn Broker>) {
    let name = unique("later");
    let subscription = Subscription::Topics(vec![name.clone()]);
    let often = [("metadata.max.age.ms", "500")];
    let mut member = Member::join_with(&broker, &unique("group"), subscription, &often).await;
    admin(&broker).await.create_topic(&new_topic(&name, 1)).await.unwrap();
    send_values(&mut producer(&broker).await, &name, &["a"]).await;
    member.until(|member| !member.seen.is_empty()).await;
    assert_eq!(member.values(&partition(&name, 0)), ["a"]);
}

pub(crate) async fn a_pattern_finds_a_later_topic(broker: Arc<dyn Broker>) {
    let prefix = unique("logs");
    let (first, later) = (format!("{prefix}.a"), format!("{prefix}.b"));
    let other = format!("x{prefix}.c");
    let admin = admin(&broker).await;
    let mut producer = producer(&broker).await;
    for name in [&first, &other] {
        admin.create_topic(&new_topic(name, 1)).await.unwrap();
        send_values(&mut producer, name, &["1"]).await;
    }
    let subscription = Subscription::Pattern(format!("{prefix}\\.[ab]"));
    let often = [("metadata.max.age.ms", "500")];
    let mut member = Member::join_with(&broker, &unique("group"), subscription, &often).await;
    member.until(|member| member.seen.len() == 1).await;
    admin.create_topic(&new_topic(&later, 1)).await.unwrap();
    send_values(&mut producer, &later, &["2"]).await;
    member.until(|member| member.seen.len() == 2).await;
    assert_eq!(member.values(&partition(&first, 0)), ["1"]);
    assert_eq!(member.values(&partition(&later, 0)), ["2"]);
    assert_eq!(member.owned.len(), 2);
}

pub(crate) async fn what_was_aborted_is_not_consumed(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 1).await;
    let mut producer = transactional(&broker, &unique("producer")).await;
    let mut member = Member::join(&broker, &unique("group"), &name).await;
    for (text, is_committed) in [("never", false), ("a", true), ("nor this", false), ("b", true)] {
        producer.begin().await.unwrap();
        send_values(&mut producer, &name, &[text]).await;
        if is_committed {
            producer.commit().await.unwrap();
        } else {
            producer.abort().await.unwrap();
        }
    }
    member.until(|member| member.seen.len() == 2).await;
    assert_eq!(member.values(&partition(&name, 0)), ["a", "b"]);
}

/// Whoever reads it has to learn that its offsets mean other records now.
pub(crate) async fn a_topic_that_is_made_anew_is_handed_out_anew(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 1).await;
    let (admin, at) = (admin(&broker).await, partition(&name, 0));
    send_values(&mut producer(&broker).await, &name, &["a", "b", "c"]).await;
    let mut member = Member::join(&broker, &unique("group"), &name).await;
    member.until(|member| member.seen.len() == 3).await;
    member.began.clear();
    admin.delete_topic(&name).await.unwrap();
    while admin.create_topic(&new_topic(&name, 1)).await.unwrap() == TopicCreation::Existed {}
    send_values(&mut producer(&broker).await, &name, &["d", "e"]).await;
    member.until(|member| member.seen.len() == 5).await;
    assert_eq!(member.values(&at), ["a", "b", "c", "d", "e"]);
    assert_eq!(member.began.get(&at), Some(&0));
}
