//! The proxy itself.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures::{
    future::BoxFuture,
    stream::{self, StreamExt as _},
};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, JoinSet},
};

use super::{Fault, Operation, Which, fault::Script};

/// What requests are passed on to.
pub type Upstream =
    Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, io::Result<Response<Bytes>>> + Send + Sync>;

type Body = BoxBody<Bytes, io::Error>;

/// A server whose requests meet faults; ends when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    url: String,
    inner: Arc<Inner>,
    listener: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Inner {
    script: Mutex<Script>,
    /// Requests whose fault is still to happen.
    acting: AtomicUsize,
    /// Told whenever a fault has happened.
    acted: Notify,
    /// Told when silence is over.
    healed: Notify,
    /// Method, path and query of every request, and its headers.
    requests: Mutex<Vec<(String, HeaderMap)>>,
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl FaultProxy {
    /// Stands before what is given.
    ///
    /// # Errors
    /// No loopback port can be had.
    #[expect(clippy::disallowed_methods, reason = "ends with the proxy")]
    pub async fn start(upstream: Upstream) -> io::Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", socket.local_addr()?);
        let inner = Arc::<Inner>::default();
        let listener = tokio::spawn(serve(socket, upstream, Arc::clone(&inner)));
        Ok(Self { url, inner, listener })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Faults for requests to come, first in, first out.
    pub fn script(&self, which: Which, faults: impl IntoIterator<Item = Fault>) {
        self.inner.script().add(which, faults);
    }

    /// A fault for every request to come, until [`FaultProxy::heal`] or another one.
    pub fn always(&self, which: Which, fault: Fault) {
        self.inner.script().set_always(Some((which, fault)));
    }

    /// Takes back what [`FaultProxy::always`] said, and cuts the connections that wait in silence.
    pub fn heal(&self) {
        self.inner.script().set_always(None);
        self.inner.healed.notify_waiters();
    }

    /// Takes back every fault to come, and cuts the connections that wait in silence.
    pub fn forget_faults(&self) {
        self.inner.script().clear();
        self.inner.acted.notify_waiters();
        self.inner.healed.notify_waiters();
    }

    /// Faults of the script that have not happened yet.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.inner.script().left()
    }

    /// Returns once the last fault of the script has come to what the client sees of it.
    pub async fn script_ends(&self) {
        loop {
            let acted = self.inner.acted.notified();
            tokio::pin!(acted);
            acted.as_mut().enable();
            if self.faults_left() == 0 && self.inner.acting.load(Ordering::SeqCst) == 0 {
                return;
            }
            acted.await;
        }
    }

    /// Method, path and query of every request.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.inner.requests().iter().map(|(line, _)| line.clone()).collect()
    }

    /// Headers of the requests whose line contains this.
    #[must_use]
    pub fn headers(&self, part: &str) -> Vec<HeaderMap> {
        let requests = self.inner.requests();
        let found = requests.iter().filter(|(line, _)| line.contains(part));
        found.map(|(_, headers)| headers.clone()).collect()
    }
}

impl Inner {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Vec<(String, HeaderMap)>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, operation: Operation) -> (Option<Fault>, Acting<'_>) {
        self.acting.fetch_add(1, Ordering::SeqCst);
        (self.script().take(operation), Acting(self))
    }
}

/// A request whose fault is still to happen.
struct Acting<'a>(&'a Inner);

impl Drop for Acting<'_> {
    fn drop(&mut self) {
        self.0.acting.fetch_sub(1, Ordering::SeqCst);
        self.0.acted.notify_waiters();
    }
}

/// The server at an address, `http://HOST:PORT`, with a connection for each request.
#[must_use]
pub fn before(url: &str) -> Upstream {
    let authority = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    Arc::new(move |request| Box::pin(send(authority.clone(), request)))
}

async fn send(authority: String, mut request: Request<Bytes>) -> io::Result<Response<Bytes>> {
    // Bodies are whole by now.
    request.headers_mut().remove(TRANSFER_ENCODING);
    let stream = TokioIo::new(TcpStream::connect(&authority).await?);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(stream).await.map_err(io::Error::other)?;
    let exchange = async {
        let answer = sender.send_request(request.map(Full::new)).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        drop(sender);
        Ok::<_, hyper::Error>(Response::from_parts(head, body))
    };
    let (answer, _ended) = tokio::join!(exchange, connection);
    answer.map_err(io::Error::other)
}

async fn serve(socket: TcpListener, upstream: Upstream, inner: Arc<Inner>) {
    // Dropped with this future, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = socket.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        let (upstream, inner) = (Arc::clone(&upstream), Arc::clone(&inner));
        let answer = service_fn(move |request| {
            let (upstream, inner) = (Arc::clone(&upstream), Arc::clone(&inner));
            async move { respond(&upstream, &inner, request).await }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer);
        connections.spawn(async move { connection.await.is_ok() });
    }
}

