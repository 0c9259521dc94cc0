//! Requests to the registry: several addresses, retries, who we are.
//!
//! Source: confluentinc/schema-registry `RestService.java`, `RetryExecutor.java`.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use connect_api::{
    config::{Props, Secret},
    error::{ConnectorError, Result},
};
use connect_pool::{Pool, PoolSettings, Proxy};
use connect_tls::{Mismatch, Trust};
use http_body_util::Full;
use hyper::{
    Method, Request, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use rand::RngExt as _;
use serde_json::Value as Json;

use crate::{
    config::SerdeConfig,
    failure::{FailureKind, RegistryFailure},
};

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// Longest answer that is read: a schema beyond it is a mistake.
const MOST_ANSWER_BYTES: usize = 16 << 20;

/// Time after which an idle connection is closed.
const IDLE: Duration = Duration::from_secs(60);

/// Doublings after which a wait is beyond any limit anyway.
const MOST_DOUBLINGS: u32 = 20;

type Answer<T> = std::result::Result<T, RegistryFailure>;

/// Talks to the registry.
#[derive(Debug)]
pub(crate) struct Client {
    doors: Vec<Door>,
    /// The address that answered last.
    current: AtomicUsize,
    pool: Pool,
    headers: Vec<(HeaderName, HeaderValue)>,
    timeout: Duration,
    retries: u32,
    wait: Duration,
    max_wait: Duration,
}

/// One address.
#[derive(Debug)]
struct Door {
    /// Without name and password, and without a slash at its end.
    url: String,
    authorization: Option<Secret<HeaderValue>>,
}

impl Client {
    pub(crate) fn new(config: &SerdeConfig, props: &Props) -> Result<Self> {
        let doors =
            config.urls.iter().map(|url| Door::new(url, config)).collect::<Result<Vec<_>>>()?;
        let first =
            if config.is_url_random { rand::rng().random_range(0..doors.len().max(1)) } else { 0 };
        Ok(Self {
            doors,
            current: AtomicUsize::new(first),
            pool: pool(config)?,
            headers: request_headers(props)?,
            timeout: config.read_timeout.saturating_add(config.connect_timeout),
            retries: config.retries,
            wait: config.retry_wait,
            max_wait: config.retry_max_wait,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer<Json> {
        self.send(Method::GET, path, Bytes::new(), self.retries).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Json) -> Answer<Json> {
        self.send(Method::POST, path, Bytes::from(body.to_string()), self.retries).await
    }

    /// Whether there is a registry that lets us in, asked once.
    pub(crate) async fn look(&self) -> Answer<()> {
        let ask = |path| self.send(Method::GET, path, Bytes::new(), 0);
        match ask("/schemas/types").await {
            // Registries of 2020 and before do not know of types.
            Err(failure) if failure.kind() == FailureKind::Rejected => {
                let subjects = ask("/subjects").await.map(drop);
                subjects.map_err(|failure| match failure.kind() {
                    FailureKind::Rejected => failure.hint("Check the path in schema.registry.url"),
                    _ => failure,
                })
            }
            types => types.map(drop),
        }
    }

    /// Asks one address after the other, each as often as may be.
    async fn send(&self, method: Method, path: &str, body: Bytes, retries: u32) -> Answer<Json> {
        let first = self.current.load(Ordering::Relaxed);
        let mut outcome = Err(RegistryFailure::new(FailureKind::Rejected, "No address is given"));
        for turn in 0..self.doors.len() {
            let at = (first + turn) % self.doors.len();
            let Some(door) = self.doors.get(at) else { break };
            outcome = self.tries((door, retries), &method, path, &body).await;
            match &outcome {
                Err(failure) if is_passing(failure.kind()) => {
                    tracing::debug!(url = %door.url, %failure, "A schema registry did not answer");
                }
                _ => {
                    self.current.store(at, Ordering::Relaxed);
                    break;
                }
            }
        }
        outcome
    }

    async fn tries(
        &self,
        (door, retries): (&Door, u32),
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Answer<Json> {
        let mut attempt = 0;
        loop {
            let outcome = self.once(door, method, path, body).await;
            let is_final =
                outcome.as_ref().map_or_else(|failure| !is_passing(failure.kind()), |_| true);
            if is_final || attempt >= retries {
                return outcome;
            }
            tokio::time::sleep(self.delay(attempt)).await;
            attempt += 1;
        }
    }

    /// Any time up to a limit that doubles, so that many workers do not come back at once.
    fn delay(&self, attempt: u32) -> Duration {
        let most = self.wait.saturating_mul(2_u32.pow(attempt.min(MOST_DOUBLINGS)));
        let most_ms = u64::try_from(most.min(self.max_wait).as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(if most_ms == 0 { 0 } else { rand::rng().random_range(1..=most_ms) })
    }

    async fn once(&self, door: &Door, method: &Method, path: &str, body: &Bytes) -> Answer<Json> {
        let request = self.request(door, method, path, body)?;
        let asked = self.pool.ask(request, MOST_ANSWER_BYTES);
        let answer = tokio::time::timeout(self.timeout, asked)
            .await
            .map_err(|_elapsed| {
                let limit = self.timeout.as_millis();
                let text = format!("{} did not answer within {limit} ms", door.url);
                RegistryFailure::new(FailureKind::Busy, text)
            })?
            .map_err(|error| {
                let text = format!("{} cannot be reached: {error}", door.url);
                RegistryFailure::new(FailureKind::Away, text).hint(match error.mismatch {
                    Some(Mismatch::Certificate) => {
                        "Put the certificate of its authority into \
                         schema.registry.ssl.truststore.location"
                    }
                    Some(Mismatch::NoTls) => {
                        "It does not speak TLS: write http:// in schema.registry.url"
                    }
                    Some(Mismatch::Refused) => {
                        "It may want a certificate of ours: see schema.registry.ssl.keystore.location"
                    }
                    Some(Mismatch::Other) | None => {
                        "Check schema.registry.url, and that the registry is up"
                    }
                })
            })?;
        let status = answer.status().as_u16();
        let json = serde_json::from_slice::<Json>(answer.body());
        if status == 200 {
            return json.map_err(|error| {
                let text = format!("{} answers what is no JSON: {error}", door.url);
                RegistryFailure::new(FailureKind::Rejected, text)
            });
        }
        let json = json.unwrap_or(Json::Null);
        let said = json.get("message").and_then(Json::as_str).unwrap_or("No reason is given");
        let code = json.get("error_code").and_then(Json::as_i64).unwrap_or(i64::from(status));
        let failure = RegistryFailure::new(kind_of(status), format!("{said}; error code: {code}"));
        Err(match failure.kind() {
            FailureKind::Forbidden => failure.hint(
                "Check basic.auth.user.info, bearer.auth.token, or name and password in \
                 schema.registry.url",
            ),
            _ => failure,
        })
    }

    fn request(
        &self,
        door: &Door,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Answer<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", door.url))
            .header(ACCEPT, format!("{MEDIA_TYPE}, application/json"))
            .header(CONTENT_TYPE, MEDIA_TYPE);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(authorization) = &door.authorization {
            request = request.header(AUTHORIZATION, authorization.expose());
        }
        request.body(Full::new(body.clone())).map_err(|error| {
            let text = format!("{} cannot be asked: {error}", door.url);
            RegistryFailure::new(FailureKind::Rejected, text)
        })
    }
}

impl Door {
    fn new(url: &str, config: &SerdeConfig) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let url = format!("{scheme}://{}", rest.trim_end_matches('/'));
        let user = match config.basic_source.as_str() {
            "USER_INFO" => config.user_info.as_ref().map(|info| info.expose().clone()),
            _ => user.map(|user| decoded(&user)),
        };
        let token = config.token.as_ref().map(Secret::expose).filter(|token| !token.is_empty());
        let value = match (user, token) {
            (Some(user), _) => Some(format!("Basic {}", BASE64.encode(user))),
            (None, Some(token)) => Some(format!("Bearer {token}")),
            (None, None) => None,
        };
        let authorization = value.map(|value| header_value(&value)).transpose()?;
        url.parse::<Uri>().map_err(|error| {
            ConnectorError::invalid(format!(
                "Invalid value {url} for configuration schema.registry.url: {error}"
            ))
        })?;
        Ok(Self { url, authorization: authorization.map(Secret::new) })
    }
}

fn pool(config: &SerdeConfig) -> Result<Pool> {
    let proxy = if config.proxy_host.is_empty() {
        None
    } else {
        let port = u16::try_from(config.proxy_port).map_err(|_| {
            ConnectorError::invalid("Invalid value for configuration proxy.port: it is no port")
        })?;
        let proxy = Proxy::new((&config.proxy_host, port), None);
        Some(proxy.map_err(|reason| {
            ConnectorError::invalid(format!("Invalid value for configuration proxy.host: {reason}"))
        })?)
    };
    Ok(Pool::new(PoolSettings {
        tls: config.ssl.client_config("schema.registry.", Trust::Certificates)?,
        connect_timeout: Some(config.connect_timeout),
        idle_timeout: Some(IDLE),
        proxy,
    }))
}

const fn is_passing(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Away | FailureKind::Busy)
}

const fn kind_of(status: u16) -> FailureKind {
    match status {
        401 | 403 => FailureKind::Forbidden,
        408 | 429 | 500..=599 => FailureKind::Busy,
        _ => FailureKind::Rejected,
    }
}

/// `request.header.NAME` of the converter's options.
fn request_headers(props: &Props) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let own = props.with_prefix("request.header.");
    let header = |name: &str| {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            ConnectorError::invalid(format!("Invalid name of a header in request.header.{name}"))
        })?;
        Ok((parsed, header_value(own.get(name).unwrap_or_default())?))
    };
    own.keys().map(header).collect()
}

fn header_value(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        ConnectorError::invalid("Credentials or headers hold what no header of HTTP can hold")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Percent signs resolved, as in the user part of an address.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail
            .first_chunk::<2>()
            .filter(|_| first == b'%')
            .and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
