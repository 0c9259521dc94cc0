//! What speaks HTTP.
//!
//! [`Transport`] is the far end as the engine sees it: one request, one answer or the reason why there
//! is none. The engine decides what follows.

mod failure;
mod token;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    time::Clock,
};
use reqwest::{
    Method, Response, Url,
    header::{AUTHORIZATION, RETRY_AFTER},
    redirect::Policy,
};

pub(crate) use self::failure::{Failure, refusal};
use self::{
    failure::{Keys, unreachable},
    token::TokenSource,
};
use crate::{
    request::Request,
    settings::{Auth, Settings},
    status::retry_after,
};

/// Bytes of an answer that are kept where none becomes a record: more than an error quotes.
const KEPT_BYTES: usize = 4096;
/// Bytes of an answer that are read after those that are kept, so that the connection can be used again.
const PASSED_OVER_BYTES: usize = 4 << 20;
/// Longest time for these.
const PASSING_OVER: Duration = Duration::from_secs(1);

/// What a service answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// When it wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
    /// As much of it as fits into a record.
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The far end.
#[async_trait]
pub(crate) trait Transport: Debug + Send + Sync {
    /// Sends a request and waits for the whole answer.
    async fn send(&self, request: &Request) -> Result<Answer, Failure>;
}

/// A service on the network.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    settings: Arc<Settings>,
    token: Option<TokenSource>,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// Builds it, fetches the token where one is needed, and sees whether somebody is there.
    ///
    /// # Errors
    /// `Invalid` where files of TLS cannot be read, `Forbidden` where no token is given out, `Retriable`
    /// where nobody can be reached.
    pub(crate) async fn open(settings: Arc<Settings>, clock: Arc<dyn Clock>) -> Result<Self> {
        let http = build(&settings)?;
        let token = match &settings.auth {
            Auth::OAuth2(rules) => {
                Some(TokenSource::new((**rules).clone(), http.clone(), &settings))
            }
            _ => None,
        };
        let client = Self { http, settings, token, clock };
        if let Some(token) = &client.token {
            token.current().await.map_err(Failure::into_error)?;
        }
        client.knock().await?;
        Ok(client)
    }

    /// The address, and whether it is the same for all records; none where even its place is not.
    fn fixed_address(&self) -> Option<(Url, bool)> {
        let url = |value| Url::parse(&self.settings.url.with_all(value)).ok();
        let (one, other) = (url("a")?, url("b")?);
        let is_same = one == other;
        (place(&one) == place(&other)).then_some((one, is_same))
    }

    /// Asks for the head of what is at the address, where it is the same for all records: so it shows
    /// whether TLS and credentials are right. By the rules of HTTP that changes nothing there.
    ///
    /// # Errors
    /// `Retriable` where nobody answers, `Invalid` where TLS does not come about, `Forbidden` where the
    /// credentials are not taken.
    pub(crate) async fn greet(&self) -> Result<()> {
        let Some((mut url, is_whole)) = self.fixed_address() else { return Ok(()) };
        if !is_whole {
            url.set_path("/");
            url.set_query(None);
        }
        let place = place(&url);
        let headers = Arc::default();
        let head = Request { method: Method::HEAD, url: url.into(), headers, body: None };
        let answer = self.ask(&head).await.map_err(Failure::into_error)?;
        match answer.status {
            401 | 407 if is_whole => {
                Err(refusal(&answer, &place, self.settings.url_key).into_error())
            }
            _ => Ok(()),
        }
    }

    /// Sees whether somebody listens at the address, where its place is the same for all records.
    async fn knock(&self) -> Result<()> {
        let settings = &self.settings;
        let Some((url, _is_whole)) = self.fixed_address() else { return Ok(()) };
        let place = (url.host_str(), url.port_or_known_default());
        let (Some(host), Some(port), None) = (place.0, place.1, &settings.proxy) else {
            return Ok(());
        };
        let host = host.trim_matches(['[', ']']);
        let connecting = tokio::net::TcpStream::connect((host, port));
        let away = |reason: String| {
            ConnectorError::retriable(format!("Could not reach {host}:{port}"))
                .hint(format!("Check {} and whether the service is up", settings.url_key))
                .caused_by(reason)
        };
        match tokio::time::timeout(settings.connect_timeout, connecting).await {
            Ok(Ok(_stream)) => Ok(()),
            Ok(Err(error)) => Err(away(error.to_string())),
            Err(_elapsed) => Err(away("No connection in time".to_owned())),
        }
    }

    async fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        let token = match &self.token {
            Some(source) => Some(source.current().await?),
            None => None,
        };
        let answer = self.in_time(request, token.as_ref().map(|token| &token.header)).await?;
        let (Some(source), Some(token), 401) = (&self.token, token, answer.status) else {
            return Ok(answer);
        };
        // The token may have come to its end: once more with a new one.
        let token = source.renewed(&token).await?;
        self.in_time(request, Some(&token.header)).await
    }

    async fn in_time(
        &self,
        request: &Request,
        token: Option<&reqwest::header::HeaderValue>,
    ) -> Result<Answer, Failure> {
        let limit = self.settings.request_timeout;
        let exchange = tokio::time::timeout(limit, self.exchange(request, token)).await;
        let (answer, rest) = exchange.unwrap_or_else(|_elapsed| {
            let place = Url::parse(&request.url).map(|url| place(&url)).unwrap_or_default();
            Err(Failure::late(&place, limit))
        })?;
        if let Some(mut rest) = rest {
            // The status has said what became of the request, whatever else is to come.
            let _late = tokio::time::timeout(PASSING_OVER, pass_over(&mut rest)).await;
        }
        Ok(answer)
    }

    /// The answer, with what is left of it where it is long.
    async fn exchange(
        &self,
        request: &Request,
        token: Option<&reqwest::header::HeaderValue>,
    ) -> Result<(Answer, Option<Response>), Failure> {
        let mut url = Url::parse(&request.url).map_err(|error| {
            // What it is may hold secrets.
            let text = format!("What {} comes to is no address", self.settings.url_key);
            Failure::final_one(ErrorClass::Record, text).because(error.to_string())
        })?;
        if let Auth::Query(name, key) = &self.settings.auth {
            url.query_pairs_mut().append_pair(name, key.expose());
        }
        let place = place(&url);
        let mut sending = self.http.request(request.method.clone(), url);
        // Who we are stands once, whatever else names such a header.
        let mut headers = (*request.headers).clone();
        if let Auth::Header(name, value) = &self.settings.auth {
            headers.insert(name, value.clone());
        }
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        sending = sending.headers(headers);
        if let Some(body) = &request.body {
            sending = sending.body(body.clone());
        }
        let response =
            sending.send().await.map_err(|error| unreachable(&place, error, self.keys()))?;
        self.answer(response, &place).await
    }

    async fn answer(
        &self,
        mut response: Response,
        place: &str,
    ) -> Result<(Answer, Option<Response>), Failure> {
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = wait.and_then(|text| retry_after(text, self.clock.now_ms()));
        let most = self.settings.report.as_ref().map_or(KEPT_BYTES, |rules| rules.most_bytes);
        let kept = kept(&mut response, most).await;
        let (body, is_whole) = kept.map_err(|error| unreachable(place, error, self.keys()))?;
        let answer = Answer { status: response.status().as_u16(), retry_after, body };
        Ok((answer, (!is_whole).then_some(response)))
    }

    fn keys(&self) -> Keys {
        Keys { url: self.settings.url_key, ssl_prefix: self.settings.ssl_prefix }
    }
}

