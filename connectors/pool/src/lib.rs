//! HTTP connections that are kept: a request over one of them, and what came back or why nothing did.
//!
//! Built on hyper rather than on the worker's HTTP client, whose TLS would have to be chosen for
//! every crate of the workspace at once.

use std::{error::Error, fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use connect_api::{config::Secret, error::chain};
use connect_tls::Mismatch;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response, Uri,
    body::Incoming,
    header::HeaderValue,
    http::uri::{Authority, InvalidUri, Scheme},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client, Error as ClientError,
        connect::{HttpConnector, proxy::Tunnel},
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls::ClientConfig;

/// How connections are made and how long they are kept.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// Whom we trust and who we are, for addresses that begin with `https://`.
    pub tls: ClientConfig,
    /// Longest time until a host has accepted a connection; none for no limit.
    pub connect_timeout: Option<Duration>,
    /// Time after which a connection that is not used is closed; none for never.
    pub idle_timeout: Option<Duration>,
    /// What all connections lead through.
    pub proxy: Option<Proxy>,
}

/// An HTTP proxy that is asked to `CONNECT`.
#[derive(Clone, Debug)]
pub struct Proxy {
    address: Uri,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// The proxy at a host and port, with name and password where it wants them.
    ///
    /// # Errors
    /// The host cannot be part of an address; the reason does not repeat it.
    pub fn new(
        (host, port): (&str, u16),
        user: Option<(&str, &Secret<String>)>,
    ) -> Result<Self, String> {
        let address = format!("http://{host}:{port}").parse();
        let address = address.map_err(|error: InvalidUri| error.to_string())?;
        let authorization = user.map(|(name, password)| {
            let pair = BASE64.encode(format!("{name}:{}", password.expose()));
            let mut value = HeaderValue::try_from(format!("Basic {pair}"))
                .map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        });
        Ok(Self { address, authorization: authorization.transpose()? })
    }
}

/// Connections that are kept.
#[derive(Debug)]
pub struct Pool(Road);

#[derive(Debug)]
enum Road {
    Direct(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
    Proxied(Client<HttpsConnector<Tunnel<HttpConnector>>, Full<Bytes>>),
}

/// How far a request came that got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// There was no connection, and nothing was sent.
    Connecting,
    /// The request, or a part of it, may have arrived.
    Asked,
    /// The answer had begun.
    Answered,
}

/// Why there is no answer, on one line.
#[derive(Debug)]
pub struct Unreached {
    /// How far the request came.
    pub stage: Stage,
    /// What it has to do with TLS, if anything.
    pub mismatch: Option<Mismatch>,
    reason: String,
}

