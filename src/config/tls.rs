//! Keys and certificates of the REST server. Source: apache/kafka `SSLUtils.java`, KIP-651.

use connect_api::{
    config::{Config as _, ConfigErrors, Props},
    error::ConnectorError,
};
use connect_tls::{Keystore, Truststore};

use super::{ConfigError, Result};

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    None,
    /// They are asked, and may come without one.
    Requested,
    /// They are turned away without one.
    Required,
}

/// What the TLS of a listener is made of.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// What stands before its keys.
    pub prefix: &'static str,
    /// Who the worker is.
    pub keystore: Keystore,
    /// Who signs the certificates of clients.
    pub truststore: Truststore,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
    /// Whether TLS 1.2 is spoken.
    pub with_tls_1_2: bool,
    /// Whether TLS 1.3 is spoken.
    pub with_tls_1_3: bool,
    /// Names of the only cipher suites that are spoken; none for all that are safe.
    pub cipher_suites: Option<Vec<String>>,
}

impl TlsSettings {
    /// The settings of the ordinary listeners: `listeners.https.ssl.*` if there is any such key,
    /// else `ssl.*`.
    ///
    /// # Errors
    /// What is missing or cannot be used, by its key.
    pub fn of_listeners(props: &Props) -> Result<Self> {
        let own = "listeners.https.";
        Self::read(props, if has_any(props, own) { own } else { "" })
    }

    /// The settings of the admin listeners: `admin.listeners.https.ssl.*` if there is any such
    /// key, else those of the ordinary ones.
    ///
    /// # Errors
    /// What is missing or cannot be used, by its key.
    pub fn of_admin_listeners(props: &Props) -> Result<Self> {
        let own = "admin.listeners.https.";
        if has_any(props, own) { Self::read(props, own) } else { Self::of_listeners(props) }
    }

    fn read(props: &Props, prefix: &'static str) -> Result<Self> {
        let keys = Keys::new(props, prefix);
        if keys.get("ssl.engine.factory.class").is_some() {
            let reason = "it names a Java class, which cannot run here";
            return Err(keys.problem("ssl.engine.factory.class", reason));
        }
        let protocols = keys.protocols()?;
        let broken =
            |errors: ConfigErrors| ConnectorError::invalid(format!("keys {prefix}ssl.*: {errors}"));
        Ok(Self {
            prefix,
            keystore: Keystore::parse(&keys.props).map_err(broken)?,
            truststore: Truststore::parse(&keys.props).map_err(broken)?,
            client_auth: keys.client_auth()?,
            with_tls_1_2: protocols.iter().any(|name| name == "TLSv1.2"),
            with_tls_1_3: protocols.iter().any(|name| name == "TLSv1.3"),
            cipher_suites: keys.list("ssl.cipher.suites"),
        })
    }
}

fn has_any(props: &Props, prefix: &str) -> bool {
    props.keys().any(|key| key.starts_with(prefix))
}

/// The keys under one prefix, without it; what is empty is not there.
struct Keys {
    props: Props,
    prefix: &'static str,
}

impl Keys {
    fn new(props: &Props, prefix: &'static str) -> Self {
        let own = props.iter().filter_map(|(key, value)| {
            let value = Some(value.trim()).filter(|value| !value.is_empty())?;
            Some((key.strip_prefix(prefix)?, value))
        });
        Self { props: own.collect(), prefix }
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.props.get(key)
    }

    fn problem(&self, key: &str, reason: &str) -> ConfigError {
        ConfigError::Tls { key: format!("{}{key}", self.prefix), reason: reason.to_owned() }
    }

    fn client_auth(&self) -> Result<ClientAuth> {
        match self.get("ssl.client.auth").unwrap_or("none").to_ascii_lowercase().as_str() {
            "none" => Ok(ClientAuth::None),
            "requested" => Ok(ClientAuth::Requested),
            "required" => Ok(ClientAuth::Required),
            _ => {
                let reason = "String must be one of: required, requested, none";
                Err(self.problem("ssl.client.auth", reason))
            }
        }
    }

    fn list(&self, key: &str) -> Option<Vec<String>> {
        let names = self.get(key)?.split(',');
        Some(names.map(|name| name.trim().to_owned()).collect())
    }

    fn protocols(&self) -> Result<Vec<String>> {
        let default = || ["TLSv1.2", "TLSv1.3"].map(str::to_owned).to_vec();
        let names = self.list("ssl.enabled.protocols").unwrap_or_else(default);
        let is_known = |name: &String| name == "TLSv1.2" || name == "TLSv1.3";
        if names.iter().any(is_known) {
            return Ok(names);
        }
        Err(self.problem("ssl.enabled.protocols", "TLSv1.2 and TLSv1.3 are what is spoken here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_listeners_hide_the_plain_ones() {
        let pairs = [
            ("ssl.keystore.key", "plain"),
            ("ssl.keystore.certificate.chain", "plain"),
            ("listeners.https.ssl.keystore.key", "own"),
            ("listeners.https.ssl.keystore.certificate.chain", "own"),
        ];
        let props: Props = pairs.into_iter().collect();
        let settings = TlsSettings::of_listeners(&props).unwrap();
        let chain = |settings: &TlsSettings| settings.keystore.chain.clone().unwrap();
        assert_eq!(chain(&settings).expose(), "own");
        assert_eq!(chain(&TlsSettings::of_admin_listeners(&props).unwrap()).expose(), "own");
        assert!(settings.with_tls_1_2 && settings.with_tls_1_3);
    }
}
