//! The Elasticsearch and OpenSearch sinks: records become documents.
//!
//! [`SearchSink`] answers to Confluent's class and to Aiven's, takes the configurations of both unchanged,
//! and has nothing but their options apart. Called by the worker only; everything else here is private to
//! the crate.
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
    config::{Config, ConfigDef, ConfigValue, Props, validate},
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

/// The search sink connector, under one of its classes.
#[derive(Clone, Copy, Debug)]
pub struct SearchSink {
    class: &'static str,
    config_def: fn() -> ConfigDef,
    validate: fn(&Props) -> Vec<ConfigValue>,
    settings: fn(&Props) -> Result<Settings>,
    rules: fn(&Props) -> Result<Rules>,
}

impl SearchSink {
    /// Confluent's class, for Elasticsearch.
    pub const ELASTICSEARCH: Self = Self {
        class: "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
        config_def: ElasticsearchSinkConfig::def,
        validate: validate::<ElasticsearchSinkConfig>,
        settings: |props| Settings::of_elasticsearch(&ElasticsearchSinkConfig::parse(props)?),
        rules: |props| Ok(Rules::of_elasticsearch(&ElasticsearchSinkConfig::parse(props)?)),
    };
    /// Aiven's class, for OpenSearch.
    pub const OPENSEARCH: Self = Self {
        class: "io.aiven.kafka.connect.opensearch.OpenSearchSinkConnector",
        config_def: OpenSearchSinkConfig::def,
        validate: validate::<OpenSearchSinkConfig>,
        settings: |props| Settings::of_opensearch(&OpenSearchSinkConfig::parse(props)?),
        rules: |props| Ok(Rules::of_opensearch(&OpenSearchSinkConfig::parse(props)?)),
    };
    /// Aiven's class as it was written before version 4.
    pub const OPENSEARCH_LEGACY: Self = Self {
        class: "io.aiven.kafka.connect.opensearch.OpensearchSinkConnector",
        ..Self::OPENSEARCH
    };
}

#[async_trait]
impl SinkConnector for SearchSink {
    fn class(&self) -> &'static str {
        self.class
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        (self.config_def)()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        (self.validate)(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("connection.url")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        let settings = (self.settings)(props)?;
        let found = task::find(settings.connection, &settings.rules, Arc::new(SystemClock));
        Box::pin(found).await.map(drop)
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        (self.rules)(props)?;
        Ok(vec![props.clone(); max_tasks])
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let started = SearchSinkTask::start((self.settings)(props)?, context);
        Ok(Box::new(Box::pin(started).await?))
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Previews>> {
        let rules = (self.rules)(props)?;
        Ok(Some(records.iter().map(|record| preview::preview(&rules, record)).collect()))
    }
}
