//! Which aggregates there are, and what is known about each.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono_tz::Tz;
use connect_api::{
    cluster::{ConnectClusterState, ConnectorView},
    config::Config,
    error::Result,
    time::Clock,
};
use serde_json::{Value as Json, json};

use super::{
    error::ApiError,
    params::WindowQuery,
    rows::{Answer, Positions, unwritten},
};
use crate::{
    config::AggregateConfig,
    definition::Definition,
    held::{PartitionView, RowKey},
    live::{LiveAggregates, LiveKey},
    sink::CLASS,
    store::{Access, Store, StoreUrl, StoredRows},
};

/// Connections kept for the next query of a store; more are opened while many queries run at once.
const MOST_IDLE: usize = 4;

/// What every request works with.
pub(super) struct Api {
    pub(super) live: Arc<LiveAggregates>,
    cluster: Arc<dyn ConnectClusterState>,
    clock: Arc<dyn Clock>,
    /// Connections that no query uses now.
    idle: Mutex<Idle>,
}

/// Connections, by connector and address.
type Idle = HashMap<(String, String), Vec<Box<dyn Store>>>;

/// An aggregate of the cluster.
#[derive(Debug)]
pub(super) struct Aggregate {
    pub(super) definition: Definition,
    pub(super) state: Option<String>,
    pub(super) tasks: Vec<String>,
    connector: String,
    zone: Tz,
    store: StoreUrl,
    timeout: Duration,
}

/// A connector of our class whose configuration does not parse.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) name: String,
    pub(super) connector: String,
    pub(super) state: Option<String>,
    pub(super) reason: String,
}

/// Rows and what tasks hold, to be made into an answer.
pub(super) struct Gathered {
    pub(super) positions: Positions,
    pub(super) is_live: bool,
    stored: StoredRows,
    views: Vec<PartitionView>,
}

/// Figures over all rows.
pub(super) struct Totals {
    pub(super) records: u64,
    pub(super) windows: Option<(i64, i64)>,
    pub(super) positions: Positions,
    pub(super) is_live: bool,
}

impl Aggregate {
    fn of(view: ConnectorView) -> Result<Self, Broken> {
        match AggregateConfig::parse(&view.config) {
            Ok(config) => Ok(Self {
                definition: config.definition(&view.name),
                state: view.state,
                tasks: view.tasks,
                zone: config.zone(),
                store: config.store_url().clone(),
                timeout: config.store_timeout(),
                connector: view.name,
            }),
            Err(errors) => Err(Broken {
                name: view.config.get("aggregate.name").unwrap_or(&view.name).to_owned(),
                connector: view.name,
                state: view.state,
                reason: errors.to_string(),
            }),
        }
    }

    /// Key of what its tasks hold.
    pub(super) fn key(&self) -> LiveKey {
        LiveKey { store: self.store.to_string(), name: self.definition.name.clone() }
    }

    /// The aggregate in a list.
    pub(super) fn summary(&self) -> Json {
        json!({
            "name": self.definition.name,
            "connector": self.connector,
            "state": self.state,
            "window_ms": self.definition.window_ms,
            "group_by": self.definition.group_names().collect::<Vec<_>>(),
            "measures": std::iter::once("count")
                .chain(self.definition.measures.iter().map(|(name, ..)| &**name))
                .collect::<Vec<_>>(),
        })
    }
}

impl Gathered {
    /// The rows of an answer; only those that these changed, when they are given.
    pub(super) fn answer<'a>(
        &self,
        query: &'a WindowQuery,
        changed: Option<&BTreeSet<RowKey>>,
    ) -> Answer<'a> {
        let mut answer = Answer::new(query);
        for row in &self.stored.rows {
            answer.add(row.window, &row.groups, &row.cell);
        }
        for segment in unwritten(&self.stored.offsets, &self.views) {
            for (window, cells) in segment.cells.range(query.from..query.to.max(query.from)) {
                cells.iter().for_each(|(groups, cell)| answer.add(*window, groups, cell));
            }
        }
        if let Some(changed) = changed {
            answer.keep(changed);
        }
        answer
    }
}

