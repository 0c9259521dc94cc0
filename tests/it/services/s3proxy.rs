//! The other S3 server: `S3Proxy`, which keeps objects in its memory.

use aws_sdk_s3::Client;
use connect_api::time::{Clock as _, SystemClock};

use super::probe::{await_ready, free_port, http_get, start_on_free_ports, token};
use super::process::Server;
use super::s3::{S3, client};

/// How long the signature of the first question may be looked at: the server refuses one that would
/// hold for years.
const SIGNED_FOR_S: i64 = 600;

/// A running S3 server with one user, reached by path-style addresses over plain HTTP.
#[derive(Debug)]
pub(crate) struct S3Proxy {
    _server: Server,
    port: u16,
    access_key: String,
}

impl S3Proxy {
    pub(super) fn start() -> Result<Self, String> {
        start_on_free_ports(|| {
            let (port, access_key) = (free_port(), token());
            let dir = Server::new_dir("s3proxy");
            let arguments = [&*port.to_string(), &*access_key, S3::SECRET_KEY];
            let server = Server::start("s3proxy", &dir, &arguments);
            // Only our own server knows the key, and says of a signature that it is wrong.
            let expires = SystemClock.now_ms() / 1000 + SIGNED_FOR_S;
            let path = format!("/?AWSAccessKeyId={access_key}&Expires={expires}&Signature=none");
            await_ready(&server, || match http_get(port, &path) {
                Ok(answer) if answer.contains("SignatureDoesNotMatch") => Ok(()),
                Ok(answer) => Err(answer),
                Err(error) => Err(error.to_string()),
            })?;
            Ok(Self { _server: server, port, access_key })
        })
    }

    /// Returns the endpoint, `http://127.0.0.1:<port>`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the user's access key; the secret is that of [`S3`].
    pub(crate) fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Returns a client for this server.
    pub(crate) fn client(&self) -> Client {
        client(&self.endpoint(), &self.access_key)
    }
}
