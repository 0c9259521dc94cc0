//! The server: connections, and how long and how large each may be.
//!
//! Every connection is a task with bounds of its own: the head of a request within a time and a
//! size, bodies as [`super::intake`] reads them, and never more connections than a constant. A
//! client beyond it waits in the system's queue. Only HTTP/1.1 is spoken, as the JVM's worker does.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::tasks::TaskGroup;

/// Connections at once: each holds some tens of kilobytes, so that all of them fit a small
/// container. The next one waits until another ends.
const MAX_CONNECTIONS: usize = 1_000;
/// Largest head of a request; beyond it the answer is 431. Source: Jetty's `requestHeaderSize`.
const MAX_HEAD_BYTES: usize = 8 << 10;
/// Largest part of a body taken up at once.
const MAX_BUFFER_BYTES: usize = 64 << 10;
/// Time for the head of a request, and for a connection to lie idle before it. Source: Jetty's
/// idle timeout.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// Time for two sides to agree on a TLS session.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// Time for a request under way to be answered once the worker stops; less than its owner waits.
const DRAIN: Duration = Duration::from_secs(4);
/// Pause after the system refused a connection, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where requests come in.
pub(super) struct Server {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) router: Router,
    pub(super) tasks: TaskGroup,
    pub(super) shutdown: CancellationToken,
}

impl Server {
    /// Serves until the token is cancelled; requests under way are answered by tasks of the group.
    pub(super) async fn run(self) -> io::Result<()> {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Ok(()),
                accepted = async {
                    let place = Arc::clone(&places).acquire_owned().await;
                    (place, self.listener.accept().await)
                } => accepted,
            };
            match accepted {
                (Ok(place), Ok((stream, _peer))) => {
                    let connection = self.connection(stream);
                    self.tasks.spawn("connection", async move {
                        connection.await;
                        drop(place);
                    });
                }
                (_, Err(error)) => {
                    warn!("Could not accept a REST connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
                (Err(_closed), _) => return Ok(()),
            }
        }
    }

    fn connection(&self, stream: TcpStream) -> impl Future<Output = ()> + Send + use<> {
        let (router, shutdown) = (self.router.clone(), self.shutdown.clone());
        let tls = self.tls.clone();
        async move {
            // Answers are small, and each is waited for.
            let _as_it_is = stream.set_nodelay(true);
            let Some(tls) = tls else { return converse(stream, router, shutdown).await };
            match timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
                Ok(Ok(stream)) => converse(stream, router, shutdown).await,
                Ok(Err(error)) => debug!("A client did not agree on a TLS session: {error}"),
                Err(_late) => debug!("A client took too long to agree on a TLS session"),
            }
        }
    }
}

/// Answers the requests of one connection until it ends or the worker does.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    shutdown: CancellationToken,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES)
        // A client that has said everything may close its half and still wait for the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match timeout(DRAIN, connection).await {
                Ok(ended) => ended,
                Err(_late) => return debug!("A REST client was left in the middle of a request"),
            }
        }
        ended = connection.as_mut() => ended,
    };
    if let Err(error) = ended {
        debug!("A REST connection ended early: {error}");
    }
}
