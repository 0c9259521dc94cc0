//! What speaks TLS to those who call us.

use std::sync::Arc;

use connect_api::error::Result;
use rustls::ServerConfig;

use crate::{
    config::Keystore,
    store::{keystore, refused},
};

impl Keystore {
    /// Makes what speaks TLS to whoever calls, none when nothing is said of who we are; `prefix` is what
    /// stands before the keys in the user's configuration.
    ///
    /// # Errors
    /// The store cannot be read, or its key and certificates do not belong together; the error names the
    /// key.
    pub fn server_config(&self, prefix: &str) -> Result<Option<ServerConfig>> {
        let Some((chain, key)) = self.identity(prefix)? else { return Ok(None) };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        config.map(Some).map_err(|error| refused(&keystore(prefix), error))
    }
}
