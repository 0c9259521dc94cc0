//! TLS to the registry: whom we trust, and who we are, in PEM.

use std::{fs, sync::Arc};

use connect_api::{
    config::Secret,
    error::{ConnectorError, Result},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::config::SerdeConfig;

const TRUSTSTORE: &str = "schema.registry.ssl.truststore";
const KEYSTORE: &str = "schema.registry.ssl.keystore";

/// What speaks TLS to the registry.
pub(crate) fn client_config(config: &SerdeConfig) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused("TLS", &error))?
        .with_root_certificates(roots(config)?);
    let Some((key, chain)) = identity(config)? else { return Ok(builder.with_no_client_auth()) };
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
        .map_err(|error| refused(KEYSTORE, &format!("it holds no private key: {error}")))?;
    builder
        .with_client_auth_cert(certificates(KEYSTORE, chain.expose())?, key)
        .map_err(|error| refused(KEYSTORE, &error))
}

fn roots(config: &SerdeConfig) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let text = match (&config.trusted, &config.truststore) {
        (Some(text), _) => unescaped(text),
        (None, Some(file)) => read(TRUSTSTORE, file)?,
        (None, None) => {
            let (_added, _ignored) =
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        }
    };
    for certificate in certificates(TRUSTSTORE, text.expose())? {
        roots.add(certificate).map_err(|error| refused(TRUSTSTORE, &error))?;
    }
    Ok(roots)
}

type Identity = (Secret<String>, Secret<String>);

fn identity(config: &SerdeConfig) -> Result<Option<Identity>> {
    match (&config.key, &config.chain, &config.keystore) {
        (Some(key), Some(chain), _) => Ok(Some((unescaped(key), unescaped(chain)))),
        (Some(_), None, _) => {
            Err(refused(KEYSTORE, &"certificate.chain is missing beside the key"))
        }
        (None, _, Some(file)) => {
            let text = read(KEYSTORE, file)?;
            Ok(Some((text.clone(), text)))
        }
        (None, _, None) => Ok(None),
    }
}

fn certificates(key: &str, text: &str) -> Result<Vec<CertificateDer<'static>>> {
    let found: std::result::Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let found = found.map_err(|error| refused(key, &error))?;
    if found.is_empty() {
        return Err(refused(key, &"it holds no certificate"));
    }
    Ok(found)
}

fn read(key: &str, file: &str) -> Result<Secret<String>> {
    fs::read_to_string(file)
        .map(Secret::new)
        .map_err(|error| refused(key, &format!("\"{file}\" cannot be read: {error}")))
}

fn unescaped(text: &Secret<String>) -> Secret<String> {
    Secret::new(text.expose().replace("\\n", "\n"))
}

fn refused(key: &str, reason: &dyn std::fmt::Display) -> ConnectorError {
    ConnectorError::invalid(format!("{key} cannot be used: {reason}"))
}
