//! One request over one connection, and why there was no answer.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use connect_api::error::{ConnectorError, ErrorClass, Result, chain};
use connect_tls::Mismatch;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response,
    body::Incoming,
    header::{HeaderName, HeaderValue, RETRY_AFTER},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Builder, Client as Pool, Error as PoolError,
        connect::{HttpConnector, proxy::Tunnel},
    },
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;

use crate::settings::{Connection, Product};

/// Longest answer that is read: a bulk of a million refused documents.
const MOST_ANSWER_BYTES: usize = 512 << 20;

/// Connections that are kept.
#[derive(Debug)]
pub(super) struct Transport {
    product: Product,
    tls_prefix: &'static str,
    pool: AnyPool,
    /// Longest wait for an answer; none where one of its parts has no limit.
    limit: Option<Duration>,
}

/// Direct connections or those through a proxy.
#[derive(Debug)]
enum AnyPool {
    Direct(Pool<HttpsConnector<HttpConnector>, Full<Bytes>>),
    Proxied(Pool<HttpsConnector<Tunnel<HttpConnector>>, Full<Bytes>>),
}

/// What came back.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) wait: Option<Duration>,
}

/// Nothing came back.
#[derive(Debug)]
pub(super) struct Unreached {
    pub(super) error: ConnectorError,
    /// Whether the server may have got the request.
    pub(super) is_sent: bool,
}

impl Transport {
    pub(super) fn new(connection: &Connection) -> Result<Self> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(connection.connect_timeout);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(connection.tls.clone())
            .https_or_http()
            .enable_http1();
        let mut builder: Builder = Pool::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(connection.idle_timeout);
        let pool = match &connection.proxy {
            None => AnyPool::Direct(builder.build(https.wrap_connector(http))),
            Some(proxy) => {
                let address = proxy.address.parse().map_err(|error| {
                    ConnectorError::invalid(format!("The value of proxy.host is none: {error}"))
                })?;
                let mut tunnel = Tunnel::new(address, http);
                if let Some((user, password)) = &proxy.user {
                    let pair = BASE64.encode(format!("{user}:{}", password.expose()));
                    tunnel = tunnel.with_auth(super::header(&format!("Basic {pair}"))?);
                }
                AnyPool::Proxied(builder.build(https.wrap_connector(tunnel)))
            }
        };
        Ok(Self {
            product: connection.product,
            tls_prefix: connection.tls_prefix,
            pool,
            limit: connection
                .connect_timeout
                .zip(connection.read_timeout)
                .map(|(connect, read)| connect.saturating_add(read)),
        })
    }

    pub(super) async fn send(
        &self,
        node: &str,
        (method, url): (&Method, &str),
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> std::result::Result<Received, Unreached> {
        let mut request = Request::builder().method(method.clone()).uri(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| Unreached {
            error: ConnectorError::internal(format!("{url} cannot be asked: {error}")),
            is_sent: false,
        })?;
        let asked = async {
            let response = self.pool.request(request).await.map_err(|error| {
                let is_sent = !error.is_connect();
                Unreached { error: self.unreached(node, &error), is_sent }
            })?;
            self.read(node, response).await
        };
        let Some(limit) = self.limit else { return asked.await };
        timeout(limit, asked).await.unwrap_or_else(|_elapsed| {
            let limit = limit.as_millis();
            let text = format!("{} at {node} did not answer within {limit} ms", self.product);
            let error = ConnectorError::retriable(text).hint("Raise read.timeout.ms if it is slow");
            Err(Unreached { error, is_sent: true })
        })
    }

    async fn read(
        &self,
        node: &str,
        response: Response<Incoming>,
    ) -> std::result::Result<Received, Unreached> {
        let status = response.status().as_u16();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let body = Limited::new(response.into_body(), MOST_ANSWER_BYTES);
        match body.collect().await {
            Ok(body) => Ok(Received { status, body: body.to_bytes(), wait }),
            Err(error) => {
                let text = format!("{} at {node} broke its answer off: {error}", self.product);
                Err(Unreached { error: ConnectorError::retriable(text), is_sent: true })
            }
        }
    }

    /// One sentence about why a node cannot be reached, and what helps.
    fn unreached(&self, node: &str, error: &PoolError) -> ConnectorError {
        let reason = chain(error);
        let (product, prefix) = (self.product, self.tls_prefix);
        match Mismatch::in_error(error) {
            Some(Mismatch::Certificate) => {
                let text = format!("{product} at {node} shows a certificate that is not trusted");
                let hint = format!(
                    "Put the certificate of its authority into {prefix}ssl.truststore.location"
                );
                return ConnectorError::new(ErrorClass::Forbidden, text)
                    .caused_by(Told(reason))
                    .hint(hint);
            }
            Some(Mismatch::NoTls) => {
                return ConnectorError::invalid(format!("{product} at {node} does not speak TLS"))
                    .caused_by(Told(reason))
                    .hint("Write http:// in connection.url, or turn TLS on in the cluster");
            }
            Some(Mismatch::Refused | Mismatch::Other) | None => {}
        }
        let text = format!("{product} at {node} cannot be reached");
        let unreached = ConnectorError::retriable(text).caused_by(Told(reason));
        if node.starts_with("https://") || error.is_connect() {
            unreached.hint("Check connection.url and that the cluster is up")
        } else {
            unreached.hint("Write https:// in connection.url if the cluster speaks TLS")
        }
    }
}

/// What the connection said, on one line.
#[derive(Debug)]
struct Told(String);

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Told {}

impl AnyPool {
    async fn request(
        &self,
        request: Request<Full<Bytes>>,
    ) -> std::result::Result<Response<Incoming>, PoolError> {
        match self {
            Self::Direct(pool) => pool.request(request).await,
            Self::Proxied(pool) => pool.request(request).await,
        }
    }
}
