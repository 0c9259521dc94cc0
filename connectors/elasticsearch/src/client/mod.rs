//! Requests to the cluster: whom they go to, who we are, and what an answer means.
//!
//! Built on hyper, as everything here that chooses its TLS itself.

mod cause;
mod nodes;
mod sign;
mod transport;

use std::{io::Write as _, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    time::Clock,
};
use flate2::{Compression, write::GzEncoder};
use hyper::{
    Method,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue},
};
use tokio::time::Instant;

pub(crate) use self::cause::Cause;
use self::{
    nodes::Nodes,
    sign::Signer,
    transport::{Received, Transport, Unreached},
};
use crate::settings::{Connection, Product, SignIn};

/// Type of what is sent for one document, index or mapping.
const JSON: &str = "application/json";
/// Type of what is sent as a bulk.
const LINES: &str = "application/x-ndjson";

/// Talks to the cluster.
#[derive(Debug)]
pub(crate) struct Client {
    product: Product,
    nodes: Nodes,
    transport: Transport,
    badge: Badge,
    is_compressed: bool,
}

/// What shows who we are.
#[derive(Debug)]
enum Badge {
    None,
    Header(HeaderValue, &'static str),
    Signature(Box<Signer>),
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: Method,
    path: String,
    body: Bytes,
    content_type: &'static str,
}

impl Request {
    pub(crate) const fn get(path: String) -> Self {
        Self { method: Method::GET, path, body: Bytes::new(), content_type: JSON }
    }

    pub(crate) const fn head(path: String) -> Self {
        Self { method: Method::HEAD, path, body: Bytes::new(), content_type: JSON }
    }

    pub(crate) fn put(path: String, body: &serde_json::Value) -> Self {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        Self { method: Method::PUT, path, body, content_type: JSON }
    }

    pub(crate) fn bulk(body: Bytes) -> Self {
        let path = "/_bulk?filter_path=errors,items.*.status,items.*.error".to_owned();
        Self { method: Method::POST, path, body, content_type: LINES }
    }
}

/// An answer, whatever it says.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// Pause that the server asks for.
    wait: Option<Duration>,
    node: String,
}

/// Why a request did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The same request may succeed later.
    Passing { error: ConnectorError, is_overload: bool, wait: Option<Duration> },
    /// The server does not take the request as it is.
    Refused { status: u16, cause: Cause, node: String },
    /// We are known, and may not do this.
    Denied(ConnectorError),
    /// No request will succeed before somebody does something.
    Final(ConnectorError),
}

impl Failure {
    /// The failure as an error, where the request was the only one of its kind.
    pub(crate) fn into_error(self, step: &str, product: Product) -> ConnectorError {
        match self {
            Self::Passing { error, .. } | Self::Denied(error) | Self::Final(error) => error,
            Self::Refused { status, cause, node } => {
                let class = if status == 404 { ErrorClass::NotFound } else { ErrorClass::Invalid };
                let text = format!("{product} at {node} does not {step} ({status}): {cause}");
                ConnectorError::new(class, text)
            }
        }
    }
}

impl Client {
    /// # Errors
    /// `Invalid` when credentials have what no header can have.
    pub(crate) async fn new(connection: Connection, clock: Arc<dyn Clock>) -> Result<Self> {
        let badge = match &connection.sign_in {
            SignIn::Nobody => Badge::None,
            SignIn::Basic { user, password } => {
                let pair = BASE64.encode(format!("{user}:{}", password.expose()));
                Badge::Header(header(&format!("Basic {pair}"))?, "connection.password")
            }
            SignIn::ApiKey(key) => {
                let text = format!("ApiKey {}", key.expose());
                Badge::Header(header(&text)?, "connection.api.key")
            }
            SignIn::Aws { region, service, source } => {
                let signer = Signer::new(region.clone(), service.clone(), source, clock);
                Badge::Signature(Box::new(Box::pin(signer).await))
            }
        };
        Ok(Self {
            product: connection.product,
            transport: Transport::new(&connection),
            nodes: Nodes::new(connection.nodes),
            badge,
            is_compressed: connection.is_compressed,
        })
    }

    /// What is at the other end.
    pub(crate) const fn product(&self) -> Product {
        self.product
    }

