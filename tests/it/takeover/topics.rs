//! The worker's own topics: made as the JVM's worker makes them, or refused.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
};

use crate::{
    harness::Worker,
    services::{self, kafka::KafkaNode},
};

const ANSWER: Duration = Duration::from_secs(30);

fn properties(kafka: &KafkaNode, name: &str) -> Vec<(&'static str, String)> {
    vec![
        ("bootstrap.servers", kafka.bootstrap().to_owned()),
        ("group.id", name.to_owned()),
        ("config.storage.topic", format!("{name}-configs")),
        ("offset.storage.topic", format!("{name}-offsets")),
        ("status.storage.topic", format!("{name}-status")),
        ("config.storage.replication.factor", "1".to_owned()),
        ("offset.storage.replication.factor", "1".to_owned()),
        ("status.storage.replication.factor", "-1".to_owned()),
        ("status.storage.partitions", "3".to_owned()),
        ("config.storage.segment.bytes", "1048576".to_owned()),
        ("config.storage.cleanup.policy", "delete".to_owned()),
        ("key.converter", "StringConverter".to_owned()),
        ("value.converter", "StringConverter".to_owned()),
        ("plugin.path", "/usr/share/java".to_owned()),
        ("connect.protocol", "sessioned".to_owned()),
        ("colour", "blue".to_owned()),
    ]
}

fn admin(kafka: &KafkaNode) -> AdminClient<DefaultClientContext> {
    kafka.client_config().create().unwrap()
}

fn partitions(kafka: &KafkaNode, topic: &str) -> usize {
    let client: BaseConsumer = kafka.client_config().create().unwrap();
    client.fetch_metadata(Some(topic), ANSWER).unwrap().topics()[0].partitions().len()
}

async fn settings(kafka: &KafkaNode, topic: &str) -> BTreeMap<String, Option<String>> {
    let wanted = ResourceSpecifier::Topic(topic);
    let answers = admin(kafka).describe_configs([&wanted], &AdminOptions::new()).await.unwrap();
    let entries = answers.into_iter().next().unwrap().unwrap().entries;
    entries.into_iter().map(|entry| (entry.name, entry.value)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_makes_the_topics_that_the_jvm_makes() {
    let kafka = services::require!(kafka);
    let folder = tempfile::tempdir().unwrap();
    let properties = properties(kafka, "own-topics");
    let worker = Worker::start(folder.path(), &properties, &[]).await;
    for (topic, count) in [("configs", 1), ("offsets", 25), ("status", 3)] {
        let topic = format!("own-topics-{topic}");
        assert_eq!(partitions(kafka, &topic), count, "{topic}");
        assert_eq!(settings(kafka, &topic).await["cleanup.policy"].as_deref(), Some("compact"));
    }
    let configs = settings(kafka, "own-topics-configs").await;
    assert_eq!(configs["segment.bytes"].as_deref(), Some("1048576"));
    let log = worker.log();
    for (notice, keys) in [
        ("do nothing here", "config.storage.cleanup.policy, connect.protocol, plugin.path"),
        ("are not known", "colour"),
    ] {
        let named: Vec<_> = log.lines().filter(|line| line.contains(notice)).collect();
        assert_eq!(named.len(), 1, "{log}");
        assert!(named[0].ends_with(&format!(": {keys}")), "{named:?}");
    }
    assert!(worker.stop().success());
}

/// Runs a worker that cannot start; its exit code and its last words.
fn refused(folder: &Path, properties: &[(&str, String)]) -> (Option<i32>, String) {
    let lines = properties.iter().map(|(key, value)| format!("{key}={value}\n"));
    let text = lines.collect::<String>() + "listeners=http://127.0.0.1:0\n";
    std::fs::write(folder.join("worker.properties"), text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(["distributed", "worker.properties"])
        .current_dir(folder)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_would_lose_connectors_is_refused_with_its_repair() {
    let kafka = services::require!(kafka);
    for (name, count, policy, repair) in [
        ("too-many", 2, "compact", "kafka-topics.sh"),
        ("too-short", 1, "delete", "kafka-configs.sh"),
    ] {
        let topic = format!("{name}-configs");
        let new = NewTopic::new(&topic, count, TopicReplication::Fixed(1));
        let new = new.set("cleanup.policy", policy);
        let made = admin(kafka).create_topics([&new], &AdminOptions::new()).await.unwrap();
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        let folder = tempfile::tempdir().unwrap();
        let (code, words) =
            tokio::task::block_in_place(|| refused(folder.path(), &properties(kafka, name)));
        assert_eq!(code, Some(2), "{words}");
        let command = format!("{repair} --bootstrap-server {}", kafka.bootstrap());
        assert!(words.contains(&command), "{words}");
        assert!(words.contains(&format!("Topic '{topic}' supplied via")), "{words}");
    }
}
