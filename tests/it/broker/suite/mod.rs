//! What every broker must do. The cases know nothing but `Arc<dyn Broker>`.

pub(crate) mod consuming;
pub(crate) mod groups;
mod member;
pub(crate) mod producing;
pub(crate) mod reading;
pub(crate) mod topics;
pub(crate) mod transactions;

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use connect_api::record::TopicPartition;
use millrace::broker::{
    Admin, Broker, ClientSettings, ConsumerRecord, NewTopic, PartitionRecords, Producer,
    ProducerRecord, ProducerSettings, ReadFrom, ReaderSettings, TopicReader,
};

pub(crate) use self::member::{Member, drive};

/// Longest time a case may take: a cluster's first rebalance alone takes seconds.
const DEADLINE: Duration = Duration::from_secs(60);

/// Ends a case that waits for something that never comes.
pub(crate) async fn within<T>(case: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, Box::pin(case)).await.expect("the case ends in time")
}

/// A name that no other case uses.
pub(crate) fn unique(name: &str) -> String {
    format!("{name}-{:016x}", rand::random::<u64>())
}

pub(crate) async fn admin(broker: &Arc<dyn Broker>) -> Arc<dyn Admin> {
    broker.admin(&ClientSettings::default()).await.unwrap()
}

pub(crate) fn new_topic(name: &str, partitions: i32) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: Some(1),
        settings: BTreeMap::new(),
    }
}

/// Makes a topic with a name of its own.
pub(crate) async fn topic(broker: &Arc<dyn Broker>, partitions: i32) -> String {
    let name = unique("topic");
    admin(broker).await.create_topic(&new_topic(&name, partitions)).await.unwrap();
    name
}

pub(crate) async fn producer(broker: &Arc<dyn Broker>) -> Box<dyn Producer> {
    broker.producer(&ProducerSettings::default()).await.unwrap()
}

pub(crate) async fn transactional(broker: &Arc<dyn Broker>, id: &str) -> Box<dyn Producer> {
    let transactional_id = Some(id.to_owned());
    let settings = ProducerSettings { transactional_id, ..ProducerSettings::default() };
    broker.producer(&settings).await.unwrap()
}

pub(crate) async fn reader(broker: &Arc<dyn Broker>, topic: &str) -> Box<dyn TopicReader> {
    let settings = ReaderSettings {
        client: ClientSettings::default(),
        topic: topic.to_owned(),
        from: ReadFrom::Beginning,
        is_read_committed: true,
    };
    broker.reader(&settings).await.unwrap()
}

/// A record with a value and nothing else, for a given partition.
pub(crate) fn value(topic: &str, partition: i32, value: &str) -> ProducerRecord {
    ProducerRecord {
        topic: Arc::from(topic),
        partition: Some(partition),
        key: None,
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        timestamp_ms: None,
        headers: Vec::new(),
    }
}

/// A record with a key, whose hash decides where it goes.
pub(crate) fn keyed(topic: &str, key: &str, value: Option<&str>) -> ProducerRecord {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    ProducerRecord {
        topic: Arc::from(topic),
        partition: None,
        key: Some(bytes(key)),
        value: value.map(bytes),
        timestamp_ms: None,
        headers: Vec::new(),
    }
}

/// Sends records and waits until all of them are stored.
pub(crate) async fn send(producer: &mut Box<dyn Producer>, records: Vec<ProducerRecord>) {
    let report = producer.send(records).await.unwrap().await.unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
}

/// Sends values to partition 0.
pub(crate) async fn send_values(producer: &mut Box<dyn Producer>, topic: &str, values: &[&str]) {
    send(producer, values.iter().map(|text| value(topic, 0, text)).collect()).await;
}

/// Everything a topic holds now, by partition.
pub(crate) async fn contents(
    broker: &Arc<dyn Broker>,
    topic: &str,
) -> BTreeMap<i32, Vec<ConsumerRecord>> {
    let mut reader = reader(broker, topic).await;
    by_partition(reader.read_to_end().await.unwrap())
}

pub(crate) fn by_partition(parts: Vec<PartitionRecords>) -> BTreeMap<i32, Vec<ConsumerRecord>> {
    let mut all = BTreeMap::<i32, Vec<ConsumerRecord>>::new();
    for part in parts {
        all.entry(part.partition.partition).or_default().extend(part.records);
    }
    all
}

/// The values of records as text.
pub(crate) fn texts(records: &[ConsumerRecord]) -> Vec<String> {
    let text = |record: &ConsumerRecord| {
        String::from_utf8(record.value.as_deref().unwrap_or_default().to_vec()).unwrap()
    };
    records.iter().map(text).collect()
}

/// The values in partition 0 of a topic.
pub(crate) async fn values(broker: &Arc<dyn Broker>, topic: &str) -> Vec<String> {
    texts(contents(broker, topic).await.get(&0).map_or(&[], Vec::as_slice))
}

pub(crate) fn partition(topic: &str, number: i32) -> TopicPartition {
    TopicPartition::new(topic, number)
}
