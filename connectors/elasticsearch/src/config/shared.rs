//! Options that both classes have.

use std::{collections::BTreeSet, time::Duration};

use connect_api::config::{Config, Problems, Secret};
use hyper::Uri;

/// Options of the cluster and of the requests to it.
#[derive(Config, Debug)]
#[config(group = "Connector", check)]
pub struct ClusterKeys {
    /// Addresses of the nodes, such as `http://node1:9200,http://node2:9200`. Requests take turns;
    /// one https address makes all of them https.
    #[config(key = "connection.url", importance = High, check = NOT_EMPTY)]
    pub urls: Vec<String>,
    /// User to sign in as.
    #[config(key = "connection.username")]
    pub username: Option<String>,
    /// Password of the user.
    #[config(key = "connection.password")]
    pub password: Option<Secret<String>>,
    /// API key to sign in with, in the encoded form in which the server shows it. An extension.
    #[config(key = "connection.api.key")]
    pub api_key: Option<Secret<String>>,
    /// Most documents of one bulk.
    #[config(key = "batch.size", default = 2000, check = between(1, 1_000_000))]
    pub batch_size: usize,
    /// Bytes of documents after which a bulk is sent; -1 for any number.
    #[config(key = "bulk.size.bytes", importance = Low, default = 5_242_880, check = between(-1, 2_147_483_647))]
    pub bulk_bytes: i64,
    /// Most bulks that are on their way at once. The documents of one id are never in two of them.
    #[config(key = "max.in.flight.requests", default = 5, check = between(1, 1000))]
    pub in_flight: usize,
    /// Most documents that wait for an answer before the task takes no more records.
    #[config(key = "max.buffered.records", importance = Low, default = 20_000, check = between(1, 2_147_483_647))]
    pub max_buffered: usize,
    /// Time that a bulk waits for more documents, in milliseconds.
    #[config(key = "linger.ms", importance = Low, default = 1, check = between(0, 604_800_000))]
    pub linger: Duration,
    /// Times that a request is tried again before the task backs off.
    #[config(key = "max.retries", importance = Low, default = 5, check = at_least(0))]
    pub max_retries: u32,
    /// Base of the random, exponentially growing pause before another try, in milliseconds.
    #[config(key = "retry.backoff.ms", importance = Low, default = 100, check = between(0, 86_400_000))]
    pub backoff: Duration,
    /// Whether requests are compressed with gzip.
    #[config(key = "connection.compression", importance = Low, default = false)]
    pub compression: bool,
    /// Time after which an idle connection is closed, in milliseconds; -1 for never.
    #[config(key = "max.connection.idle.time.ms", kind = Int, importance = Low, default = 60_000, check = between(-1, 86_400_000))]
    pub idle_ms: i64,
    /// Longest wait for a connection, in milliseconds; 0 for any time.
    #[config(key = "connection.timeout.ms", kind = Int, importance = Low, default = 1000, check = between(0, 43_200_000))]
    pub connect_timeout: Duration,
    /// Longest wait for an answer, in milliseconds; 0 for any time.
    #[config(key = "read.timeout.ms", kind = Int, importance = Low, default = 3000, check = between(0, 604_800_000))]
    pub read_timeout: Duration,
    /// Host of the HTTP proxy that requests go through; none when empty.
    #[config(group = "Proxy", key = "proxy.host", importance = Low, default = "")]
    pub proxy_host: String,
    /// Port of the proxy.
    #[config(group = "Proxy", key = "proxy.port", importance = Low, default = 8080, check = between(1, 65_535))]
    pub proxy_port: u16,
    /// User of the proxy.
    #[config(group = "Proxy", key = "proxy.username", importance = Low, default = "")]
    pub proxy_username: String,
    /// Password of the proxy's user.
    #[config(group = "Proxy", key = "proxy.password", importance = Low)]
    pub proxy_password: Option<Secret<String>>,
}

impl ClusterKeys {
    fn check(&self, problems: &mut Problems) {
        for url in &self.urls {
            if let Err(reason) = address(url) {
                problems.add("connection.url", shown(url), reason);
            }
        }
        if self.username.is_some() != self.password.is_some() {
            for key in ["connection.username", "connection.password"] {
                let text = "Either both or neither of connection.username and connection.password \
                            must be set";
                problems.add_text(key, text);
            }
        }
        if self.api_key.is_some() && self.username.is_some() {
            let text = "Only one of connection.api.key and connection.username can be set";
            problems.add_text("connection.api.key", text);
        }
        let least = self.batch_size.saturating_mul(self.in_flight);
        if self.max_buffered < least {
            let reason = format!(
                "Must be at least batch.size ({}) x max.in.flight.requests ({})",
                self.batch_size, self.in_flight
            );
            problems.add("max.buffered.records", self.max_buffered, reason);
        }
        self.check_proxy(problems);
    }

    pub(super) fn check_linger(&self, flush_timeout: Duration, problems: &mut Problems) {
        if self.linger > flush_timeout {
            let reason = "Must not be larger than flush.timeout.ms";
            problems.add("linger.ms", self.linger.as_millis(), reason);
        }
    }

