//! The JVM Kafka Connect worker: the oracle that ours is compared with.

use std::fs;

use super::kafka::KafkaNode;
use super::probe::{await_ready, free_port, http_get, start_on_free_ports};
use super::process::{Server, Signal};
use crate::harness::Mode;

/// A running JVM worker with the two `FileStream` connectors.
#[derive(Debug)]
pub(crate) struct JvmWorker {
    server: Server,
    port: u16,
    cluster_id: String,
}

impl JvmWorker {
    /// A distributed worker is of the group `connect-cluster`, unless the overrides say otherwise:
    /// worker properties, `key=value`. Two distributed workers on one Kafka node
    /// need different storage topics.
    pub(super) fn start(kafka: &KafkaNode, mode: Mode, overrides: &[&str]) -> Result<Self, String> {
        start_on_free_ports(|| {
            let port = free_port();
            let shown_port = port.to_string();
            let dir = Server::new_dir("connect");
            let arguments = [&[&*shown_port, kafka.bootstrap(), mode.name()], overrides].concat();
            let server = Server::start("connect", &dir, &arguments);
            let worker = Self { server, port, cluster_id: kafka.cluster_id().to_owned() };
            worker.await_ready()?;
            Ok(worker)
        })
    }

    /// Returns the port of the REST API.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the worker's own properties.
    pub(crate) fn properties(&self) -> String {
        fs::read_to_string(self.server.dir().join("worker.properties")).unwrap()
    }

    /// Ends the worker, in its own time or at once, and says which it came to.
    pub(crate) fn stop(&mut self, signal: Signal) -> Signal {
        self.server.stop(signal)
    }

    /// Starts the worker again on its port and waits until it answers.
    pub(crate) fn restart(&mut self) {
        self.server.start_again();
        self.await_ready().unwrap();
    }

    fn await_ready(&self) -> Result<(), String> {
        await_ready(&self.server, || is_ready(self.port, &self.cluster_id))
    }

    /// Returns the REST API's address, `http://127.0.0.1:<port>`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for JvmWorker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the JVM worker's log ends with:\n{}", self.server.log_tail());
        }
    }
}

/// Says whether a worker on our Kafka cluster answers, and has read its stores to the end.
fn is_ready(port: u16, cluster_id: &str) -> Result<(), String> {
    let root = http_get(port, "/").map_err(|error| error.to_string())?;
    if !root.contains(cluster_id) {
        return Err(format!("A worker of another cluster answers: {root}"));
    }
    match http_get(port, "/connectors") {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(answer) => Err(answer),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::services;

    async fn version(worker: &JvmWorker) -> String {
        let root: Value = crate::harness::http_client()
            .get(worker.url())
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        root["version"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn the_distributed_worker_tells_its_version() {
        let worker = services::require!(connect);
        assert!(version(worker).await.starts_with("4.3."));
    }

    #[tokio::test]
    async fn a_private_standalone_worker_tells_its_version() {
        let worker = services::require!(private_connect(Mode::Standalone, &[]));
        assert!(version(&worker).await.starts_with("4.3."));
    }
}
