//! Apache Kafka: one node that is broker and controller.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::probe::{await_ready, free_port, start_on_free_ports, token};
use super::process::{Server, Signal};

/// Longest wait for one answer of the broker.
const ANSWER: Duration = Duration::from_secs(2);

/// A running Kafka node. Topics come into being when they are first written to.
#[derive(Debug)]
pub(crate) struct KafkaNode {
    server: Server,
    cluster_id: String,
    bootstrap: String,
}

impl KafkaNode {
    pub(super) fn start() -> Result<Self, String> {
        start_on_free_ports(|| {
            let (port, controller_port, cluster_id) = (free_port(), free_port(), token());
            let dir = Server::new_dir("kafka");
            let arguments = [&*port.to_string(), &*controller_port.to_string(), &*cluster_id];
            let server = Server::start("kafka", &dir, &arguments);
            let node = Self { server, cluster_id, bootstrap: format!("127.0.0.1:{port}") };
            node.await_ready()?;
            Ok(node)
        })
    }

    /// Returns the value for `bootstrap.servers`.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Returns the id that metadata answers carry.
    pub(crate) fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// Returns a client configuration that reaches this node and says nothing else.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    /// Returns the broker's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Stops the node with SIGTERM: a controlled shutdown.
    pub(crate) fn terminate(&mut self) {
        self.server.stop(Signal::Term);
    }

    /// Ends the node with SIGKILL, in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        self.server.stop(Signal::Kill);
    }

    /// Starts the node again on its port, with its data, and waits until it answers.
    pub(crate) fn restart(&mut self) {
        self.server.start_again();
        self.await_ready().unwrap();
    }

    /// Waits until the broker answers and is the one that we have started.
    fn await_ready(&self) -> Result<(), String> {
        let client: BaseConsumer = self
            .client_config()
            .set("reconnect.backoff.max.ms", "200")
            .create()
            .map_err(|error| error.to_string())?;
        await_ready(&self.server, || {
            let metadata =
                client.fetch_metadata(None, ANSWER).map_err(|error| error.to_string())?;
            let cluster = client.client().fetch_cluster_id(ANSWER).unwrap_or_default();
            if metadata.brokers().is_empty() || cluster != self.cluster_id {
                return Err(format!("Kafka cluster \"{cluster}\" answers"));
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::Message;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

    use super::*;
    use crate::services;

    fn produce(kafka: &KafkaNode, topic: &str, payload: &str) {
        let producer: BaseProducer =
            kafka.client_config().set("message.timeout.ms", "30000").create().unwrap();
        let record = BaseRecord::<str, str>::to(topic).key("k").payload(payload);
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(Duration::from_secs(30)).unwrap();
    }

    /// Reads the topic from its beginning as a group of its own.
    fn consume_one(kafka: &KafkaNode, topic: &str) -> String {
        let consumer: BaseConsumer = kafka
            .client_config()
            .set("group.id", format!("{topic}-readers"))
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        consumer.subscribe(&[topic]).unwrap();
        // A poll also ends when it has dealt with a rebalance.
        let message = (0..60).find_map(|_| consumer.poll(Duration::from_secs(1))).unwrap().unwrap();
        message.payload_view::<str>().unwrap().unwrap().to_owned()
    }

    #[test]
    fn a_record_comes_back() {
        let kafka = services::require!(kafka);
        produce(kafka, "services-kafka", "hello");
        assert_eq!(consume_one(kafka, "services-kafka"), "hello");
    }

    #[test]
    fn a_private_node_keeps_its_records_through_stop_and_kill() {
        let mut kafka = services::require!(private_kafka);
        produce(&kafka, "kept", "still here");
        let first = kafka.pid();
        kafka.terminate();
        kafka.restart();
        kafka.kill();
        kafka.restart();
        assert_ne!(kafka.pid(), first);
        assert_eq!(consume_one(&kafka, "kept"), "still here");
    }
}
