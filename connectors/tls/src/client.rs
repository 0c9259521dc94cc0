//! What speaks TLS to another system.

use std::sync::Arc;

use connect_api::error::Result;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{
    config::SslConfig,
    store::{refused, truststore},
};

type Verified<T> = std::result::Result<T, Error>;

/// Which servers are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those with a certificate that the configuration trusts.
    Certificates,
    /// Any, whatever it shows: a setting for tests that some connectors have.
    Anything,
}

/// Makes ring what libraries take that ask the process for a provider of cryptography; a choice that
/// was made before stays.
///
/// An HTTP client asks when it is built, even one that never speaks TLS.
pub fn choose_provider() {
    let _chosen_before = rustls::crypto::ring::default_provider().install_default();
}

impl SslConfig {
    /// Makes what speaks TLS; `prefix` is what stands before the keys in the user's configuration.
    ///
    /// # Errors
    /// A store cannot be read; the error names its key.
    pub fn client_config(&self, prefix: &str, trust: Trust) -> Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(&format!("{prefix}ssl"), error))?;
        let builder = if trust == Trust::Anything {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Lenient { chain: None, provider }))
        } else if self.identification.is_empty() {
            let chain = WebPkiServerVerifier::builder_with_provider(
                Arc::new(self.roots(prefix)?),
                Arc::clone(&provider),
            );
            let chain = chain.build().map_err(|error| refused(&truststore(prefix), error))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient {
                chain: Some(chain),
                provider,
            }))
        } else {
            builder.with_root_certificates(self.roots(prefix)?)
        };
        match self.keystore.identity(prefix)? {
            None => Ok(builder.with_no_client_auth()),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| refused(&format!("{prefix}ssl.keystore"), error)),
        }
    }

    fn roots(&self, prefix: &str) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let Some(trusted) = self.truststore.certificates(prefix)? else {
            let system = rustls_native_certs::load_native_certs().certs;
            let (_added, _ignored) = roots.add_parsable_certificates(system);
            return Ok(roots);
        };
        for certificate in trusted {
            roots.add(certificate).map_err(|error| refused(&truststore(prefix), error))?;
        }
        Ok(roots)
    }
}

/// Trusts a certificate whatever host it names, or whatever it is.
#[derive(Debug)]
struct Lenient {
    /// Checks by whom the certificate was signed, and when; nobody does without it.
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Verified<ServerCertVerified> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        // The name is looked at last: who fails by it alone has passed everything else.
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
