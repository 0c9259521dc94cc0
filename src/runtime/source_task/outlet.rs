//! The producer of a task that may never bring a record: made when the first one comes.
//!
//! A thousand idle sources would otherwise hold a thousand clients, each with threads and buffers
//! of its own. What transactions need at the start, to fence a predecessor, is not put off.

use std::sync::Arc;

use async_trait::async_trait;
use connect_api::sink::SinkOffsets;

use crate::broker::{
    Broker, Delivery, GroupMember, Producer, ProducerRecord, ProducerSettings, Result,
};

/// A producer that is made when it is first used.
pub(super) struct Outlet {
    broker: Arc<dyn Broker>,
    settings: ProducerSettings,
    producer: Option<Box<dyn Producer>>,
}

impl Outlet {
    pub(super) const fn new(broker: Arc<dyn Broker>, settings: ProducerSettings) -> Self {
        Self { broker, settings, producer: None }
    }

    async fn producer(&mut self) -> Result<&mut Box<dyn Producer>> {
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => self.broker.producer(&self.settings).await?,
        };
        Ok(self.producer.insert(producer))
    }
}

#[async_trait]
impl Producer for Outlet {
    async fn send(&mut self, batch: Vec<ProducerRecord>) -> Result<Delivery> {
        self.producer().await?.send(batch).await
    }

    async fn begin(&mut self) -> Result<()> {
        self.producer().await?.begin().await
    }

    async fn send_offsets(&mut self, member: &GroupMember, offsets: &SinkOffsets) -> Result<()> {
        self.producer().await?.send_offsets(member, offsets).await
    }

    async fn commit(&mut self) -> Result<()> {
        self.producer().await?.commit().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.producer().await?.abort().await
    }
}
