//! One request over one connection, and why there was no answer.

use std::time::Duration;

use bytes::Bytes;
use connect_api::error::{ConnectorError, ErrorClass};
use connect_pool::{Pool, PoolSettings, Stage};
use connect_tls::Mismatch;
use http_body_util::Full;
use hyper::{
    Method, Request,
    header::{HeaderName, HeaderValue, RETRY_AFTER},
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
    pool: Pool,
    /// Longest wait for an answer; none where one of its parts has no limit.
    limit: Option<Duration>,
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
    pub(super) fn new(connection: &Connection) -> Self {
        Self {
            product: connection.product,
            tls_prefix: connection.tls_prefix,
            pool: Pool::new(PoolSettings {
                tls: connection.tls.clone(),
                connect_timeout: connection.connect_timeout,
                idle_timeout: connection.idle_timeout,
                proxy: connection.proxy.clone(),
            }),
            limit: connection
                .connect_timeout
                .zip(connection.read_timeout)
                .map(|(connect, read)| connect.saturating_add(read)),
        }
    }

    pub(super) async fn send(
        &self,
        node: &str,
        (method, url): (&Method, &str),
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<Received, Unreached> {
        let mut request = Request::builder().method(method.clone()).uri(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| Unreached {
            error: ConnectorError::internal(format!("{url} cannot be asked: {error}")),
            is_sent: false,
        })?;
        let asked = async {
            let answer = self.pool.ask(request, MOST_ANSWER_BYTES).await.map_err(|error| {
                let is_sent = error.stage != Stage::Connecting;
                Unreached { error: self.unreached(node, error), is_sent }
            })?;
            let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let wait = wait.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
            Ok(Received { status: answer.status().as_u16(), wait, body: answer.into_body() })
        };
        let Some(limit) = self.limit else { return asked.await };
        timeout(limit, asked).await.unwrap_or_else(|_elapsed| {
            let limit = limit.as_millis();
            let text = format!("{} at {node} did not answer within {limit} ms", self.product);
            let error = ConnectorError::retriable(text).hint("Raise read.timeout.ms if it is slow");
            Err(Unreached { error, is_sent: true })
        })
    }

    /// One sentence about why a node cannot be reached, and what helps.
    fn unreached(&self, node: &str, error: connect_pool::Unreached) -> ConnectorError {
        let (product, prefix) = (self.product, self.tls_prefix);
        match error.mismatch {
            Some(Mismatch::Certificate) => {
                let text = format!("{product} at {node} shows a certificate that is not trusted");
                let hint = format!(
                    "Put the certificate of its authority into {prefix}ssl.truststore.location"
                );
                return ConnectorError::new(ErrorClass::Forbidden, text)
                    .caused_by(error)
                    .hint(hint);
            }
            Some(Mismatch::NoTls) => {
                return ConnectorError::invalid(format!("{product} at {node} does not speak TLS"))
                    .caused_by(error)
                    .hint("Write http:// in connection.url, or turn TLS on in the cluster");
            }
            Some(Mismatch::Refused | Mismatch::Other) | None => {}
        }
        let stage = error.stage;
        let text = match stage {
            Stage::Answered => format!("{product} at {node} broke its answer off"),
            Stage::Connecting | Stage::Asked => format!("{product} at {node} cannot be reached"),
        };
        let unreached = ConnectorError::retriable(text).caused_by(error);
        match stage {
            Stage::Answered => unreached,
            Stage::Asked if !node.starts_with("https://") => {
                unreached.hint("Write https:// in connection.url if the cluster speaks TLS")
            }
            Stage::Asked | Stage::Connecting => {
                unreached.hint("Check connection.url and that the cluster is up")
            }
        }
    }
}
