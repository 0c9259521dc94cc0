//! What people build of it, end to end, on the embedded log and on Kafka, with workers that are killed.
//!
//! The main job is a dated log into a topic, raw objects in S3, aggregates over REST: the three
//! configurations of `configs/demo/` run unchanged, and what arrives at the far ends is compared with
//! the log line by line. The other stories are those of the README: [`fan_out`], [`colors`],
//! [`geocoding`] run the configurations of `configs/stories/`; Kafka's quickstart is in
//! [`crate::takeover`].

mod addresses;
mod colors;
mod demo;
mod fan_out;
mod far_end;
mod geocoding;
mod kill;
mod page;
mod pipeline;
mod world;

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::{
    harness::{RestClient, Worker, eventually, log_lines},
    services::{kafka::KafkaNode, s3::S3},
};

/// Where the records go.
pub(crate) enum Broker<'a> {
    Embedded,
    Kafka(&'a KafkaNode, Promise),
}

impl Broker<'_> {
    /// Properties of a worker of this name, which keeps an embedded log in its folder.
    fn worker_properties(&self, name: &str) -> Vec<(&'static str, String)> {
        let string = "org.apache.kafka.connect.storage.StringConverter";
        let mut properties = vec![
            ("group.id", name.to_owned()),
            ("config.storage.topic", format!("{name}-configs")),
            ("offset.storage.topic", format!("{name}-offsets")),
            ("status.storage.topic", format!("{name}-status")),
            ("config.storage.replication.factor", "1".to_owned()),
            ("offset.storage.replication.factor", "1".to_owned()),
            ("status.storage.replication.factor", "1".to_owned()),
            ("offset.flush.interval.ms", "500".to_owned()),
            ("key.converter", string.to_owned()),
            ("value.converter", string.to_owned()),
            ("config.providers", "env".to_owned()),
            ("config.providers.env.class", "EnvVarConfigProvider".to_owned()),
        ];
        match self {
            Self::Embedded => properties.push(("bootstrap.servers", "embedded:log".to_owned())),
            Self::Kafka(kafka, promise) => {
                properties.push(("bootstrap.servers", kafka.bootstrap().to_owned()));
                // A killed member is missed after this long; the broker allows no less.
                properties.push(("consumer.session.timeout.ms", "6000".to_owned()));
                if *promise == Promise::ExactlyOnce {
                    properties.push(("exactly.once.source.support", "enabled".to_owned()));
                    properties.push(("consumer.isolation.level", "read_committed".to_owned()));
                }
            }
        }
        properties
    }
}

/// What the worker is configured to promise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    ExactlyOnce,
    AtLeastOnce,
}

/// One worker's world: folders, a bucket and topics of its own.
pub(crate) struct Story<'a> {
    folder: tempfile::TempDir,
    name: String,
    s3: &'a S3,
    properties: Vec<(&'static str, String)>,
    /// Where the aggregates are kept.
    pub(crate) store_url: String,
}

impl<'a> Story<'a> {
    pub(crate) async fn begin(name: &str, broker: &Broker<'_>, s3: &'a S3) -> Self {
        let folder = tempfile::tempdir().unwrap();
        s3.create_bucket(name).await;
        let store_url = format!("sqlite:{}", folder.path().join("aggregates.db").display());
        let name = name.to_owned();
        let mut story = Self { folder, name, s3, properties: Vec::new(), store_url };
        story.properties = broker.worker_properties(&story.name);
        story
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    pub(crate) async fn start_worker(&self) -> Worker {
        let environment = [
            ("MILLRACE_LOGS", self.logs().display().to_string()),
            ("MILLRACE_S3_URL", self.s3.endpoint()),
            ("MILLRACE_S3_BUCKET", self.name.clone()),
            ("MILLRACE_AGGREGATES", self.store_url.clone()),
            ("AWS_ACCESS_KEY_ID", S3::ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", S3::SECRET_KEY.to_owned()),
        ];
        Worker::start(self.folder.path(), &self.properties, &environment).await
    }

    /// Registers the three connectors with a topic of this story's own and objects of this size.
    pub(crate) async fn register(&self, rest: &RestClient, flush_size: u32) {
        for file in ["logs-source", "s3-raw-logs", "aggregates"] {
            let path = format!("{}/configs/demo/{file}.json", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap().replace("app-logs", &self.name);
            let mut connector: Json = serde_json::from_str(&text).unwrap();
            // Groups are named after connectors, and stories share a cluster.
            connector["name"] = format!("{}-{file}", self.name).into();
            if connector["config"].get("flush.size").is_some() {
                connector["config"]["flush.size"] = flush_size.into();
            }
            rest.create(&connector).await;
        }
    }

    /// Folder in which the objects of this story are files.
    pub(crate) fn objects(&self) -> PathBuf {
        self.s3.bucket_dir(&self.name)
    }

    /// Waits until as many records as the log has lines are in S3 and in the aggregates, and in S3 as many
    /// different ones: where some came twice, the last ones may be missing yet.
    pub(crate) async fn arrive(&self, rest: &RestClient) -> Vec<String> {
        let lines = log_lines(&self.logs());
        let count = u64::try_from(lines.len()).unwrap();
        eventually("every line in S3", async || {
            let stored = far_end::stored_lines(&self.objects());
            let is_there = stored.len() >= lines.len() && different(&stored) >= different(&lines);
            is_there.then_some(())
        })
        .await;
        eventually("every line in the aggregates", async || {
            rest.counted("events").await.filter(|&counted| counted >= count)
        })
        .await;
        lines
    }
}

/// How many different ones there are of lines in order.
fn different(lines: &[String]) -> usize {
    lines.chunk_by(|one, other| one == other).count()
}
