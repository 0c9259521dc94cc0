use connect_testkit::ManualClock;

use super::*;
use crate::{
    broker::embedded::EmbeddedBroker,
    store::{ConfigRecord, SourceOffsets, TopicOffsets},
    tasks::TaskGroup,
};

fn settings(usage: TopicUse) -> TopicSettings {
    TopicSettings {
        usage,
        name: "own".to_owned(),
        partitions: Some(3),
        replication_factor: Some(1),
        settings: BTreeMap::new(),
        client_prefix: "g".to_owned(),
        bootstrap_servers: Some("a:1,b:2".to_owned()),
    }
}

/// A log with a topic of these partitions and this policy.
async fn with_topic(partitions: i32, policy: &str) -> (tempfile::TempDir, Arc<dyn Broker>) {
    let directory = tempfile::tempdir().unwrap();
    let group = TaskGroup::new();
    let broker = EmbeddedBroker::open(directory.path(), ManualClock::at(0), &group).unwrap();
    let admin = broker.admin(&ClientSettings::default()).await.unwrap();
    let topic = NewTopic {
        name: "own".to_owned(),
        partitions: Some(partitions),
        replication_factor: Some(1),
        settings: BTreeMap::from([("cleanup.policy".to_owned(), policy.to_owned())]),
    };
    admin.create_topic(&topic).await.unwrap();
    (directory, broker)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_topic_with_several_partitions_is_refused_with_its_repair() {
    let (_directory, broker) = with_topic(3, "compact").await;
    let opened = TopicLog::<ConfigRecord>::open(&broker, &settings(TopicUse::Config)).await;
    let text = opened.unwrap_err().to_string();
    assert!(text.starts_with(
        "Topic 'own' supplied via the 'config.storage.topic' property is required to have a single \
         partition in order to guarantee consistency of connector configurations, but found 3 \
         partitions."
    ));
    assert!(text.ends_with(
        "or repair this one with: kafka-topics.sh --bootstrap-server a:1,b:2 --delete --topic own \
         (which deletes what is in it)"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_forgets_is_refused_with_its_repair() {
    let (_directory, broker) = with_topic(1, "compact,delete").await;
    let text =
        TopicOffsets::open(&broker, &settings(TopicUse::Offsets)).await.unwrap_err().to_string();
    assert!(text.starts_with(
        "Topic 'own' supplied via the 'offset.storage.topic' property is required to have \
         'cleanup.policy=compact' to guarantee consistency and durability of source connector \
         offsets, but found the topic currently has 'cleanup.policy=compact,delete'."
    ));
    assert!(text.ends_with(
        "or repair this one with: kafka-configs.sh --bootstrap-server a:1,b:2 --alter \
         --entity-type topics --entity-name own --add-config cleanup.policy=compact"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_on_a_topic_are_read_by_the_next_worker() {
    let directory = tempfile::tempdir().unwrap();
    let group = TaskGroup::new();
    let broker: Arc<dyn Broker> =
        EmbeddedBroker::open(directory.path(), ManualClock::at(0), &group).unwrap();
    let first = TopicOffsets::open(&broker, &settings(TopicUse::Offsets)).await.unwrap();
    let partition = connect_api::record::SourcePartition::default();
    let offset =
        connect_api::record::SourceOffset([("p".to_owned(), 1.into())].into_iter().collect());
    first.write("c", &[(partition.clone(), Some(offset.clone()))]).await.unwrap();
    let next = TopicOffsets::open(&broker, &settings(TopicUse::Offsets)).await.unwrap();
    assert_eq!(next.committed("c").await.unwrap(), [(partition, offset)]);
}
