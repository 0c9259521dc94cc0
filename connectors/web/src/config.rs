//! The connector's keys.

use std::{
    net::Ipv6Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use connect_api::config::{Config, ConfigKind, ConfigType, Problems, Secret, choice};
use connect_joda::{Pattern, Zone};
use connect_tls::Keystore;

use crate::routes::{RouteTexts, check_plain_path, check_topic_name};

/// Where buffers are that are given no place of their own, from the directory of the worker on.
const BUFFERS: &str = "millrace-data/web";

choice! {
    /// When a request is answered.
    pub(crate) enum Acks {
        /// When its event is in memory.
        None = "0",
        /// When its event is on the disk of the worker.
        Buffer = "1",
        /// When the broker has its event.
        All = "all",
    }
}

choice! {
    /// A page that ships with the connector.
    pub(crate) enum Page {
        /// None.
        None = "none",
        /// A visitor types a name and picks a colour.
        Colors = "colors",
    }
}

/// Options of the web event source.
#[derive(Config, Debug)]
#[config(group = "Web events", check)]
pub(crate) struct WebConfig {
    /// Address to listen on, as `host:port`: `0.0.0.0:8088`, `[::1]:8088`, `localhost:8088`.
    #[config(importance = High)]
    pub(crate) listen: Listen,
    /// Topic of routes that name none of their own.
    #[config(importance = High, check = check_topic_name)]
    pub(crate) topic: Option<String>,
    /// What is listened for, as a JSON array of objects with `path`, `method`, `topic`, `fields`,
    /// `body`, `key` and `headers`. `fields` names the fields of the record and says where each comes
    /// from: `query:NAME`, `header:NAME`, `body:NAME`, `path:NAME`, `client`, `method` or `url`; with a
    /// `?` behind it the field is null where the request lacks it. Without `fields` the body is the
    /// value: `any`, `json`, `ndjson`, `form`, `text` or `bytes`.
    #[config(importance = High, width = Long)]
    pub(crate) routes: RouteTexts,
    /// When a request is answered: `0` as soon as its event is in memory, `1` when it is on the disk of
    /// the worker (`buffer.path`), `all` when the broker has it.
    #[config(default = Acks::All, importance = High)]
    pub(crate) acks: Acks,
    /// Longest wait for the broker with `acks=all`; after it the answer is 503, and the event may
    /// still arrive.
    #[config(key = "acks.timeout.ms", default = 30_000, importance = Low, check = at_least(1))]
    pub(crate) acks_timeout: Duration,
    /// Field that tells when the request came, the first of those that `fields` names; none when
    /// empty.
    #[config(default = "timestamp")]
    pub(crate) timestamp_field: String,
    /// How that time is written, in the letters of Joda-Time.
    #[config(default = "yyyy-MM-dd'T'HH:mm:ss.SSSZZ")]
    pub(crate) timestamp_format: TimePattern,
    /// Time zone of that time.
    #[config(default = "UTC")]
    pub(crate) timezone: TimeZone,
    /// Page to serve: `none`, or `colors`, where a visitor types a name and picks a colour, which
    /// calls `api/select?color=&user=`.
    #[config(default = Page::None, importance = Low)]
    pub(crate) page: Page,
    /// Path of the page.
    #[config(default = "/", importance = Low)]
    pub(crate) page_path: String,
    /// Directory of the buffer on disk, which needs to be the connector's own. With `acks=1`, and with
    /// `acks=0` when it is set, events wait there for the broker, through restarts and crashes of the
    /// worker. `millrace-data/web/NAME` in the worker's directory when not set, with the connector's
    /// name.
    #[config(group = "Buffer", importance = High)]
    pub(crate) buffer_path: Option<PathBuf>,
    /// Most bytes of the buffer on disk; requests beyond it are answered with 503.
    #[config(key = "buffer.bytes", group = "Buffer", default = 268_435_456, check = at_least(8192))]
    pub(crate) buffer_bytes: u64,
    /// Whether answers wait until the disk itself has the event, so that it survives a loss of power
    /// as well as a crash.
    #[config(key = "buffer.fsync", group = "Buffer", default = false, importance = Low)]
    pub(crate) is_synced: bool,
    /// Most records of one batch.
    #[config(key = "batch.max.records", group = "Buffer", default = 10_000, importance = Low, check = at_least(1))]
    pub(crate) batch_max_records: usize,
    /// Bytes of events after which a batch is full.
    #[config(key = "batch.max.bytes", group = "Buffer", default = 4_194_304, importance = Low, check = at_least(1))]
    pub(crate) batch_max_bytes: usize,
    /// Largest body of a request; a larger one is answered with 413.
    #[config(key = "body.max.bytes", group = "Limits", default = 1_048_576, check = between(1, 67_108_864))]
    pub(crate) body_max_bytes: usize,
    /// Requests of a client per second; more are answered with 429. 0 is no limit.
    #[config(key = "rate.limit.per.second", group = "Limits", default = 0, check = between(0, 1_000_000))]
    pub(crate) rate_limit: u32,
    /// Requests that a quiet client may send at once; as many as in a second when not set.
    #[config(key = "rate.limit.burst", group = "Limits", importance = Low, check = between(1, 1_000_000))]
    pub(crate) rate_burst: Option<u32>,
    /// Header that a proxy before the connector writes the client's address into, such as
    /// `X-Forwarded-For`: its last address counts. Leave it out where clients connect themselves, as
    /// they could write anything.
    #[config(group = "Limits", importance = Low, check = header_name)]
    pub(crate) client_address_header: Option<String>,
    /// Most connections at once; the next one waits.
    #[config(key = "max.connections", group = "Limits", default = 1000, importance = Low, check = between(1, 100_000))]
    pub(crate) max_connections: usize,
    /// Most connections of one client at once (one address, or one /64 network); those beyond are
    /// closed. 0 is no limit. Does nothing with `client.address.header`, as all connections are the
    /// proxy's then.
    #[config(key = "max.connections.per.client", group = "Limits", default = 250, importance = Low, check = between(0, 100_000))]
    pub(crate) max_connections_per_client: usize,
    /// Key that requests must bring.
    #[config(group = "Security", check = PRINTABLE)]
    pub(crate) api_key: Option<Secret<String>>,
    /// Header of that key; a bearer token in `Authorization` is taken as well.
    #[config(default = "X-API-Key", group = "Security", importance = Low, check = header_name)]
    pub(crate) api_key_header: String,
    /// Secret that bodies must be signed with, as the hexadecimal HMAC-SHA256 of the body; where a route
    /// reads no body, of an empty one.
    #[config(group = "Security", check = NOT_EMPTY)]
    pub(crate) hmac_secret: Option<Secret<String>>,
    /// Header of that signature, which may begin with `sha256=`.
    #[config(default = "X-Hub-Signature-256", group = "Security", importance = Low, check = header_name)]
    pub(crate) hmac_header: String,
    /// Origins whose pages may call, as `https://example.org` or `http://localhost:3000`; `*` is every
    /// one.
    #[config(key = "access.control.allow.origin", group = "Security", default = "")]
    pub(crate) origins: Vec<String>,
    /// Headers that such pages may send.
    #[config(
        key = "access.control.allow.headers",
        group = "Security",
        default = "Content-Type,X-Requested-With",
        importance = Low
    )]
    pub(crate) allowed_headers: Vec<String>,
    /// Who we are; with it, the listener speaks HTTPS.
    #[config(flatten)]
    pub(crate) keystore: Keystore,
}

