//! The worker as a whole: built bottom-up, stopped top-down.
//!
//! [`App::start`] opens the broker, the stores on it, the runtime, the herder and the REST server,
//! in this order; [`App::stop`] closes them in the opposite one, each stage with a deadline and a
//! warning that names what did not end in time. Nothing here knows what a connector does.

mod broker;
mod doors;
mod error;
#[cfg(feature = "kafka")]
mod neighbours;
mod notices;
mod stores;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use connect_api::{
    budget::MemoryBudget,
    cluster::ConnectClusterState,
    config::Props,
    error::chain,
    time::{Clock, SystemClock},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{
        ConnectorFile, Environment, ExactlyOnceSource, InitialState, Mode, References, WorkerConfig,
    },
    herder::{self, HerderHandle, HerderParts, HerderSettings, NewConnector, TopicTracking},
    loggers::Loggers,
    metrics::{Metrics, Sampling},
    plugins,
    rest::{self, Extensions, Manners, ResponseHeaders},
    runtime::{Runtime, RuntimeSettings},
    store::{StoreError, TargetState},
    tasks::TaskGroup,
};

use broker::OpenBroker;
pub use error::{AppError, Result};
use stores::Stores;

/// Events of tasks on their way to the herder; a full queue makes tasks wait to be heard.
const EVENTS: usize = 1024;
/// Time that requests under way get to be answered.
const DRAIN_REST: Duration = Duration::from_secs(5);
/// Time that the rest of the worker gets once its tasks have stopped.
const STOP: Duration = Duration::from_secs(5);
/// What `GET /` answers: the version of Kafka Connect whose interface this is.
const CONNECT_VERSION: &str = "4.3.0";

/// A running worker.
#[derive(Debug)]
pub struct App {
    addresses: Vec<SocketAddr>,
    broker: OpenBroker,
    herder: HerderHandle,
    herding: JoinHandle<std::result::Result<(), StoreError>>,
    task_timeout: Duration,
    rest_stop: CancellationToken,
    end_streams: fn(),
    rest: TaskGroup,
    tasks: TaskGroup,
}

impl App {
    /// Starts a worker; it serves requests when this returns.
    ///
    /// # Errors
    /// A configuration that cannot be used, an address or a log that is taken, or topics that
    /// cannot be had.
    pub async fn start(props: Props, mode: Mode, environment: Environment) -> Result<Self> {
        let references = References::from_worker(&props, environment)?;
        let props = references.resolve(&props)?;
        let config = WorkerConfig::load(&props, mode)?;
        notices::say(&props, mode, &config.broker());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let manners = manners(&config, &clock)?;
        let doors = doors::open(&config.rest, &props).await?;
        let worker_id = doors::worker_id(&config.rest, &doors)?;
        let tasks = TaskGroup::new();
        let broker = OpenBroker::open(&config, &props, &clock, &tasks)?;
        let stores = Stores::open(&config, &props, mode, &broker.shared()).await?;
        broker.await_sole_worker(&config, mode).await?;
        let (events, inbox) = mpsc::channel(EVENTS);
        let metrics = Metrics::new(sampling(&config), Arc::clone(&clock));
        let runtime =
            runtime_settings(&config, &props, &broker, (&stores, &clock, &tasks, &metrics));
        let plugins = plugins::linked();
        let parts = HerderParts {
            plugins: Arc::new(plugins.classes),
            configs: stores.configs,
            statuses: stores.statuses,
            offsets: stores.offsets,
            broker: broker.shared(),
            starter: Arc::new(Runtime::new(runtime, events)),
            resolve: Arc::new(move |props| {
                references.resolve(props).map_err(|error| chain(&error))
            }),
            loggers: Loggers::of_process(),
            metrics,
            clock: Arc::clone(&clock),
        };
        let settings = herder_settings(&config, props, mode, worker_id);
        let (herder, herding) = herder::start(settings, parts, inbox, &tasks);
        let app = Self {
            addresses: doors::addresses(&doors),
            broker,
            herder,
            herding,
            task_timeout: config.task_shutdown_timeout,
            rest_stop: CancellationToken::new(),
            end_streams: plugins.end_streams,
            rest: TaskGroup::new(),
            tasks,
        };
        for open in doors {
            let cluster: Arc<dyn ConnectClusterState> = Arc::new(app.herder.clone());
            let extensions = Extensions {
                routers: (plugins.routers)(Arc::clone(&cluster), Arc::clone(&clock)),
                streaming: (plugins.streaming)(cluster, Arc::clone(&clock)),
                openapi: (plugins.openapi)(),
            };
            let stop = app.rest_stop.clone();
            rest::serve(open.door, app.herder.clone(), (extensions, &manners), &app.rest, stop);
        }
        tracing::info!(addresses = ?app.addresses, "Serving REST requests");
        Ok(app)
    }

