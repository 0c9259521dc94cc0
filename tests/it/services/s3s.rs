//! A third S3 server, in this process: s3s-fs, which keeps objects as plain files.

use std::{io, sync::Arc};

use aws_sdk_s3::Client;
use bytes::Bytes;
use connect_testkit::s3::{FaultProxy, Operation};
use futures::future::BoxFuture;
use http_body_util::BodyExt as _;
use hyper::{Request, Response};
use s3s::{
    Body,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};

use super::s3::{S3, client};

/// The server of one test; ends with it. It does not list uploads.
#[derive(Debug)]
pub(crate) struct S3sFs {
    _root: tempfile::TempDir,
    server: FaultProxy,
}

impl S3sFs {
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(S3::ACCESS_KEY, S3::SECRET_KEY));
        let service = builder.build();
        // It looks whether an object is there before it writes it, and not at once.
        let creating = Arc::new(tokio::sync::Mutex::new(()));
        let upstream = Arc::new(move |request: Request<Bytes>| {
            let (service, creating) = (service.clone(), Arc::clone(&creating));
            let answer = async move {
                let operation = Operation::of(request.method(), request.uri());
                let _alone = match operation.creates_object() {
                    true => Some(creating.lock().await),
                    false => None,
                };
                call(&service, request).await
            };
            Box::pin(answer) as BoxFuture<'static, _>
        });
        Self { _root: root, server: FaultProxy::start(upstream).await.unwrap() }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.url().to_owned()
    }

    /// Returns a client for this server.
    pub(crate) fn client(&self) -> Client {
        client(self.server.url(), S3::ACCESS_KEY)
    }
}

async fn call(service: &S3Service, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
    let answer = service.call(request.map(Body::from)).await.map_err(io::Error::other)?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}
