//! The worker's own configuration, and the only reader of the environment.
//!
//! `main` reads a worker file with [`read_properties`], gives it its meaning as
//! [`WorkerConfig`], and keeps a [`References`] that resolves `${provider:path:key}` in worker and
//! connector values. Stored and displayed configurations keep the references; only what is about
//! to be used is resolved.

mod connector_file;
mod error;
mod idle;
mod listener;
mod provider;
mod rest;
mod tls;
mod worker;

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::BufReader,
    path::Path,
};

use connect_api::config::Props;

pub use connector_file::{ConnectorFile, InitialState, read_connector_file};
pub use error::{ConfigError, Result};
pub use idle::KeyUse;
pub use listener::{Listener, Scheme};
pub use provider::{References, has_reference};
pub use rest::{AdminListeners, AdvertisedListener, CrossOrigin, RestConfig};
pub use tls::{ClientAuth, TlsSettings};
pub use worker::{BrokerChoice, ClientOverrides, ExactlyOnceSource, Mode, WorkerConfig};

/// Reads a file of Java properties.
///
/// # Errors
/// When the file cannot be read or is not in that format.
pub fn read_properties(path: &Path) -> Result<Props> {
    let shown = path.display().to_string();
    let file = File::open(path)
        .map_err(|source| ConfigError::Unreadable { path: shown.clone(), source })?;
    let pairs: HashMap<String, String> = java_properties::read(BufReader::new(file))
        .map_err(|source| ConfigError::Malformed { path: shown, source: source.into() })?;
    Ok(pairs.into_iter().collect())
}

/// The environment as the worker sees it: the process's, with variables laid over it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    overlay: BTreeMap<String, String>,
}

impl Environment {
    /// Lays a variable over the process's.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.overlay.insert(name.to_owned(), value.into());
        self
    }

    /// Value of a variable.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn get(&self, name: &str) -> Option<String> {
        self.overlay.get(name).cloned().or_else(|| std::env::var(name).ok())
    }
}