    /// Address of the first listener, as a client on this machine reaches it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        self.addresses.first().copied().unwrap_or(unknown)
    }

    /// Creates a connector.
    ///
    /// # Errors
    /// When its configuration is refused.
    pub async fn create(&self, file: ConnectorFile) -> Result<()> {
        let config = file.config.into_iter().map(|(key, value)| (key, Some(value))).collect();
        let state = match file.initial_state {
            InitialState::Running => TargetState::Started,
            InitialState::Paused => TargetState::Paused,
            InitialState::Stopped => TargetState::Stopped,
        };
        let new = NewConnector { name: file.name.clone(), config, initial_state: Some(state) };
        let refused = |error| {
            let source = Box::new(error);
            AppError::Connector { name: file.name.clone(), source }
        };
        self.herder.create(new).await.map(drop).map_err(refused)
    }

    /// Records that a topic has been given so far: the sum of its partitions' end offsets.
    ///
    /// # Errors
    /// When the broker does not answer in time.
    pub async fn record_count(&self, topic: &str) -> Result<u64> {
        self.broker.record_count(topic).await.map_err(AppError::Broker)
    }

    /// Waits until the worker ends by itself, which it does only when its stores fail it.
    pub async fn ended(&mut self) -> AppError {
        match (&mut self.herding).await {
            Ok(Err(error)) => AppError::Store(error),
            Ok(Ok(())) | Err(_) => AppError::Ended,
        }
    }

    /// Stops the worker: requests first, then tasks, then the stores and the broker.
    ///
    /// # Errors
    /// The names of what did not stop in time; it is left behind.
    pub async fn stop(mut self) -> Result<()> {
        let mut survivors = Vec::new();
        self.rest_stop.cancel();
        (self.end_streams)();
        survivors.extend(self.rest.stop(DRAIN_REST).await.err().unwrap_or_default());
        if !self.herding.is_finished() {
            self.herder.stop().await;
            let deadline = self.task_timeout.saturating_mul(2) + STOP;
            if tokio::time::timeout(deadline, &mut self.herding).await.is_err() {
                survivors.push("herder".to_owned());
            }
        }
        self.broker.close().await;
        survivors.extend(self.tasks.stop(STOP).await.err().unwrap_or_default());
        if survivors.is_empty() {
            tracing::info!("Stopped");
            Ok(())
        } else {
            Err(AppError::Survivors(survivors))
        }
    }
}

fn manners(config: &WorkerConfig, clock: &Arc<dyn Clock>) -> Result<Manners> {
    let headers = &config.rest.response_http_headers_config;
    Ok(Manners {
        cross_origin: config.rest.cross_origin(),
        headers: ResponseHeaders::parse(headers, Arc::clone(clock))?,
    })
}

const fn sampling(config: &WorkerConfig) -> Sampling {
    Sampling { window: config.metrics_sample_window, samples: config.metrics_num_samples }
}

fn runtime_settings(
    config: &WorkerConfig,
    props: &Props,
    broker: &OpenBroker,
    (stores, clock, tasks, metrics): (&Stores, &Arc<dyn Clock>, &TaskGroup, &Metrics),
) -> RuntimeSettings {
    let budget = usize::try_from(config.memory_budget_bytes).unwrap_or(usize::MAX);
    RuntimeSettings {
        broker: broker.shared(),
        offsets: Arc::clone(&stores.offsets),
        own_topics: Arc::new(stores.topics.clone()),
        clock: Arc::clone(clock),
        budget: MemoryBudget::new(budget),
        tasks: tasks.clone(),
        metrics: metrics.clone(),
        converters: plugins::converters(),
        worker: props.clone(),
        group_id: config.group_id.clone().unwrap_or_else(|| "connect-standalone".to_owned()),
        offset_flush_interval: config.offset_flush_interval,
        offset_flush_timeout: config.offset_flush_timeout,
        topic_creation: config.topic_creation_enable,
        exactly_once_source: config.exactly_once_source == ExactlyOnceSource::Enabled,
    }
}

fn herder_settings(
    config: &WorkerConfig,
    props: Props,
    mode: Mode,
    worker_id: String,
) -> HerderSettings {
    HerderSettings {
        worker_id,
        mode,
        group_id: config.group_id.clone(),
        version: CONNECT_VERSION.to_owned(),
        commit: format!("millrace-{}", env!("CARGO_PKG_VERSION")),
        task_shutdown_timeout: config.task_shutdown_timeout,
        topic_tracking: match (config.topic_tracking_enable, config.topic_tracking_allow_reset) {
            (false, _) => TopicTracking::Off,
            (true, false) => TopicTracking::WithoutReset,
            (true, true) => TopicTracking::On,
        },
        override_policy: config.client_overrides,
        exactly_once_sources: config.exactly_once_source,
        worker: props,
    }
}
