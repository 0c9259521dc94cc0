//! The listener and its connections.
//!
//! Everything runs in tasks that belong to the [`Server`] and end with it. The port is free as soon
//! as the server is closed or dropped, so that a successor can take it.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use axum::{Router, body::Body};
use connect_api::error::{ConnectorError, Result};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service as _;
use tracing::{debug, warn};

use crate::{config::Listen, places::Places, site::Peer};

/// Largest head of a request; beyond it the answer is 431.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// Largest part of a body taken up at once.
const MAX_BUFFER_BYTES: usize = 64 << 10;
/// Time for the head of a request, and for a connection to lie idle before it.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// Time for two sides to agree on a TLS session.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// Time for requests under way to be answered when the connector stops.
const DRAIN: Duration = Duration::from_secs(3);
/// Pause after the system refused a connection, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener with what it needs.
#[derive(Debug)]
pub(crate) struct Server {
    door: Arc<Door>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    address: SocketAddr,
}

/// How connections are served.
pub(crate) struct Service {
    pub(crate) router: Router,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) places: Arc<Places>,
}

/// The listener, until it is closed; its lock is held for a look, never across an await.
#[derive(Debug)]
struct Door(Mutex<Option<TcpListener>>);

impl Door {
    fn listener(&self) -> MutexGuard<'_, Option<TcpListener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next connection; none once the door is closed. Cancel safe.
    async fn accept(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        poll_fn(|context| match self.listener().as_ref() {
            None => Poll::Ready(None),
            Some(listener) => listener.poll_accept(context).map(Some),
        })
        .await
    }
}

/// Takes an address.
///
/// # Errors
/// `Retriable` when somebody else has it, `Invalid` when it is none of this machine.
pub(crate) async fn listen(address: &Listen) -> Result<TcpListener> {
    let bound = TcpListener::bind((address.host.as_str(), address.port)).await;
    bound.map_err(|error| {
        let message = format!("Could not listen on \"{address}\"");
        let refusal = match error.kind() {
            io::ErrorKind::AddrInUse => ConnectorError::retriable(message).hint(
                "Another process or connector has this port: stop it, or set another port in \
                 \"listen\"",
            ),
            io::ErrorKind::PermissionDenied => ConnectorError::invalid(message)
                .hint("Set a port above 1023 in \"listen\", or allow the worker lower ones"),
            _ => ConnectorError::invalid(message)
                .hint("Set an address of this machine in \"listen\", such as 0.0.0.0:8088"),
        };
        refusal.caused_by(error)
    })
}

impl Server {
    /// Serves until it is stopped or dropped; `beside` runs as long.
    pub(crate) fn start(
        listener: TcpListener,
        service: Service,
        beside: Option<impl Future<Output = ()> + Send + 'static>,
    ) -> Result<Self> {
        let address = listener.local_addr().map_err(|error| {
            ConnectorError::internal("The listener has no address").caused_by(error)
        })?;
        let door = Arc::new(Door(Mutex::new(Some(listener))));
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(Arc::clone(&door), service, stop.clone()));
        if let Some(beside) = beside {
            tasks.spawn(beside);
        }
        Ok(Self { door, stop, tasks, address })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections.
    pub(crate) fn close(&self) {
        drop(self.door.listener().take());
    }

    /// Lets requests under way be answered, as far as the time allows.
    pub(crate) async fn drain(&mut self) {
        self.close();
        self.stop.cancel();
        let tasks = &mut self.tasks;
        let drained = timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            warn!("Left requests on {} without an answer, which took too long", self.address);
            self.tasks.abort_all();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

async fn serve(door: Arc<Door>, service: Service, stop: CancellationToken) {
    let Service { router, tls, places } = service;
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let place = places.free().await;
            (place, door.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_ended) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = next => accepted,
        };
        match (place, accepted) {
            (Some(place), Some(Ok((stream, peer)))) => {
                let Some(place) = places.give(place, peer.ip()) else { continue };
                let connection =
                    connection(stream, peer.ip(), router.clone(), tls.clone(), stop.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            (_, Some(Err(error))) => {
                warn!("Could not accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
            (_, None) => break,
            (None, _) => break,
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    peer: IpAddr,
    router: Router,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
) {
    // Answers are small, and each is waited for.
    let _as_it_is = stream.set_nodelay(true);
    let Some(tls) = tls else { return converse(stream, peer, router, stop).await };
    match timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, peer, router, stop).await,
        Ok(Err(error)) => debug!("A client did not agree on a TLS session: {error}"),
        Err(_late) => debug!("A client took too long to agree on a TLS session"),
    }
}

/// Answers the requests of one connection until it ends or the connector does.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: IpAddr,
    router: Router,
    stop: CancellationToken,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let mut router = router.clone();
        async move {
            let answer = router.call(request.map(Body::new)).await;
            Ok::<_, Infallible>(answer.unwrap_or_else(|never| match never {}))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        ended = connection.as_mut() => ended,
    };
    if let Err(error) = ended {
        debug!("A connection ended early: {error}");
    }
}
