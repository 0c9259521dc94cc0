//! TLS to other systems: whom we trust and who we are, as Kafka Connect's configurations say it.
//!
//! A connector flattens [`SslConfig`] into its own configuration under its prefix, such as
//! `#[config(flatten = "https.")]`, and makes a [`rustls::ClientConfig`] from it when a task starts.
//!
//! A store is PEM or PKCS12, which is what `keytool` writes since Java 9, also into files named
//! `.jks`; which of them is seen from the file. The older JKS format is refused with the command
//! that turns it into PKCS12. No password and no key appears in an error.
//! Source: apache/kafka `SslConfigs.java`, `DefaultSslEngineFactory.java`.

mod client;
mod config;
mod mismatch;
mod server;
mod store;
#[cfg(test)]
mod tests;

pub use crate::{
    client::{Trust, choose_provider},
    config::{Keystore, SslConfig, Truststore},
    mismatch::Mismatch,
    store::Identity,
};
