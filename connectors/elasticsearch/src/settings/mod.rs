//! What a task runs on, whichever of the two classes it is configured as.

mod sign_in;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use connect_api::error::{ConnectorError, Result};
use connect_pool::Proxy;
use connect_tls::Trust;
use rustls::ClientConfig;

pub(crate) use self::sign_in::{AwsSource, SignIn};
use crate::config::{
    Behavior, ClusterKeys, ConversionKeys, DataStreamType, ElasticsearchSinkConfig, ExistingType,
    ExternalUsage, IdStrategy, NullBehavior, OpenSearchSinkConfig, RoutingType, WriteMethod,
    address, pairs,
};

/// Highest number of times that the server is asked to repeat a merge that met another one.
const MOST_REPEATED_MERGES: usize = 5;
/// The same for OpenSearch.
const MOST_REPEATED_MERGES_OPENSEARCH: usize = 3;

/// Which system is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Elasticsearch,
    OpenSearch,
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elasticsearch => "Elasticsearch",
            Self::OpenSearch => "OpenSearch",
        })
    }
}

/// How the cluster is reached.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) product: Product,
    pub(crate) nodes: Vec<String>,
    pub(crate) sign_in: SignIn,
    pub(crate) tls: ClientConfig,
    /// What stands before the keys about TLS.
    pub(crate) tls_prefix: &'static str,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) is_compressed: bool,
    /// None for no limit.
    pub(crate) connect_timeout: Option<Duration>,
    /// None for no limit.
    pub(crate) read_timeout: Option<Duration>,
    /// None for connections that are never closed.
    pub(crate) idle_timeout: Option<Duration>,
}

/// How much is sent, how fast, how often.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    pub(crate) batch_size: usize,
    pub(crate) bulk_bytes: usize,
    pub(crate) in_flight: usize,
    pub(crate) max_buffered: usize,
    pub(crate) linger: Duration,
    pub(crate) flush_timeout: Duration,
    /// Whether a commit waits until everything is answered.
    pub(crate) is_synchronous: bool,
    pub(crate) max_retries: u32,
    pub(crate) backoff: Duration,
}

impl Pace {
    fn new(keys: &ClusterKeys, flush_timeout: Duration, is_synchronous: bool) -> Self {
        Self {
            batch_size: keys.batch_size,
            bulk_bytes: usize::try_from(keys.bulk_bytes).unwrap_or(usize::MAX),
            in_flight: keys.in_flight,
            max_buffered: keys.max_buffered,
            linger: keys.linger,
            flush_timeout,
            is_synchronous,
            max_retries: keys.max_retries,
            backoff: keys.backoff,
        }
    }
}

/// Where documents go.
#[derive(Clone, Debug)]
pub(crate) enum Naming {
    /// An index of the topic's name.
    Indices(Product),
    /// A data stream `TYPE-DATASET-NAMESPACE`.
    Streams { head: String, namespace: String },
    /// A data stream of the topic's name.
    PrefixedStreams { prefix: Option<String>, template: Option<String>, time_field: String },
    /// What is there and named for each topic.
    Mapped { kind: &'static str, topics: BTreeMap<String, String> },
}

/// What becomes the time of a document in a data stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DocumentTime {
    /// Nothing: the document is as it is.
    AsItIs,
    /// The record's time.
    Record,
    /// The record's time where the document has none.
    RecordWhereAbsent,
    /// The first of these fields that is present.
    Fields(Vec<String>),
}

/// What decides on the shard of a document.
#[derive(Clone, Debug)]
pub(crate) enum Routing {
    Id,
    Key,
    /// Steps of a JSON pointer into the value.
    Value(Vec<String>),
}

/// What becomes of records.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) product: Product,
    pub(crate) naming: Naming,
    pub(crate) method: WriteMethod,
    pub(crate) ids: Ids,
    pub(crate) schemas: Schemas,
    pub(crate) nulls: NullBehavior,
    /// Whether ignored records without a value are reported.
    pub(crate) reports_nulls: bool,
    pub(crate) version_header: Option<String>,
    pub(crate) time: DocumentTime,
    pub(crate) routing: Routing,
    pub(crate) repeated_merges: usize,
    pub(crate) drops_invalid: bool,
    pub(crate) malformed: Behavior,
    /// None where the server's newer version always counts as ours.
    pub(crate) conflicts: Option<Behavior>,
}

/// How ids of documents are made.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    is_key_ignored: bool,
    ignored_topics: BTreeSet<String>,
    otherwise: IdStrategy,
}

impl Ids {
    /// How the ids of a topic are made.
    pub(crate) fn of(&self, topic: &str) -> IdStrategy {
        let is_ignored = self.is_key_ignored || self.ignored_topics.contains(topic);
        if is_ignored { self.otherwise } else { IdStrategy::RecordKey }
    }
}

