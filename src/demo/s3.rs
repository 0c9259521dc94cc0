//! An S3 server inside the process, so that the demo's S3 sink runs its real client path.
//!
//! Objects are plain files below one folder, so that whoever watches can look at them.

use std::{net::SocketAddr, path::Path};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use tokio::net::{TcpListener, TcpStream};

use super::{DemoError, Result, make_folder};
use crate::tasks::TaskGroup;

/// The only key that the server accepts. It guards nothing: the server listens on loopback and
/// ends with the demo.
pub(super) const ACCESS_KEY: &str = "millrace-demo";

/// Belongs to [`ACCESS_KEY`].
pub(super) const SECRET_KEY: &str = "millrace-demo-secret";

/// Serves the folder `root` on a free loopback port until the group stops; a bucket is a folder
/// in it and is made when missing.
pub(super) async fn serve(root: &Path, bucket: &str, tasks: &TaskGroup) -> Result<SocketAddr> {
    let folder = root.join(bucket);
    make_folder(&folder)?;
    let files = FileSystem::new(root)
        .map_err(|error| DemoError::Storage { reason: format!("{error:?}") })?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(DemoError::Listen)?;
    let address = listener.local_addr().map_err(DemoError::Listen)?;
    tasks.spawn("demo-s3", accept(listener, builder.build(), tasks.clone()));
    Ok(address)
}

async fn accept(listener: TcpListener, service: S3Service, tasks: TaskGroup) {
    let stop = tasks.token().clone();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let connection = answer(socket, service.clone(), tasks.clone());
                    tasks.spawn(format!("demo-s3-{peer}"), connection);
                }
                Err(error) => tracing::warn!(%error, "The demo's S3 server lost a connection"),
            },
        }
    }
}

async fn answer(socket: TcpStream, service: S3Service, tasks: TaskGroup) {
    let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    tokio::select! {
        biased;
        () = tasks.token().cancelled() => {}
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "A connection to the demo's S3 server ended early");
        }
    }
}
