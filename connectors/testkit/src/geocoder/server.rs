//! The service on the loopback interface.

use std::{io, sync::Arc};

use bytes::Bytes;
use connect_api::time::{Clock as _, SystemClock};
use http_body_util::Full;
use hyper::{Method, Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{Geocoder, Reply};

/// A geocoder that listens until it is dropped.
#[derive(Debug)]
pub struct GeocoderServer {
    /// What it answers with.
    pub geocoder: Arc<Geocoder>,
    address: std::net::SocketAddr,
    listening: JoinHandle<()>,
}

impl GeocoderServer {
    /// Begins to listen on a free port.
    ///
    /// # Errors
    /// There is no port to listen on.
    pub async fn start(geocoder: Arc<Geocoder>) -> io::Result<Self> {
        Self::listen("127.0.0.1:0", geocoder).await
    }

    /// Begins to listen at an address.
    ///
    /// # Errors
    /// Nobody can listen there.
    pub async fn listen(at: &str, geocoder: Arc<Geocoder>) -> io::Result<Self> {
        let socket = TcpListener::bind(at).await?;
        let address = socket.local_addr()?;
        let listening = serve(socket, Arc::clone(&geocoder));
        Ok(Self { geocoder, address, listening })
    }

    /// Where it listens, as the beginning of an address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for GeocoderServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the server runs beside the test that owns it")]
fn serve(socket: TcpListener, geocoder: Arc<Geocoder>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = socket.accept().await else { continue };
            let geocoder = Arc::clone(&geocoder);
            let answer = service_fn(move |request| {
                let geocoder = Arc::clone(&geocoder);
                async move { respond(&geocoder, &request).await }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer);
            drop(tokio::spawn(connection));
        }
    })
}

async fn respond(
    geocoder: &Geocoder,
    request: &Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    if request.method() == Method::HEAD {
        // Somebody sees whether it is there: no visit.
        return Ok(Response::default());
    }
    let query = request.uri().query().unwrap_or_default();
    match geocoder.answer(query, SystemClock.now_ms()).await {
        // An error of the service ends the connection.
        Reply::BreakOff => Err(io::Error::other("broken off")),
        Reply::Answer { status, retry_after, body } => {
            let mut response = Response::builder().status(status);
            if let Some(seconds) = retry_after {
                response = response.header("Retry-After", seconds);
            }
            response.body(Full::from(body)).map_err(io::Error::other)
        }
    }
}