/// So many bytes of an answer at most, and whether they are the whole of it.
async fn kept(response: &mut Response, most: usize) -> reqwest::Result<(Bytes, bool)> {
    let mut body = BytesMut::new();
    while body.len() < most {
        let Some(chunk) = response.chunk().await? else { return Ok((body.freeze(), true)) };
        let room = most - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
    }
    Ok((body.freeze(), false))
}

/// Reads the rest of an answer, unless it is long.
async fn pass_over(response: &mut Response) {
    let mut passed = 0;
    while passed < PASSED_OVER_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        passed += chunk.len();
    }
}

/// Host and port, as errors name a service: addresses may hold secrets.
pub(crate) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}://{host}:{port}", url.scheme())
}

fn build(settings: &Settings) -> Result<reqwest::Client> {
    let mut tls = settings.ssl.client_config(settings.ssl_prefix, settings.trust)?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(settings.connect_timeout);
    if let Some(proxy) = &settings.proxy {
        let address = format!("http://{}:{}", proxy.host, proxy.port);
        let mut made = reqwest::Proxy::all(address).map_err(|error| {
            ConnectorError::invalid(
                "Invalid value for configuration http.proxy.host: it is no host",
            )
            .caused_by(error)
        })?;
        if let Some((user, password)) = &proxy.user {
            made = made.basic_auth(user, password.expose());
        }
        builder = builder.proxy(made);
    }
    builder.build().map_err(|error| {
        ConnectorError::internal("Could not make a client of the service").caused_by(error)
    })
}

#[async_trait]
impl Transport for Client {
    async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        self.ask(request).await
    }
}