    fn check_proxy(&self, problems: &mut Problems) {
        if self.proxy_host.is_empty() {
            for (key, is_set) in [
                ("proxy.username", !self.proxy_username.is_empty()),
                ("proxy.password", self.proxy_password.is_some()),
            ] {
                if is_set {
                    problems.add_text(key, format!("'proxy.host' must be set to use '{key}'."));
                }
            }
        } else if self.proxy_username.is_empty() == self.proxy_password.is_some() {
            let text = "Either both or neither 'proxy.username' and 'proxy.password' can be set.";
            problems.add_text("proxy.username", text);
            problems.add_text("proxy.password", text);
        }
    }
}

/// Options of what becomes of a record.
#[derive(Config, Debug)]
#[config(group = "Data Conversion", check)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub struct ConversionKeys {
    /// Whether the id of a document is made of topic, partition and offset rather than of the key.
    #[config(key = "key.ignore", importance = High, default = false)]
    pub key_ignore: bool,
    /// Topics for which `key.ignore` is true.
    #[config(key = "topic.key.ignore", importance = Low, default = "")]
    pub topic_key_ignore: Vec<String>,
    /// Whether no mapping is made of the schemas of records.
    #[config(key = "schema.ignore", importance = Low, default = false)]
    pub schema_ignore: bool,
    /// Topics for which `schema.ignore` is true.
    #[config(key = "topic.schema.ignore", importance = Low, default = "")]
    pub topic_schema_ignore: Vec<String>,
    /// Whether maps with text keys become objects; otherwise all maps become lists of `{key,value}`.
    #[config(key = "compact.map.entries", importance = Low, default = true)]
    pub compact_map_entries: bool,
    /// Whether records that cannot be made into documents are skipped.
    #[config(key = "drop.invalid.message", importance = Low, default = false)]
    pub drop_invalid: bool,
}

impl ConversionKeys {
    fn check(&self, problems: &mut Problems) {
        for (key, is_set, topics) in [
            ("key.ignore", self.key_ignore, &self.topic_key_ignore),
            ("schema.ignore", self.schema_ignore, &self.topic_schema_ignore),
        ] {
            if is_set && !topics.is_empty() {
                let text = format!("'topic.{key}' can not be set if '{key}' is true.");
                problems.add_text(key, text.clone());
                problems.add_text(&format!("topic.{key}"), text);
            }
        }
    }
}

/// The address of a node: with a scheme, without a slash at its end.
///
/// # Errors
/// The reason, when it is none.
pub(crate) fn address(url: &str) -> Result<String, String> {
    let url = url.trim_end_matches('/');
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let reason = || "Must be an address such as http://node:9200".to_owned();
    let uri: Uri = url.parse().map_err(|_| reason())?;
    let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_bare = uri.query().is_none() && !url.contains('@');
    match uri.host() {
        Some(host) if !host.is_empty() && is_known && is_bare => Ok(url),
        _ if url.contains('@') => {
            Err("Give the user in connection.username and connection.password".to_owned())
        }
        _ => Err(reason()),
    }
}

/// An address without what may be a password.
fn shown(url: &str) -> &str {
    if url.contains('@') { "[hidden]" } else { url }
}

/// Whether each topic of the connector is mapped, and nothing else is.
///
/// Source: `Validator.validateExternalResources`.
pub(super) fn check_topics(key: &str, found: &[(String, String)], problems: &mut Problems) {
    let Some(topics) = problems.props().get("topics").map(str::to_owned) else { return };
    let topics: Vec<_> = topics.split(',').map(str::trim).filter(|it| !it.is_empty()).collect();
    let is_mapped = |topic: &str| found.iter().any(|(mapped, _)| mapped == topic);
    for topic in topics.iter().filter(|topic| !is_mapped(topic)) {
        problems.add_text(key, format!("Topic '{topic}' is not mapped to any resource."));
    }
    for (topic, _) in found.iter().filter(|(topic, _)| !topics.contains(&topic.as_str())) {
        problems.add_text(key, format!("Topic '{topic}' is mapped but is not one of 'topics'."));
    }
}

/// An entry of a list, and why it is refused.
type RefusedEntry = (String, String);

/// Pairs of a topic and what it is mapped to.
///
/// # Errors
/// The entry that is none or comes twice.
pub(crate) fn pairs(entries: &[String]) -> Result<Vec<(String, String)>, RefusedEntry> {
    let (mut topics, mut resources, mut found) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for entry in entries {
        let refused = |reason: &str| Err((entry.clone(), reason.to_owned()));
        let Some((topic, resource)) = entry.split_once(':') else {
            return refused("The form is topic:resource");
        };
        let (topic, resource) = (topic.trim(), resource.trim());
        if topic.is_empty() || resource.is_empty() || resource.contains(':') {
            return refused("The form is topic:resource");
        }
        if !topics.insert(topic.to_owned()) {
            return refused("Each topic must be mapped to exactly one resource");
        }
        if !resources.insert(resource.to_owned()) {
            return refused("Each resource must be mapped to exactly one topic");
        }
        found.push((topic.to_owned(), resource.to_owned()));
    }
    Ok(found)
}
