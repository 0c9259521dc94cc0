//! The page that Prometheus reads: the worker, its connectors, its tasks, and how far sinks are
//! behind.
//!
//! Source: apache/kafka `ConnectMetricsRegistry.java`, for the names and what they mean.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::timeout;
use tracing::debug;

use super::{
    error::{HerderError, Result},
    handle::HerderHandle,
    lag::{self, ConnectorLag, SinkOf},
    replies::ConnectorType,
    snapshot::{ConnectorSnapshot, Snapshot},
};
use crate::{
    config::Mode,
    metrics::{Labels, Page, add_process},
    store::State,
};

/// Time that the broker has to say how far sinks are behind; a page without it is better than none.
const LAG_PATIENCE: Duration = Duration::from_secs(3);

/// Client of the group of workers, when the worker's `client.id` does not name another.
const CLIENT_ID: &str = "connect-1";

/// States of tasks that are counted, and the figure that counts them.
const TASK_STATES: [(State, &str, &str); 5] = [
    (
        State::Running,
        "kafka_connect_worker_connector_running_task_count",
        "Tasks of the connector that run.",
    ),
    (
        State::Paused,
        "kafka_connect_worker_connector_paused_task_count",
        "Tasks of the connector that are paused.",
    ),
    (
        State::Failed,
        "kafka_connect_worker_connector_failed_task_count",
        "Tasks of the connector that have failed.",
    ),
    (
        State::Unassigned,
        "kafka_connect_worker_connector_unassigned_task_count",
        "Tasks of the connector that no worker runs.",
    ),
    (
        State::Restarting,
        "kafka_connect_worker_connector_restarting_task_count",
        "Tasks of the connector that are being restarted.",
    ),
];

impl HerderHandle {
    /// Every figure of the worker, as Prometheus reads them.
    ///
    /// # Errors
    /// `TimedOut`, `ShuttingDown`: as every read.
    pub async fn metrics(&self) -> Result<String> {
        let snapshot = self.snapshot().await?;
        let mut page = Page::default();
        self.add_identity(&mut page);
        self.parts.metrics.worker().show(&mut page);
        add_connectors(&mut page, &snapshot);
        if self.settings.mode == Mode::Distributed {
            self.add_group(&mut page, &snapshot);
        }
        self.parts.metrics.add_tasks(&mut page);
        for lag in self.lags(self.sinks(&snapshot)).await {
            add_lag(&mut page, &lag);
        }
        add_process(&mut page);
        Ok(page.to_string())
    }

    /// How far a sink is behind its topics.
    ///
    /// # Errors
    /// `ConnectorNotFound`, `NotASink`, `Lag` when the broker does not answer, and as every read.
    pub async fn lag(&self, name: &str) -> Result<ConnectorLag> {
        let snapshot = self.snapshot().await?;
        let connector = snapshot.connector(name)?;
        let (ConnectorType::Sink, Some(sink)) = (connector.kind, sink_of(connector)) else {
            return Err(HerderError::NotASink(name.to_owned()));
        };
        let failed = |source| HerderError::Lag { connector: name.to_owned(), source };
        let lag = lag::of_sinks(&self.parts, vec![sink]).await.map_err(failed)?;
        lag.into_iter().next().ok_or_else(|| HerderError::ConnectorNotFound(name.to_owned()))
    }

    fn sinks(&self, snapshot: &Snapshot) -> Vec<SinkOf> {
        let sinks = snapshot.configured().filter(|connector| connector.kind == ConnectorType::Sink);
        sinks.filter_map(sink_of).collect()
    }

    async fn lags(&self, sinks: Vec<SinkOf>) -> Vec<ConnectorLag> {
        if sinks.is_empty() {
            return Vec::new();
        }
        match timeout(LAG_PATIENCE, lag::of_sinks(&self.parts, sinks)).await {
            Ok(Ok(lags)) => lags,
            Ok(Err(error)) => {
                debug!("Figures without the lag of sinks: {error}");
                Vec::new()
            }
            Err(_late) => {
                debug!("Figures without the lag of sinks: the broker did not answer in time");
                Vec::new()
            }
        }
    }

    fn client_id(&self) -> &str {
        let own = self.settings.worker.get("client.id").map(str::trim);
        own.filter(|id| !id.is_empty()).unwrap_or(CLIENT_ID)
    }

    fn add_identity(&self, page: &mut Page) {
        let client = Labels::of(&[("clientid", self.client_id())]);
        let version = client.and("version", &self.settings.version);
        page.add(
            "kafka_connect_version_info",
            "Version of Kafka Connect that the worker is compatible with.",
            &version,
            1.0,
        );
        let commit = client.and("commit_id", &self.settings.commit);
        page.add("kafka_connect_commit_id_info", "What the worker was built from.", &commit, 1.0);
    }