/// Where schemas count, and how values that have one are written.
#[derive(Clone, Debug)]
pub(crate) struct Schemas {
    is_ignored: bool,
    ignored_topics: BTreeSet<String>,
    pub(crate) compacts_maps: bool,
}

impl Schemas {
    /// Whether the schemas of a topic do not count.
    pub(crate) fn is_ignored(&self, topic: &str) -> bool {
        self.is_ignored || self.ignored_topics.contains(topic)
    }

    fn new(keys: &ConversionKeys) -> Self {
        Self {
            is_ignored: keys.schema_ignore,
            ignored_topics: keys.topic_schema_ignore.iter().cloned().collect(),
            compacts_maps: keys.compact_map_entries,
        }
    }
}

impl Rules {
    /// Whether documents go to data streams, where they are only ever created.
    pub(crate) fn is_stream(&self) -> bool {
        match &self.naming {
            Naming::Indices(_) => false,
            Naming::Streams { .. } | Naming::PrefixedStreams { .. } => true,
            Naming::Mapped { kind, .. } => kind.starts_with("data stream"),
        }
    }

    pub(crate) fn of_elasticsearch(config: &ElasticsearchSinkConfig) -> Self {
        let keys = &config.conversion;
        let inserts = config.write_method != WriteMethod::Upsert;
        let are_autogenerated = config.autogenerated_ids && inserts;
        let time = match (config.is_stream(), config.stream_timestamp.is_empty()) {
            (false, _) => DocumentTime::AsItIs,
            (true, true) => DocumentTime::Record,
            (true, false) => DocumentTime::Fields(config.stream_timestamp.clone()),
        };
        Self {
            product: Product::Elasticsearch,
            naming: naming_of_elasticsearch(config),
            method: config.write_method,
            ids: Ids {
                is_key_ignored: keys.key_ignore || are_autogenerated,
                ignored_topics: keys.topic_key_ignore.iter().cloned().collect(),
                otherwise: if are_autogenerated {
                    IdStrategy::None
                } else {
                    IdStrategy::Coordinates
                },
            },
            schemas: Schemas::new(keys),
            nulls: config.nulls,
            reports_nulls: true,
            version_header: Some(config.version_header.clone()).filter(|name| !name.is_empty()),
            time,
            routing: Routing::Id,
            repeated_merges: config.cluster.in_flight.min(MOST_REPEATED_MERGES),
            drops_invalid: keys.drop_invalid,
            malformed: config.malformed.into(),
            conflicts: None,
        }
    }

    pub(crate) fn of_opensearch(config: &OpenSearchSinkConfig) -> Self {
        let keys = &config.conversion;
        let takes_time = config.is_stream() && config.stream_timestamp == "@timestamp";
        let routing = match (config.routing, &config.routing_path) {
            (RoutingType::Key, _) => Routing::Key,
            (RoutingType::Value, Some(path)) => Routing::Value(steps(path)),
            _ => Routing::Id,
        };
        Self {
            product: Product::OpenSearch,
            naming: naming_of_opensearch(config),
            method: config.write_method,
            ids: Ids {
                is_key_ignored: keys.key_ignore,
                ignored_topics: keys.topic_key_ignore.iter().cloned().collect(),
                otherwise: config.id_strategy,
            },
            schemas: Schemas::new(keys),
            nulls: config.nulls,
            reports_nulls: false,
            version_header: None,
            time: if takes_time { DocumentTime::RecordWhereAbsent } else { DocumentTime::AsItIs },
            routing,
            repeated_merges: config.cluster.in_flight.min(MOST_REPEATED_MERGES_OPENSEARCH),
            drops_invalid: keys.drop_invalid,
            malformed: config.malformed,
            conflicts: Some(config.conflicts),
        }
    }
}

/// Steps of a JSON pointer.
fn steps(pointer: &str) -> Vec<String> {
    let step = |text: &str| text.replace("~1", "/").replace("~0", "~");
    pointer.split('/').skip(1).map(step).collect()
}

fn mapped(kind: &'static str, entries: &[String]) -> Naming {
    Naming::Mapped { kind, topics: pairs(entries).unwrap_or_default().into_iter().collect() }
}

fn naming_of_elasticsearch(config: &ElasticsearchSinkConfig) -> Naming {
    let kind = match config.external_usage {
        ExternalUsage::Index => "index",
        ExternalUsage::AliasIndex => "alias",
        ExternalUsage::DataStream => "data stream",
        ExternalUsage::AliasDataStream => "data stream alias",
        ExternalUsage::Disabled => {
            return match config.stream_type {
                DataStreamType::None => Naming::Indices(Product::Elasticsearch),
                kind => Naming::Streams {
                    head: format!("{}-{}", kind.to_string().to_lowercase(), config.stream_dataset),
                    namespace: config.stream_namespace.clone(),
                },
            };
        }
    };
    mapped(kind, &config.external_mapping)
}

