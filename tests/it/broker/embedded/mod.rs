//! What only the embedded log promises.

mod cleaning;
mod crash;
mod durability;
mod refusal;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use connect_api::time::{Clock, SystemClock};
use millrace::{
    broker::{
        Admin, Broker, ClientKind, ClientSettings, Consumer, ConsumerSettings, Producer,
        ProducerSettings, ReaderSettings, Result, TopicReader, embedded::EmbeddedBroker,
    },
    tasks::TaskGroup,
};
use tempfile::TempDir;

use super::broker_conformance;

broker_conformance!(conformance, crate::broker::embedded::open_for_a_case);

/// A log in a directory that goes when it is dropped.
#[derive(Debug)]
struct Temporary {
    broker: Arc<EmbeddedBroker>,
    _directory: TempDir,
}

#[expect(clippy::unused_async, reason = "other brokers have to wait for their cluster")]
async fn open_for_a_case() -> Option<Arc<dyn Broker>> {
    let directory = tempfile::tempdir().unwrap();
    let broker = open(directory.path());
    Some(Arc::new(Temporary { broker, _directory: directory }))
}

fn open(directory: &Path) -> Arc<EmbeddedBroker> {
    open_at(directory, Arc::new(SystemClock))
}

fn open_at(directory: &Path, clock: Arc<dyn Clock>) -> Arc<EmbeddedBroker> {
    EmbeddedBroker::open(directory, clock, &TaskGroup::new()).unwrap()
}

/// The log as what it implements.
fn as_broker(broker: &Arc<EmbeddedBroker>) -> Arc<dyn Broker> {
    Arc::clone(broker) as Arc<dyn Broker>
}

#[async_trait]
impl Broker for Temporary {
    async fn cluster_id(&self) -> Result<String> {
        self.broker.cluster_id().await
    }
    async fn admin(&self, settings: &ClientSettings) -> Result<Arc<dyn Admin>> {
        self.broker.admin(settings).await
    }
    async fn producer(&self, settings: &ProducerSettings) -> Result<Box<dyn Producer>> {
        self.broker.producer(settings).await
    }
    fn check_client(&self, kind: ClientKind, settings: &ClientSettings) -> Result<()> {
        self.broker.check_client(kind, settings)
    }
    async fn consumer(&self, settings: &ConsumerSettings) -> Result<Consumer> {
        self.broker.consumer(settings).await
    }
    async fn reader(&self, settings: &ReaderSettings) -> Result<Box<dyn TopicReader>> {
        self.broker.reader(settings).await
    }
    fn has_free_transactions(&self) -> bool {
        self.broker.has_free_transactions()
    }
}
