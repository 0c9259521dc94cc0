//! HTTPS: from keys and certificates to what accepts connections.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
    crypto::CryptoProvider,
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
    let identity = settings.keystore.identity(settings.prefix)?;
    let (chain, key) = identity.ok_or_else(|| {
        let reason =
            "it is missing: a file in PEM or PKCS12 with the private key and its certificates";
        refused(settings, "ssl.keystore.location", reason)
    })?;
    let clients = client_verifier(settings, &provider)?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(settings))
        .map_err(|error| refused(settings, "ssl.enabled.protocols", error))?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|error| refused(settings, "ssl.keystore", error))?;
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
        return Err(refused(settings, "ssl.cipher.suites", reason));
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
    let trusted = settings.truststore.certificates(settings.prefix)?.ok_or_else(|| {
        refused(settings, "ssl.truststore.location", "it is missing, and ssl.client.auth needs it")
    })?;
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add(certificate).map_err(|error| refused(settings, "ssl.truststore", error))?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verifier = match settings.client_auth {
        ClientAuth::Requested => verifier.allow_unauthenticated(),
        ClientAuth::None | ClientAuth::Required => verifier,
    };
    verifier.build().map_err(|error| refused(settings, "ssl.truststore", error))
}

fn refused(settings: &TlsSettings, key: &str, reason: impl std::fmt::Display) -> ConfigError {
    ConfigError::Tls { key: format!("{}{key}", settings.prefix), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use connect_api::config::Props;

    use super::*;

    #[test]
    fn only_the_cipher_suites_that_are_wanted_are_spoken() {
        let suites = |names: &str| {
            let props = Props::from([("ssl.cipher.suites", names)]);
            provider(&TlsSettings::of_listeners(&props).unwrap())
                .map(|provider| provider.cipher_suites.len())
        };
        let modern = "TLS_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_OLD";
        assert_eq!(suites(modern).unwrap(), 2);
        let refused = suites("TLS_RSA_WITH_RC4_128_MD5").unwrap_err().to_string();
        assert!(refused.contains("TLS_AES_128_GCM_SHA256"), "{refused}");
    }

    #[test]
    fn what_is_missing_or_cannot_be_used_is_named_and_no_secret_is() {
        let refused = |pairs: &[(&str, &str)]| {
            let settings = TlsSettings::of_listeners(&pairs.iter().copied().collect());
            settings.and_then(|settings| acceptor(&settings).map(drop)).unwrap_err().to_string()
        };
        assert!(refused(&[]).contains("ssl.keystore.location"));
        assert!(refused(&[("ssl.keystore.location", "/no/such.p12")]).contains("/no/such.p12"));
        assert!(refused(&[("ssl.keystore.key", "k")]).contains("certificate.chain"));
        let own = "listeners.https.ssl.keystore";
        let (key, chain) = (format!("{own}.key"), format!("{own}.certificate.chain"));
        let broken = refused(&[(&key, "s3cret"), (&chain, "c")]);
        assert!(broken.contains(own) && !broken.contains("s3cret"), "{broken}");
    }
}