    /// Asks the node whose turn it is, and the next one where that cannot be reached.
    ///
    /// # Errors
    /// There is no answer, or it is that we must not ask, or that the cluster is overloaded.
    pub(crate) async fn ask(&self, request: &Request) -> std::result::Result<Answer, Failure> {
        let (body, encoding) = self.encoded(request);
        let mut last = None;
        for _turn in 0..self.nodes.len() {
            let node = self.nodes.next(Instant::now());
            match self.ask_node(node, request, &body, encoding).await {
                Ok(answer) => {
                    self.nodes.answered(node);
                    return self.understood(answer);
                }
                Err(Unreached { error, is_sent }) => {
                    self.nodes.failed(node, Instant::now());
                    let is_over = !error.class().is_retriable();
                    last = Some(Unreached { error, is_sent });
                    if is_over || is_sent {
                        break;
                    }
                }
            }
        }
        let last = last.unwrap_or_else(|| Unreached {
            error: ConnectorError::invalid("connection.url names no node"),
            is_sent: false,
        });
        Err(if last.error.class().is_retriable() {
            // A node that takes too long for an answer has too much to do.
            Failure::Passing { error: last.error, is_overload: last.is_sent, wait: None }
        } else {
            Failure::Final(last.error)
        })
    }

    async fn ask_node(
        &self,
        node: usize,
        request: &Request,
        body: &Bytes,
        encoding: Option<&'static str>,
    ) -> std::result::Result<Answer, Unreached> {
        let node = self.nodes.url(node);
        let url = format!("{node}{}", request.path);
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        if !body.is_empty() {
            headers.push((CONTENT_TYPE, HeaderValue::from_static(request.content_type)));
        }
        headers.extend(encoding.map(|name| (CONTENT_ENCODING, HeaderValue::from_static(name))));
        match &self.badge {
            Badge::None => {}
            Badge::Header(value, _) => headers.push((AUTHORIZATION, value.clone())),
            Badge::Signature(signer) => {
                let signature = signer.headers(request.method.as_str(), &url, body).await;
                let signature = signature.map_err(|error| Unreached { error, is_sent: false })?;
                headers.extend(signature);
            }
        }
        let Received { status, body, wait } =
            self.transport.send(node, (&request.method, &url), headers, body.clone()).await?;
        Ok(Answer { status, body, wait, node: node.to_owned() })
    }

    /// The body as it is sent.
    fn encoded(&self, request: &Request) -> (Bytes, Option<&'static str>) {
        if !self.is_compressed || request.body.is_empty() {
            return (request.body.clone(), None);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        // Writing into memory cannot fail.
        let written = encoder.write_all(&request.body).and_then(|()| encoder.finish());
        match written {
            Ok(bytes) => (bytes.into(), Some("gzip")),
            Err(_) => (request.body.clone(), None),
        }
    }

    /// Sorts out answers that mean the same to whatever was asked.
    fn understood(&self, answer: Answer) -> std::result::Result<Answer, Failure> {
        let product = self.product;
        let Answer { status, node, wait, .. } = &answer;
        let cause = || Cause::of_body(&answer.body);
        match *status {
            401 => {
                let (who, hint) = match &self.badge {
                    Badge::None => {
                        ("us without a user", "connection.username and connection.password")
                    }
                    Badge::Header(_, "connection.api.key") => ("the API key", "connection.api.key"),
                    Badge::Header(..) => {
                        ("the user and password", "connection.username and connection.password")
                    }
                    Badge::Signature(_) => {
                        ("the signature", "the keys, aws.region and the service")
                    }
                };
                let text = format!("{product} at {node} does not let {who} in (401): {}", cause());
                let error = ConnectorError::new(ErrorClass::Forbidden, text);
                Err(Failure::Final(error.hint(format!("Check {hint}"))))
            }
            403 => {
                let text = format!("{product} at {node} does not allow it (403): {}", cause());
                let error = ConnectorError::new(ErrorClass::Forbidden, text);
                let hint = "Give the user, key or role the rights to create and write the indices";
                let error = error.hint(hint);
                // A signature that is wrong is refused like this too.
                Err(match &self.badge {
                    Badge::Signature(_) => Failure::Final(error),
                    Badge::None | Badge::Header(..) => Failure::Denied(error),
                })
            }
            408 | 429 | 500 | 502 | 503 | 504 => {
                let text = format!("{product} at {node} cannot do it now ({status}): {}", cause());
                let is_overload = matches!(*status, 429 | 503 | 504);
                let error = ConnectorError::retriable(text);
                Err(Failure::Passing { error, is_overload, wait: *wait })
            }
            _ => Ok(answer),
        }
    }
}

impl Answer {
    /// The answer as the server's refusal.
    pub(crate) fn refusal(&self) -> Failure {
        let cause = Cause::of_body(&self.body);
        Failure::Refused { status: self.status, cause, node: self.node.clone() }
    }

    /// Whether the server did it.
    pub(crate) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Address of the node that answered.
    pub(crate) fn node(&self) -> &str {
        &self.node
    }
}

fn header(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| ConnectorError::invalid("Credentials hold what no header of HTTP can hold"))?;
    value.set_sensitive(true);
    Ok(value)
}
