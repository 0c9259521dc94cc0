//! The embedded log without its free transactions: sources write as they do to Kafka.

use std::sync::Arc;

use async_trait::async_trait;

use crate::broker::{
    Admin, Broker, ClientKind, ClientSettings, Consumer, ConsumerSettings, Producer,
    ProducerSettings, ReaderSettings, Result, TopicReader,
};

#[derive(Debug)]
pub(super) struct PlainBroker(pub(super) Arc<dyn Broker>);

#[async_trait]
impl Broker for PlainBroker {
    async fn cluster_id(&self) -> Result<String> {
        self.0.cluster_id().await
    }
    async fn admin(&self, settings: &ClientSettings) -> Result<Arc<dyn Admin>> {
        self.0.admin(settings).await
    }
    async fn producer(&self, settings: &ProducerSettings) -> Result<Box<dyn Producer>> {
        assert!(settings.transactional_id.is_none());
        self.0.producer(settings).await
    }
    fn check_client(&self, kind: ClientKind, settings: &ClientSettings) -> Result<()> {
        self.0.check_client(kind, settings)
    }
    async fn consumer(&self, settings: &ConsumerSettings) -> Result<Consumer> {
        self.0.consumer(settings).await
    }
    async fn reader(&self, settings: &ReaderSettings) -> Result<Box<dyn TopicReader>> {
        self.0.reader(settings).await
    }
    fn has_free_transactions(&self) -> bool {
        false
    }
}
