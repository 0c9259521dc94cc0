use std::sync::Arc;

use connect_api::record::TopicPartition;
use millrace::broker::{Broker, BrokerError, Producer, Subscription};

use super::{
    Member, admin, by_partition, new_topic, partition, producer, reader, send, send_values, texts,
    topic, transactional, unique, value, values,
};

pub(crate) async fn a_transaction_over_topics_is_seen_whole(broker: Arc<dyn Broker>) {
    let (records, offsets) = (topic(&broker, 1).await, topic(&broker, 1).await);
    let mut producer = transactional(&broker, &unique("producer")).await;
    for round in [1, 2] {
        producer.begin().await.unwrap();
        send_values(&mut producer, &records, &["a", "b"]).await;
        send(&mut producer, vec![value(&records, 0, "c"), value(&offsets, 0, "o")]).await;
        assert_eq!(lengths(&broker, &records, &offsets).await, (3 * (round - 1), round - 1));
        producer.commit().await.unwrap();
        assert_eq!(lengths(&broker, &records, &offsets).await, (3 * round, round));
    }
    assert_eq!(values(&broker, &records).await, ["a", "b", "c", "a", "b", "c"]);
}

async fn lengths(broker: &Arc<dyn Broker>, one: &str, other: &str) -> (usize, usize) {
    (values(broker, one).await.len(), values(broker, other).await.len())
}

pub(crate) async fn what_was_aborted_is_never_seen(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 1).await;
    let mut producer = transactional(&broker, &unique("producer")).await;
    producer.begin().await.unwrap();
    send_values(&mut producer, &name, &["never"]).await;
    producer.abort().await.unwrap();
    producer.begin().await.unwrap();
    send_values(&mut producer, &name, &["seen"]).await;
    producer.commit().await.unwrap();
    producer.begin().await.unwrap();
    send_values(&mut producer, &name, &["not yet"]).await;
    only_seen_is_read(&broker, &name).await;
    producer.abort().await.unwrap();
}

async fn only_seen_is_read(broker: &Arc<dyn Broker>, name: &str) {
    let mut reader = reader(broker, name).await;
    let end = reader.ends().await.unwrap()[&0];
    assert_eq!(texts(&by_partition(reader.read_to_end().await.unwrap())[&0]), ["seen"]);
    let position = reader.position(0).unwrap();
    assert!(position >= end, "{position} is before {end}");
    assert_eq!(reader.position(1), None);
}

pub(crate) async fn a_refused_record_is_known_before_its_transaction_ends(broker: Arc<dyn Broker>) {
    let mut small = new_topic(&unique("small"), 1);
    small.settings.insert("max.message.bytes".to_owned(), "1000".to_owned());
    admin(&broker).await.create_topic(&small).await.unwrap();
    let name = topic(&broker, 1).await;
    let mut producer = transactional(&broker, &unique("producer")).await;
    producer.begin().await.unwrap();
    let records = vec![value(&name, 0, "never"), value(&small.name, 0, &"x".repeat(2000))];
    let report = producer.send(records).await.unwrap().await.unwrap();
    assert!(report.failed.iter().any(|(at, _)| *at == 1), "{:?}", report.failed);
    only_the_next_is_seen(&broker, producer, &name).await;
}

async fn only_the_next_is_seen(
    broker: &Arc<dyn Broker>,
    mut producer: Box<dyn Producer>,
    name: &str,
) {
    for _ in 0..2 {
        producer.abort().await.unwrap();
    }
    producer.begin().await.unwrap();
    send_values(&mut producer, name, &["seen"]).await;
    producer.commit().await.unwrap();
    assert_eq!(values(broker, name).await, ["seen"]);
}

pub(crate) async fn a_newer_producer_fences_the_older_one(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 1).await;
    let id = unique("producer");
    let mut older = transactional(&broker, &id).await;
    older.begin().await.unwrap();
    send_values(&mut older, &name, &["older"]).await;
    let mut newer = transactional(&broker, &id).await;
    newer.begin().await.unwrap();
    send_values(&mut newer, &name, &["newer"]).await;
    newer.commit().await.unwrap();
    let error = older.commit().await.unwrap_err();
    assert!(matches!(error, BrokerError::Fenced(_)), "{error:?}");
    assert_eq!(values(&broker, &name).await, ["newer"]);
}

/// Begins a transaction with these values and this offset of a member's partition.
async fn answer(
    producer: &mut Box<dyn Producer>,
    (topic, values): (&str, &[&str]),
    member: &Member,
    (at, offset): (&TopicPartition, i64),
) {
    producer.begin().await.unwrap();
    send_values(producer, topic, values).await;
    let offsets = [(at.clone(), offset)].into();
    producer.send_offsets(member.consumer.member(), &offsets).await.unwrap();
}

pub(crate) async fn offsets_are_committed_with_the_records_of_their_transaction(
    broker: Arc<dyn Broker>,
) {
    let (questions, answers) = (topic(&broker, 1).await, topic(&broker, 1).await);
    let (group, at) = (unique("group"), partition(&questions, 0));
    send_values(&mut producer(&broker).await, &questions, &["a", "b", "c"]).await;
    let mut member = asked(&broker, &group, &questions).await;
    answer_at_the_second_attempt(&broker, &group, &member, (&answers, &at)).await;
    assert_eq!(values(&broker, &answers).await, ["A", "B"]);
    member.close().await;
    assert_eq!(left(&broker, &group, questions, &at).await, ["c"]);
}

/// What the next member of a group begins with.
async fn left(
    broker: &Arc<dyn Broker>,
    group: &str,
    questions: String,
    at: &TopicPartition,
) -> Vec<String> {
    let read_committed = [("isolation.level", "read_committed")];
    let topics = Subscription::Topics(vec![questions]);
    let mut next = Member::join_with(broker, group, topics, &read_committed).await;
    next.until(|member| !member.seen.is_empty()).await;
    next.values(at)
}

/// Aborts answers with their offset, and commits others.
async fn answer_at_the_second_attempt(
    broker: &Arc<dyn Broker>,
    group: &str,
    member: &Member,
    (answers, at): (&str, &TopicPartition),
) {
    let admin = admin(broker).await;
    let mut answering = transactional(broker, &unique("producer")).await;
    answer(&mut answering, (answers, &["never"]), member, (at, 3)).await;
    answering.abort().await.unwrap();
    assert!(admin.committed_offsets(group).await.unwrap().is_empty());
    answer(&mut answering, (answers, &["A", "B"]), member, (at, 2)).await;
    answering.commit().await.unwrap();
    assert_eq!(admin.committed_offsets(group).await.unwrap(), [(at.clone(), 2)].into());
}

/// A member that has seen three questions and commits nothing itself.
async fn asked(broker: &Arc<dyn Broker>, group: &str, questions: &str) -> Member {
    let mut member = Member::join(broker, group, questions).await;
    member.has_offsets_to_commit = false;
    member.until(|member| member.seen.len() == 3).await;
    member
}