impl WebConfig {
    /// Whether events wait for the broker on disk.
    pub(crate) const fn has_buffer(&self) -> bool {
        match self.acks {
            Acks::Buffer => true,
            Acks::None => self.buffer_path.is_some(),
            Acks::All => false,
        }
    }

    /// Directory of the buffer of the connector with this name.
    pub(crate) fn buffer_of(&self, connector: &str) -> PathBuf {
        self.buffer_path.clone().unwrap_or_else(|| {
            // Whatever a connector is called, its directory is one name.
            let name: String = form_urlencoded::byte_serialize(connector.as_bytes()).collect();
            let name = match name.strip_prefix('.') {
                Some(rest) => format!("%2E{rest}"),
                None => name,
            };
            Path::new(BUFFERS).join(name)
        })
    }

    /// Most connections of one address; 0 is no limit.
    pub(crate) fn most_of_client(&self) -> usize {
        self.client_address_header.as_ref().map_or(self.max_connections_per_client, |_proxy| 0)
    }

    fn check(&self, problems: &mut Problems) {
        let largest = u64::try_from(self.body_max_bytes).unwrap_or(u64::MAX);
        if self.has_buffer() && self.buffer_bytes / 4 < largest {
            problems.add(
                "buffer.bytes",
                self.buffer_bytes,
                "Must be at least four times body.max.bytes",
            );
        }
        if self.topic.is_none() && self.routes.0.iter().any(|route| route.topic.is_none()) {
            problems.add_text("topic", "A route has no topic: set topic, or one in each route");
        }
        for origin in self.origins.iter().filter(|origin| !is_origin(origin)) {
            problems.add(
                "access.control.allow.origin",
                origin,
                "Must be * or origins such as https://example.org and http://localhost:3000: a scheme, \
                 a host and perhaps a port, without a path",
            );
        }
        self.check_page(problems);
        self.check_tls(problems);
    }

