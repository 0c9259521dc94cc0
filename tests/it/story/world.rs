//! A story's own folder and worker, and the configurations as they are shipped.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::Value as Json;

use super::Broker;
use crate::harness::{Worker, eventually};

/// One worker's world.
pub(crate) struct World {
    folder: tempfile::TempDir,
    properties: Vec<(&'static str, String)>,
    environment: Vec<(&'static str, String)>,
}

impl World {
    pub(crate) fn begin(
        name: &str,
        broker: &Broker<'_>,
        environment: Vec<(&'static str, String)>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, properties: broker.worker_properties(name), environment }
    }

    /// A path in the folder that the worker runs in.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn start_worker(&self) -> Worker {
        Worker::start(self.folder.path(), &self.properties, &self.environment).await
    }
}

/// A configuration of `configs/stories/`, with other texts in the place of some.
pub(crate) fn shipped(file: &str, replaced: &[(&str, &str)]) -> Json {
    let path = format!("{}/configs/stories/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let mut text = std::fs::read_to_string(path).unwrap();
    for (from, to) in replaced {
        assert!(text.contains(from), "{file} has no {from}");
        text = text.replace(from, to);
    }
    serde_json::from_str(&text).unwrap()
}

/// Waits until a sink has nothing before it.
pub(crate) async fn caught_up(worker: &Worker, connector: &str) {
    let path = format!("/connectors/{connector}/lag");
    eventually(&format!("the end of what waits for {connector}"), async || {
        let (status, lag) = worker.rest.try_send(Method::GET, &path, None).await?;
        let is_assigned = lag["partitions"].as_array().is_some_and(|parts| !parts.is_empty());
        (status == 200 && is_assigned && lag["lag_records"] == 0).then_some(())
    })
    .await;
}
