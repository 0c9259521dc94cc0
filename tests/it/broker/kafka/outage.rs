//! A broker that goes away and comes back.

use std::sync::Arc;

use bytes::Bytes;
use millrace::broker::{Broker, Delivery, ProducerRecord};

use super::open;
use crate::{
    broker::suite::{Member, partition, producer, topic, unique, value, values, within},
    services::{self, kafka::KafkaNode},
};

/// Records in one batch.
const BATCH: usize = 1000;

fn batch(topic: &str, number: usize) -> Vec<ProducerRecord> {
    let records = number * BATCH..(number + 1) * BATCH;
    records.map(|at| value(topic, 0, &format!("{at:08}"))).collect()
}

fn expected(batches: usize) -> Vec<String> {
    (0..batches * BATCH).map(|at| format!("{at:08}")).collect()
}

async fn check(deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        let report = delivery.await.unwrap();
        assert!(report.failed.is_empty(), "{:?}", report.failed.first());
    }
}

/// Takes the broker away in the middle of writing, by `end`, and brings it back.
async fn write_through_an_outage(
    kafka: &mut KafkaNode,
    broker: &Arc<dyn Broker>,
    name: &str,
    end: fn(&mut KafkaNode),
) -> usize {
    let mut producer = producer(broker).await;
    let mut deliveries = Vec::new();
    for number in 0..20 {
        deliveries.push(producer.send(batch(name, number)).await.unwrap());
    }
    // Some of this is stored, some is on its way, and the queue has more.
    end(kafka);
    for number in 20..40 {
        deliveries.push(producer.send(batch(name, number)).await.unwrap());
    }
    kafka.restart();
    for number in 40..60 {
        deliveries.push(producer.send(batch(name, number)).await.unwrap());
    }
    check(deliveries).await;
    60
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_goes_on_without_loss_or_doubling_when_a_killed_broker_is_back() {
    let mut kafka = services::require!(private_kafka);
    let broker = open(kafka.bootstrap());
    within(async {
        let name = topic(&broker, 1).await;
        let written = write_through_an_outage(&mut kafka, &broker, &name, KafkaNode::kill).await;
        assert_eq!(values(&broker, &name).await, expected(written));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_where_it_was_when_a_stopped_broker_is_back() {
    let mut kafka = services::require!(private_kafka);
    let broker = open(kafka.bootstrap());
    within(async {
        let name = topic(&broker, 1).await;
        let group = unique("group");
        let mut member = Member::join(&broker, &group, &name).await;
        member.until(|member| member.owned.len() == 1).await;
        let written =
            write_through_an_outage(&mut kafka, &broker, &name, KafkaNode::terminate).await;
        let all = written * BATCH;
        member.until(|member| member.seen.len() >= all).await;
        assert_eq!(member.values(&partition(&name, 0)), expected(written));
        // The group is whole again: what is committed now is found by the next member.
        let at = partition(&name, 0);
        let next = i64::try_from(all).unwrap();
        member.commit([(at.clone(), next)].into(), 1).await;
        assert!(member.commits[&1].is_ok(), "{:?}", member.commits);
        member.close().await;
        let mut second = Member::join(&broker, &group, &name).await;
        second.until(|member| member.owned.len() == 1).await;
        assert_eq!(second.began[&at], next);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_makes_the_sender_wait_and_loses_nothing() {
    let kafka = services::require!(kafka);
    let broker = open(kafka.bootstrap());
    within(async {
        let name = topic(&broker, 1).await;
        let overrides = [("queue.buffering.max.messages", "100")];
        let settings = millrace::broker::ProducerSettings {
            client: millrace::broker::ClientSettings {
                client_id: String::new(),
                overrides: overrides.into_iter().collect(),
            },
            transactional_id: None,
        };
        let mut producer = broker.producer(&settings).await.unwrap();
        let record = |at: usize| value(&name, 0, &at.to_string());
        let delivery = producer.send((0..5000).map(record).collect()).await.unwrap();
        check(vec![delivery]).await;
        let expected: Vec<String> = (0..5000).map(|at| at.to_string()).collect();
        assert_eq!(values(&broker, &name).await, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_records_arrive_whole_and_in_order() {
    let kafka = services::require!(kafka);
    let broker = open(kafka.bootstrap());
    within(async {
        let name = topic(&broker, 1).await;
        let large = |at: u8| ProducerRecord {
            value: Some(Bytes::from(vec![at; 900_000])),
            ..value(&name, 0, "")
        };
        let mut producer = producer(&broker).await;
        check(vec![producer.send((0..30).map(large).collect()).await.unwrap()]).await;
        let mut member = Member::join(&broker, &unique("group"), &name).await;
        member.until(|member| member.seen.len() == 30).await;
        for (at, (_, record)) in member.seen.iter().enumerate() {
            let value = record.value.as_ref().unwrap();
            assert_eq!(value.len(), 900_000);
            assert!(value.iter().all(|&byte| usize::from(byte) == at));
        }
    })
    .await;
}
