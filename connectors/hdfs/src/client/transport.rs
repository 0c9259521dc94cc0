//! One request over one connection, and why there was no answer.

use std::time::Duration;

use bytes::Bytes;
use connect_api::error::{ConnectorError, ErrorClass};
use connect_pool::{Pool, PoolSettings, Stage, Unreached};
use connect_tls::Mismatch;
use http_body_util::Full;
use hyper::{
    Method, Request,
    header::{CONTENT_TYPE, HeaderValue, LOCATION},
};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::{
    Outcome,
    answer::{Failure, Obstacle},
    redaction::Redaction,
};

/// Longest answer that is read: a page of a folder, or a piece of a file.
const MOST_ANSWER_BYTES: usize = 64 << 20;
/// Time after which an idle connection is closed, which is shorter than that of the servers.
const IDLE: Duration = Duration::from_secs(20);
/// Header that a name node which guards against forged requests asks for.
const FORGERY_HEADER: &str = "x-xsrf-header";

/// Connections that are kept.
#[derive(Debug)]
pub(super) struct Transport {
    pool: Pool,
    limit: Duration,
    redaction: Redaction,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: u16,
    /// Where the answer sends us.
    pub(super) location: Option<String>,
    pub(super) body: Bytes,
}

impl Transport {
    pub(super) fn new(
        tls: ClientConfig,
        (connect, read): (Duration, Duration),
        redaction: Redaction,
    ) -> Self {
        let pool = Pool::new(PoolSettings {
            tls,
            connect_timeout: Some(connect),
            idle_timeout: Some(IDLE),
            proxy: None,
        });
        Self { pool, limit: connect.saturating_add(read), redaction }
    }

    /// Sends a request and reads the whole answer. `node` is what the server is called in errors: the
    /// address itself may hold a token.
    ///
    /// # Errors
    /// There is no answer.
    pub(super) async fn send(
        &self,
        node: &str,
        method: &Method,
        url: &str,
        body: Option<Bytes>,
    ) -> Outcome<Received> {
        let request = Request::builder().method(method.clone()).uri(url);
        let request = request.header(FORGERY_HEADER, HeaderValue::from_static("\"\""));
        let request = match &body {
            Some(_) => {
                request.header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            }
            None => request,
        };
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| ConnectorError::invalid(format!("{node} cannot be asked: {error}")))?;
        let asked = timeout(self.limit, async {
            let answer = self.pool.ask(request, MOST_ANSWER_BYTES).await;
            let answer = answer.map_err(|error| Failure {
                obstacle: match error.stage {
                    Stage::Connecting => Obstacle::Unreached,
                    Stage::Asked | Stage::Answered => Obstacle::Other,
                },
                error: unreached(node, error),
            })?;
            let status = answer.status().as_u16();
            let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let location = location.map(str::to_owned);
            let body = answer.into_body();
            let body = if status < 400 { body } else { self.redaction.of(body) };
            Ok::<_, Failure>(Received { status, location, body })
        });
        asked.await.unwrap_or_else(|_elapsed| {
            let limit = self.limit.as_millis();
            let text = format!("{node} did not answer within {limit} ms");
            let error = ConnectorError::retriable(text);
            let error = error.hint("Raise hdfs.read.timeout.ms if it is slow");
            Err(Failure { obstacle: Obstacle::Silent, error })
        })
    }
}

/// One sentence about why a server cannot be reached, and what helps.
fn unreached(node: &str, error: Unreached) -> ConnectorError {
    match error.mismatch {
        Some(Mismatch::Certificate) => {
            let text = format!("{node} shows a certificate that is not trusted");
            return ConnectorError::new(ErrorClass::Forbidden, text)
                .caused_by(error)
                .hint("Put the certificate of its authority into hdfs.ssl.truststore.location");
        }
        Some(Mismatch::NoTls) => {
            return ConnectorError::invalid(format!("{node} does not speak TLS"))
                .caused_by(error)
                .hint("Write http:// in store.url and webhdfs.url, or hdfs:// in store.url");
        }
        Some(Mismatch::Refused | Mismatch::Other) | None => {}
    }
    let stage = error.stage;
    if stage == Stage::Answered {
        return ConnectorError::retriable(format!("{node} broke its answer off")).caused_by(error);
    }
    let text = format!("{node} cannot be reached");
    let error = ConnectorError::retriable(text).caused_by(error);
    if node.starts_with("The data node") {
        error.hint(
            "Its name comes from the name node and must mean something to the worker: map it in \
             hdfs.datanode.hosts if it does not",
        )
    } else if stage == Stage::Asked && node.contains("http://") {
        error.hint("Write https:// in store.url or webhdfs.url if it speaks TLS")
    } else {
        error.hint("Check store.url or webhdfs.url, and that the name node is up")
    }
}
