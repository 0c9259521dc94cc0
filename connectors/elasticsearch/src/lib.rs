//! The Elasticsearch and OpenSearch sinks: records become documents.
//!
//! [`ElasticsearchSink`] answers to Confluent's class and [`OpenSearchSink`] to Aiven's; both take
//! their configurations unchanged and share everything but their options. Called by the worker only;
//! everything else here is private to the crate.
//!
//! # Delivery
//!
//! An offset is committed when the documents of everything below it are answered. What is sent again
//! after a crash has the same effect once: a document whose id is the key has the offset as its
//! version, so that the server refuses what it has already; one whose id is made of topic, partition
//! and offset is replaced by itself. Only ids that the server makes give that up, and merges
//! (`upsert`) are repeated.
//!
//! # Order
//!
//! Every id belongs to one of `max.in.flight.requests` lanes, and of a lane one bulk is on its way at
//! a time. So the operations of one document stay in their order, and are never in two bulks at once.
//! A set of the ids that are on their way was rejected: with few keys every bulk would wait for the
//! one before it.
//!
//! # Pressure
//!
//! Documents that the server puts off (429, 503) go again after a pause, in front of what came after
//! them, in bulks of half the size, fewer at once; both grow again when bulks go through. What waits
//! is bounded by `max.buffered.records` and by the memory budget, and then `put` waits. A cluster that
//! stays away makes `put` fail in a way that the worker repeats; nothing that was accepted is lost or
//! sent anew by that.
//!
//! The flow is moved by the task's own calls rather than by a task beside it: what is on its way ends
//! with its task, and nothing is written for a partition that was taken away.

mod client;
pub mod config;
mod document;
mod flow;
mod naming;
mod offsets;
mod preview;
mod settings;
mod targets;
mod task;

use std::sync::Arc;

use async_trait::async_trait;
use connect_api::{
    config::{Config, ConfigDef, ConfigValue, Props},
    error::Result,
    record::SinkRecord,
    sink::{Previews, SinkConnector, SinkContext, SinkTask},
    time::SystemClock,
};

use self::{
    config::{ElasticsearchSinkConfig, OpenSearchSinkConfig},
    settings::{Rules, Settings},
    task::SearchSinkTask,
};

/// The Elasticsearch sink connector.
#[derive(Clone, Copy, Debug, Default)]
pub struct ElasticsearchSink;

/// The OpenSearch sink connector, under this or an older name of its class.
#[derive(Clone, Copy, Debug)]
pub struct OpenSearchSink {
    class: &'static str,
}

impl OpenSearchSink {
    /// The class of today.
    pub const CURRENT: Self =
        Self { class: "io.aiven.kafka.connect.opensearch.OpenSearchSinkConnector" };
    /// The class as it was written before version 4.
    pub const LEGACY: Self =
        Self { class: "io.aiven.kafka.connect.opensearch.OpensearchSinkConnector" };
}

#[async_trait]
impl SinkConnector for ElasticsearchSink {
    fn class(&self) -> &'static str {
        "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        ElasticsearchSinkConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        connect_api::config::validate::<ElasticsearchSinkConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("connection.url")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        let settings = Settings::of_elasticsearch(&ElasticsearchSinkConfig::parse(props)?)?;
        Box::pin(task::find(settings.connection, &settings.rules, Arc::new(SystemClock)))
            .await
            .map(drop)
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        ElasticsearchSinkConfig::parse(props)?;
        Ok(vec![props.clone(); max_tasks])
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = ElasticsearchSinkConfig::parse(props)?;
        let settings = Settings::of_elasticsearch(&config)?;
        Ok(Box::new(Box::pin(SearchSinkTask::start(settings, context)).await?))
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Previews>> {
        let rules = Rules::of_elasticsearch(&ElasticsearchSinkConfig::parse(props)?);
        Ok(Some(records.iter().map(|record| preview::preview(&rules, record)).collect()))
    }
}

#[async_trait]
impl SinkConnector for OpenSearchSink {
    fn class(&self) -> &'static str {
        self.class
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        OpenSearchSinkConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        connect_api::config::validate::<OpenSearchSinkConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("connection.url")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        let settings = Settings::of_opensearch(&OpenSearchSinkConfig::parse(props)?)?;
        Box::pin(task::find(settings.connection, &settings.rules, Arc::new(SystemClock)))
            .await
            .map(drop)
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        OpenSearchSinkConfig::parse(props)?;
        Ok(vec![props.clone(); max_tasks])
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = OpenSearchSinkConfig::parse(props)?;
        if config.has_idle_mapping() {
            tracing::warn!(
                "topic.to.existing.resource.mapping of {context:?} is passed over: it counts with \
                 existing.resource.type only"
            );
        }
        let settings = Settings::of_opensearch(&config)?;
        Ok(Box::new(Box::pin(SearchSinkTask::start(settings, context)).await?))
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Previews>> {
        let rules = Rules::of_opensearch(&OpenSearchSinkConfig::parse(props)?);
        Ok(Some(records.iter().map(|record| preview::preview(&rules, record)).collect()))
    }
}
