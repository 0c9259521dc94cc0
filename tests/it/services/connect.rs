//! The JVM Kafka Connect worker: the oracle that ours is compared with.

use super::kafka::KafkaNode;
use super::probe::{await_ready, free_port, http_get, start_on_free_ports};
use super::process::Server;

/// How a worker runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    /// One process that keeps its offsets in a file.
    Standalone,
    /// A member of the group `connect-cluster`, which keeps its state in topics.
    Distributed,
}

/// A running JVM worker with the two `FileStream` connectors.
#[derive(Debug)]
pub(crate) struct JvmWorker {
    #[expect(dead_code, reason = "held to be dropped: the worker ends with it")]
    server: Server,
    port: u16,
}

impl JvmWorker {
    /// Overrides are worker properties, `key=value`. Two distributed workers on one Kafka node
    /// need different storage topics.
    pub(super) fn start(kafka: &KafkaNode, mode: Mode, overrides: &[&str]) -> Result<Self, String> {
        let mode = match mode {
            Mode::Standalone => "standalone",
            Mode::Distributed => "distributed",
        };
        start_on_free_ports(|| {
            let port = free_port();
            let shown_port = port.to_string();
            let dir = Server::new_dir("connect");
            let arguments = [&[&*shown_port, kafka.bootstrap(), mode], overrides].concat();
            let server = Server::start("connect", &dir, &arguments);
            await_ready(&server, || is_ready(port, kafka.cluster_id()))?;
            Ok(Self { server, port })
        })
    }

    /// Returns the REST API's address, `http://127.0.0.1:<port>`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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
        let root: Value = reqwest::get(worker.url()).await.unwrap().json().await.unwrap();
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
