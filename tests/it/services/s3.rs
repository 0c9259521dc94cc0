//! An S3 server: versitygw, which keeps objects as plain files.

use std::path::PathBuf;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};

use super::identity::Identity;
use super::probe::{await_ready, free_port, start_on_free_ports, success, token, trusting_client};
use super::process::Server;

/// A running S3 server with one user, reached by path-style addresses over plain HTTP.
///
/// An object `x` and an object `x/y` cannot both be there, because they are files.
#[derive(Debug)]
pub(crate) struct S3 {
    server: Server,
    port: u16,
    /// What it shows to clients, where it speaks TLS.
    identity: Option<Identity>,
}

impl S3 {
    /// The user's access key.
    pub(crate) const ACCESS_KEY: &str = "testkey";

    /// The user's secret key.
    pub(crate) const SECRET_KEY: &str = "testsecret";

    /// The region that requests are signed for.
    pub(crate) const REGION: &str = "ap-northeast-2";

    pub(super) fn start(is_secure: bool) -> Result<Self, String> {
        start_on_free_ports(|| {
            let (port, health) = (free_port(), format!("/{}", token()));
            let dir = Server::new_dir("s3");
            let identity = is_secure.then(|| Identity::create(&dir));
            let arguments = [&*port.to_string(), &health, Self::ACCESS_KEY, Self::SECRET_KEY];
            let server = Server::start("s3", &dir, &arguments);
            let started = Self { server, port, identity };
            let url = format!("{}{health}", started.endpoint());
            await_ready(&started.server, || success(trusting_client().get(&url)).map(drop))?;
            Ok(started)
        })
    }

    /// Returns the endpoint, `http://127.0.0.1:<port>`, or with `https`.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.identity.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// What it shows to clients, where it speaks TLS.
    pub(crate) const fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Returns the directory in which a bucket's objects are files.
    pub(crate) fn bucket_dir(&self, bucket: &str) -> PathBuf {
        self.server.dir().join("objects").join(bucket)
    }

    /// Returns a client for this server.
    pub(crate) fn client(&self) -> Client {
        client(&self.endpoint(), Self::ACCESS_KEY)
    }

    /// Creates a bucket.
    pub(crate) async fn create_bucket(&self, bucket: &str) {
        self.client().create_bucket().bucket(bucket).send().await.unwrap();
    }
}

/// A client for a server, by path-style addresses and with the usual secret.
pub(super) fn client(endpoint: &str, access_key: &str) -> Client {
    let credentials = Credentials::new(access_key, S3::SECRET_KEY, None, None, "integration tests");
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static(S3::REGION))
        .endpoint_url(endpoint)
        .credentials_provider(credentials)
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::ByteStream;

    use crate::services;

    #[tokio::test]
    async fn an_object_comes_back() {
        let s3 = services::require!(s3);
        s3.create_bucket("services-s3").await;
        let client = s3.client();
        let body = ByteStream::from_static(b"hello");
        client.put_object().bucket("services-s3").key("a/b").body(body).send().await.unwrap();
        let object = client.get_object().bucket("services-s3").key("a/b").send().await.unwrap();
        let bytes = object.body.collect().await.unwrap().into_bytes();
        assert_eq!(&bytes[..], b"hello");
        let file = s3.bucket_dir("services-s3").join("a/b");
        assert_eq!(std::fs::read(file).unwrap(), b"hello");
    }
}