fn naming_of_opensearch(config: &OpenSearchSinkConfig) -> Naming {
    let kind = match config.existing_type {
        ExistingType::Index => "index",
        ExistingType::IndexAlias => "alias",
        ExistingType::DataStream => "data stream",
        ExistingType::DataStreamAlias => "data stream alias",
        ExistingType::None if config.stream_enabled => {
            return Naming::PrefixedStreams {
                prefix: config.stream_prefix.clone(),
                template: config.stream_template.clone(),
                time_field: config.stream_timestamp.clone(),
            };
        }
        ExistingType::None => return Naming::Indices(Product::OpenSearch),
    };
    mapped(kind, &config.existing_mapping)
}

/// Everything a task runs on.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) connection: Connection,
    pub(crate) pace: Pace,
    pub(crate) rules: Rules,
    /// What whoever wrote the configuration may not expect.
    pub(crate) notice: Option<&'static str>,
}

/// There is a mapping, and nothing that it counts for.
const IDLE_MAPPING: &str = "topic.to.existing.resource.mapping is passed over: it counts with \
                            existing.resource.type only";

impl Settings {
    /// # Errors
    /// `Invalid` when a store of certificates cannot be read.
    pub(crate) fn of_elasticsearch(config: &ElasticsearchSinkConfig) -> Result<Self> {
        let keys = &config.cluster;
        let prefix = "elastic.https.";
        let tls = config.ssl.client_config(prefix, Trust::Certificates)?;
        let sign_in = SignIn::by_keys(keys);
        Ok(Self {
            connection: connection(Product::Elasticsearch, keys, sign_in, (tls, prefix))?,
            pace: Pace::new(keys, config.flush_timeout, config.flush_synchronously),
            rules: Rules::of_elasticsearch(config),
            notice: None,
        })
    }

    /// # Errors
    /// `Invalid` when a store of certificates cannot be read.
    pub(crate) fn of_opensearch(config: &OpenSearchSinkConfig) -> Result<Self> {
        let keys = &config.cluster;
        let prefix = "connection.";
        let trust = if config.trust_all { Trust::Anything } else { Trust::Certificates };
        let tls = config.ssl.client_config(prefix, trust)?;
        let sign_in = SignIn::aws(config).unwrap_or_else(|| SignIn::by_keys(keys));
        Ok(Self {
            connection: connection(Product::OpenSearch, keys, sign_in, (tls, prefix))?,
            pace: Pace::new(keys, config.flush_timeout, true),
            rules: Rules::of_opensearch(config),
            notice: config.has_idle_mapping().then_some(IDLE_MAPPING),
        })
    }
}

fn connection(
    product: Product,
    keys: &ClusterKeys,
    sign_in: SignIn,
    (tls, tls_prefix): (ClientConfig, &'static str),
) -> Result<Connection> {
    // One https address makes all of them https, and AWS speaks nothing else.
    let is_bare = |url: &&String| !url.contains("://");
    let is_https = keys.urls.iter().any(|url| url.starts_with("https://"))
        || matches!(sign_in, SignIn::Aws { .. }) && keys.urls.iter().any(|url| is_bare(&url));
    let node = |url: &String| {
        let url = address(url).map_err(|reason| {
            ConnectorError::invalid(format!("The value of connection.url is none: {reason}"))
        })?;
        Ok(match url.strip_prefix("http://") {
            Some(rest) if is_https => format!("https://{rest}"),
            _ => url,
        })
    };
    let user = keys.proxy_password.as_ref();
    let user = user.map(|password| (keys.proxy_username.as_str(), password));
    let proxy = (!keys.proxy_host.is_empty())
        .then(|| Proxy::new((&keys.proxy_host, keys.proxy_port), user))
        .transpose()
        .map_err(|reason| {
            ConnectorError::invalid(format!("The value of proxy.host is none: {reason}"))
        })?;
    Ok(Connection {
        product,
        nodes: keys.urls.iter().map(node).collect::<Result<_>>()?,
        sign_in,
        tls,
        tls_prefix,
        proxy,
        is_compressed: keys.compression,
        connect_timeout: Some(keys.connect_timeout).filter(|limit| !limit.is_zero()),
        read_timeout: Some(keys.read_timeout).filter(|limit| !limit.is_zero()),
        idle_timeout: u64::try_from(keys.idle_ms).ok().map(Duration::from_millis),
    })
}
