//! The HTTP sink: each record is a request, and each answer can be a record.
//!
//! [`HttpSink`] answers to `io.confluent.connect.http.HttpSinkConnector` and to
//! `io.aiven.kafka.connect.http.HttpSinkConnector`, each with its own keys, and takes their configurations
//! unchanged: they are one engine. Called by the worker only; everything else here is private to the crate.
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
    config::{Config, ConfigDef, ConfigValue, Props, validate},
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

/// The HTTP sink connector, under the class and the keys of one of its originals.
#[derive(Clone, Copy, Debug)]
pub struct HttpSink {
    class: &'static str,
    /// Key of the service's address.
    address_key: &'static str,
    config_def: fn() -> ConfigDef,
    validate: fn(&Props) -> Vec<ConfigValue>,
    settings: fn(&Props) -> Result<Settings>,
}

impl HttpSink {
    /// Aiven's class and keys.
    pub const AIVEN: Self = Self {
        class: "io.aiven.kafka.connect.http.HttpSinkConnector",
        address_key: "http.url",
        config_def: AivenConfig::def,
        validate: validate::<AivenConfig>,
        settings: |props| Ok(AivenConfig::parse(props)?.settings()),
    };
    /// Confluent's class and keys.
    pub const CONFLUENT: Self = Self {
        class: "io.confluent.connect.http.HttpSinkConnector",
        address_key: "http.api.url",
        config_def: ConfluentConfig::def,
        validate: validate::<ConfluentConfig>,
        settings: |props| Ok(ConfluentConfig::parse(props)?.settings()),
    };
}

#[async_trait]
impl SinkConnector for HttpSink {
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
        Some(self.address_key)
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        let settings = (self.settings)(props)?;
        Client::open(Arc::new(settings), Arc::new(SystemClock)).await?.greet().await
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        (self.settings)(props)?;
        Ok(share(props, max_tasks))
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let settings = Arc::new((self.settings)(props)?);
        warn_of_reporting(props, &settings);
        let client = Client::open(Arc::clone(&settings), Arc::clone(&context.clock));
        let client = Arc::new(Box::pin(client).await?);
        Ok(Box::new(Box::pin(HttpTask::start(settings, context, client)).await?))
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Previews>> {
        let renderer = Renderer::new(Arc::new((self.settings)(props)?));
        Ok(Some(records.iter().map(|record| preview::preview(&renderer, record)).collect()))
    }
}
