//! HTTPS: from keys and certificates in PEM to what accepts connections.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio_rustls::TlsAcceptor;

use crate::config::{ClientAuth, ConfigError, TlsSettings};

type Result<T> = std::result::Result<T, ConfigError>;

/// Makes what speaks TLS to the clients of a listener.
///
/// # Errors
/// When keys or certificates are not such, or do not belong together.
pub fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor> {
    let provider = Arc::new(provider(settings)?);
    let key = PrivateKeyDer::from_pem_slice(settings.key.expose().as_bytes())
        .map_err(|error| refused("ssl.keystore", format!("it holds no private key: {error}")))?;
    let chain = certificates("ssl.keystore", settings.chain.expose())?;
    let clients = client_verifier(settings, &provider)?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(settings))
        .map_err(|error| refused("ssl.enabled.protocols", error.to_string()))?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|error| refused("ssl.keystore", error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What is spoken, by the names that Java gives cipher suites, which are those of the standards.
fn provider(settings: &TlsSettings) -> Result<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    let Some(wanted) = &settings.cipher_suites else { return Ok(provider) };
    let name =
        |suite: &SupportedCipherSuite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
    let known: Vec<_> = provider.cipher_suites.iter().map(name).collect();
    provider.cipher_suites.retain(|suite| wanted.contains(&name(suite)));
    if provider.cipher_suites.is_empty() {
        let reason = format!("none of these is spoken here; known are {}", known.join(", "));
        return Err(refused("ssl.cipher.suites", reason));
    }
    Ok(provider)
}

fn versions(settings: &TlsSettings) -> Vec<&'static SupportedProtocolVersion> {
    let mut versions = Vec::new();
    if settings.with_tls_1_3 {
        versions.push(&rustls::version::TLS13);
    }
    if settings.with_tls_1_2 {
        versions.push(&rustls::version::TLS12);
    }
    versions
}

fn client_verifier(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>> {
    if settings.client_auth == ClientAuth::None {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let trusted = settings.trusted.as_deref().ok_or_else(|| {
        refused("ssl.truststore", "it is missing, and ssl.client.auth needs it".to_owned())
    })?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ssl.truststore", trusted)? {
        roots.add(certificate).map_err(|error| refused("ssl.truststore", error.to_string()))?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verifier = match settings.client_auth {
        ClientAuth::Requested => verifier.allow_unauthenticated(),
        ClientAuth::None | ClientAuth::Required => verifier,
    };
    verifier.build().map_err(|error| refused("ssl.truststore", error.to_string()))
}

fn certificates(key: &str, text: &str) -> Result<Vec<CertificateDer<'static>>> {
    let read: std::result::Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let found =
        read.map_err(|error| refused(key, format!("a certificate cannot be read: {error}")))?;
    if found.is_empty() {
        return Err(refused(key, "it holds no certificate".to_owned()));
    }
    Ok(found)
}

fn refused(key: &str, reason: String) -> ConfigError {
    ConfigError::Tls { key: key.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use connect_api::config::Secret;

    use super::*;

    #[test]
    fn only_the_cipher_suites_that_are_wanted_are_spoken() {
        let suites = |names: &[&str]| {
            let settings = TlsSettings {
                key: Secret::new(String::new()),
                chain: Secret::new(String::new()),
                trusted: None,
                client_auth: ClientAuth::None,
                with_tls_1_2: true,
                with_tls_1_3: true,
                cipher_suites: Some(names.iter().map(|name| (*name).to_owned()).collect()),
            };
            provider(&settings).map(|provider| provider.cipher_suites.len())
        };
        let modern = ["TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_OLD"];
        assert_eq!(suites(&modern).unwrap(), 2);
        let refused = suites(&["TLS_RSA_WITH_RC4_128_MD5"]).unwrap_err().to_string();
        assert!(refused.contains("TLS_AES_128_GCM_SHA256"), "{refused}");
    }
}