    /// The group of workers, which this one is alone in: it leads and never rebalances.
    fn add_group(&self, page: &mut Page, snapshot: &Snapshot) {
        let none = Labels::default();
        let leader = format!("http://{}/", self.settings.worker_id);
        let protocol = self.settings.worker.get("connect.protocol").unwrap_or("sessioned");
        let client = Labels::of(&[("clientid", self.client_id())]);
        let connectors = snapshot.configured().count();
        let tasks: usize = snapshot.configured().map(|known| known.status.tasks.len()).sum();
        for (name, help, labels, value) in [
            (
                "kafka_connect_worker_rebalance_leader_name",
                "Address of the worker that leads the group.",
                &Labels::of(&[("leader_name", &leader)]),
                1.0,
            ),
            (
                "kafka_connect_worker_rebalance_connect_protocol",
                "Protocol of the group.",
                &Labels::of(&[("connect_protocol", protocol)]),
                1.0,
            ),
            (
                "kafka_connect_worker_rebalance_epoch",
                "Generation of the group.",
                &none,
                f64::from(snapshot.generation),
            ),
            (
                "kafka_connect_worker_rebalance_completed_rebalances_total",
                "Rebalances of the group since the worker started.",
                &none,
                0.0,
            ),
            (
                "kafka_connect_worker_rebalance_rebalancing",
                "Whether the group rebalances now.",
                &none,
                0.0,
            ),
            (
                "kafka_connect_worker_rebalance_time_since_last_rebalance_ms",
                "Milliseconds since the last rebalance; infinite before the first.",
                &none,
                f64::INFINITY,
            ),
            (
                "kafka_connect_coordinator_assigned_connectors",
                "Connectors that are assigned to the worker.",
                &client,
                count(connectors),
            ),
            (
                "kafka_connect_coordinator_assigned_tasks",
                "Tasks that are assigned to the worker.",
                &client,
                count(tasks),
            ),
        ] {
            page.add(name, help, labels, value);
        }
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

fn sink_of(connector: &Arc<ConnectorSnapshot>) -> Option<SinkOf> {
    let config = Arc::clone(connector.config.as_ref()?);
    Some(SinkOf { name: Arc::clone(&connector.name), config })
}

/// A state as the figures have it.
const fn lower(state: State) -> &'static str {
    match state {
        State::Unassigned => "unassigned",
        State::Running => "running",
        State::Paused => "paused",
        State::Stopped => "stopped",
        State::Failed => "failed",
        State::Restarting => "restarting",
    }
}

fn add_connectors(page: &mut Page, snapshot: &Snapshot) {
    let none = Labels::default();
    let tasks: usize = snapshot.configured().map(|known| known.status.tasks.len()).sum();
    page.add(
        "kafka_connect_worker_connector_count",
        "Connectors that the worker runs.",
        &none,
        count(snapshot.configured().count()),
    );
    page.add("kafka_connect_worker_task_count", "Tasks that the worker runs.", &none, count(tasks));
    for connector in snapshot.configured() {
        add_connector(page, connector);
        add_task_states(page, connector);
    }
}

fn add_connector(page: &mut Page, connector: &ConnectorSnapshot) {
    let labels = Labels::of(&[("connector", &connector.name)]);
    let kind = match connector.kind {
        ConnectorType::Source => "source",
        ConnectorType::Sink => "sink",
        ConnectorType::Unknown => "unknown",
    };
    let class = connector.config.as_ref().and_then(|config| config.get("connector.class"));
    let status = connector.status.connector.as_ref();
    let version = status.and_then(|status| status.version.as_deref());
    for (name, help, label, text) in [
        (
            "kafka_connect_connector_status",
            "State of the connector.",
            "status",
            status.map(|status| lower(status.state)),
        ),
        (
            "kafka_connect_connector_connector_type",
            "Kind of the connector.",
            "connector_type",
            Some(kind),
        ),
        (
            "kafka_connect_connector_connector_class",
            "Class of the connector.",
            "connector_class",
            class,
        ),
        (
            "kafka_connect_connector_connector_version",
            "Version of the connector.",
            "connector_version",
            version,
        ),
    ] {
        if let Some(text) = text {
            page.add(name, help, &labels.and(label, text), 1.0);
        }
    }
}

fn add_task_states(page: &mut Page, connector: &ConnectorSnapshot) {
    let labels = Labels::of(&[("connector", &connector.name)]);
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (task, status) in &connector.status.tasks {
        *counts.entry(lower(status.state)).or_default() += 1;
        let task = labels.and("task", &task.to_string()).and("status", lower(status.state));
        page.add("kafka_connect_connector_task_status", "State of the task.", &task, 1.0);
    }
    page.add(
        "kafka_connect_worker_connector_total_task_count",
        "Tasks of the connector.",
        &labels,
        count(connector.status.tasks.len()),
    );
    for (state, name, help) in TASK_STATES {
        let counted = counts.get(lower(state)).copied().unwrap_or(0);
        page.add(name, help, &labels, f64::from(counted));
    }
    page.add(
        "kafka_connect_worker_connector_destroyed_task_count",
        "Tasks of the connector that are gone.",
        &labels,
        0.0,
    );
}

fn add_lag(page: &mut Page, lag: &ConnectorLag) {
    for part in &lag.partitions {
        let labels = Labels::of(&[
            ("connector", &lag.name),
            ("topic", &part.topic),
            ("partition", &part.partition.to_string()),
        ]);
        let records = u32::try_from(part.lag_records).map_or(f64::from(u32::MAX), f64::from);
        page.add(
            "millrace_sink_lag_records",
            "Records that the sink has not committed yet.",
            &labels,
            records,
        );
        // Nothing waits where no record does; a time that is not known is left out.
        let seconds = if part.lag_records == 0 { Some(0.0) } else { part.lag_seconds };
        page.add(
            "millrace_sink_lag_seconds",
            "Age of the oldest record that the sink has not committed yet.",
            &labels,
            seconds.unwrap_or(f64::NAN),
        );
    }
}
