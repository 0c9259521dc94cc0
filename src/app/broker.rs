//! Opens the broker that `bootstrap.servers` names.

use std::sync::Arc;

use connect_api::{config::Props, record::TopicPartition, time::Clock};

#[cfg(feature = "kafka")]
use super::neighbours;
use super::{AppError, Result};
#[cfg(feature = "kafka")]
use crate::broker::kafka::KafkaBroker;
use crate::{
    broker::{self, Broker, ClientSettings, embedded::EmbeddedBroker},
    config::{BrokerChoice, Mode, WorkerConfig},
    tasks::TaskGroup,
};

/// Either broker, and how it is closed.
#[derive(Debug)]
pub(super) enum OpenBroker {
    Embedded(Arc<EmbeddedBroker>),
    #[cfg(feature = "kafka")]
    Kafka(Arc<KafkaBroker>),
}

impl OpenBroker {
    pub(super) fn open(
        config: &WorkerConfig,
        props: &Props,
        clock: &Arc<dyn Clock>,
        tasks: &TaskGroup,
    ) -> Result<Self> {
        match config.broker() {
            BrokerChoice::Embedded(directory) => {
                let broker = EmbeddedBroker::open(&directory, Arc::clone(clock), tasks);
                broker.map(Self::Embedded).map_err(AppError::Broker)
            }
            BrokerChoice::Kafka(servers) => Self::connect(&servers, props, tasks),
        }
    }

    #[cfg(feature = "kafka")]
    fn connect(servers: &str, props: &Props, tasks: &TaskGroup) -> Result<Self> {
        let broker = KafkaBroker::connect(servers, props.clone(), tasks);
        broker.map(Self::Kafka).map_err(AppError::Broker)
    }

    #[cfg(not(feature = "kafka"))]
    fn connect(servers: &str, _props: &Props, _tasks: &TaskGroup) -> Result<Self> {
        Err(AppError::WithoutKafka { servers: servers.to_owned() })
    }

    pub(super) fn shared(&self) -> Arc<dyn Broker> {
        match self {
            Self::Embedded(broker) => Arc::clone(broker) as Arc<dyn Broker>,
            #[cfg(feature = "kafka")]
            Self::Kafka(broker) => Arc::clone(broker) as Arc<dyn Broker>,
        }
    }

    /// Waits until no other worker runs the connectors that this one is about to run; the embedded
    /// log has its lock for that.
    pub(super) async fn await_sole_worker(&self, config: &WorkerConfig, mode: Mode) -> Result<()> {
        match (self, mode, &config.group_id) {
            #[cfg(feature = "kafka")]
            (Self::Kafka(broker), Mode::Distributed, Some(group)) => {
                neighbours::await_none(broker, group).await
            }
            _ => std::future::ready(Ok(())).await,
        }
    }

    pub(super) async fn record_count(&self, topic: &str) -> broker::Result<u64> {
        let admin = self.shared().admin(&ClientSettings::default()).await?;
        let described = admin.describe_topics(&[topic.to_owned()]).await?;
        let partitions = described.get(topic).map_or(0, |topic| topic.partitions);
        let partitions: Vec<_> =
            (0..partitions).map(|number| TopicPartition::new(topic, number)).collect();
        let ends = admin.watermarks(&partitions).await?;
        Ok(ends.values().map(|end| end.high.unsigned_abs()).sum())
    }

    /// Lets go of what outlives its clients.
    pub(super) async fn close(&self) {
        match self {
            Self::Embedded(broker) => broker.close().await,
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => {}
        }
    }
}
