//! The HTTP sink: each record is a request, and each answer can be a record.
//!
//! [`HttpSink`] answers to `io.confluent.connect.http.HttpSinkConnector`, [`AivenHttpSink`] to
//! `io.aiven.kafka.connect.http.HttpSinkConnector`; both take their configurations unchanged and are
//! one engine. Called by the worker only; everything else here is private to the crate.
//!
//! # What is promised
//!
//! Without topics of answers a record is sent **at least once**: its offset is committed once a request
//! for it was answered with success, or once the configuration said that its error does not matter.
//!
//! With them (`reporter.result.topic.name`) **no record is sent again after its success was recorded**,
//! and no record is left out. What HTTP cannot promise is that a service which did its work and died
//! before it said so is not asked once more.
//!
//! The argument is one sentence: the record of an answer and the offset behind the record that it
//! answers are stored in one transaction ([`TopicWriter::write`](connect_api::topics::TopicWriter)), so
//! that the topic of answers holds the answer of a record if and only if the group has committed past
//! it, and a task begins at what is committed. Point by point, for a task that dies
//!
//! 1. before a request is sent, or while it is on its way: nothing is recorded, the record is sent again;
//! 2. after its answer came and before it was stored: the same. The time between is that of one
//!    transaction, since answers are stored as they come; where answers come out of order, also that
//!    until those before it have come: an offset stands for everything before it, so that an answer is
//!    stored no sooner;
//! 3. while it is being stored: the broker has the whole transaction or nothing. The next task takes the
//!    transactional id over before it asks where to begin, which decides the transaction, and it reads
//!    offsets that are decided only;
//! 4. after that: the offset is committed, the record is not read again.
//!
//! A task that has lost its partitions and does not know it yet cannot record anything: on a cluster the
//! transaction names the member and generation of the group, and the embedded log gives a partition away
//! only when its task has let go of it. Whoever resets the offsets of the connector asks for everything
//! to be sent again, and so it is. A commit that failed leaves the answers in hand, and they are stored
//! again.
//!
//! Another way was to commit as ever and to search the topic of answers for what is behind the last
//! commit. It was rejected: where the search begins is one more thing to store, which a crash can
//! separate from the commit; a topic that was made anew has the same offsets for other records, which
//! would then never be sent; and a reset of offsets would do nothing.
//!
//! On a cluster readers of the topics of answers should read what is committed
//! (`isolation.level=read_committed`): others also see what an unfinished transaction has written.
//!
//! # Order
//!
//! One request at a time, in the order of the records; one that is tried again holds up those behind it.
//! With `max.in.flight` above 1 records with the same key keep their order, and others need not.

mod client;
mod config;
mod engine;
mod json;
mod ledger;
mod pace;
mod preview;
mod report;
mod request;
mod settings;
mod status;
mod template;
#[cfg(test)]
mod tests;

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
    client::Client,
    config::{aiven::AivenConfig, confluent::ConfluentConfig, share, warn_of_reporting},
    engine::HttpTask,
    request::Renderer,
    settings::Settings,
};

/// The HTTP sink connector under Confluent's class and keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpSink;

/// The HTTP sink connector under Aiven's class and keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct AivenHttpSink;

async fn start(settings: Settings, context: SinkContext) -> Result<Box<dyn SinkTask>> {
    let settings = Arc::new(settings);
    let client = Client::open(Arc::clone(&settings), Arc::clone(&context.clock)).await?;
    Ok(Box::new(HttpTask::start(settings, context, Arc::new(client)).await?))
}

async fn check(settings: Settings) -> Result<()> {
    Client::open(Arc::new(settings), Arc::new(SystemClock)).await?.greet().await
}

fn previews(settings: Settings, records: &[SinkRecord]) -> Previews {
    let renderer = Renderer::new(Arc::new(settings));
    records.iter().map(|record| preview::preview(&renderer, record)).collect()
}

#[async_trait]
impl SinkConnector for HttpSink {
    fn class(&self) -> &'static str {
        "io.confluent.connect.http.HttpSinkConnector"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        ConfluentConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        connect_api::config::validate::<ConfluentConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("http.api.url")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        check(ConfluentConfig::parse(props)?.settings()).await
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        ConfluentConfig::parse(props)?;
        Ok(share(props, max_tasks))
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let settings = ConfluentConfig::parse(props)?.settings();
        warn_of_reporting(props, &settings);
        Box::pin(start(settings, context)).await
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Previews>> {
        Ok(Some(previews(ConfluentConfig::parse(props)?.settings(), records)))
    }
}

#[async_trait]
impl SinkConnector for AivenHttpSink {
    fn class(&self) -> &'static str {
        "io.aiven.kafka.connect.http.HttpSinkConnector"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        AivenConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        connect_api::config::validate::<AivenConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("http.url")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        check(AivenConfig::parse(props)?.settings()).await
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        AivenConfig::parse(props)?;
        Ok(share(props, max_tasks))
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let settings = AivenConfig::parse(props)?.settings();
        warn_of_reporting(props, &settings);
        Box::pin(start(settings, context)).await
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Previews>> {
        Ok(Some(previews(AivenConfig::parse(props)?.settings(), records)))
    }
}