impl Pool {
    /// A pool without connections.
    #[must_use]
    pub fn new(settings: PoolSettings) -> Self {
        let PoolSettings { tls, connect_timeout, idle_timeout, proxy } = settings;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(connect_timeout);
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        let https = https.enable_http1();
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(idle_timeout);
        Self(match proxy {
            None => Road::Direct(builder.build(https.wrap_connector(http))),
            Some(Proxy { address, authorization }) => {
                let tunnel = Tunnel::new(address, http);
                let tunnel = match authorization {
                    Some(authorization) => tunnel.with_auth(authorization),
                    None => tunnel,
                };
                Road::Proxied(builder.build(https.wrap_connector(tunnel)))
            }
        })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`Unreached`]: nothing came back, or only a part, or more than `most_bytes`.
    pub async fn ask(
        &self,
        request: Request<Full<Bytes>>,
        most_bytes: usize,
    ) -> Result<Response<Bytes>, Unreached> {
        let response = self.0.request(request).await.map_err(|error| Unreached {
            stage: if error.is_connect() { Stage::Connecting } else { Stage::Asked },
            mismatch: Mismatch::in_error(&error),
            reason: chain(&error),
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, most_bytes).collect().await.map_err(|error| Unreached {
            stage: Stage::Answered,
            mismatch: None,
            reason: error.to_string(),
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

impl Road {
    async fn request(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, ClientError> {
        match self {
            Self::Direct(client) => client.request(request).await,
            Self::Proxied(client) => client.request(with_port(request)).await,
        }
    }
}

/// A tunnel takes every address without a port for one of TLS.
fn with_port(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let uri = request.uri();
    if uri.scheme() == Some(&Scheme::HTTP)
        && uri.port().is_none()
        && let Some(host) = uri.host()
        && let Ok(authority) = Authority::try_from(format!("{host}:80"))
    {
        let mut parts = uri.clone().into_parts();
        parts.authority = Some(authority);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for Unreached {}

#[cfg(test)]
mod tests {
    use connect_api::config::{Config as _, Props};
    use connect_tls::{SslConfig, Trust};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    fn pool(proxy: Option<Proxy>) -> Pool {
        let ssl = SslConfig::parse(&Props::new()).unwrap();
        let tls = ssl.client_config("", Trust::Certificates).unwrap();
        let limit = Some(Duration::from_secs(5));
        Pool::new(PoolSettings { tls, connect_timeout: limit, idle_timeout: limit, proxy })
    }

    fn get(url: &str) -> Request<Full<Bytes>> {
        Request::get(url).body(Full::default()).unwrap()
    }

    async fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    /// Answers the first connection with this, and says what it was asked.
    async fn serve(listener: TcpListener, answer: &[u8]) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0, "a whole request");
        }
        stream.write_all(answer).await.unwrap();
        String::from_utf8(asked).unwrap()
    }

    #[tokio::test]
    async fn a_host_that_is_away_was_sent_nothing() {
        // Nothing listens on the discard port of the loopback interface.
        let error = pool(None).ask(get("http://127.0.0.1:9/"), 10).await.unwrap_err();
        assert_eq!((error.stage, error.mismatch), (Stage::Connecting, None));
        assert!(error.to_string().contains("refused"), "{error}");
    }

    #[tokio::test]
    async fn an_answer_is_read_up_to_its_limit() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        for (most, expected) in [(5, Ok("hello".into())), (4, Err(Stage::Answered))] {
            let (listener, port) = listen().await;
            let (pool, request) = (pool(None), get(&format!("http://127.0.0.1:{port}/")));
            let (answer, _) = tokio::join!(pool.ask(request, most), serve(listener, whole));
            let answer = answer.map(Response::into_body).map_err(|error| error.stage);
            assert_eq!(answer, expected);
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_cut_off_is_none() {
        let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe".as_slice();
        for (answer, stage) in [(b"".as_slice(), Stage::Asked), (begun, Stage::Answered)] {
            let (listener, port) = listen().await;
            let (pool, request) = (pool(None), get(&format!("http://127.0.0.1:{port}/")));
            let (outcome, _) = tokio::join!(pool.ask(request, 10), serve(listener, answer));
            let error = outcome.unwrap_err();
            assert_eq!(error.stage, stage, "{error}");
        }
    }

    #[tokio::test]
    async fn a_host_that_speaks_no_tls_is_told_from_others() {
        let (listener, port) = listen().await;
        let (pool, request) = (pool(None), get(&format!("https://127.0.0.1:{port}/")));
        let (outcome, ()) = tokio::join!(pool.ask(request, 10), async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        });
        let error = outcome.unwrap_err();
        assert_eq!((error.stage, error.mismatch), (Stage::Connecting, Some(Mismatch::NoTls)));
    }

    #[tokio::test]
    async fn a_proxy_is_told_who_asks_and_for_whom() {
        let (listener, port) = listen().await;
        let password = Secret::new("open".to_owned());
        let proxy = Proxy::new(("127.0.0.1", port), Some(("me", &password))).unwrap();
        assert!(!format!("{proxy:?}").contains("bWU6b3Blbg"), "{proxy:?}");
        let (pool, request) = (pool(Some(proxy)), get("http://far.test/"));
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
        let (outcome, asked) = tokio::join!(pool.ask(request, 10), serve(listener, refusal));
        assert_eq!(outcome.unwrap_err().stage, Stage::Connecting);
        assert!(asked.starts_with("CONNECT far.test:80 "), "{asked}");
        assert!(asked.contains("bWU6b3Blbg=="), "{asked}");
    }

    #[test]
    fn a_proxy_without_a_host_is_refused() {
        assert!(Proxy::new(("not a host", 8080), None).is_err());
    }
}