impl Api {
    pub(super) fn new(
        live: Arc<LiveAggregates>,
        cluster: Arc<dyn ConnectClusterState>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { live, cluster, clock, idle: Mutex::default() }
    }

    /// Every aggregate, by its connector's name.
    pub(super) async fn all(&self) -> Vec<Result<Aggregate, Broken>> {
        self.cluster.connectors_of(CLASS).await.into_iter().map(Aggregate::of).collect()
    }

    /// The aggregate of this name.
    pub(super) async fn find(&self, name: &str) -> Result<Aggregate, ApiError> {
        let mut known = Vec::new();
        for aggregate in self.all().await {
            match aggregate {
                Ok(aggregate) if aggregate.definition.name == name => return Ok(aggregate),
                Ok(aggregate) => known.push(aggregate.definition.name),
                Err(broken) if broken.name == name => {
                    return Err(ApiError::invalid(format!(
                        "The configuration of connector \"{}\" is not valid: {}",
                        broken.connector, broken.reason
                    )));
                }
                Err(broken) => known.push(broken.name),
            }
        }
        let known = match known.as_slice() {
            [] => "no connector of this class runs".to_owned(),
            names => format!("there are {}", names.join(", ")),
        };
        Err(ApiError::not_found(format!("Aggregate \"{name}\" does not exist: {known}")))
    }

    /// What a request for rows asks.
    pub(super) fn query(
        &self,
        aggregate: &Aggregate,
        pairs: &[(String, String)],
    ) -> Result<WindowQuery, ApiError> {
        WindowQuery::parse(pairs, &aggregate.definition, aggregate.zone, self.clock.now_ms())
    }

    /// What store and tasks have of the windows of a query.
    pub(super) async fn gather(
        &self,
        aggregate: &Aggregate,
        query: &WindowQuery,
    ) -> Result<Gathered, ApiError> {
        let windows = query.from..query.to.max(query.from);
        // In this order: what is written after the view is recognised by its offset.
        let views = self.live.view(&aggregate.key(), &windows);
        let mut store = self.connect(aggregate);
        let stored = store.read(&aggregate.definition, windows).await?;
        self.keep(aggregate, store);
        let (is_live, views) = (views.is_some(), flat(views));
        let positions = Positions::new(&stored.offsets, &views);
        Ok(Gathered { positions, is_live, stored, views })
    }

    /// Figures over all rows.
    pub(super) async fn totals(&self, aggregate: &Aggregate) -> Result<Totals, ApiError> {
        let views = self.live.view(&aggregate.key(), &(0..0));
        let mut store = self.connect(aggregate);
        let stored = store.totals(&aggregate.definition).await?;
        self.keep(aggregate, store);
        let (is_live, views) = (views.is_some(), flat(views));
        let (mut records, mut windows) = (stored.records, stored.windows);
        for segment in unwritten(&stored.offsets, &views) {
            records += segment.records;
            let spans = windows.into_iter().chain(segment.span());
            windows = spans.reduce(|left, right| (left.0.min(right.0), left.1.max(right.1)));
        }
        Ok(Totals { records, windows, positions: Positions::new(&stored.offsets, &views), is_live })
    }

    fn connect(&self, aggregate: &Aggregate) -> Box<dyn Store> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle.get_mut(&place(aggregate)).and_then(Vec::pop);
        known.unwrap_or_else(|| aggregate.store.open(Access::Read, aggregate.timeout))
    }

    fn keep(&self, aggregate: &Aggregate, store: Box<dyn Store>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Of a connector only its present address.
        idle.retain(|(connector, address), _| {
            *connector != aggregate.connector || *address == aggregate.store.to_string()
        });
        let stores = idle.entry(place(aggregate)).or_default();
        if stores.len() < MOST_IDLE {
            stores.push(store);
        }
    }
}

fn place(aggregate: &Aggregate) -> (String, String) {
    (aggregate.connector.clone(), aggregate.store.to_string())
}

fn flat<K>(views: Option<BTreeMap<K, PartitionView>>) -> Vec<PartitionView> {
    views.into_iter().flat_map(BTreeMap::into_values).collect()
}