    fn check_page(&self, problems: &mut Problems) {
        if self.page == Page::None {
            return;
        }
        if let Err(reason) = check_plain_path(&self.page_path) {
            problems.add("page.path", &self.page_path, reason);
        } else if self.routes.0.iter().any(|route| route.is_get(&self.page_path)) {
            problems.add("page.path", &self.page_path, "A route has this path already");
        }
    }

    fn check_tls(&self, problems: &mut Problems) {
        let Keystore { file, key, chain, .. } = &self.keystore;
        if file.is_none()
            && key.is_some()
            && chain.is_some()
            && let Err(error) = self.keystore.server_config("")
        {
            problems.add_text("ssl.keystore.key", error.to_string());
        }
    }
}

fn header_name(text: &str) -> Result<(), String> {
    axum::http::HeaderName::try_from(text)
        .map(drop)
        .map_err(|_bad| "Must be the name of a header".to_owned())
}

/// Whether a browser may name a text as where a page is from, or it stands for all of them.
fn is_origin(text: &str) -> bool {
    let Some((scheme, place)) = text.split_once("://") else { return text == "*" };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let is_long = place.starts_with('[');
    let end = if is_long { place.find(']').map(|at| at + 1) } else { place.find(':') };
    let (host, port) = place.split_at_checked(end.unwrap_or(place.len())).unwrap_or((place, ""));
    let is_host = if is_long {
        host.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok()
    } else {
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
    };
    let port = port.strip_prefix(':').map_or(port.is_empty(), |port| port.parse::<u16>().is_ok());
    is_scheme && is_host && port
}

/// Where to listen: a host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    /// Name or address.
    pub(crate) host: String,
    /// Port; 0 takes a free one.
    pub(crate) port: u16,
}

impl ConfigType for Listen {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        let refusal = || "Must be host:port, such as 0.0.0.0:8088".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(refusal)?;
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_plain = !host.is_empty() && !host.contains(['/', ':', '[', ']', ' ']);
        let host = inner.or_else(|| is_plain.then_some(host)).ok_or_else(refusal)?;
        Ok(Self { host: host.to_owned(), port: port.parse().map_err(|_| refusal())? })
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// How times are written.
#[derive(Clone, Debug)]
pub(crate) struct TimePattern(pub(crate) Pattern);

impl ConfigType for TimePattern {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        Pattern::parse(text).map(Self)
    }
}

/// A time zone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeZone(pub(crate) Zone);

impl ConfigType for TimeZone {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        Zone::parse(text).map(Self)
    }
}
