//! HTTPS: from a key and certificates in PEM to what accepts connections.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

/// What is wrong, and with which part.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) part: Part,
    pub(crate) reason: String,
}

/// The parts of a server's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Key,
    Chain,
}

impl Part {
    /// The option that holds it.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Key => "ssl.keystore.key",
            Self::Chain => "ssl.keystore.certificate.chain",
        }
    }
}

/// Makes what speaks TLS to clients.
///
/// # Errors
/// When key or certificates are not such, or do not belong together.
pub(crate) fn acceptor(key: &str, chain: &str) -> Result<TlsAcceptor, Bad> {
    let bad = |part, reason: String| Bad { part, reason };
    // The cause is not shown: it could repeat a part of the key.
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_no_key| bad(Part::Key, "it holds no private key in PEM".to_owned()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let chain = chain
        .map_err(|error| bad(Part::Chain, format!("a certificate cannot be read: {error}")))?;
    if chain.is_empty() {
        return Err(bad(Part::Chain, "it holds no certificate in PEM".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| bad(Part::Chain, error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
