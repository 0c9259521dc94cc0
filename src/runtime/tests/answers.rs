//! A sink that writes records itself, and dies.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use connect_api::{
    config::{ConfigDef, ConfigValue, Props},
    error::Result,
    record::{SinkRecord, TopicPartition},
    sink::{SinkConnector, SinkContext, SinkOffsets, SinkTask},
    topics::{TopicRecord, TopicSpec, TopicWriter},
};

use super::harness::{Harness, PATIENCE};
use crate::runtime::ConnectorPlugin;

/// Answers each record with itself, each in a step of its own.
#[derive(Debug)]
struct Echo;

struct EchoTask(Arc<dyn TopicWriter>);

#[async_trait]
impl SinkConnector for Echo {
    fn class(&self) -> &'static str {
        "test.Echo"
    }
    fn version(&self) -> &'static str {
        "1"
    }
    fn config_def(&self) -> ConfigDef {
        ConfigDef::new()
    }
    fn validate(&self, _props: &Props) -> Vec<ConfigValue> {
        Vec::new()
    }
    async fn start_task(&self, _props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let topics = context.topics.unwrap();
        let echo =
            TopicSpec { name: "echo".to_owned(), partitions: Some(1), replication_factor: Some(1) };
        topics.open(&[echo]).await?;
        Ok(Box::new(EchoTask(topics)))
    }
}

#[async_trait]
impl SinkTask for EchoTask {
    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        for record in batch {
            let value = record.value.value.as_str().unwrap().to_owned().into();
            let answer = TopicRecord {
                topic: "echo".into(),
                key: None,
                value: Some(value),
                headers: vec![],
            };
            let offsets = [(record.origin.clone(), record.offset + 1)].into();
            self.0.write(vec![answer], &offsets).await?;
        }
        Ok(())
    }

    async fn pre_commit(&mut self, _consumed: &SinkOffsets) -> Result<SinkOffsets> {
        Ok(SinkOffsets::new())
    }
}

const TOPIC: [(&str, &str); 1] = [("topics", "in")];

fn values(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sink_writes_and_its_offsets_are_there_together_however_often_it_dies() {
    let harness = Harness::start().await;
    harness.produce("in", values(300)).await;
    let plugin = ConnectorPlugin::Sink(Arc::new(Echo));
    for done in [20, 60, 150] {
        let task = harness.start_task(plugin.clone(), &TOPIC);
        harness.wait_for("echo", done).await;
        // It is given no time to end, and so it does not.
        task.stop(Duration::ZERO).await;
    }
    let task = harness.start_task(plugin, &TOPIC);
    assert_eq!(harness.wait_for("echo", 300).await, values(300));
    harness.wait_for_commit("in", 300).await;
    assert!(task.stop(PATIENCE).await);
    assert_eq!(harness.values("echo").await, values(300));
    let at = TopicPartition::new("in", 0);
    assert_eq!(harness.committed(&at.topic).await, Some(300));
    harness.end().await;
}