/// An error cuts the connection.
async fn respond(
    upstream: &Upstream,
    inner: &Inner,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let line = format!("{} {}", request.method(), request.uri());
    inner.requests().push((line, request.headers().clone()));
    let (fault, acting) = inner.take(Operation::of(request.method(), request.uri()));
    match fault {
        // With the body unread, the other side sees a reset rather than an end.
        Some(Fault::Reset) => return Err(cut()),
        Some(Fault::Silence) => return Err(silence(inner, acting).await),
        Some(Fault::Slow(time)) if !time.is_zero() => tokio::time::sleep(time).await,
        _ => {}
    }
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    match fault {
        Some(Fault::Answer(status, code)) => return Ok(error(status, code)),
        Some(Fault::OkWithError) => return Ok(error(200, "InternalError")),
        _ => {}
    }
    let mut answer = pass_on(upstream, Request::from_parts(head, body)).await?;
    // The connection to the client is another one.
    answer.headers_mut().remove(CONNECTION);
    answer.headers_mut().remove(TRANSFER_ENCODING);
    match fault {
        Some(Fault::AnswerAfter(status, code)) => Ok(error(status, code)),
        Some(Fault::ResetAfter) => Err(cut()),
        Some(Fault::SilenceAfter) => Err(silence(inner, acting).await),
        Some(Fault::HalfAnswer) => Ok(half(answer)),
        _ => Ok(answer.map(whole)),
    }
}

/// A client that goes away must not tear what is written.
#[expect(clippy::disallowed_methods, reason = "ends when it is answered")]
async fn pass_on(upstream: &Upstream, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
    tokio::spawn(upstream(request)).await.map_err(io::Error::other)?
}

/// Answers nothing until it is healed.
async fn silence(inner: &Inner, acting: Acting<'_>) -> io::Error {
    let healed = inner.healed.notified();
    drop(acting);
    healed.await;
    cut()
}

fn cut() -> io::Error {
    io::Error::other("cut by the test")
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

fn error(status: u16, code: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code>\
         <Message>scripted</Message></Error>"
    );
    let mut response = Response::new(whole(text.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

/// An answer that says how long it is, and ends before that.
fn half(answer: Response<Bytes>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    let length = body.len().max(2);
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let first = if body.is_empty() { Bytes::from_static(b"<") } else { body.slice(..length / 2) };
    let end = stream::once(async {
        // What came before is sent meanwhile.
        tokio::task::yield_now().await;
        Err(cut())
    });
    let frames = stream::iter([Ok(Frame::data(first))]).chain(end);
    Response::from_parts(head, BodyExt::boxed(StreamBody::new(frames)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A proxy before a proxy before a server that answers `hello` and says when it was asked.
    async fn chain() -> (FaultProxy, FaultProxy, Arc<AtomicBool>) {
        let was_asked = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&was_asked);
        let upstream: Upstream = Arc::new(move |_request| {
            told.store(true, Ordering::SeqCst);
            Box::pin(async { Ok(Response::new(Bytes::from_static(b"hello"))) })
        });
        let server = FaultProxy::start(upstream).await.unwrap();
        let proxy = FaultProxy::start(before(server.url())).await.unwrap();
        (proxy, server, was_asked)
    }

    async fn connected(proxy: &FaultProxy) -> TcpStream {
        let address = proxy.url().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request =
            "PUT /b/k HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc";
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// What comes back, up to the end of the connection, however that comes.
    async fn answer(proxy: &FaultProxy) -> String {
        let (mut stream, mut bytes) = (connected(proxy).await, Vec::new());
        let _is_cut = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn each_fault_is_what_it_says() {
        let (proxy, server, was_asked) = chain().await;
        for (fault, first, end, is_passed) in [
            (Fault::PASS, "HTTP/1.1 200", "hello", true),
            (Fault::SLOW_DOWN, "HTTP/1.1 503", "</Error>", false),
            (Fault::AnswerAfter(500, "InternalError"), "HTTP/1.1 500", "</Error>", true),
            (Fault::OkWithError, "HTTP/1.1 200", "</Error>", false),
            (Fault::HalfAnswer, "HTTP/1.1 200", "\r\nhe", true),
            (Fault::Reset, "", "", false),
            (Fault::ResetAfter, "", "", true),
        ] {
            was_asked.store(false, Ordering::SeqCst);
            proxy.script(Which::Writes, [fault]);
            let text = answer(&proxy).await;
            assert!(text.starts_with(first) && text.ends_with(end), "{fault:?}: {text}");
            assert_eq!(was_asked.load(Ordering::SeqCst), is_passed, "{fault:?}");
            assert!(first.is_empty() == text.is_empty(), "{fault:?}: {text}");
        }
        assert_eq!((proxy.requests().len(), server.requests().len()), (7, 4));
        assert_eq!(proxy.headers("/b/k")[0]["host"], "h");
    }

    #[tokio::test]
    async fn silence_is_told_when_it_begins_and_lasts_until_it_is_healed() {
        let (proxy, _server, was_asked) = chain().await;
        for (fault, is_passed) in [(Fault::Silence, false), (Fault::SilenceAfter, true)] {
            was_asked.store(false, Ordering::SeqCst);
            proxy.script(Which::Of(Operation::PutObject), [fault]);
            let mut waits = connected(&proxy).await;
            proxy.script_ends().await;
            assert_eq!(was_asked.load(Ordering::SeqCst), is_passed, "{fault:?}");
            proxy.heal();
            assert_eq!(waits.read(&mut [0; 9]).await.unwrap(), 0);
        }
        proxy.always(Which::Any, Fault::NO_SUCH_BUCKET);
        for _ in 0..2 {
            assert!(answer(&proxy).await.contains("NoSuchBucket"));
        }
        proxy.heal();
        assert!(answer(&proxy).await.ends_with("hello"));
    }
}
